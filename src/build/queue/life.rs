//! The life of a build on the server: one row, and whoever moves it on.
//!
//! | state | becomes | by |
//! |---|---|---|
//! | none | `fetching`, or `queued` if its source is here | `ask`; whoever asks for the same joins it |
//! | `fetching` | `queued`, or `failed` | `fetch`, a task of this process |
//! | `queued` | `running` | `claim`: a worker takes it under a lease, which `beat` prolongs |
//! | `running` | `queued` again | `give_back` by a worker that stops; `look_after` if it is lost |
//! | `running` | `built`, `failed` or `blocked` | `end`, below: its worker says how it went |
//! | `blocked` | `queued`, or as its twin ended | `settle`, below: all that it needs has ended |
//! | whatever has not ended | `failed` | `cancel` |
//! | `built` or `failed` | `queued` | `rebuild`: a person asks for it again |
//!
//! A wheel is published when it is built; those of a set (`sets`) once all of the set has ended.
//! A build whose worker is lost runs again; one that failed does not until a person asks for it.

use super::Queue;
use super::lease::{MOST_LOSSES, lost};
use crate::build::failure::Cause;
use crate::build::failure::{Exit, classify};
use crate::build::job::JobOutcome;
use crate::build::publish;
use crate::build::visible::turns;
use crate::db::Tx;
use crate::db::builds::{Build, BuildId, Ending};
use crate::db::events::NewEvent;
use crate::error::Result;
use crate::index::built::BUILDER;
use crate::packaging::filename::WheelFilename;
use crate::tools::time::now;
use crate::words::{Class, EventKind, Evidence, Failure, Purpose, Step};

/// Bytes of a log that are read for the cause of a failure.
const LOG_READ: u64 = 4 << 20;
/// Most doubts that are kept of a wheel, and bytes of each.
const MOST_DOUBTS: usize = 20;
const LONGEST_DOUBT: usize = 1000;

impl Queue {
    /// A worker says how its build ended.
    ///
    /// # Errors
    /// `Conflict` if the lease is lost.
    pub async fn end(&self, owner: &str, id: BuildId, fence: i64, outcome: JobOutcome) -> Result<()> {
        let row = self.held(owner, id, fence).await?;
        match outcome {
            JobOutcome::Built { wheel, evidence } => Box::pin(self.built(row, &wheel, *evidence)).await,
            JobOutcome::Failed(why) => {
                let why = self.explained(&row, why).await?;
                Box::pin(self.run_failed(id, fence, &why)).await.map(drop)
            }
            JobOutcome::Metadata { text } => self.told(row, text).await,
            JobOutcome::Tested(report) => self.tested(row, report).await,
            JobOutcome::Needs { requirements } => Box::pin(self.needs(row, requirements)).await,
        }
    }

    /// A failure with its class, for a worker that leaves it to the server to read the log of a build.
    async fn explained(&self, row: &Build, told: Failure) -> Result<Failure> {
        let is_unread = told.class == Class::Other && told.line.is_none();
        if !is_unread || !matches!(told.step, Step::Environment | Step::Build) {
            return Ok(told);
        }
        let (log, step) = (self.log_tail(row, LOG_READ).await?, told.step);
        let read = move || classify(&String::from_utf8_lossy(&log), step, Exit::Code(1));
        let found = tokio::task::spawn_blocking(read).await?;
        Ok(match found.class {
            Class::Other => Failure { line: found.line, ..told },
            _ => found,
        })
    }

    /// A run failed. One whose worker failed, not the build, runs again, unless that happened too often;
    /// `true`: it does.
    pub(super) async fn run_failed(&self, id: BuildId, fence: i64, why: &Failure) -> Result<bool> {
        if why.class == Class::Worker && self.0.db.lose_build(id, fence, MOST_LOSSES).await? {
            tracing::warn!(build = id, why = why.hint, "the worker failed: the build runs again");
            self.call_workers();
            return Ok(true);
        }
        match self.fail(id, Some(fence), why).await? {
            true => Ok(false),
            false => Err(lost(id)),
        }
    }

    async fn built(&self, mut row: Build, wheel: &str, evidence: Evidence) -> Result<()> {
        let Some(handed) = row.wheel.clone().filter(|handed| handed.filename == wheel) else {
            let other = row.wheel.as_ref().map_or("no wheel", |handed| &handed.filename);
            let hint = format!("the worker reported {wheel}, but sent {other}");
            // What it says contradicts what it did: that is no fault of the source.
            let why = Failure::new(Class::Worker, Step::Report, hint);
            return self.run_failed(row.id, row.fence, &why).await.map(drop);
        };
        let name = WheelFilename::parse(&handed.filename)?;
        row.project = Some(name.name);
        row.version = row.version.or_else(|| Some(name.version.to_string()));
        let log = self.whole_log(row.id).await?;
        let evidence = vouched(&row, handed.sha256, evidence, &log);
        if !self.0.db.build_succeeded(&row, &evidence, &log, now()).await? {
            return Err(lost(row.id));
        }
        self.0.db.drop_log_pieces(row.id).await?;
        // At once: whoever sees that it is built looks for the wheel.
        self.publish(row.id).await;
        self.remember(&row, Some(&evidence)).await;
        self.tell();
        self.settle().await
    }

