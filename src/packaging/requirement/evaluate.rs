//! Whether a marker holds in an environment, as PyPA's `packaging` and pip decide it.

use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;

use super::{Marker, Operand, Requirement};
use crate::names::ProjectName;
use crate::packaging::version::{self, VersionSpecifiers};

impl Requirement {
    /// Whether it is needed in `environment` (PEP 508's variables by name) by somebody who asked
    /// for `extras`.
    pub fn applies(&self, environment: &BTreeMap<String, String>, extras: &BTreeSet<ProjectName>) -> bool {
        self.marker.as_ref().is_none_or(|marker| marker.holds(environment, extras))
    }
}

impl Marker {
    /// Whether it holds for one of `extras`, or without any if there are none. A variable that
    /// `environment` lacks is the empty text.
    pub fn holds(&self, environment: &BTreeMap<String, String>, extras: &BTreeSet<ProjectName>) -> bool {
        let values = |extra| Values { environment, extras, extra };
        match extras.is_empty() {
            true => values("").hold(self),
            false => extras.iter().any(|extra| values(extra.as_str()).hold(self)),
        }
    }

    /// Whether it holds for some extras and dependency groups.
    pub fn may_hold(&self, environment: &BTreeMap<String, String>) -> bool {
        let nobody = BTreeSet::new();
        let is_choice = |operand: &Operand| {
            matches!(operand, Operand::Variable("extra" | "extras" | "dependency_groups"))
        };
        match self {
            Self::Any(parts) => parts.iter().any(|part| part.may_hold(environment)),
            Self::All(parts) => parts.iter().all(|part| part.may_hold(environment)),
            Self::Compare(left, _, right) => {
                is_choice(left) || is_choice(right) || self.holds(environment, &nobody)
            }
        }
    }
}

struct Values<'a> {
    environment: &'a BTreeMap<String, String>,
    extras: &'a BTreeSet<ProjectName>,
    /// The one that is looked at now.
    extra: &'a str,
}

impl Values<'_> {
    fn hold(&self, marker: &Marker) -> bool {
        match marker {
            Marker::Any(parts) => parts.iter().any(|part| self.hold(part)),
            Marker::All(parts) => parts.iter().all(|part| self.hold(part)),
            Marker::Compare(left, operator, right) => self.compare(left, operator, right),
        }
    }

    fn compare(&self, left: &Operand, operator: &str, right: &Operand) -> bool {
        let (l, r) = (self.value(left), self.value(right));
        if let Operand::Variable("extras") = right {
            let is_in = ProjectName::new(&l).is_some_and(|name| self.extras.contains(&name));
            return is_in == (operator == "in");
        }
        let extra = |operand: &Operand| *operand == Operand::Variable("extra");
        if extra(left) || extra(right) {
            let normal = |text: &str| ProjectName::new(text).map(|name| name.as_str().to_owned());
            let same = normal(&l).unwrap_or_default() == normal(&r).unwrap_or_default();
            return same == (operator == "==");
        }
        match operator {
            "in" => r.contains(&l),
            "not in" => !r.contains(&l),
            _ => compare_versions(&l, operator, &r).unwrap_or_else(|| compare_texts(&l, operator, &r)),
        }
    }

    fn value(&self, operand: &Operand) -> String {
        match operand {
            Operand::Text(text) => text.clone(),
            Operand::Variable("extra") => self.extra.to_owned(),
            Operand::Variable(name) => self.environment.get(*name).cloned().unwrap_or_default(),
        }
    }
}

/// `None` if one side is no version, as with `platform_release` or `os_name`.
fn compare_versions(left: &str, operator: &str, right: &str) -> Option<bool> {
    let specifiers = VersionSpecifiers::from_str(&format!("{operator}{right}")).ok()?;
    Some(version::satisfies(&specifiers, &version::parse(left)?))
}

fn compare_texts(left: &str, operator: &str, right: &str) -> bool {
    match operator {
        "==" | "===" => left == right,
        "!=" => left != right,
        "<" => left < right,
        "<=" => left <= right,
        ">" => left > right,
        ">=" => left >= right,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn applies(marker: &str, extras: &[&str]) -> bool {
        let environment = [
            ("python_version", "3.10"),
            ("python_full_version", "3.10.4"),
            ("sys_platform", "linux"),
            ("platform_release", "5.10.0-32-cloud-amd64"),
            ("implementation_name", "cpython"),
        ];
        let environment = environment.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
        let extras = extras.iter().filter_map(|extra| ProjectName::new(extra)).collect();
        Requirement::parse(&format!("demo; {marker}")).unwrap().applies(&environment, &extras)
    }

    #[test]
    fn markers_hold_as_installers_decide_them() {
        for (marker, expected) in [
            ("python_version >= '3.9'", true),
            ("python_version < '3.9'", false),
            ("'3.9' <= python_version", true),
            ("python_version == '3.*'", true),
            ("python_version in '3.9 3.10'", true),
            ("python_version not in '2.7 3.9'", true),
            ("python_full_version ~= '3.10.2'", true),
            ("sys_platform == 'linux' and implementation_name != 'pypy'", true),
            ("sys_platform == 'win32' or (python_version > '3' and sys_platform == 'darwin')", false),
            ("platform_release == '5.10.0-32-cloud-amd64'", true),
            ("platform_machine == ''", true),
            ("extra == 'test'", false),
        ] {
            assert_eq!(applies(marker, &[]), expected, "{marker}");
        }
    }

    #[test]
    fn an_extra_holds_in_every_spelling_when_it_was_asked_for() {
        assert!(applies("extra == 'My_Extra'", &["other", "my-extra"]));
        assert!(!applies("extra == 'my-extra' and python_version < '3'", &["my-extra"]));
        assert!(!applies("extra == 'absent'", &["my-extra"]));
        assert!(applies("'my.extra' in extras", &["my-extra"]));
    }
}
