//! What a repair is to make of a wheel, and what it comes to.

use crate::tools::time::SECOND;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use crate::build::job::Job;
use crate::build::target::Target;
use crate::error::Error;
use crate::packaging::manylinux;
use crate::packaging::tags::{Libc, Platform};
use crate::words::{Class, Failure, Grafted, Step};

/// 1 January 1980: where ZIP's calendar begins, for sources without a date.
const EPOCH: i64 = 315_532_800;

/// A wheel that may be handed in, if the checks agree.
#[derive(Clone, Debug, Default)]
pub struct Repaired {
    pub path: PathBuf,
    pub filename: String,
    /// Shared libraries that were copied into it.
    pub grafted: Vec<Grafted>,
    /// What took part beyond this program: auditwheel, patchelf; name and version.
    pub tools: BTreeMap<String, String>,
    /// What was done, for people.
    pub notes: Vec<String>,
    /// What makes it doubtful, see [`Evidence::doubts`](crate::words::Evidence).
    pub doubts: Vec<String>,
}

/// What holds for every rewriting of one job's wheel.
#[derive(Clone, Debug)]
pub(super) struct RepairOrder {
    pub target: Target,
    pub exclude: Vec<String>,
    /// When the source was published, the time of every member: seconds since 1970.
    pub timestamp: i64,
    /// The sha256 of the source's files that are machine code.
    pub machine_code: BTreeSet<String>,
}

impl RepairOrder {
    pub fn new(job: &Job, target: &Target, exclude: Vec<String>, machine_code: BTreeSet<String>) -> Self {
        let timestamp = job.source.published_at.map_or(EPOCH, |micros| micros / SECOND);
        Self { target: target.clone(), exclude, timestamp, machine_code }
    }

    /// The target's processor, as its platform tags write it.
    pub fn arch(&self) -> Option<&str> {
        self.target.tags.iter().find_map(|tag| manylinux::arch_of(tag.rsplit('-').next()?))
    }

    /// The N of the glibc 2.N that the target was compiled for, where that is not this machine's. A wheel is
    /// named by it even if it needs less: it was checked for that system and no older one.
    pub fn glibc(&self) -> Option<u32> {
        match self.target.linux().filter(|_| self.target.is_cross())? {
            Platform::Linux { libc: Libc::Glibc(_, minor), .. } => Some(minor),
            _ => None,
        }
    }

    /// Whether the target has a platform tag of that beginning.
    pub fn is_for(&self, beginning: &str) -> bool {
        let mut platforms = self.target.tags.iter().filter_map(|tag| tag.rsplit('-').next());
        platforms.any(|platform| platform.starts_with(beginning))
    }
}

/// What went wrong as a failure: the wheel's fault, or ours.
pub(super) fn ours(error: Error) -> Failure {
    match error {
        Error::Bad(why) => Failure::new(Class::BadWheel, Step::Repair, why),
        other => Failure::new(Class::Worker, Step::Repair, other.to_string()),
    }
}
