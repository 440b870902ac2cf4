//! Versions and specifiers (PEP 440): a thin wrap, so that the rest of the house has one import.

use std::cmp::Ordering;
use std::str::FromStr;

use pep440_rs::{Operator, VersionSpecifier};
pub use pep440_rs::{Version, VersionSpecifiers};

/// The version in `text`, in any spelling PEP 440 allows; `None` if it is none.
pub fn parse(text: &str) -> Option<Version> {
    Version::from_str(text).ok()
}

/// The one spelling of a version: `canonical("1.0-1") == Some("1.0.post1")`.
pub fn canonical(text: &str) -> Option<String> {
    parse(text).map(|version| version.to_string())
}

/// Whether two texts are the same version, in any spelling (`1.0` is `1.0.0`), or the same text.
pub fn same(a: &str, b: &str) -> bool {
    a == b || parse(a).is_some_and(|a| Some(a) == parse(b))
}

/// The order of versions for display: what is no version first (by its text), then PEP 440's
/// order; equal versions by their text, so that the order is total.
pub fn compare(a: &str, b: &str) -> Ordering {
    parse(a).cmp(&parse(b)).then_with(|| a.cmp(b))
}

/// Whether every clause of `specifiers` holds for `version`, pre-releases included. Use this rather
/// than [`VersionSpecifiers::contains`], which takes `2` for a `2.1.*` and keeps `2.0.dev1` out of
/// `<2.0rc1`; this agrees with PyPA's `packaging`.
pub fn satisfies(specifiers: &VersionSpecifiers, version: &Version) -> bool {
    specifiers.iter().all(|clause| clause_holds(clause, version))
}

/// Whether a clause names one version without a local label: `==1.0`, which by PEP 440 holds for `1.0+cpu`, too.
pub fn names_public(specifiers: &VersionSpecifiers) -> bool {
    specifiers.iter().any(|one| *one.operator() == Operator::Equal && !one.version().is_local())
}

/// Whether a clause names one version: `==1.0`, `===1.0`.
pub fn names_one(specifiers: &VersionSpecifiers) -> bool {
    specifiers.iter().any(|one| matches!(one.operator(), Operator::Equal | Operator::ExactEqual))
}

fn clause_holds(clause: &VersionSpecifier, version: &Version) -> bool {
    let bound = clause.version();
    match clause.operator() {
        Operator::EqualStar | Operator::NotEqualStar => {
            // PEP 440: the shorter release is padded with zeros.
            let mut release = version.release().to_vec();
            release.resize(release.len().max(bound.release().len()), 0);
            clause.contains(&version.clone().with_release(release))
        }
        // No pre-release of the bound itself, unless the bound is one.
        Operator::LessThan if bound.any_prerelease() => version < bound,
        Operator::LessThan => *version < bound.clone().with_dev(Some(0)),
        Operator::GreaterThan => is_after(version, bound),
        _ => clause.contains(version),
    }
}

/// `>` as PEP 440 has it: neither post-releases of the bound, unless it is one, nor its local
/// versions.
fn is_after(version: &Version, bound: &Version) -> bool {
    match (bound.dev(), bound.post()) {
        (Some(dev), _) => *version >= bound.clone().with_dev(Some(dev.saturating_add(1))),
        (None, Some(post)) => {
            *version >= bound.clone().with_post(Some(post.saturating_add(1))).with_dev(Some(0))
        }
        (None, None) => {
            let base = version.clone().without_local().with_post(None).with_dev(None);
            version > bound && base != *bound
        }
    }
}

/// Whether installers can read `text` as `Requires-Python`. They forgive old mistakes
/// (`>=3.6.*`, quotes, missing commas), so these count as readable.
pub fn readable_specifiers(text: &str) -> bool {
    VersionSpecifiers::from_str(text).is_ok() || VersionSpecifiers::from_str(&mend(text)).is_ok()
}

/// `Requires-Python` as installers read it: old mistakes are mended. `None`: nobody can read it.
pub fn forgiving_specifiers(text: &str) -> Option<VersionSpecifiers> {
    VersionSpecifiers::from_str(text).or_else(|_| VersionSpecifiers::from_str(&mend(text))).ok()
}

/// `text` with the mistakes mended that installers mend.
fn mend(text: &str) -> String {
    let is_operator = |c: char| matches!(c, '<' | '>' | '=' | '!' | '~');
    let mut clauses: Vec<String> = Vec::new();
    for c in text.chars().filter(|c| !c.is_whitespace() && !matches!(c, '"' | '\'')) {
        let fresh = match clauses.last().and_then(|clause| clause.chars().last()) {
            None | Some(',') => true,
            Some(last) => c == ',' || is_operator(c) && !is_operator(last),
        };
        match clauses.last_mut() {
            Some(clause) if !fresh => clause.push(c),
            _ => clauses.push(c.to_string()),
        }
    }
    let clauses = clauses.iter().map(|clause| clause.trim_matches(',')).filter(|c| !c.is_empty());
    let mended = clauses.map(|clause| match clause.starts_with("==") || clause.starts_with("!=") {
        true => clause,
        false => clause.trim_end_matches(".*"),
    });
    mended.collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn canonical_forms_agree_with_the_reference_table() {
        for line in include_str!("vectors/versions.tsv").lines().filter(|l| !l.starts_with('#')) {
            let (given, expected) = line.split_once('\t').unwrap();
            assert_eq!(canonical(given).as_deref().unwrap_or("-"), expected, "{given:?}");
        }
    }

    #[test]
    fn the_order_agrees_with_the_reference_table() {
        let table = include_str!("vectors/version_order.tsv");
        let ordered: Vec<&str> = table.lines().filter(|l| !l.starts_with('#')).collect();
        for (i, a) in ordered.iter().enumerate() {
            for (j, b) in ordered.iter().enumerate() {
                assert_eq!(compare(a, b), i.cmp(&j), "{a} and {b}");
            }
        }
    }

    #[test]
    fn specifiers_agree_with_the_reference_table() {
        let table = include_str!("vectors/specifiers.tsv");
        for line in table.lines().filter(|line| !line.starts_with('#')) {
            let row: Vec<&str> = line.split('\t').collect();
            let specifiers = VersionSpecifiers::from_str(row[0]);
            let holds = match (specifiers, parse(row[1])) {
                (Ok(specifiers), Some(version)) => satisfies(&specifiers, &version).to_string(),
                _ => "-".to_owned(),
            };
            assert_eq!(holds, row[2], "{} of {:?}", row[1], row[0]);
        }
    }

    #[test]
    fn what_is_no_version_sorts_first() {
        let mut versions = ["1.0", "unknown", "0.9", "dev-branch"];
        versions.sort_by(|a, b| compare(a, b));
        assert_eq!(versions, ["dev-branch", "unknown", "0.9", "1.0"]);
    }

    #[test]
    fn old_mistakes_in_requires_python_are_readable_and_garbage_is_not() {
        for text in [">=3.6", ">=3.6.*", ">=2.7 !=3.0.*", "\">=3.8\"", ">=3.6,", ">=3.6,,<4"] {
            assert!(readable_specifiers(text), "{text:?}");
        }
        for text in ["garbage", ">=three", "3.8", "python>=3", "=>3.6"] {
            assert!(!readable_specifiers(text), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn reading_never_panics(text in "\\PC*", version in "[0-9a-z.!+_-]{0,20}") {
            let _ = (canonical(&text), readable_specifiers(&text), readable_specifiers(&version));
            if let Some(once) = canonical(&version) {
                prop_assert_eq!(canonical(&once), Some(once));
            }
        }
    }
}
