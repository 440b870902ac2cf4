//! Patterns of allow and deny lists: `numpy<2`, `acme-*`, `*`.

use std::fmt;
use std::str::FromStr;

use crate::bad;
use crate::error::{Error, Result};
use crate::names::ProjectName;
use crate::packaging::version::{self, Version, VersionSpecifiers};
use crate::tools::glob;

/// A project name, in which `*` stands for any characters, and what its versions must satisfy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    /// As the administrator wrote it.
    text: String,
    /// Normalised like a project name, but for its `*`.
    name: String,
    versions: Option<VersionSpecifiers>,
}

impl Pattern {
    /// Reads `name`, `name*`, `*`, each optionally followed by version specifiers (PEP 440).
    ///
    /// # Errors
    /// `Bad` with what is wrong.
    pub fn parse(text: &str) -> Result<Self> {
        let text = text.trim();
        let end = text.find(|c: char| !is_name_char(c)).unwrap_or(text.len());
        let (name, versions) = text.split_at_checked(end).unwrap_or((text, ""));
        let name = normalise(name).ok_or_else(|| {
            bad!(
                "{text:?} is not a valid pattern: start with a project name, in which * matches any \
                 characters"
            )
        })?;
        let versions = match versions.trim() {
            "" => None,
            specifiers => Some(VersionSpecifiers::from_str(specifiers).map_err(|e| {
                let why = e.to_string();
                let why = why.lines().next().unwrap_or_default().to_owned();
                bad!(
                    "{text:?} is not a valid pattern: {why}. Write it like numpy<2, without extras and \
                     markers"
                )
            })?),
        };
        Ok(Self { text: text.to_owned(), name, versions })
    }

    /// Like [`Pattern::parse`]; what cannot be read means no project.
    pub fn lenient(text: &str) -> Self {
        let nothing = || Self { text: text.to_owned(), name: String::new(), versions: None };
        Self::parse(text).unwrap_or_else(|_| nothing())
    }

    /// As the administrator wrote it.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether a file of this project and version is meant. A file whose version is unknown is
    /// meant only by patterns without version specifiers.
    pub fn matches(&self, name: &ProjectName, version: Option<&Version>) -> bool {
        self.matches_name(name)
            && match (&self.versions, version) {
                (None, _) => true,
                (Some(specifiers), Some(version)) => version::satisfies(specifiers, version),
                (Some(_), None) => false,
            }
    }

    /// Whether any version of this project could be meant.
    pub fn matches_name(&self, name: &ProjectName) -> bool {
        glob::matches(&self.name, name.as_str())
    }

    /// Whether every version of the projects it names is meant.
    pub fn is_whole_project(&self) -> bool {
        self.versions.is_none()
    }
}

fn is_name_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '*')
}

/// As PEP 503 normalises names; `*` may stand where a letter must.
fn normalise(name: &str) -> Option<String> {
    let edge = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric() || c == '*');
    if !edge(name.chars().next()) || !edge(name.chars().next_back()) {
        return None;
    }
    let mut normal = String::with_capacity(name.len());
    for c in name.chars() {
        match c {
            '-' | '_' | '.' if normal.ends_with('-') => {}
            '-' | '_' | '.' => normal.push('-'),
            '*' if normal.ends_with('*') => {}
            c => normal.push(c.to_ascii_lowercase()),
        }
    }
    Some(normal)
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for Pattern {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Self::parse(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn name(text: &str) -> ProjectName {
        ProjectName::new(text).unwrap()
    }

    fn meant(pattern: &str, project: &str, version: &str) -> bool {
        let pattern = Pattern::parse(pattern).unwrap();
        pattern.matches(&name(project), version::parse(version).as_ref())
    }

    #[test]
    fn specifiers_limit_a_pattern_to_versions() {
        assert!(meant("numpy<2", "NumPy", "1.26.4"));
        assert!(!meant("numpy<2", "numpy", "2.0"));
        assert!(!meant("numpy<2", "numpy-financial", "1.0"));
        assert!(meant("numpy >=1, !=1.5.*", "numpy", "1.6"));
        assert!(meant("numpy", "numpy", "not a version"));
        assert!(!meant("numpy<2", "numpy", "not a version"));
        assert!(Pattern::parse("numpy<2").unwrap().matches_name(&name("numpy")));
    }

    #[test]
    fn a_star_stands_for_any_characters() {
        for (pattern, project) in [
            ("*", "x"),
            ("acme-*", "acme-tools"),
            ("Acme_*", "acme-a-b"),
            ("*.plugin", "x-plugin"),
            ("a*c*e", "abcde"),
        ] {
            assert!(meant(pattern, project, "1"), "{pattern} {project}");
        }
        for (pattern, project) in [("acme-*", "acme"), ("acme-*", "acmex"), ("a*c", "abcd")] {
            assert!(!meant(pattern, project, "1"), "{pattern} {project}");
        }
        assert!(meant("acme-*>=2", "acme-x", "2.1"));
        assert!(!meant("acme-*>=2", "acme-x", "1.9"));
    }

    #[test]
    fn what_cannot_be_a_pattern_is_refused_with_a_reason() {
        for text in ["", "<2", "numpy[all]", "numpy; x", "-x", "numpy<two", "name @ u", "a b"] {
            let error = Pattern::parse(text).unwrap_err().to_string();
            assert!(error.contains("is not a valid pattern"), "{text:?}: {error}");
        }
    }

    proptest! {
        #[test]
        fn reading_a_pattern_never_panics(text in "\\PC*", close in "[a-z*._<>=!~0-9, -]{0,30}") {
            let _ = (Pattern::parse(&text).is_ok(), Pattern::parse(&close).is_ok());
        }

        #[test]
        fn a_name_is_matched_by_itself_and_by_every_beginning(text in "[a-z0-9]{1,6}(-[a-z0-9]{1,5}){0,3}") {
            let project = name(&text);
            prop_assert!(Pattern::parse(&text).unwrap().matches_name(&project));
            for (at, _) in text.char_indices() {
                let pattern = format!("{}*", &text[..at]);
                prop_assert!(Pattern::parse(&pattern).unwrap().matches_name(&project), "{}", pattern);
            }
        }
    }
}