    /// Brings a wheel to where it belongs. What fails now is caught up with later.
    pub(super) async fn publish(&self, id: BuildId) {
        if let Err(error) = publish::on_built(&self.0.db, &self.0.indexes, id).await {
            tracing::warn!(
                build = id,
                error = format!("{error:#}"),
                "cannot publish a built wheel; retrying"
            );
        }
    }

    /// The build failed; so do those that need it. `false`: the lease is lost.
    pub(super) async fn fail(&self, id: BuildId, fence: Option<i64>, why: &Failure) -> Result<bool> {
        let failed = self.fail_alone(id, fence, why).await?;
        if failed {
            // Not within itself for ever: what fails because of this is failed by the same loop.
            Box::pin(self.settle()).await?;
        }
        Ok(failed)
    }

    /// Without a fence: while nobody works on it.
    async fn fail_alone(&self, id: BuildId, fence: Option<i64>, why: &Failure) -> Result<bool> {
        let ending = Ending {
            class: why.class,
            hint: cut(&why.hint, 4000),
            line: why.line.as_deref().map(|line| cut(line, 1000)),
            step: why.step,
            log_sha256: self.join_log(id).await?,
            at: now(),
        };
        if !self.0.db.build_failed(id, fence, &ending).await? {
            return Ok(false);
        }
        self.0.db.drop_log_pieces(id).await?;
        self.unpromise(id).await?;
        if why.cause() == Cause::Key
            && let Some(row) = self.0.db.build(id).await?
        {
            self.remember(&row, None).await;
        }
        self.tell();
        Ok(true)
    }

    /// The pages that promised what failed are written anew, by other processes too.
    async fn unpromise(&self, id: BuildId) -> Result<()> {
        let Some(row) = self.0.db.build(id).await?.filter(|row| !row.given) else { return Ok(()) };
        let what = match (row.purpose, row.failure.as_ref().map(|failure| failure.class)) {
            (Purpose::Wheel, _) => EventKind::BuildFailed,
            // No page promises anything of tests.
            (Purpose::Test, _) => return Ok(()),
            // A build may tell what the hook could not: the promise stands.
            (Purpose::Metadata, Some(Class::MetadataHook | Class::WrongWheel)) => return Ok(()),
            (Purpose::Metadata, _) => EventKind::MetadataFailed,
        };
        let detail = format!("{id} for {}", row.target);
        let told = NewEvent::of_build(BUILDER, what, row.project.as_ref(), &detail).within(&row.context);
        Tx::begin(&self.0.db).await?.commit(told).await?;
        self.changed(&row);
        Ok(())
    }

    /// What pages promise of the build's project may be something else now.
    pub(super) fn changed(&self, row: &Build) {
        if let Some(project) = &row.project {
            row.context.indexes().iter().for_each(|index| self.0.indexes.changed(index, project));
        }
    }

    /// Blocked builds whose needs have ended run on; one that is the same as another ends as that did.
    pub(super) async fn settle(&self) -> Result<()> {
        loop {
            let mut progress = false;
            for twin in self.0.db.ended_twins().await? {
                let copied = self.0.db.copy_outcome(twin).await?;
                for id in &copied {
                    self.publish(*id).await;
                }
                self.tell();
                progress |= !copied.is_empty();
            }
            if !progress {
                break;
            }
        }
        if !self.0.db.free_builds().await?.is_empty() {
            self.call_workers();
        }
        self.settle_sets().await
    }
}

/// The worker's evidence, with what the server knows better.
fn vouched(row: &Build, wheel_sha256: String, evidence: Evidence, log: &str) -> Evidence {
    Evidence {
        source: row.source.filename.clone(),
        source_sha256: row.source_sha256.clone().unwrap_or_default(),
        commit: row.source.commit.clone(),
        target: row.target.clone(),
        recipe_sha256: row.recipe_sha256.clone(),
        context: row.context.to_string(),
        log_sha256: log.to_owned(),
        wheel_sha256,
        doubts: evidence.doubts.iter().take(MOST_DOUBTS).map(|why| cut(why, LONGEST_DOUBT)).collect(),
        ..evidence
    }
}

/// At most so many bytes, without control characters that a terminal would act on, and without those
/// that let text read otherwise than it is.
fn cut(text: &str, most: usize) -> String {
    let mut cut: String = text.chars().filter(|c| (!c.is_control() || *c == '\n') && !turns(*c)).collect();
    if cut.len() > most {
        let end = (0..=most).rev().find(|at| cut.is_char_boundary(*at)).unwrap_or(0);
        cut.truncate(end);
    }
    cut
}
