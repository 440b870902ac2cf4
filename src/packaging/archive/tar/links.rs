//! Names and links of a tar archive: each name once, no link out of the tree, no file through one.

use std::collections::HashMap;

use super::super::names::{self, SeenNames};
use super::super::{ArchiveResult, refuse};
use super::header::Kind;

/// Names seen so far, and the links among them.
pub(super) struct Links {
    allowed: bool,
    files: SeenNames,
    directories: SeenNames,
    /// Everything that is no directory, to find files used as one.
    symlinks: HashMap<String, String>,
    /// Kept only while links are allowed: to check them against all names at the end.
    paths: Vec<String>,
    above: SeenNames,
}

impl Links {
    pub(super) fn new(allowed: bool) -> Self {
        Self {
            allowed,
            files: SeenNames::default(),
            directories: SeenNames::default(),
            symlinks: HashMap::new(),
            paths: Vec::new(),
            above: SeenNames::default(),
        }
    }

    /// Notes one member and refuses it if it contradicts those before.
    pub(super) fn add(&mut self, name: &str, kind: Kind, target: Option<String>) -> ArchiveResult<()> {
        match (kind, target) {
            (Kind::Symlink | Kind::Hardlink, _) if !self.allowed => {
                refuse!("{name:?} is a link; only files and directories are allowed")
            }
            (Kind::Symlink | Kind::Hardlink, None) => refuse!("link {name:?} has no target"),
            (Kind::Symlink, Some(target)) => {
                check_target(name, &target)?;
                self.symlinks.insert(name.to_owned(), target);
            }
            (Kind::Hardlink, Some(target)) => {
                let known = self.files.contains(&target) && !self.symlinks.contains_key(&target);
                if !known {
                    refuse!("hard link {name:?} does not point to a file before it");
                }
            }
            (_, Some(_)) => refuse!("{name:?} has a link target but is not a link"),
            (_, None) => {}
        }
        if self.allowed {
            self.paths.push(name.to_owned());
        }
        for directory in names::above(name) {
            if self.files.contains(directory) {
                refuse!("{directory:?} is both a file or link and a directory");
            }
            self.above.insert(directory);
        }
        let known = self.files.contains(name) || self.directories.contains(name);
        if known || (kind != Kind::Directory && self.above.contains(name)) {
            refuse!("duplicate member {name:?}");
        }
        let seen = if kind == Kind::Directory { &mut self.directories } else { &mut self.files };
        seen.insert(name);
        Ok(())
    }

    /// At the end: no member and no target lies behind a symbolic link, or would where the file
    /// system does not tell upper and lower case apart.
    pub(super) fn check(&self) -> ArchiveResult<()> {
        if self.symlinks.is_empty() {
            return Ok(());
        }
        self.check_folded()?;
        for path in &self.paths {
            if let Some(link) = names::above(path).find(|above| self.symlinks.contains_key(*above)) {
                refuse!("{path:?} goes through the link {link:?}");
            }
        }
        for (name, target) in &self.symlinks {
            let way = steps(name, target).unwrap_or_default();
            let inner = way.split_last().map(|(_, inner)| inner).unwrap_or_default();
            if inner.iter().any(|step| self.symlinks.contains_key(step)) {
                refuse!("link {name:?} points through another link");
            }
        }
        Ok(())
    }
}

impl Links {
    /// Plain files may differ in case alone, as on every package index: unpacked elsewhere, one of
    /// them is lost. A link among them would send the other's bytes to another place.
    fn check_folded(&self) -> ArchiveResult<()> {
        let links: HashMap<String, &str> =
            self.symlinks.keys().map(|name| (names::fold(name), name.as_str())).collect();
        for path in &self.paths {
            let folded = names::fold(path);
            let same = links.get(&folded).filter(|link| **link != path.as_str());
            let behind = names::above(&folded).find_map(|above| links.get(above));
            if let Some(link) = same.or(behind) {
                refuse!("{path:?} is the link {link:?}, or goes through it, if case is ignored");
            }
        }
        match links.len() == self.symlinks.len() {
            true => Ok(()),
            false => refuse!("two links differ only in case or spelling"),
        }
    }
}

/// Refuses a target outside the archive's top directory.
fn check_target(name: &str, target: &str) -> ArchiveResult<()> {
    let odd = target.starts_with('/') || target.contains(['\\', ':', '\0']) || target.is_empty();
    if odd || steps(name, target).is_none() {
        refuse!("link {name:?} points out of the archive");
    }
    Ok(())
}

/// Every path that following `target` from `name` passes, the last being where it arrives;
/// `None` if the way leaves the top directory.
fn steps(name: &str, target: &str) -> Option<Vec<String>> {
    let mut here: Vec<&str> = name.split('/').collect();
    here.pop();
    let mut steps = Vec::new();
    for segment in target.split('/') {
        match segment {
            "" | "." => continue,
            ".." => drop(here.pop()),
            segment => here.push(segment),
        }
        if here.is_empty() {
            return None;
        }
        steps.push(here.join("/"));
    }
    Some(steps)
}
