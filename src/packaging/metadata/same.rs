//! Whether two metadata mean the same to an installer, and where they differ.

use std::collections::BTreeSet;
use std::fmt::Display;

use super::Metadata;
use crate::names::ProjectName;
use crate::packaging::requirement::{Marker, Operand, Requirement};
use crate::packaging::version;

/// Fields that decide what an installer resolves to (in lower case, as `Dynamic` has them).
const DECIDING: [&str; 5] = ["name", "version", "requires-dist", "provides-extra", "requires-python"];

/// Items of a difference that are named.
const NAMED: usize = 4;

impl Metadata {
    /// Whether the metadata of an sdist is that of every wheel built from it, as far as a resolver
    /// goes (PEP 643): version 2.2 or newer, and none of the deciding fields is dynamic.
    pub fn is_binding(&self) -> bool {
        let number = |text: &str| text.parse::<u32>().ok();
        let version = self.metadata_version.split_once('.');
        let version = version.and_then(|(major, minor)| Some((number(major)?, number(minor)?)));
        version.is_some_and(|version| version >= (2, 2))
            && !self.dynamic.iter().any(|field| DECIDING.contains(&field.as_str()))
    }

    /// Where `built` differs from what is said here, in what a resolver goes by: project, version,
    /// requirements, extras and Requires-Python. One line; `None`: it is the same.
    pub fn difference(&self, built: &Self) -> Option<String> {
        let mut told = Vec::new();
        let name = |text: &str| ProjectName::new(text).map_or_else(|| text.to_owned(), String::from);
        let (said, is) = (name(&self.name), name(&built.name));
        if said != is {
            told.push(format!("its name is {is}, not {said}"));
        }
        let number = |text: &str| version::canonical(text).unwrap_or_else(|| text.to_owned());
        let (said, is) = (number(&self.version), number(&built.version));
        if said != is {
            told.push(format!("its version is {is}, not {said}"));
        }
        let requirements = |of: &Self| of.requires_dist.iter().map(|text| requirement(text)).collect();
        told.extend(sets("requires", &requirements(self), &requirements(built)));
        let extras = |of: &Self| of.provides_extra.iter().map(|text| name(text)).collect();
        told.extend(sets("has the extra", &extras(self), &extras(built)));
        let (said, is) = (python(self), python(built));
        if said != is {
            let shown = |text: &BTreeSet<String>| match text.is_empty() {
                true => "anything".to_owned(),
                false => text.iter().map(String::as_str).collect::<Vec<_>>().join(","),
            };
            told.push(format!("its Requires-Python is {}, not {}", shown(&is), shown(&said)));
        }
        (!told.is_empty()).then(|| told.join("; "))
    }
}

/// What is in one set and not in the other, as up to two clauses.
fn sets(verb: &str, said: &BTreeSet<String>, is: &BTreeSet<String>) -> Vec<String> {
    let named = |mut only: Vec<&String>| {
        let more = only.len().saturating_sub(NAMED);
        only.truncate(NAMED);
        let mut text = only.into_iter().map(String::as_str).collect::<Vec<_>>().join(" and ");
        if more > 0 {
            text.push_str(&format!(" and {more} more"));
        }
        text
    };
    let (added, gone): (Vec<_>, Vec<_>) = (is.difference(said).collect(), said.difference(is).collect());
    let mut clauses = Vec::new();
    if !added.is_empty() {
        clauses.push(format!("it also {verb} {}", named(added)));
    }
    if !gone.is_empty() {
        clauses.push(format!("it no longer {verb} {}", named(gone)));
    }
    clauses
}

/// In one spelling; what is no requirement stays as it is.
fn requirement(text: &str) -> String {
    match Requirement::parse_forgiving(text) {
        Ok(parsed) => {
            let marker = parsed.marker.map(|marker| sorted(&marker));
            Requirement { marker, ..parsed }.to_string()
        }
        Err(_) => text.split_whitespace().collect::<Vec<_>>().join(" "),
    }
}

