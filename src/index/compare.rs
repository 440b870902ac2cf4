//! The difference between two versions of a project: requirements, files, metadata.

use super::requires::{RequiredView, grouped};
use crate::packaging::metadata::Metadata;
use crate::packaging::page::File;
use crate::words::FileKind;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// Bytes of a value that is told.
const LONGEST: usize = 2000;

/// What became different from `from` to `to`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Comparison {
    pub from: String,
    pub to: String,
    pub requires_python: Option<ValueChange>,
    pub requirements: Vec<RequirementChange>,
    pub fields: Vec<FieldChange>,
    /// Tags of wheels, and `source`, that only the newer one has.
    pub targets_gained: Vec<String>,
    pub targets_lost: Vec<String>,
    /// Of all files together.
    pub bytes: SizeChange,
    /// Of one of the two, metadata cannot be had: only files were compared.
    pub without_metadata: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct SizeChange {
    pub before: u64,
    pub after: u64,
    pub files_before: usize,
    pub files_after: usize,
}

/// One value became another; empty: there was none, or is none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ValueChange {
    pub before: String,
    pub after: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RequirementChange {
    pub name: String,
    /// The extra that asks for it; empty: none.
    pub extra: String,
    #[serde(flatten)]
    pub change: ValueChange,
}

impl RequirementChange {
    pub fn word(&self) -> &'static str {
        match (self.change.before.is_empty(), self.change.after.is_empty()) {
            (true, _) => "added",
            (_, true) => "removed",
            _ => "changed",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FieldChange {
    /// As in JSON: `license_expression`.
    pub field: String,
    /// Of lists: what is no longer in it, and what came.
    pub removed: Vec<String>,
    pub added: Vec<String>,
}

/// One of the two.
#[derive(Clone, Copy)]
pub struct Side<'a> {
    pub version: &'a str,
    pub files: &'a [&'a File],
    pub metadata: Option<&'a Metadata>,
}

/// Fields that are told otherwise, or are different in any two releases.
const LEFT_OUT: [&str; 6] =
    ["metadata_version", "name", "version", "requires_dist", "requires_python", "description"];

impl Comparison {
    pub fn of(before: Side<'_>, after: Side<'_>) -> Self {
        let targets =
            |side: Side<'_>| side.files.iter().map(|file| target(file)).collect::<BTreeSet<String>>();
        let (had, has) = (targets(before), targets(after));
        let sizes = |side: Side<'_>| side.files.iter().filter_map(|file| file.size).sum();
        let mut comparison = Self {
            from: before.version.to_owned(),
            to: after.version.to_owned(),
            targets_gained: has.difference(&had).cloned().collect(),
            targets_lost: had.difference(&has).cloned().collect(),
            bytes: SizeChange {
                before: sizes(before),
                after: sizes(after),
                files_before: before.files.len(),
                files_after: after.files.len(),
            },
            ..Self::default()
        };
        let (Some(old), Some(new)) = (before.metadata, after.metadata) else {
            comparison.without_metadata = true;
            return comparison;
        };
        let python = change(
            old.requires_python.as_deref().unwrap_or_default(),
            new.requires_python.as_deref().unwrap_or_default(),
        );
        comparison.requires_python = python;
        comparison.requirements = requirements(old, new);
        comparison.fields = fields(old, new);
        comparison
    }

    /// Whether nothing is different but the version.
    pub fn is_empty(&self) -> bool {
        self.requires_python.is_none()
            && self.requirements.is_empty()
            && self.fields.is_empty()
            && self.targets_gained.is_empty()
            && self.targets_lost.is_empty()
    }
}

fn change(before: &str, after: &str) -> Option<ValueChange> {
    (before != after).then(|| ValueChange { before: before.to_owned(), after: after.to_owned() })
}

/// `cp312-cp312-manylinux_2_28_x86_64`, `source`.
fn target(file: &File) -> String {
    match file.filename.wheel() {
        Some(wheel) => {
            format!("{}-{}-{}", wheel.python.join("."), wheel.abi.join("."), wheel.platform.join("."))
        }
        None if file.filename.kind() == FileKind::Sdist => "source".to_owned(),
        None => "a legacy format".to_owned(),
    }
}

/// By extra and name; several of one name in one text.
fn by_name(metadata: &Metadata) -> BTreeMap<(String, String), String> {
    let mut all: BTreeMap<(String, String), Vec<String>> = BTreeMap::new();
    for group in grouped(&metadata.requires_dist) {
        for RequiredView { name, versions, marker, .. } in group.requirements {
            let versions = if versions.is_empty() { "any version".to_owned() } else { versions };
            let text = if marker.is_empty() { versions } else { format!("{versions}; {marker}") };
            all.entry((group.extra.clone(), name)).or_default().push(text);
        }
    }
    let joined = |mut texts: Vec<String>| {
        texts.sort_unstable();
        texts.join(", or ")
    };
    all.into_iter().map(|(key, texts)| (key, joined(texts))).collect()
}

