//! Takes what a dead run left in its output folder, without trusting anything about it.

use crate::build::failure::{Class, Failure};
use crate::build::job::Step;
use std::path::{Path, PathBuf};

/// A file that was taken: a new inode that no process of the build ever had open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Collected {
    pub name: String,
    /// The copy.
    pub path: PathBuf,
    pub size: u64,
    /// Hexadecimal, computed while copying.
    pub sha256: String,
}

/// What an output folder may hold at most.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    pub files: usize,
    /// All files together.
    pub bytes: u64,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { files: 64, bytes: 4 << 30 }
    }
}

/// Copies every file of `folder` into `into`, which must exist and be the worker's own; sorted by
/// name. To be called only after the run has ended.
///
/// # Errors
/// `Class::WrongWheel` for anything but a few ordinary files with ordinary names; `Class::Worker` if
/// the worker's own disk fails.
pub async fn collect(folder: &Path, into: &Path, bounds: Bounds) -> Result<Vec<Collected>, Failure> {
    let _ = (folder, into, bounds);
    Err(refused(Class::Worker, "output cannot be collected yet"))
}

fn refused(class: Class, hint: &str) -> Failure {
    Failure { class, hint: hint.to_owned(), line: None, step: Step::Collect }
}
