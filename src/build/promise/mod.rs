//! Promised wheels: what a target's page lists before it exists, and gets built when it is asked for.
//!
//! A page for a target lists, for each release that has a source and no wheel which the target can
//! use, a wheel of its own name and URL. Who asks for its metadata or for the file waits a moment
//! for the build. What was served once under that name stays as it was.

mod copy;
mod find;
pub mod fit;
pub mod keep;
mod kit;
mod metadata;
mod offers;
mod original;
mod page;
mod said;
mod shared;

pub use find::find;
pub use metadata::metadata;
pub use offers::{Keeper, Offered, Offers};
pub use page::ForTarget;
pub use said::Sources;
pub use shared::{Keeping, key};

use super::queue::{Build, BuildId};
use super::target::Target;
use crate::db::Micros;
use crate::names::IndexName;
use crate::names::ProjectName;
use crate::packaging::filename::WheelFilename;
use crate::packaging::page::{File, FilePlace};
use crate::packaging::version::Version;
use std::time::Duration;

/// The build tag of every promised wheel.
pub const BUILD_TAG: &str = "1ww";

/// After so long a failure that may pass is tried again, in microseconds.
pub const MAY_HAVE_PASSED: Micros = 300_000_000;

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
    /// Where it is, relative to the server's root.
    pub fn href(&self) -> String {
        let place = FilePlace::Promised(self.index.clone(), self.target.name.clone());
        place.href(&self.filename, None, "").to_string()
    }
}

/// What somebody who asked for a promise gets after a while.
#[derive(Debug)]
pub enum Held<T> {
    Ready(T),
    /// Not yet: to be asked again after this time.
    Later {
        build: Option<BuildId>,
        retry_after: Duration,
    },
    /// The build failed.
    Failed(Box<Build>),
    /// It was built and is not what had been promised: why, in one line.
    Broken(String),
}

/// A promised wheel that exists: what is served under its name from now on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frozen {
    /// Blob of the wheel.
    pub sha256: String,
    /// Bytes.
    pub size: u64,
    /// Blob of its METADATA.
    pub metadata_sha256: String,
}

/// The tag of wheels that are promised to a target: its best one that tells of the libc.
pub fn tag(target: &Target) -> &str {
    let telling =
        |tag: &&String| tag.splitn(3, '-').nth(2).is_some_and(|platform| !platform.starts_with("linux_"));
    target.tags.iter().find(telling).or(target.tags.first()).map_or("py3-none-any", String::as_str)
}

/// The name under which a release is promised to a target.
pub fn filename(project: &ProjectName, version: &Version, target: &Target) -> String {
    format!("{}-{version}-{BUILD_TAG}-{}.whl", project.escaped(), tag(target))
}

/// Whether a file's name is one that promises have.
pub fn is_name(wheel: &WheelFilename) -> bool {
    wheel.build.as_deref() == Some(BUILD_TAG)
}
