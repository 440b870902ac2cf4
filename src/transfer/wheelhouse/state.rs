//! What a run remembers for the next one, so that only what changed is looked at.

use crate::names::ProjectName;
use crate::tools::time::Micros;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Another one is written anew, by what the index has.
const FORMAT: u32 = 1;

/// The whole tree as it was written last.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct TreeState {
    pub format: u32,
    pub index: String,
    /// What decides how everything is written: the installation, options, links.
    pub rules: String,
    /// When the oldest signed links were made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signed_at: Option<Micros>,
    /// Hashes of the pages of all projects.
    pub flat: String,
    pub lists: [String; 2],
    pub projects: BTreeMap<ProjectName, ProjectState>,
}

/// One project of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ProjectState {
    /// Of the index's rows when this was made.
    pub stamp: String,
    /// Until when it is true although nothing changes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Micros>,
    /// It must not leave.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub private: bool,
    /// Hashes of its pages; empty: it has none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pages: Vec<String>,
    /// Paths below the root.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<String>,
    /// Its part of the flat page.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub flat: String,
}

impl TreeState {
    pub(super) fn new(index: &str, rules: String) -> Self {
        Self { format: FORMAT, index: index.to_owned(), rules, ..Self::default() }
    }

    /// `None` for what cannot be read: it is as good as nothing.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok().filter(|state: &Self| state.format == FORMAT)
    }

    pub(super) fn to_bytes(&self) -> Vec<u8> {
        // Strings, numbers and lists only: there is nothing here that JSON cannot express.
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// The names of projects that have a page.
    pub(super) fn listed(&self) -> impl Iterator<Item = &str> + Clone {
        let with_page = self.projects.iter().filter(|(_, project)| !project.pages.is_empty());
        with_page.map(|(name, _)| name.as_str())
    }
}

impl ProjectState {
    /// Whether it is still what the index has.
    pub(super) fn holds(&self, stamp: &str, now: Micros) -> bool {
        self.stamp == stamp && self.until.is_none_or(|until| now < until)
    }
}
