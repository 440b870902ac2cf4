//! Project names: one normalised form (PEP 503), whatever the spelling.

use std::fmt;

/// A normalised project name: lower case, runs of `-_.` as one `-`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProjectName(String);

impl ProjectName {
    /// Normalises `text`; `None` if it is no valid name (PEP 508's rule, ASCII only).
    pub fn new(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        let inner = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
        let edges = [bytes.first()?, bytes.last()?];
        if !edges.iter().all(|b| b.is_ascii_alphanumeric()) || !bytes.iter().all(inner) {
            return None;
        }
        let mut name = String::with_capacity(text.len());
        for c in text.chars() {
            match c {
                '-' | '_' | '.' if name.ends_with('-') => {}
                '-' | '_' | '.' => name.push('-'),
                c => name.push(c.to_ascii_lowercase()),
            }
        }
        Some(Self(name))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ProjectName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
