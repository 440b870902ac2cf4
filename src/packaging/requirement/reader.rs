//! The text of a requirement or a marker, read from left to right.

use crate::names::ProjectName;

/// Bytes; the longest in use have a few hundred.
pub(super) const LONGEST: usize = 4096;

/// What is left to read. Its errors are plain texts that become part of the one that is told.
pub(super) struct Reader<'a> {
    pub(super) rest: &'a str,
    /// Whether old mistakes in specifiers are mended.
    pub(super) forgiving: bool,
}

impl<'a> Reader<'a> {
    pub(super) fn blanks(&mut self) {
        self.rest = self.rest.trim_start();
    }

    pub(super) fn eat(&mut self, text: &str) -> bool {
        let rest = self.rest.strip_prefix(text);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    pub(super) fn take_while(&mut self, fits: impl Fn(char) -> bool) -> &'a str {
        let end = self.rest.find(|c| !fits(c)).unwrap_or(self.rest.len());
        let (taken, rest) = self.rest.split_at_checked(end).unwrap_or((self.rest, ""));
        self.rest = rest;
        taken
    }

    pub(super) fn name(&mut self, what: &str) -> Result<ProjectName, String> {
        let text = self.take_while(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'));
        ProjectName::new(text).ok_or_else(|| match text {
            "" => format!("{what} is missing"),
            text => format!("{text:?} is not a valid {what}"),
        })
    }

    /// What comes next, for a message.
    pub(super) fn found(&self) -> String {
        match self.rest.chars().next() {
            Some(c) => format!("found {c:?}"),
            None => "found the end".to_owned(),
        }
    }
}
