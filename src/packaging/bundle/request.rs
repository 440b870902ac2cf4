//! Requests: small texts that carry the wishes of a server without a network to where bundles are made.
//!
//! A request is a requirements file; comments say which target the lines below them are for.

use crate::bad;
use crate::error::Result;
use crate::packaging::requirement::Requirement;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

/// The first line.
const HEAD: &str = "# wheelwright request, version 1";
const INDEX: &str = "# index: ";
const TARGET: &str = "# target: ";
/// How the target is called that no installer told of.
const ANY: &str = "any";
/// Bytes of the largest request.
pub const LARGEST_REQUEST: usize = 4 << 20;
/// The most requirements of one.
const MOST_WANTED: usize = 20_000;

/// What is asked for, by target; the empty target stands for those that the reader chooses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BundleRequest {
    /// The index that lacks it.
    pub index: String,
    pub wanted: BTreeMap<String, BTreeSet<String>>,
}

impl BundleRequest {
    /// Adds one requirement for a target, or for any.
    pub fn want(&mut self, target: &str, requirement: &str) {
        self.wanted.entry(target.to_owned()).or_default().insert(requirement.to_owned());
    }

    /// The text.
    pub fn to_text(&self) -> String {
        let mut text = format!("{HEAD}\n{INDEX}{}\n", self.index);
        for (target, wanted) in &self.wanted {
            let target = if target.is_empty() { ANY } else { target };
            let _ = write!(text, "\n{TARGET}{target}\n");
            wanted.iter().for_each(|requirement| text.extend([requirement.as_str(), "\n"]));
        }
        text
    }

    /// Reads a request; a plain file of requirements is one, too.
    ///
    /// # Errors
    /// `Bad` with the number of a line that is neither a comment nor a requirement.
    pub fn parse(text: &str) -> Result<Self> {
        if text.len() > LARGEST_REQUEST {
            return Err(bad!("the request is too large"));
        }
        let (mut request, mut target, mut count) = (Self::default(), String::new(), 0);
        for (at, line) in text.lines().enumerate() {
            let line = line.trim();
            if let Some(name) = line.strip_prefix(TARGET) {
                target = plain(name).map_err(|error| bad!("line {}: {error}", at + 1))?;
            } else if let Some(name) = line.strip_prefix(INDEX) {
                request.index = plain(name).map_err(|error| bad!("line {}: {error}", at + 1))?;
            } else if !line.is_empty() && !line.starts_with('#') {
                let wanted = line.split(" #").next().unwrap_or_default();
                let read =
                    Requirement::parse(wanted.trim()).map_err(|error| bad!("line {}: {error}", at + 1))?;
                if read.url.is_some() {
                    return Err(bad!("line {}: a request names projects, not URLs", at + 1));
                }
                count += 1;
                request.want(&target, &read.to_string());
            }
            if count > MOST_WANTED {
                return Err(bad!("the request asks for more than {MOST_WANTED} projects"));
            }
        }
        match request.wanted.is_empty() {
            true => Err(bad!("the request asks for nothing")),
            false => Ok(request),
        }
    }
}

/// The name of a target or an index.
fn plain(name: &str) -> Result<String> {
    let name = name.trim();
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./+".contains(c);
    match name {
        ANY => Ok(String::new()),
        _ if !name.is_empty() && name.len() <= 200 && name.chars().all(is_plain) => Ok(name.to_owned()),
        _ => Err(bad!("this is not the name of a target or an index")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_request_is_read_as_it_was_written() {
        let mut request = BundleRequest { index: "secure/base".into(), ..BundleRequest::default() };
        request.want("", "demo");
        request.want("cp312-manylinux_2_36_x86_64", "numpy>=2");
        request.want("cp312-manylinux_2_36_x86_64", "flask[async]");
        let text = request.to_text();
        assert!(text.contains("\n# target: any\ndemo\n"), "{text}");
        assert_eq!(BundleRequest::parse(&text).unwrap(), request);
        let plain = BundleRequest::parse("six  # why\n\n# note\nDemo\n").unwrap();
        assert_eq!(plain.wanted[""], BTreeSet::from(["demo".to_owned(), "six".to_owned()]));
    }

    #[test]
    fn what_is_no_request_is_refused_with_its_line() {
        for (text, expected) in [
            ("# target: any\n-r other.txt\n", "line 2: "),
            ("demo @ https://h.example/demo-1.0-py3-none-any.whl\n", "not URLs"),
            ("# target: a b\n", "line 1: "),
            ("# nothing\n", "asks for nothing"),
        ] {
            let error = BundleRequest::parse(text).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
        assert!(BundleRequest::parse(&"x\n".repeat(LARGEST_REQUEST)).is_err());
    }

    proptest! {
        #[test]
        fn any_text_that_is_read_is_written_and_read_again(text in "(# target: [a-z0-9 ]{0,9}\n|[a-z0-9=<>. #@;-]{0,20}\n){0,8}") {
            if let Ok(request) = BundleRequest::parse(&text) {
                prop_assert_eq!(BundleRequest::parse(&request.to_text()).unwrap(), request);
            }
        }
    }
}