fn requirements(old: &Metadata, new: &Metadata) -> Vec<RequirementChange> {
    let (had, has) = (by_name(old), by_name(new));
    let keys: BTreeSet<&(String, String)> = had.keys().chain(has.keys()).collect();
    let text = |of: &BTreeMap<(String, String), String>, key| of.get(key).cloned().unwrap_or_default();
    let changed = keys.into_iter().filter_map(|key| {
        let change = change(&text(&had, key), &text(&has, key))?;
        Some(RequirementChange { name: key.1.clone(), extra: key.0.clone(), change })
    });
    changed.collect()
}

fn fields(old: &Metadata, new: &Metadata) -> Vec<FieldChange> {
    let read = |metadata: &Metadata| match serde_json::to_value(metadata) {
        Ok(serde_json::Value::Object(fields)) => fields,
        _ => serde_json::Map::new(),
    };
    let (had, has) = (read(old), read(new));
    let names: BTreeSet<&String> = had.keys().chain(has.keys()).collect();
    let told = names.into_iter().filter(|name| !LEFT_OUT.contains(&name.as_str()));
    let changed = told.filter_map(|name| {
        let (before, after) = (values(had.get(name)), values(has.get(name)));
        let gone: Vec<String> = before.difference(&after).cloned().collect();
        let came: Vec<String> = after.difference(&before).cloned().collect();
        let different = !gone.is_empty() || !came.is_empty();
        different.then(|| FieldChange { field: name.clone(), removed: gone, added: came })
    });
    changed.collect()
}

fn values(value: Option<&serde_json::Value>) -> BTreeSet<String> {
    let text = |value: &serde_json::Value| {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        text.chars().take(LONGEST).collect::<String>()
    };
    match value {
        None => BTreeSet::new(),
        Some(serde_json::Value::Array(values)) => values.iter().map(text).collect(),
        Some(value) => [text(value)].into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::names::ProjectName;

    fn file(name: &str, size: u64) -> File {
        File { size: Some(size), ..File::named(&ProjectName::new("demo").unwrap(), name) }
    }

    fn metadata(requires: &[&str], classifiers: &[&str]) -> Metadata {
        Metadata {
            name: "demo".into(),
            requires_dist: requires.iter().map(|text| (*text).to_owned()).collect(),
            classifiers: classifiers.iter().map(|text| (*text).to_owned()).collect(),
            ..Metadata::default()
        }
    }

    #[test]
    fn two_versions_differ_in_requirements_files_and_fields() {
        let (old, new) = (
            Metadata {
                requires_python: Some(">=3.8".into()),
                ..metadata(&["a>=1", "gone", "s; extra == 'x'"], &["Old", "Both"])
            },
            Metadata {
                requires_python: Some(">=3.9".into()),
                summary: Some("now".into()),
                ..metadata(&["a>=2", "new; os_name == 'nt'", "s; extra == 'x'"], &["Both"])
            },
        );
        let before = [file("demo-1.0.tar.gz", 10), file("demo-1.0-cp38-cp38-win32.whl", 5)];
        let after = [file("demo-2.0.tar.gz", 20), file("demo-2.0-py3-none-any.whl", 7)];
        let (before, after): (Vec<&File>, Vec<&File>) = (before.iter().collect(), after.iter().collect());
        let told = Comparison::of(
            Side { version: "1.0", files: &before, metadata: Some(&old) },
            Side { version: "2.0", files: &after, metadata: Some(&new) },
        );
        let requirements: Vec<(&str, &str)> =
            told.requirements.iter().map(|one| (one.name.as_str(), one.word())).collect();
        assert_eq!(requirements, [("a", "changed"), ("gone", "removed"), ("new", "added")]);
        assert_eq!(told.requirements[0].change, ValueChange { before: ">=1".into(), after: ">=2".into() });
        assert_eq!(told.requirements[2].change.after, "any version; os_name == \"nt\"");
        assert_eq!(told.requires_python, Some(ValueChange { before: ">=3.8".into(), after: ">=3.9".into() }));
        let fields: Vec<&str> = told.fields.iter().map(|field| field.field.as_str()).collect();
        assert_eq!(fields, ["classifiers", "summary"]);
        assert_eq!(told.fields[0].removed, ["Old"]);
        assert_eq!(
            (told.targets_gained, told.targets_lost),
            (vec!["py3-none-any".into()], vec!["cp38-cp38-win32".into()])
        );
        assert_eq!((told.bytes.before, told.bytes.after), (15, 27));
    }

    #[test]
    fn the_same_twice_is_no_difference_and_without_metadata_files_are_compared() {
        let (one, files) = (metadata(&["a"], &[]), [file("demo-1.0.tar.gz", 1)]);
        let files: Vec<&File> = files.iter().collect();
        let side = Side { version: "1.0", files: &files, metadata: Some(&one) };
        assert!(Comparison::of(side, side).is_empty());
        let told = Comparison::of(side, Side { metadata: None, files: &[], ..side });
        assert!(told.without_metadata && told.targets_lost == ["source"]);
    }
}
