//! Workers: who they are, what they claim, how long they may be silent.

use super::{LOOK_AGAIN, Queue};
use crate::access::tokens;
use crate::build::job::{Job, WorkerDescription};
use crate::build::targets::Worker;
use crate::db::builds::{Build, BuildId, Claim};
use crate::db::workers::StoredWorker;
use crate::directory::{Directory, Index, inheritance};
use crate::error::{Error, Result};
use crate::index::curation;
use crate::names::{BuildContext, IndexName, ProjectName};
use crate::packaging::version;
use crate::tools::hex;
use crate::tools::time::{SECOND, now};
use crate::words::{BuildState, Class, Failure, Purpose, Step};
use crate::{bad, conflict, missing, unavailable};
use std::time::Duration;

/// Seconds between two heartbeats of a worker.
pub const BEAT: u64 = 10;

/// A worker that is silent for so long is lost.
pub const LEASE: i64 = 60 * SECOND;

/// Targets that one worker may offer: its interpreters, each with its cross targets.
const MOST_TARGETS: usize = 400;

/// Attempts at a change of a worker's row, while others change it.
const ATTEMPTS: usize = 8;

/// Workers that may be lost over one build.
pub(super) const MOST_LOSSES: i64 = 2;

impl Queue {
    /// A worker says what it is.
    ///
    /// # Errors
    /// `Bad` for a name that is none, `Conflict` if another worker has the name: another account's, or one
    /// that was heard of lately.
    pub async fn register(&self, owner: &str, name: &str, description: &WorkerDescription) -> Result<()> {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if name.is_empty() || name.len() > 100 || !name.chars().all(plain) {
            return Err(bad!("invalid worker name: use at most 100 letters, digits, '-', '_' and '.'"));
        }
        if description.targets.len() > MOST_TARGETS {
            return Err(bad!("the worker offers too many targets: the limit is {MOST_TARGETS}"));
        }
        if description.instance.len() > 100 {
            return Err(bad!("the worker's instance is too long: the limit is 100 letters"));
        }
        for _ in 0..ATTEMPTS {
            let known = self.0.db.worker(name).await?;
            if let Some(known) = &known {
                is_free(known, owner, description)?;
            }
            let row = StoredWorker {
                name: name.into(),
                owner: owner.into(),
                description: serde_json::to_string(description).map_err(Error::internal)?,
                off: description.off.clone(),
                seen_at: now(),
            };
            if self.0.db.put_worker(&row, known.as_ref()).await? {
                self.0.targets.worker_came();
                return Ok(());
            }
        }
        Err(unavailable!("worker {name} is changing: try again"))
    }

    /// A worker stops: its name is free at once. Its targets count for a while, since it may come back.
    ///
    /// # Errors
    /// `Missing` if another has the name by now.
    pub async fn leave(&self, owner: &str, name: &str, instance: &str) -> Result<()> {
        for _ in 0..ATTEMPTS {
            let known = self.0.db.worker(name).await?;
            let mut worker = self.own_worker(owner, name, instance).await?;
            worker.description.instance.clear();
            let description = serde_json::to_string(&worker.description).map_err(Error::internal)?;
            let Some(known) = known else { continue };
            let row = StoredWorker { description, ..known.clone() };
            if self.0.db.put_worker(&row, Some(&known)).await? {
                return Ok(());
            }
        }
        Err(unavailable!("worker {name} is changing: try again"))
    }