/// The same condition, its parts in one order, names of extras in their one spelling.
fn sorted(marker: &Marker) -> Marker {
    let parts = |parts: &[Marker]| {
        let mut parts: Vec<Marker> = parts.iter().map(sorted).collect();
        parts.sort_by_cached_key(ToString::to_string);
        parts.dedup();
        parts
    };
    match marker {
        Marker::Any(all) => Marker::Any(parts(all)),
        Marker::All(all) => Marker::All(parts(all)),
        Marker::Compare(left, operator, right) => {
            let extra = |of: &Operand| matches!(of, Operand::Variable("extra"));
            let either = extra(left) || extra(right);
            let plain = |of: &Operand| match of {
                Operand::Text(text) if either => Operand::Text(
                    ProjectName::new(text).map_or_else(|| text.clone(), |name| name.to_string()),
                ),
                other => other.clone(),
            };
            match (left, *operator) {
                // Equality reads the same from both sides.
                (Operand::Text(_), "==" | "!=") => Marker::Compare(plain(right), operator, plain(left)),
                _ => Marker::Compare(plain(left), operator, plain(right)),
            }
        }
    }
}

fn python(of: &Metadata) -> BTreeSet<String> {
    let Some(text) = &of.requires_python else { return BTreeSet::new() };
    match version::forgiving_specifiers(text) {
        Some(specifiers) => specifiers.iter().map(plain).collect(),
        None => BTreeSet::from([text.split_whitespace().collect()]),
    }
}

fn plain(clause: &impl Display) -> String {
    clause.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metadata(more: &str) -> Metadata {
        let text = format!("Metadata-Version: 2.2\nName: Demo.Pkg\nVersion: 1.0\n{more}\n");
        Metadata::parse(text.as_bytes()).unwrap()
    }

    #[test]
    fn spellings_of_several_writers_mean_the_same() {
        let said = metadata(
            "Requires-Python: >=3.6, <4\nProvides-Extra: my_extra\nRequires-Dist: six>=1.0,<2\n\
             Requires-Dist: Foo_Bar[b,A]; python_version < \"3\" and extra == \"my_extra\"",
        );
        let mut built = metadata(
            "Requires-Dist: foo-bar[a,b] ; (extra == 'my-extra') and python_version < '3'\n\
             Requires-Dist: six (<2,>=1.0)\nProvides-Extra: my-extra\nRequires-Python: <4,>=3.6",
        );
        assert_eq!(said.difference(&built), None);
        built.name = "demo_pkg".into();
        built.version = "1.0".into();
        built.summary = Some("another".into());
        assert_eq!(said.difference(&built), None, "what no resolver asks for may differ");
    }

    #[test]
    fn a_difference_is_named() {
        let said = metadata("Requires-Dist: six>=1.0\nRequires-Dist: attrs");
        let built = metadata("Requires-Dist: six>=1.0\nRequires-Dist: tomli\nRequires-Python: >=3.8");
        assert_eq!(
            said.difference(&built).unwrap(),
            "it also requires tomli; it no longer requires attrs; its Requires-Python is >=3.8, not anything"
        );
        let other = Metadata { version: "1.1".into(), name: "other".into(), ..said.clone() };
        let told = said.difference(&other).unwrap();
        assert_eq!(told, "its name is other, not demo-pkg; its version is 1.1, not 1.0");
        let extra = metadata("Requires-Dist: six>=1.0\nRequires-Dist: attrs\nProvides-Extra: test");
        assert_eq!(said.difference(&extra).unwrap(), "it also has the extra test");
    }

    #[test]
    fn a_marker_that_means_something_else_is_another_requirement() {
        let said = metadata("Requires-Dist: six; python_version < '3' and os_name == 'nt'");
        let built = metadata("Requires-Dist: six; python_version < '3' or os_name == 'nt'");
        assert!(said.difference(&built).is_some());
        let spelt = metadata("Requires-Dist: six; 'nt' == os_name and python_version < '3'");
        assert_eq!(said.difference(&spelt), None);
    }

    #[test]
    fn metadata_binds_from_2_2_on_where_nothing_that_decides_is_dynamic() {
        assert!(metadata("").is_binding());
        assert!(metadata("Dynamic: License-File\nDynamic: Description").is_binding());
        for field in ["Requires-Dist", "Provides-Extra", "requires-python", "VERSION"] {
            assert!(!metadata(&format!("Dynamic: {field}")).is_binding(), "{field}");
        }
        for version in ["2.1", "1.2", "2", "", "two.three"] {
            let older = Metadata { metadata_version: version.into(), ..metadata("") };
            assert!(!older.is_binding(), "{version}");
        }
        assert!(Metadata { metadata_version: "2.10".into(), ..metadata("") }.is_binding());
    }
}
