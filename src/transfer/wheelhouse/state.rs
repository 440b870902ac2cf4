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

    /// `None` for what cannot be read, and for paths that a run never writes: whoever can change the tree must not
    /// have anything else removed. It is as good as nothing.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let state: Self = serde_json::from_slice(bytes).ok()?;
        let mut paths = state.projects.values().flat_map(|project| &project.files);
        (state.format == FORMAT && paths.all(|path| is_ours(path))).then_some(state)
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

fn is_ours(path: &str) -> bool {
    path.starts_with("files/") && path.split('/').all(|part| !matches!(part, "" | "." | ".."))
}

impl ProjectState {
    /// Whether it is still what the index has.
    pub(super) fn holds(&self, stamp: &str, now: Micros) -> bool {
        self.stamp == stamp && self.until.is_none_or(|until| now < until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn with_file(path: &str) -> TreeState {
        let mut state = TreeState::new("alice/dev", "rules".into());
        let project = ProjectState { files: vec![path.to_owned()], ..ProjectState::default() };
        state.projects.insert("demo".parse().unwrap(), project);
        state
    }

    #[test]
    fn a_state_is_read_as_it_was_written() {
        let state = with_file("files/ab/cd/demo-1.0.tar.gz");
        assert_eq!(TreeState::read(&state.to_bytes()), Some(state));
        assert_eq!(TreeState::read(b"{"), None);
        assert_eq!(TreeState::read(&TreeState { format: 2, ..with_file("files/a") }.to_bytes()), None);
    }

    #[test]
    fn a_state_that_leads_out_of_the_tree_is_none() {
        for path in ["../x", "files/../../x", "/etc/x", "files//etc/x", "files/./x", "index.html", ""] {
            assert_eq!(TreeState::read(&with_file(path).to_bytes()), None, "{path}");
        }
    }

    proptest! {
        #[test]
        fn whatever_stands_there_is_read_or_not(bytes in prop::collection::vec(any::<u8>(), 0..300), text in "\\PC*") {
            let _ = (TreeState::read(&bytes), TreeState::read(text.as_bytes()));
        }
    }
}
