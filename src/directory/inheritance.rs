//! Bases: in which order indexes are looked through, and what hides what. Pure.
//!
//! devpi's rules: breadth-first, each index once, mirrors last; a project that a stage has hides
//! the same name in all mirrors unless a whitelist names it. Beside them, `reserved` names are
//! never looked up in a mirror, uploaded or not.

use crate::directory::{Directory, Index, IndexKind, Stage};
use crate::names::{IndexName, ProjectName};
use crate::tools::glob;
use std::collections::{BTreeSet, VecDeque};

/// The indexes that make up one index.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InheritanceOrder {
    /// The index itself first, then its bases; mirrors at the end.
    pub sources: Vec<IndexName>,
    /// Bases that do not exist: (who names it, which).
    pub missing: Vec<(IndexName, IndexName)>,
    /// Bases that lead back to an index that is being looked through already: (who, which).
    pub cycles: Vec<(IndexName, IndexName)>,
}

/// Breadth-first over `bases`, each index once, mirrors moved to the end. Cycles are legal; what
/// does not exist is skipped and reported.
pub fn order(directory: &Directory, index: &IndexName) -> InheritanceOrder {
    let mut order = InheritanceOrder::default();
    let mut mirrors = Vec::new();
    let mut seen = BTreeSet::from([index]);
    let mut queue: VecDeque<(&IndexName, Vec<&IndexName>)> = VecDeque::from([(index, Vec::new())]);
    while let Some((name, above)) = queue.pop_front() {
        match directory.indexes.get(name).map(|index| &index.kind) {
            None => match above.last() {
                Some(parent) => order.missing.push(((*parent).clone(), name.clone())),
                None => order.sources.push(name.clone()),
            },
            Some(IndexKind::Mirror(_)) => mirrors.push(name.clone()),
            Some(IndexKind::Stage(stage)) => {
                order.sources.push(name.clone());
                let mut path = above.clone();
                path.push(name);
                for base in &stage.bases {
                    if path.contains(&base) {
                        order.cycles.push((name.clone(), base.clone()));
                    }
                    if seen.insert(base) {
                        queue.push_back((base, path.clone()));
                    }
                }
            }
        }
    }
    order.sources.extend(mirrors);
    order
}

/// The order of several indexes that are asked one after the other, for one of them: the stages up to it
/// come before the mirrors, so that a name which one of them has for itself is asked of no mirror; the
/// stages behind it come last.
pub fn together(directory: &Directory, set: &[&Index], one: &IndexName) -> InheritanceOrder {
    let mut whole = InheritanceOrder::default();
    let (mut mirrors, mut behind, mut passed) = (Vec::new(), Vec::new(), false);
    for index in set {
        for source in order(directory, &index.name).sources {
            let known = match stage(directory, &source) {
                None => &mut mirrors,
                Some(_) if passed => &mut behind,
                Some(_) => &mut whole.sources,
            };
            if !known.contains(&source) {
                known.push(source);
            }
        }
        passed |= index.name == *one;
    }
    whole.sources.extend(mirrors.into_iter().chain(behind));
    whole
}

/// The indexes of an order that have `source` in their own: those through which it is seen, the source among them.
pub fn through<'a>(
    directory: &Directory,
    order: &'a InheritanceOrder,
    source: &IndexName,
) -> Vec<&'a IndexName> {
    let sees =
        |index: &&IndexName| *index == source || self::order(directory, index).sources.contains(source);
    order.sources.iter().filter(sees).collect()
}

/// The indexes whose quarantines hold for what an order shows of a source's project; none, at no cost, if nothing of the
/// project is in quarantine anywhere.
pub fn holding<'a>(
    directory: &Directory,
    order: &'a InheritanceOrder,
    source: &IndexName,
    project: &ProjectName,
) -> Vec<&'a IndexName> {
    match directory.quarantines.names(project) {
        true => through(directory, order, source),
        false => Vec::new(),
    }
}

/// Whether any stage of an order reserves the name, wherever it stands.
pub fn is_reserved(directory: &Directory, order: &InheritanceOrder, project: &ProjectName) -> bool {
    let stages = order.sources.iter().filter_map(|name| stage(directory, name));
    stages.flat_map(|stage| &stage.reserved).any(|pattern| reserves(pattern, project))
}

/// What one source does for one project.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SourcePart {
    /// Its files are shown, if it has any.
    Gives,
    /// A mirror behind a stage that has the project and does not whitelist it.
    HiddenBy(IndexName),
    /// A mirror behind a stage that reserves the name.
    ReservedBy(IndexName),
}

/// Decides for each source of `order` whether its files of `project` are shown. `has` tells
/// whether a stage has the project itself.
pub fn parts<'a>(
    directory: &Directory,
    order: &'a InheritanceOrder,
    project: &ProjectName,
    has: impl Fn(&IndexName) -> bool,
) -> Vec<(&'a IndexName, SourcePart)> {
    let union =
        order.sources.first().and_then(|name| stage(directory, name)).is_some_and(|s| s.whitelist_union);
    let mut whitelist: Option<BTreeSet<&str>> = None;
    let (mut whitelisted, mut private, mut reserved) = (false, None, None);
    let mut parts = Vec::with_capacity(order.sources.len());
    for name in &order.sources {
        if let Some(stage) = stage(directory, name) {
            let own: BTreeSet<&str> = stage.mirror_whitelist.iter().map(String::as_str).collect();
            let combined = match whitelist.take() {
                None => own,
                Some(above) if union => &above | &own,
                Some(above) => &above & &own,
            };
            whitelisted |= combined.contains("*") || combined.contains(project.as_str());
            whitelist = Some(combined);
            if !whitelisted && private.is_none() && has(name) {
                private = Some(name);
            }
            if reserved.is_none() && stage.reserved.iter().any(|pattern| reserves(pattern, project)) {
                reserved = Some(name);
            }
            parts.push((name, SourcePart::Gives));
            continue;
        }
        let part = match (reserved, private) {
            (Some(by), _) => SourcePart::ReservedBy(by.clone()),
            (None, Some(by)) if !whitelisted => SourcePart::HiddenBy(by.clone()),
            _ => SourcePart::Gives,
        };
        parts.push((name, part));
    }
    parts
}

fn stage<'a>(directory: &'a Directory, name: &IndexName) -> Option<&'a Stage> {
    match directory.indexes.get(name) {
        Some(Index { kind: IndexKind::Stage(stage), .. }) => Some(stage),
        _ => None,
    }
}

/// Whether `pattern` (a name in any spelling, `*` for any run of characters) names `project`.
fn reserves(pattern: &str, project: &ProjectName) -> bool {
    let mut normal = String::with_capacity(pattern.len());
    for c in pattern.chars() {
        match c {
            '-' | '_' | '.' if normal.ends_with('-') => {}
            '-' | '_' | '.' => normal.push('-'),
            c => normal.push(c.to_ascii_lowercase()),
        }
    }
    glob::matches(&normal, project.as_str())
}

#[cfg(test)]
mod tests;