    /// The most urgent build that one instance of a worker can do, waiting for one up to `longest`; of one
    /// purpose if one is named: long builds must not hold up what takes a moment.
    ///
    /// # Errors
    /// `Missing` if the worker has not said what it is.
    pub async fn claim(
        &self,
        owner: &str,
        name: &str,
        instance: &str,
        only: Option<Purpose>,
        longest: Duration,
    ) -> Result<Option<Job>> {
        let worker = self.own_worker(owner, name, instance).await?;
        let until = tokio::time::Instant::now() + longest;
        if worker.description.off.is_some() {
            return Ok(None);
        }
        let targets: Vec<String> =
            worker.description.targets.iter().map(|target| target.name.clone()).collect();
        loop {
            let work = self.0.work.notified();
            tokio::pin!(work);
            work.as_mut().enable();
            if self.is_closing() {
                return Ok(None);
            }
            // Another may have got the name while this one waited.
            self.own_worker(owner, name, instance).await?;
            if let Some(job) = self.try_claim(name, &targets, only).await? {
                return Ok(Some(job));
            }
            let look = (tokio::time::Instant::now() + LOOK_AGAIN).min(until);
            let _ = tokio::time::timeout_at(look, work).await;
            if tokio::time::Instant::now() >= until {
                self.0.db.touch_worker(name, now()).await?;
                return Ok(None);
            }
        }
    }

    async fn own_worker(&self, owner: &str, name: &str, instance: &str) -> Result<Worker> {
        let row = self.0.db.worker(name).await?.filter(|row| row.owner == owner);
        let worker = row.and_then(Worker::read).filter(|worker| worker.description.instance == instance);
        worker.ok_or_else(|| missing!("worker {name} is not registered: register it first"))
    }

    async fn try_claim(
        &self,
        worker: &str,
        targets: &[String],
        only: Option<Purpose>,
    ) -> Result<Option<Job>> {
        let secret = tokens::secret();
        let at = now();
        let claim = Claim {
            worker,
            targets,
            only,
            secret_sha256: &tokens::fingerprint(&secret),
            now: at,
            lease_until: at + LEASE,
        };
        let row = loop {
            let Some(row) = self.0.db.claim_build(&claim).await? else { return Ok(None) };
            let Err(why) = Self::permit(&self.0.indexes.directory(), &row) else { break row };
            // Not the source's fault: asked for again, it runs.
            let hint = format!("{why}. Request the build again once that is over");
            let failure = Failure::new(Class::Cancelled, Step::Fetch, hint);
            Box::pin(self.fail(row.id, Some(row.fence), &failure)).await?;
        };
        self.0.db.touch_worker(worker, at).await?;
        self.tell();
        self.job(row, secret).await.map(Some)
    }

    /// Whether the release that a build is of is in quarantine where its source comes from. As long as the version is
    /// unknown, only the whole project can be: the wheel tells.
    ///
    /// # Errors
    /// `Forbidden` with the reason.
    pub fn permit(directory: &Directory, build: &Build) -> Result<()> {
        let Some(project) = &build.project else { return Ok(()) };
        let version = build.version.as_deref().and_then(version::parse);
        let held = |index: &IndexName| match build.version {
            Some(_) => directory.quarantines.of(index, project, version.as_ref()),
            None => directory.quarantines.whole(index, project),
        };
        let mut sources = build.context.indexes().iter().flat_map(|index| sources(directory, index, project));
        match sources.find_map(|index| held(&index).map(|one| one.refusal(project, version.as_ref()))) {
            Some(refusal) => Err(refusal),
            None => Ok(()),
        }
    }

    async fn job(&self, row: Build, secret: String) -> Result<Job> {
        let quarantines = quarantines(&self.0.indexes.directory(), &row.context);
        let (unmet, learned) = (self.unmet(row.id).await?, self.learned(&row).await?);
        let recipe = row.recipe.as_deref().map(serde_json::from_str).transpose();
        Ok(Job {
            build: row.id,
            fence: row.fence,
            purpose: row.purpose,
            project: row.project.map(String::from),
            version: row.version,
            source: row.source,
            source_sha256: row.source_sha256.unwrap_or_default(),
            target: row.target,
            context: row.context.to_string(),
            quarantines,
            credential: Some(secret),
            recipe: recipe.map_err(|error| Error::internal(anyhow::Error::new(error).context("a recipe")))?,
            platform_expected: row.platform_expected,
            limits: self.0.limits,
            addable: self.0.addable.clone(),
            unmet: unmet.into_iter().map(|(_, unmet)| unmet).collect(),
            learned,
        })
    }

