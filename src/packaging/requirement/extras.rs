//! A requirement of a package as somebody has it who wants the package with certain extras: without
//! the part of the condition that asks for extras, so that it can stand in a requirement file.

use super::{Marker, Operand, Requirement};
use crate::names::ProjectName;
use std::collections::BTreeSet;

/// What is left of a condition.
enum Left {
    Holds(bool),
    Condition(Marker),
}

impl Requirement {
    /// The requirement without conditions on extras; `None` if these extras do not need it.
    pub fn for_extras(&self, extras: &BTreeSet<ProjectName>) -> Option<Self> {
        let marker = match self.marker.as_ref().map(|marker| decided(marker, extras)) {
            None | Some(Left::Holds(true)) => None,
            Some(Left::Holds(false)) => return None,
            Some(Left::Condition(marker)) => Some(marker),
        };
        Some(Self { marker, ..self.clone() })
    }
}

fn decided(marker: &Marker, extras: &BTreeSet<ProjectName>) -> Left {
    match marker {
        Marker::Any(parts) => joined(parts, extras, true, Marker::Any),
        Marker::All(parts) => joined(parts, extras, false, Marker::All),
        Marker::Compare(left, operator, right) => {
            let name = match (left, right) {
                (Operand::Variable("extra"), Operand::Text(name))
                | (Operand::Text(name), Operand::Variable("extra" | "extras")) => name,
                _ => return Left::Condition(marker.clone()),
            };
            let wanted = ProjectName::new(name).is_some_and(|name| extras.contains(&name));
            Left::Holds(wanted == matches!(*operator, "==" | "in"))
        }
    }
}

/// Parts of which one that is `decisive` decides the whole.
fn joined(
    parts: &[Marker],
    extras: &BTreeSet<ProjectName>,
    decisive: bool,
    join: fn(Vec<Marker>) -> Marker,
) -> Left {
    let mut open = Vec::new();
    for part in parts {
        match decided(part, extras) {
            Left::Holds(holds) if holds == decisive => return Left::Holds(decisive),
            Left::Holds(_) => {}
            Left::Condition(marker) => open.push(marker),
        }
    }
    match (open.len(), open.pop()) {
        (_, None) => Left::Holds(!decisive),
        (1, Some(marker)) => Left::Condition(marker),
        (_, Some(last)) => {
            open.push(last);
            Left::Condition(join(open))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str, extras: &[&str]) -> Option<String> {
        let extras = extras.iter().filter_map(|name| ProjectName::new(name)).collect();
        Some(Requirement::parse(text).unwrap().for_extras(&extras)?.to_string())
    }

    #[test]
    fn conditions_on_extras_are_decided_and_others_stay() {
        assert_eq!(of("a>=1", &[]).as_deref(), Some("a>=1"));
        assert_eq!(of("a; extra == 'x'", &[]), None);
        assert_eq!(of("a; extra == 'X-y'", &["x_Y"]).as_deref(), Some("a"));
        let both = "a<2; python_version < '3' and extra == 'x'";
        assert_eq!(of(both, &["x"]).as_deref(), Some("a<2; python_version < \"3\""));
        assert_eq!(of(both, &["z"]), None);
        let either = "a; (extra == 'x' or extra == 'z') and (os_name == 'nt' or sys_platform == 'linux')";
        let left = of(either, &["z"]).unwrap_or_default();
        assert_eq!(left, "a; os_name == \"nt\" or sys_platform == \"linux\"");
        assert_eq!(of("a; extra != 'x' or os_name == 'nt'", &[]).as_deref(), Some("a"));
        assert_eq!(of("a; os_name == 'nt'", &["x"]).as_deref(), Some("a; os_name == \"nt\""));
    }
}
