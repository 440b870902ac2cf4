//! A packed source tree, and what one may cost.

use crate::tools::time::Micros;
use crate::words::{BuildSource, SourceKind};
use std::time::Duration;

/// What a fetched tree may cost.
#[derive(Clone, Copy, Debug)]
pub struct GitLimits {
    /// Of wall time, for the whole clone.
    pub time: Duration,
    /// Bytes of the history, and again of the checked out files.
    pub bytes: u64,
    /// A host that sends less than so many bytes a second holds nobody's place...
    pub slowest: u64,
    /// ... for longer than this.
    pub patience: Duration,
}

impl Default for GitLimits {
    fn default() -> Self {
        Self {
            time: Duration::from_secs(600),
            bytes: 2 << 30,
            slowest: 4 << 10,
            patience: Duration::from_secs(60),
        }
    }
}

/// A packed source tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tree {
    /// `repo.tar.gz`: a name for the archive, from the repository or the folder.
    pub filename: String,
    /// Where it came from, for people: the URL with what was asked for, without credentials; or a path.
    pub origin: String,
    /// The commit's sha, in hex.
    pub commit: Option<String>,
    /// The commit's date.
    pub committed_at: Option<Micros>,
    /// The project's folder below the top one; empty for the top folder itself.
    pub subdirectory: String,
    /// What was left out, for people.
    pub warnings: Vec<String>,
}

impl Tree {
    /// The tree as the source of a build.
    pub fn into_source(self) -> BuildSource {
        BuildSource {
            kind: SourceKind::Tree,
            filename: self.filename,
            origin: self.origin,
            subdirectory: self.subdirectory,
            published_at: self.committed_at,
            commit: self.commit,
        }
    }
}
