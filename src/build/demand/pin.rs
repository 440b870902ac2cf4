//! What a resolver's answer says, line by line.

use crate::names::ProjectName;
use crate::packaging::version::{self, Version};
use std::collections::BTreeMap;

/// All lines of an answer that pin a version.
pub fn pins(answer: &str) -> BTreeMap<ProjectName, Pin> {
    answer.lines().filter_map(Pin::read).collect()
}

/// One line of a resolver's answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pin {
    pub version: Version,
    /// The projects that require it; `None` if one of them has no name.
    pub by: Option<Vec<ProjectName>>,
}

impl Pin {
    /// `demo==1.0    # via -r requirements.in, app`, as uv writes it.
    pub fn read(line: &str) -> Option<(ProjectName, Self)> {
        let (pin, comment) = line.split_once('#').unwrap_or((line, ""));
        let (name, rest) = pin.split_once("==")?;
        let version = version::parse(rest.split([' ', ';', '\\']).next()?)?;
        let all = comment.trim().strip_prefix("via").unwrap_or_default().split(',').map(str::trim);
        let projects = all.filter(|one| !one.is_empty() && !one.starts_with('-'));
        let by = projects.map(|one| ProjectName::new(one.split('[').next()?)).collect();
        Some((ProjectName::new(name.split('[').next()?.trim())?, Self { version, by }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pin_says_who_requires_it() {
        let name = |text: &str| ProjectName::new(text).unwrap();
        for (line, by) in [
            ("demo==1.0", Some(vec![])),
            ("demo==1.0    # via -r requirements.in", Some(vec![])),
            (
                "demo[x]==1.0 ; sys_platform == 'linux'    # via app[y], -r requirements.in, lib",
                Some(vec!["app", "lib"]),
            ),
            ("demo==1.0    # via app @ http://host/app", None),
        ] {
            let by = by.map(|by| by.into_iter().map(name).collect());
            let version = "1.0".parse().unwrap();
            assert_eq!(Pin::read(line), Some((name("demo"), Pin { version, by })), "{line}");
        }
        for line in ["", "# comment", "app @ http://host/app"] {
            assert_eq!(Pin::read(line), None, "{line}");
        }
    }
}
