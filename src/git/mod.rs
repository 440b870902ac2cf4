//! Source trees from git repositories and folders, packed as one `.tar.gz` whose bytes depend on nothing
//! but the content.
//!
//! A clone is made by the `git` program with everything off that could run code or ask a question,
//! and keeps its history only where no tag names the commit: `setuptools_scm` and its kin read the
//! version from the nearest tag.

mod address;
mod clone;
mod command;
mod folder;
mod gate;
mod pack;

pub use address::Address;
pub use command::RepositoryAsker;

use crate::error::Result;
use std::path::Path;
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
    /// Microseconds since 1970: the commit's date.
    pub committed_at: Option<i64>,
    /// The project's folder below the top one; empty for the top folder itself.
    pub subdirectory: String,
    /// What was left out, for people.
    pub warnings: Vec<String>,
}

/// Clones what `address` names and packs it into the file `archive`, which is written over. Scratch
/// space is taken beside it.
///
/// # Errors
/// `Bad` with what to do where the address is wrong: no such repository, no such tag, a password is
/// asked for, too large. `Unavailable` and `Timeout` where the host does not answer: later it may.
pub async fn fetch(
    address: &Address,
    asker: RepositoryAsker,
    limits: GitLimits,
    archive: &Path,
) -> Result<Tree> {
    clone::fetch(address, asker, limits, archive).await
}

/// Packs a folder of this machine into the file `archive`, which is written over. In a git work tree:
/// the files that git tracks or would offer to track, and a clean copy of the history; elsewhere all
/// but virtual environments, byte code and what builds leave behind.
///
/// # Errors
/// `Bad` if there is no such folder, or nothing to build in it.
pub async fn pack_folder(folder: &Path, archive: &Path) -> Result<Tree> {
    folder::pack(folder, archive).await
}
