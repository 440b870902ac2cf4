//! Makes a wheel that came out of a build portable: right tags, no trace of this machine, the libraries it needs.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::bench::Bench;
use crate::build::evidence::Grafted;
use crate::build::failure::{Class, Failure};
use crate::build::job::{Job, Step};
use crate::build::target::Target;

/// A wheel that may be handed in, if the checks agree.
#[derive(Clone, Debug, Default)]
pub struct Repaired {
    pub path: PathBuf,
    pub filename: String,
    /// Shared libraries that were copied into it.
    pub grafted: Vec<Grafted>,
    /// What took part beyond this program: auditwheel, patchelf; name and version.
    pub tools: BTreeMap<String, String>,
}

/// Rewrites `wheel` (a collected file, nobody else's any more) into `folder` under its final name.
///
/// # Errors
/// `BadWheel` where it is no wheel at all, `Repair` with the names of libraries that cannot come along.
pub async fn repair<B: Bench>(
    wheel: &Path,
    folder: &Path,
    job: &Job,
    target: &Target,
    bench: &B,
) -> Result<Repaired, Failure> {
    let _ = (wheel, folder, job, target, bench);
    Err(failure(Class::Worker, "repair is not written yet"))
}

fn failure(class: Class, hint: impl Into<String>) -> Failure {
    Failure { class, hint: hint.into(), line: None, step: Step::Repair }
}
