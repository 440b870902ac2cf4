//! Names of tags that hold a version: `v1.2`, `pkg-1.2`.

use super::version::{self, Version};
use crate::bad;
use crate::error::{Result, clipped};

/// Stands for the version in a pattern.
const PLACE: &str = "{version}";

/// Bytes of a pattern.
const LONGEST: usize = 200;

/// What tags of releases look like: `v{version}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TagPattern {
    before: String,
    after: String,
}

impl TagPattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// `Bad` unless it has `{version}` once and could be a tag's name.
    pub fn parse(text: &str) -> Result<Self> {
        let malformed = || {
            let shown = clipped(text, LONGEST);
            bad!("{shown:?} is not a tag pattern: write {PLACE} once, as in v{PLACE} or pkg-{PLACE}")
        };
        let (before, after) = text.split_once(PLACE).ok_or_else(malformed)?;
        let odd = |c: char| c.is_control() || c.is_whitespace() || "{}~^:?*[\\".contains(c);
        if text.len() > LONGEST || before.contains(odd) || after.contains(odd) {
            return Err(malformed());
        }
        Ok(Self { before: before.to_owned(), after: after.to_owned() })
    }

    /// The version that a tag means.
    ///
    /// # Errors
    /// Why it means none, for people.
    pub fn version(&self, tag: &str) -> Result<Version, String> {
        let inner =
            tag.strip_prefix(self.before.as_str()).and_then(|rest| rest.strip_suffix(self.after.as_str()));
        let inner = inner.ok_or_else(|| format!("the tag does not match {self}"))?;
        version::parse(inner).ok_or_else(|| format!("{inner:?} is not a valid version (PEP 440)"))
    }
}

impl std::fmt::Display for TagPattern {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}{PLACE}{}", self.before, self.after)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn found(pattern: &str, tag: &str) -> Result<String, String> {
        TagPattern::parse(pattern).unwrap().version(tag).map(|version| version.to_string())
    }

    #[test]
    fn a_tag_means_the_version_that_stands_in_the_place() {
        for (pattern, tag, version) in [
            ("v{version}", "v1.2", "1.2"),
            ("{version}", "2026.1", "2026.1"),
            ("pkg-{version}", "pkg-1!2.0-1", "1!2.0.post1"),
            ("pkg@{version}", "pkg@1.0RC1", "1.0rc1"),
            ("{version}-final", "3.0-final", "3.0"),
        ] {
            assert_eq!(found(pattern, tag).as_deref(), Ok(version), "{pattern} {tag}");
        }
    }

    #[test]
    fn a_tag_that_is_no_release_is_told_why() {
        assert_eq!(found("v{version}", "nightly").unwrap_err(), "the tag does not match v{version}");
        assert_eq!(found("v{version}", "v1.x").unwrap_err(), "\"1.x\" is not a valid version (PEP 440)");
        assert_eq!(found("v{version}", "v").unwrap_err(), "\"\" is not a valid version (PEP 440)");
        // The parts before and behind must not overlap.
        assert!(found("aa{version}aa", "aaa").is_err());
    }

    #[test]
    fn a_pattern_has_the_version_once() {
        for text in
            ["", "v", "{version}{version}", "v{Version}", "v*{version}", "a b{version}", "v{version}\n"]
        {
            let refused = TagPattern::parse(text).unwrap_err().to_string();
            assert!(refused.contains("is not a tag pattern: write {version} once"), "{refused}");
        }
        assert!(TagPattern::parse(&format!("{}{{version}}", "v".repeat(200))).is_err());
    }

    proptest! {
        #[test]
        fn what_a_pattern_makes_of_a_version_is_read_back(before in "[a-zA-Z@/_-]{0,8}", after in "[-_][a-z]{1,4}|", version in "[0-9]{1,3}(\\.[0-9]{1,3}){0,3}") {
            let pattern = TagPattern::parse(&format!("{before}{{version}}{after}")).unwrap();
            let found = pattern.version(&format!("{before}{version}{after}")).unwrap();
            prop_assert_eq!(Some(found), version::parse(&version));
        }

        #[test]
        fn no_text_makes_it_panic(pattern in ".{0,30}", tag in ".{0,30}") {
            if let Ok(pattern) = TagPattern::parse(&pattern) {
                let _ = pattern.version(&tag);
            }
        }
    }
}