    /// The row of a build that a worker of `owner` holds under this fence.
    ///
    /// # Errors
    /// `Conflict` if the lease is lost, or never was.
    pub(super) async fn held(&self, owner: &str, id: BuildId, fence: i64) -> Result<Build> {
        let row = self.0.db.build(id).await?;
        let row = row
            .filter(|row| row.fence == fence && row.state == BuildState::Running)
            .ok_or_else(|| lost(id))?;
        let worker = match &row.worker {
            Some(name) => self.0.db.worker(name).await?,
            None => None,
        };
        match worker {
            Some(worker) if worker.owner == owner => Ok(row),
            _ => Err(lost(id)),
        }
    }

    /// A heartbeat: the lease holds on, the step is shown.
    ///
    /// # Errors
    /// `Conflict` if the lease is lost.
    pub async fn beat(&self, owner: &str, id: BuildId, fence: i64, step: Step) -> Result<()> {
        let row = self.held(owner, id, fence).await?;
        if !self.0.db.beat_build(id, fence, step, now() + LEASE).await? {
            return Err(lost(id));
        }
        if let Some(worker) = &row.worker {
            self.0.db.touch_worker(worker, now()).await?;
        }
        if row.step != Some(step) {
            self.tell();
        }
        Ok(())
    }

    /// A worker that stops gives a build back; it runs elsewhere at once.
    ///
    /// # Errors
    /// `Conflict` if the lease is lost.
    pub async fn give_back(&self, owner: &str, id: BuildId, fence: i64) -> Result<()> {
        self.held(owner, id, fence).await?;
        if !self.0.db.give_back_build(id, fence).await? {
            return Err(lost(id));
        }
        self.call_workers();
        Ok(())
    }

    /// The blob of a claimed build's source.
    ///
    /// # Errors
    /// `Conflict` if no worker of `owner` holds it.
    pub async fn source(&self, owner: &str, id: BuildId) -> Result<String> {
        let fence = self.0.db.build(id).await?.map_or(0, |row| row.fence);
        let row = self.held(owner, id, fence).await?;
        row.source_sha256.ok_or_else(|| lost(id))
    }
}

/// An index, and with a curated one those through which its mirrors' sources come: their files are at its own URLs.
fn sources(directory: &Directory, index: &IndexName, project: &ProjectName) -> Vec<IndexName> {
    let mut all = vec![index.clone()];
    let is_curated = directory.indexes.get(index).is_some_and(Index::is_curated);
    if is_curated && directory.quarantines.names(project) {
        let order = inheritance::order(directory, index);
        for mirror in curation::supplied(directory, index) {
            all.extend(inheritance::through(directory, &order, &mirror).into_iter().cloned());
        }
    }
    all
}

/// Changes when a quarantine of what a context gives is placed or released.
fn quarantines(directory: &Directory, context: &BuildContext) -> String {
    let orders = context.indexes().iter().map(|index| inheritance::order(directory, index).sources);
    let stamp = directory.quarantines.stamp(&orders.flatten().collect::<Vec<_>>()).join(" ");
    if stamp.is_empty() { stamp } else { hex::sha256(stamp.as_bytes()) }
}

/// Whether a worker may have the name that `known` has: it is the same one, or that one is away.
fn is_free(known: &StoredWorker, owner: &str, new: &WorkerDescription) -> Result<()> {
    let name = &known.name;
    if known.owner != owner {
        return Err(conflict!(
            "the name {name} belongs to a worker of another account: choose another with --name"
        ));
    }
    let other = Worker::read(known.clone()).map(|known| known.description.instance);
    let other = other.filter(|instance| !instance.is_empty() && *instance != new.instance);
    let left = known.seen_at.saturating_add(LEASE).saturating_sub(now());
    match other {
        Some(_) if left > 0 => Err(conflict!(
            "another worker named {name} is running: choose another name with --name. If it has stopped, the \
             name is free in {} s",
            left / SECOND + 1
        )),
        Some(_) | None => Ok(()),
    }
}

pub(super) fn lost(id: BuildId) -> Error {
    conflict!("the lease of build {id} has expired: the build runs elsewhere or has ended")
}
