//! Promised wheels: what a target's page lists before it exists, and gets built when it is asked for.
//!
//! A page for a target lists, for each release that has a source and no wheel which the target can
//! use, a wheel of its own name and URL. Who asks for its metadata or for the file waits a moment
//! for the build. What was served once under that name stays as it was.

mod copy;
mod find;
mod keep;
mod kit;
mod metadata;
mod original;
mod page;
mod sdists;
mod shared;
mod why_not;

pub use page::ForTarget;
pub use shared::PromiseOutcome;

use super::queue::Queue;
use super::target::Target;
use super::targets::Targets;
use crate::db::Db;
use crate::db::promises::StoredPromise;
use crate::error::Result;
use crate::index::Indexes;
use crate::names::{IndexName, ProjectName};
use crate::packaging::page::{File, FilePlace};
use crate::packaging::version::Version;
use sdists::Sdists;
use shared::SharedWork;
use std::sync::Arc;
use std::time::Duration;

/// The build tag of every promised wheel.
pub const BUILD_TAG: &str = "1ww";

/// The promises of an installation. Cheap to clone.
#[derive(Clone)]
pub struct Promises(Arc<Inner>);

struct Inner {
    queue: Queue,
    indexes: Arc<Indexes>,
    sdists: Sdists,
    /// What is being made, and who waits for it.
    files: SharedWork<Pinned>,
    /// Blobs of METADATA.
    metadata: SharedWork<String>,
    /// The version of a project that an installer asked for first, of late: that which it most likely takes.
    first: moka::sync::Cache<String, Version>,
}

/// For so long an installer that asks for another version of a project counts as the same one, which walks
/// through versions.
const ONE_WALK: Duration = Duration::from_secs(60);
/// Projects whose first version is known.
const WALKS: u64 = 10_000;

impl Promises {
    pub fn new(queue: Queue, indexes: Arc<Indexes>) -> Self {
        let (files, metadata) = (SharedWork::default(), SharedWork::default());
        let first = moka::sync::Cache::builder().max_capacity(WALKS).time_to_live(ONE_WALK).build();
        Self(Arc::new(Inner { queue, indexes, sdists: Sdists::default(), files, metadata, first }))
    }

    fn queue(&self) -> &Queue {
        &self.0.queue
    }

    fn db(&self) -> &Db {
        self.queue().db()
    }

    fn targets(&self) -> &Targets {
        self.queue().targets()
    }

    fn indexes(&self) -> &Indexes {
        &self.0.indexes
    }

    /// Waits at most for `longest` for the file of a promise that is being made; `None` if it is not.
    pub async fn join_file(&self, key: &str, longest: Duration) -> Option<Result<PromiseOutcome<Pinned>>> {
        self.0.files.join(self.queue(), key, longest).await
    }

    /// The same for its metadata.
    pub async fn join_metadata(
        &self,
        key: &str,
        longest: Duration,
    ) -> Option<Result<PromiseOutcome<String>>> {
        self.0.metadata.join(self.queue(), key, longest).await
    }
}

/// A wheel that a target's page lists, whether it exists or not.
#[derive(Clone, Debug)]
pub struct Promise {
    /// Owns the source, and lists the promise.
    pub index: IndexName,
    pub target: Target,
    pub project: ProjectName,
    pub version: Version,
    pub filename: String,
    /// The sdist as its index's page lists it.
    pub source: File,
}

impl Promise {
    fn key(&self) -> String {
        key(&self.index, &self.target.name, &self.filename)
    }

    /// Where it is, relative to the server's root.
    pub fn href(&self) -> String {
        let place = FilePlace::Promised(self.index.clone(), self.target.name.clone());
        place.href(&self.filename, None, "").to_string()
    }

    /// Its row before anybody asks for it.
    fn row(&self) -> StoredPromise {
        StoredPromise {
            version: self.version.to_string(),
            source_filename: self.source.filename.to_string(),
            source_sha256: self.source.hashes.sha256.clone(),
            ..StoredPromise::new(self.index.clone(), self.project.clone(), &self.target.name, &self.filename)
        }
    }
}

/// A promised wheel that exists: what is served under its name from now on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pinned {
    /// Blob of the wheel.
    pub sha256: String,
    /// Bytes.
    pub size: u64,
    /// Blob of its METADATA.
    pub metadata_sha256: String,
}

impl Pinned {
    /// What a row says is served.
    pub fn of(row: &StoredPromise) -> Option<Self> {
        Some(Self {
            sha256: row.sha256.clone()?,
            size: row.size?,
            metadata_sha256: row.metadata_sha256.clone()?,
        })
    }
}

/// One key for one promise.
pub fn key(index: &IndexName, target: &str, filename: &str) -> String {
    format!("{index} {target} {filename}")
}

/// The name under which a release is promised to a target.
pub fn filename(project: &ProjectName, version: &Version, target: &Target) -> String {
    format!("{}-{version}-{BUILD_TAG}-{}.whl", project.escaped(), target.telling_tag())
}
