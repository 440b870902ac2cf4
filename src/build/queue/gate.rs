//! The gate of handed-in wheels: the same as for a stranger's upload, and the wheel must be its job's.

use super::Queue;
use super::lease::lost;
use crate::bad;
use crate::build::job::JobLimits;
use crate::build::target::Target;
use crate::db::builds::{Build, BuildId};
use crate::error::{Error, Result};
use crate::packaging::filename::WheelFilename;
use crate::packaging::wheel::{self, WheelContents};
use crate::packaging::{tags, version};
use crate::store::Spool;
use crate::words::{BuildState, Class, Failure, Purpose, Step};
use std::collections::BTreeSet;

/// Why what a worker hands in is not taken.
pub(super) enum NotTaken {
    /// The build failed.
    Failed(Failure),
    /// We did: that says nothing about the build.
    Ours(Error),
}

impl From<Failure> for NotTaken {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

impl From<Error> for NotTaken {
    fn from(error: Error) -> Self {
        Self::Ours(error)
    }
}

impl Queue {
    /// Bytes that a source or a wheel may have.
    pub fn largest(&self) -> u64 {
        self.0.largest
    }

    /// What one build may use.
    pub fn limits(&self) -> JobLimits {
        self.0.limits
    }

    /// Whether a worker of `owner` holds this lease; asked before a body is read.
    ///
    /// # Errors
    /// `Conflict` if not.
    pub async fn check_lease(&self, owner: &str, id: BuildId, fence: i64) -> Result<()> {
        self.held(owner, id, fence).await.map(drop)
    }

    /// Takes a job's wheel. What is not fit fails the build, whatever the worker says later.
    ///
    /// # Errors
    /// `Bad` with the reason if it is not fit, `Conflict` if the lease is lost.
    pub async fn hand_in(
        &self,
        owner: &str,
        id: BuildId,
        fence: i64,
        filename: &str,
        spool: Spool,
    ) -> Result<()> {
        let row = self.held(owner, id, fence).await?;
        match self.examine(&row, filename, spool).await {
            Ok(()) => Ok(()),
            Err(NotTaken::Ours(error)) => Err(error),
            Err(NotTaken::Failed(why)) => {
                let then = match self.run_failed(id, fence, &why).await? {
                    true => "runs again",
                    false => "has failed",
                };
                Err(bad!("{} (build {id} {then})", why.hint))
            }
        }
    }

    async fn examine(&self, row: &Build, filename: &str, mut spool: Spool) -> Result<(), NotTaken> {
        let broken = |error: &dyn std::fmt::Display| unfit(Class::BadWheel, format!("{filename}: {error}"));
        let name = WheelFilename::parse(filename);
        let name = name.map_err(|error| unfit(Class::BadWheel, error.to_string()))?;
        if row.purpose != Purpose::Wheel {
            let why = format!("the worker sent {filename}, but the server asked for metadata only");
            return Err(unfit(Class::Worker, why).into());
        }
        let target = self.0.targets.named(&row.target).await?;
        let target = target.ok_or_else(|| bad!("target {} no longer exists", row.target))?;
        is_of(row, &target, &name, filename).map_err(|why| unfit(Class::WrongWheel, why))?;
        let digests = spool.finish().await?;
        let contents = read(&spool, name).await.map_err(|error| match error {
            Error::Bad(why) => broken(&why).into(),
            error => NotTaken::Ours(error),
        })?;
        contents.metadata.validate_upload().map_err(|error| broken(&error))?;
        self.0.store.keep(spool).await?;
        let metadata = self.0.store.put(contents.metadata_bytes.into()).await?;
        let wheel = (digests.sha256.as_str(), digests.size);
        if self.0.db.keep_build_wheel(row.id, row.fence, filename, wheel, &metadata).await? {
            return Ok(());
        }
        let known = self.held_wheel(row).await?;
        Err(unfit(Class::Worker, format!("the worker sent two wheels: {known} and {filename}")).into())
    }

    async fn held_wheel(&self, row: &Build) -> Result<String> {
        let now = self.0.db.build(row.id).await?;
        let held = now.filter(|now| now.fence == row.fence && now.state == BuildState::Running);
        held.and_then(|now| now.wheel).map(|wheel| wheel.filename).ok_or_else(|| lost(row.id))
    }
}

async fn read(spool: &Spool, name: WheelFilename) -> Result<WheelContents> {
    let (path, small) = (spool.path().to_owned(), spool.bytes().cloned());
    tokio::task::spawn_blocking(move || match small {
        Some(bytes) => wheel::read(&bytes[..], &name),
        None => wheel::read(&std::fs::File::open(&path)?, &name),
    })
    .await?
}

fn unfit(class: Class, why: String) -> Failure {
    Failure::new(class, Step::Report, why)
}

/// Whether the wheel bears the name, the version and tags of its job.
fn is_of(row: &Build, target: &Target, name: &WheelFilename, filename: &str) -> Result<(), String> {
    if let Some(project) = row.project.as_ref().filter(|project| **project != name.name) {
        return Err(format!("{filename} is not a wheel of the requested project {project}"));
    }
    if let Some(wanted) = row.version.as_deref()
        && version::parse(wanted).as_ref() != Some(&name.version)
    {
        return Err(format!("{filename} does not have the requested version {wanted}"));
    }
    let mut known: [BTreeSet<&str>; 3] = Default::default();
    for tag in &target.tags {
        for (set, part) in known.iter_mut().zip(tag.splitn(3, '-')) {
            set.insert(part);
        }
    }
    let [pythons, abis, platforms] = known;
    let generic = |python: &str| {
        python
            .strip_prefix("py")
            .is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_digit()))
    };
    let foreign = |text: &str| {
        Err(format!("{filename} is for {text}, but target {} does not support that", target.name))
    };
    for (python, abi, platform) in name.tags() {
        if !generic(python) && !pythons.contains(python) {
            return foreign(python);
        }
        if !abis.contains(abi) {
            return foreign(abi);
        }
        if !platforms.contains(platform) {
            return foreign(platform);
        }
    }
    match tags::rank(&target.tags, name) {
        Some(_) => Ok(()),
        None => Err(format!("{filename} does not fit target {}", target.name)),
    }
}
