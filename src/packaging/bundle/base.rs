//! What a delta builds upon.

use crate::bad;
use crate::error::{Error, Result, clipped};
use crate::names::IndexName;
use crate::packaging::page::sha256_hex;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Before the name of an index, where a manifest names one.
const INDEX: &str = "index ";

/// What the other side has already, and a delta leaves out. In a manifest it is a sha256, or `index USER/NAME`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum DeltaBase {
    /// The bundle whose manifest has this sha256.
    Bundle(String),
    /// An index of the side where the delta was made.
    Index(IndexName),
}

impl TryFrom<String> for DeltaBase {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        let read = match text.strip_prefix(INDEX) {
            Some(name) => IndexName::parse(name).map(Self::Index),
            None => sha256_hex(&text).filter(|sha256| *sha256 == text).map(Self::Bundle),
        };
        read.ok_or_else(|| bad!("{:?} is neither the sha256 of a bundle nor an index", clipped(&text, 200)))
    }
}

impl From<DeltaBase> for String {
    fn from(base: DeltaBase) -> Self {
        match base {
            DeltaBase::Bundle(sha256) => sha256,
            DeltaBase::Index(index) => format!("{INDEX}{index}"),
        }
    }
}

/// `bundle 5f09…` or `index alice/carried`
impl fmt::Display for DeltaBase {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bundle(sha256) => write!(to, "bundle {sha256}"),
            Self::Index(index) => write!(to, "{INDEX}{index}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_is_read_as_it_is_written_and_nothing_else_is_one() {
        let sha256 = "1f".repeat(32);
        for text in [sha256.as_str(), "index alice/carried"] {
            let base = DeltaBase::try_from(text.to_owned()).unwrap();
            assert_eq!(String::from(base), text);
        }
        let upper = "1F".repeat(32);
        for text in ["", "index ", "index alice", "index a/b/c", "\u{1b}[2J", upper.as_str(), &sha256[1..]] {
            let error = DeltaBase::try_from(text.to_owned()).unwrap_err().to_string();
            assert!(error.contains("neither") && !error.contains('\u{1b}'), "{error}");
        }
    }
}
