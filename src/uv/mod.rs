//! The `uv` program as a resolver: what it is told, and how it is started so that it reaches nothing
//! but one index and ends in time.
//!
//! It never runs anything of a package: wheels alone count, and of the interpreter that it resolves
//! for it sees a description ([`interpreter`]). So any target will do, also one that no machine here
//! has, or that uv would not run with (Python 2.7).

mod interpreter;
mod place;
mod run;

pub use place::{Known, on_path, pinned, version};

use crate::error::Result;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What is to be resolved, and for whom.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// Where uv is.
    pub program: &'a Path,
    /// One requirement a line.
    pub requirements: &'a str,
    /// Pins to keep where they still fit, one a line.
    pub preferences: &'a str,
    /// URL of the simple index to ask; no other is.
    pub index: &'a str,
    /// PEP 508's variables of the target.
    pub markers: &'a BTreeMap<String, String>,
    pub limits: UvLimits,
    /// Folder for scratch folders.
    pub folder: &'a Path,
}

/// What one run may use.
#[derive(Clone, Copy, Debug)]
pub struct UvLimits {
    pub time: Duration,
    /// Bytes of address space.
    pub memory: u64,
    /// Bytes of the largest file.
    pub file: u64,
    /// Bytes of either output; more is dropped.
    pub output: u64,
}

impl Default for UvLimits {
    fn default() -> Self {
        Self { time: Duration::from_secs(600), memory: 8 << 30, file: 1 << 30, output: 8 << 20 }
    }
}

/// What came out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Resolution {
    /// One pinned requirement a line, with what it is for as a comment.
    Pinned(String),
    /// Why there is no solution, in the resolver's words.
    Unsolved(String),
}

/// Resolves.
///
/// # Errors
/// `Timeout`; `Unavailable` if this uv cannot be worked with.
pub async fn compile(question: Question<'_>) -> Result<Resolution> {
    run::compile(question).await
}

/// A folder of one run; it goes with its owner.
struct Scratch(PathBuf);

impl Scratch {
    fn new(parent: &Path) -> Result<Self> {
        let path = std::path::absolute(parent)?.join(uuid::Uuid::now_v7().simple().to_string());
        let mut builder = std::fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(&path)?;
        Ok(Self(path))
    }

    fn at(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
