//! What a release requires: each requirement taken apart, by the extra that asks for it.

use crate::names::ProjectName;
use crate::packaging::requirement::{MOST_OF_ONE, Marker, Operand, Requirement};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// Bytes of requirements, each as often as extras ask for it. What is beyond is told as it is written: a text that names
/// many extras would stand for each of them.
const LONGEST: usize = 1 << 20;

/// A requirement as it is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RequiredView {
    /// As written where it cannot be read.
    pub name: String,
    #[serde(skip)]
    pub project: Option<ProjectName>,
    /// `[socks]>=2`
    pub versions: String,
    /// The condition, without what it says of extras; empty: always.
    pub marker: String,
}

/// Requirements of one extra; those without come first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RequiredGroup {
    /// Empty: always.
    pub extra: String,
    pub requirements: Vec<RequiredView>,
}

/// The requirements by extra, as they are written in metadata.
pub fn grouped(texts: &[String]) -> Vec<RequiredGroup> {
    let mut groups: BTreeMap<String, Vec<RequiredView>> = BTreeMap::new();
    let mut left = LONGEST;
    for text in texts.iter().take(MOST_OF_ONE) {
        let read = Requirement::parse_forgiving(text).ok().map(|read| (asked_by(&read), read));
        let rest = |asked: &[_]| left.checked_sub(asked.len() * text.len());
        match read.and_then(|(asked, read)| Some((rest(&asked)?, asked, read))) {
            Some((rest, asked, requirement)) => {
                left = rest;
                for extra in asked {
                    let known = extra.iter().cloned().collect();
                    if let Some(plain) = requirement.for_extras(&known) {
                        let extra = extra.map(|name| name.to_string()).unwrap_or_default();
                        groups.entry(extra).or_default().push(view(&plain));
                    }
                }
            }
            None => groups.entry(String::new()).or_default().push(unread(text)),
        }
    }
    groups.into_iter().map(|(extra, requirements)| RequiredGroup { extra, requirements }).collect()
}

/// The extras that a requirement is for; `None` for one that is there without any.
fn asked_by(requirement: &Requirement) -> Vec<Option<ProjectName>> {
    let mut named = BTreeSet::new();
    if let Some(marker) = &requirement.marker {
        extras(marker, &mut named);
    }
    if named.is_empty() || requirement.for_extras(&BTreeSet::new()).is_some() {
        return vec![None];
    }
    named.into_iter().map(Some).collect()
}

fn extras(marker: &Marker, into: &mut BTreeSet<ProjectName>) {
    match marker {
        Marker::Any(parts) | Marker::All(parts) => parts.iter().for_each(|part| extras(part, into)),
        Marker::Compare(left, _, right) => {
            if let (Operand::Variable("extra"), Operand::Text(name))
            | (Operand::Text(name), Operand::Variable("extra" | "extras")) = (left, right)
            {
                into.extend(ProjectName::new(name));
            }
        }
    }
}

fn view(requirement: &Requirement) -> RequiredView {
    let marker = requirement.marker.as_ref().map(ToString::to_string).unwrap_or_default();
    let bare = Requirement { marker: None, ..requirement.clone() }.to_string();
    let name = requirement.name.to_string();
    let versions = bare.strip_prefix(&name).unwrap_or_default().trim().to_owned();
    RequiredView { project: Some(requirement.name.clone()), name, versions, marker }
}

/// What cannot be read stays as it was written.
fn unread(text: &str) -> RequiredView {
    let end = text.find(|c: char| !c.is_ascii_alphanumeric() && !"-_.".contains(c)).unwrap_or(text.len());
    let (name, rest) = text.split_at_checked(end).unwrap_or((text, ""));
    RequiredView {
        project: ProjectName::new(name),
        name: name.to_owned(),
        versions: rest.trim().to_owned(),
        marker: String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_names_many_extras_is_told_for_each_only_so_often() {
        let extras: Vec<String> = (0..100).map(|number| format!("extra == 'e{number}'")).collect();
        let marker = format!("({}) and os_name == '{}'", extras.join(" or "), "x".repeat(2000));
        let texts: Vec<String> = (0..1000).map(|number| format!("demo{number}; {marker}")).collect();
        let told = grouped(&texts);
        let all = told.iter().flat_map(|group| &group.requirements);
        let bytes: usize =
            all.clone().map(|one| one.name.len() + one.versions.len() + one.marker.len()).sum();
        assert!(bytes < 2 * LONGEST + texts.iter().map(String::len).sum::<usize>(), "{bytes} bytes");
        let names: BTreeSet<&str> = all.map(|one| one.name.as_str()).collect();
        assert_eq!(names.len(), 1000, "none is lost");
        assert_eq!(told[1].extra, "e0");
    }

    #[test]
    fn requirements_stand_with_the_extra_that_asks_for_them() {
        let texts = [
            "B>=2,<3",
            "a; python_version < '3.9'",
            "PySocks!=1.5.7; extra == 'socks'",
            "win; extra == 'Socks' and os_name == 'nt'",
            "either; extra == 'x' or extra == 'y'",
            "also; extra == 'x' or os_name == 'nt'",
            "odd requirement !!",
        ];
        let texts = texts.map(str::to_owned);
        let told: Vec<(String, Vec<String>)> = grouped(&texts)
            .into_iter()
            .map(|group| {
                let all = group.requirements.iter();
                (
                    group.extra,
                    all.map(|one| format!("{}|{}|{}", one.name, one.versions, one.marker)).collect(),
                )
            })
            .collect();
        let expected: Vec<(String, Vec<String>)> = [
            (
                "",
                vec![
                    "b|<3,>=2|",
                    "a||python_version < \"3.9\"",
                    "also||os_name == \"nt\"",
                    "odd|requirement !!|",
                ],
            ),
            ("socks", vec!["pysocks|!=1.5.7|", "win||os_name == \"nt\""]),
            ("x", vec!["either||"]),
            ("y", vec!["either||"]),
        ]
        .into_iter()
        .map(|(extra, all)| (extra.to_owned(), all.into_iter().map(str::to_owned).collect()))
        .collect();
        assert_eq!(told, expected);
        assert_eq!(crate::packaging::requirement::names(&texts).len(), 6);
    }
}
