//! Where a file is had, and its URL, which is written nowhere else.

use super::{File, Provenance};
use crate::names::IndexName;
use crate::packaging::filename::segment;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Where a file is had.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum FilePlace {
    /// Where the page that was read links to: absolute, without fragment. Stored pages have no other place.
    Link(String),
    /// On an index of ours, uploaded, mirrored or built: `{index}/+f/{3}/{13}/{filename}`, by its sha256.
    /// This is devpi's scheme, so that lock files stay valid.
    #[serde(skip)]
    Hosted(IndexName),
    /// On a mirror of ours whose upstream tells no hash: `{index}/+e/{key}/{filename}`.
    #[serde(skip)]
    Mirrored(IndexName, String),
    /// A wheel that is made for a target when somebody wants it: `{index}/+w/{target}/{filename}`.
    #[serde(skip)]
    Promised(IndexName, String),
    /// At this path from the server's root, where the file has another name.
    #[serde(skip)]
    Renamed(String),
}

impl Default for FilePlace {
    fn default() -> Self {
        Self::Link(String::new())
    }
}

impl FilePlace {
    /// The index that the file belongs to.
    pub fn owner(&self) -> Option<&IndexName> {
        match self {
            Self::Hosted(owner) | Self::Mirrored(owner, _) | Self::Promised(owner, _) => Some(owner),
            Self::Link(_) | Self::Renamed(_) => None,
        }
    }

    /// The URL of the file `filename` there; `root` leads to the server's root: empty, or ends in `/`.
    pub fn href<'a>(&'a self, filename: &'a str, sha256: Option<&'a str>, root: &'a str) -> Href<'a> {
        Href { place: self, filename, sha256: sha256.unwrap_or_default(), root }
    }
}

impl File {
    /// The index of ours that the file belongs to.
    pub fn owner(&self) -> Option<&IndexName> {
        self.place.owner()
    }

    /// Where the page that was read links to; empty for a file of ours.
    pub fn link(&self) -> &str {
        match &self.place {
            FilePlace::Link(url) => url,
            _ => "",
        }
    }

    /// Where its attestations are (PEP 740), seen from where `root` leads to the server's root.
    pub fn provenance_href(&self, root: &str) -> Option<String> {
        match &self.provenance {
            Provenance::No => None,
            Provenance::At(url) => Some(url.clone()),
            Provenance::Own => Some(format!("{}.provenance", self.href(root))),
        }
    }

    /// Its URL, seen from where `root` leads to the server's root: empty, or ends in `/`.
    pub fn href<'a>(&'a self, root: &'a str) -> Href<'a> {
        self.place.href(&self.filename, self.hashes.sha256.as_deref(), root)
    }
}

/// A URL as it is written, percent-encoded.
pub struct Href<'a> {
    place: &'a FilePlace,
    filename: &'a str,
    sha256: &'a str,
    root: &'a str,
}

impl fmt::Display for Href<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let owner = match self.place {
            FilePlace::Link(url) => return f.write_str(url),
            FilePlace::Renamed(path) => return write!(f, "{}{path}", self.root),
            FilePlace::Hosted(owner) | FilePlace::Mirrored(owner, _) | FilePlace::Promised(owner, _) => owner,
        };
        write!(f, "{}{}/{}/", self.root, segment(owner.user()), segment(owner.name()))?;
        match self.place {
            FilePlace::Mirrored(_, key) => write!(f, "+e/{key}/")?,
            FilePlace::Promised(_, target) => write!(f, "+w/{}/", segment(target))?,
            _ => {
                let (head, rest) = self.sha256.split_at_checked(3).unwrap_or((self.sha256, ""));
                write!(f, "+f/{head}/{}/", rest.get(..13).unwrap_or(rest))?;
            }
        }
        write!(f, "{}", segment(self.filename))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_files_url_is_devpis() {
        let place = FilePlace::Hosted(IndexName::parse("alice/dev").unwrap());
        let sha256 = "abcdef0123456789".repeat(4);
        let href = |root| place.href("demo-1!2.0+local.1.tar.gz", Some(&sha256), root).to_string();
        assert_eq!(href(""), "alice/dev/+f/abc/def0123456789/demo-1%212.0%2Blocal.1.tar.gz");
        assert_eq!(href("../"), "../alice/dev/+f/abc/def0123456789/demo-1%212.0%2Blocal.1.tar.gz");
    }
}
