//! What a page leaves out: releases that exist as source, and of which there is no wheel for whoever asks.

use std::fmt;

/// Characters of a reason; what is longer is cut.
const LONGEST: usize = 300;

/// A release that a page lists as source alone, although a wheel of it is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftOut {
    pub version: String,
    /// The source's file name.
    pub source: String,
    /// Why there is no wheel, in one line.
    pub why: String,
    /// The number of the build that tells more.
    pub build: Option<i64>,
}

impl LeftOut {
    /// The reason is made one line, and cut where it is too long.
    pub fn new(version: impl fmt::Display, source: &str, why: &str, build: Option<i64>) -> Self {
        let plain = why.chars().map(|c| if c.is_control() { ' ' } else { c });
        let mut line: String = plain.clone().take(LONGEST).collect();
        if plain.count() > LONGEST {
            line.push('…');
        }
        Self { version: version.to_string(), source: source.to_owned(), why: line, build }
    }

    /// Where its build is seen; `root` leads to the server's root and ends in `/`, unless it is empty.
    pub fn href(&self, root: &str) -> Option<String> {
        Some(format!("{root}+builds/{}", self.build?))
    }
}

/// In a sentence, without the place of its build.
impl fmt::Display for LeftOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} exists as source ({}), but {}", self.version, self.source, self.why)
    }
}
