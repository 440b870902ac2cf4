//! What somebody wants built, and how urgently.

use crate::db::builds::Build;
use crate::names::{IndexName, ProjectName};
use crate::packaging::page::File;
use crate::packaging::requirement::Requirement;
use crate::packaging::version::Version;
use crate::words::{BuildSource, Purpose};

/// Who comes first; a number in the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Priority {
    /// Somebody waits.
    Waiting,
    Asked,
    /// Nobody asked yet.
    Ahead,
}

impl Priority {
    pub fn number(self) -> i64 {
        match self {
            Self::Waiting => 0,
            Self::Asked => 1,
            Self::Ahead => 2,
        }
    }

    /// That of a build.
    pub fn of(build: &Build) -> Self {
        match build.priority {
            0 => Self::Waiting,
            1 => Self::Asked,
            _ => Self::Ahead,
        }
    }
}

/// What somebody wants built.
#[derive(Clone, Debug)]
pub struct Ask {
    pub wanted: Wanted,
    pub purpose: Purpose,
    /// Names, whole or abbreviated; empty: all that are offered.
    pub targets: Vec<String>,
    /// On whose page a requirement is looked for; the context of what no index lists.
    pub index: IndexName,
    /// Gets the wheel when it is built.
    pub publish: Option<IndexName>,
    pub priority: Priority,
    /// What failed before runs again; what was built, whoever asks lets run again by [`Queue::rebuild`](super::Queue).
    pub rebuild: bool,
    /// The indexes that were asked together, in their order: the context of what no index lists. Empty:
    /// `index` alone.
    pub set: Vec<IndexName>,
}

impl Ask {
    /// For wheels, for all targets that are offered.
    pub fn wheels(wanted: Wanted, index: IndexName, priority: Priority) -> Self {
        Self {
            wanted,
            purpose: Purpose::Wheel,
            targets: Vec::new(),
            index,
            publish: None,
            priority,
            rebuild: false,
            set: Vec::new(),
        }
    }
}

#[derive(Clone, Debug)]
pub enum Wanted {
    /// The newest source that fits, from the index's page.
    Requirement(Requirement),
    /// This very file of the index's page.
    File { project: ProjectName, filename: String },
    /// This file of an index's page, whose bytes are here.
    Stored {
        project: ProjectName,
        version: Version,
        file: Box<File>,
        sha256: String,
        platform_expected: bool,
    },
    /// `git+https://…@v1#subdirectory=lib`
    /// `inside`: private hosts may be asked that an administrator named.
    Repository { url: String, project: Option<ProjectName>, inside: bool },
    /// A tag of a watched repository, at this commit.
    Tag { url: String, project: Option<ProjectName>, watch: i64, commit: String },
    /// Uploaded before.
    Upload(Upload),
}

/// A source that is a blob already.
#[derive(Clone, Debug, Default)]
pub struct Upload {
    pub sha256: String,
    pub source: BuildSource,
}
