//! What happened to a file before it came to the index where it is.

use super::words;
use crate::names::IndexName;
use crate::tools::time::Micros;

words! {
    /// One kind of step of a file's way.
    PassageKind {
        Upload = "upload",
        Push = "push",
        /// Other bytes had its name before: only in what came from elsewhere.
        Overwrite = "overwrite",
    }
}

/// One step of a file's way.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Passage {
    pub what: PassageKind,
    /// `None`: a stranger, or nobody knows.
    pub who: Option<String>,
    pub at: Micros,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub src: Option<IndexName>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dst: Option<IndexName>,
    /// How often, of overwrites.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u64>,
}

/// A file's way, in order: empty where it was uploaded to where it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct History(pub Vec<Passage>);
