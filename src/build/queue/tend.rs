//! Tending the queue: sources are fetched, lost workers' builds run again, freed ones run on.

use super::lease::MOST_LOSSES;
use super::{Builds, Inner, KNOWN};
use crate::access::turns::{Bounds, Turns};
use crate::build::failure::{Class, Failure};
use crate::build::job::Step;
use crate::db::builds::Unfetched;
use crate::db::{Micros, now};
use crate::error::Result;
use crate::tools::panics;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;
use tokio::sync::Mutex;

/// How often the queue is looked at; what this process does itself is acted on at once.
const EVERY: Duration = Duration::from_secs(5);

/// Whose turn it is to begin fetches.
pub(super) struct Fetching {
    /// At files of indexes, and at clones, which take longer.
    files: Turns,
    clones: Turns,
    turn: Mutex<()>,
    /// Something came while another had the turn.
    again: AtomicBool,
}

impl Fetching {
    pub(super) fn new(at_once: u64) -> Self {
        let at_once = usize::try_from(at_once).unwrap_or(usize::MAX);
        let bounds = Bounds { at_once, each: at_once.div_ceil(2), waiting: 0, patience: Duration::ZERO };
        Self {
            files: Turns::new("fetching sources", bounds),
            clones: Turns::new("cloning repositories", bounds),
            turn: Mutex::default(),
            again: AtomicBool::new(false),
        }
    }
}

impl Builds {
    /// Tends the queue until `self` and all its clones are gone.
    pub fn tend(&self) {
        tokio::spawn(keep_tending(Arc::downgrade(&self.0)));
    }

    /// There may be sources to fetch: they are, beside whoever says so.
    pub(super) fn prompt(&self) {
        self.call_workers();
        self.0.fetching.again.store(true, Ordering::SeqCst);
        let builds = self.clone();
        tokio::spawn(async move { builds.fetch_sources().await });
    }

    /// One at a time begins fetches; whoever comes meanwhile leaves a note for them.
    async fn fetch_sources(&self) {
        let fetching = &self.0.fetching;
        while fetching.again.load(Ordering::SeqCst) {
            let Ok(_turn) = fetching.turn.try_lock() else { return };
            while fetching.again.swap(false, Ordering::SeqCst) {
                if let Err(error) = panics::caught(self.begin_fetches()).await {
                    tracing::warn!(error = format!("{error:#}"), "sources cannot be fetched; trying on");
                }
            }
        }
    }

    async fn begin_fetches(&self) -> Result<()> {
        let fetching = &self.0.fetching;
        for Unfetched { id, asker, repository } in self.0.db.unfetched_builds(now()).await? {
            let turns = if repository { &fetching.clones } else { &fetching.files };
            // Who has as many as one may have waits for one of them to end.
            let Some(turn) = turns.try_take(&asker) else { continue };
            let Some(row) = self.claim_fetch(id).await? else { continue };
            let builds = self.clone();
            tokio::spawn(async move {
                if let Err(error) = panics::caught(builds.fetch(row)).await {
                    tracing::warn!(build = id, error = format!("{error:#}"), "a source was not fetched");
                }
                drop(turn);
                builds.prompt();
            });
        }
        Ok(())
    }

    /// What must be done from time to time, as of `now`: a test hands in a later one.
    pub async fn look_after(&self, now: Micros) -> Result<()> {
        let reclaimed = self.0.db.reclaim_builds(now, MOST_LOSSES).await?;
        for id in &reclaimed.queued {
            tracing::warn!(build = id, "its worker is lost: it runs again");
        }
        for (id, fence) in &reclaimed.spent {
            let hint = format!(
                "{} workers were lost while they ran this build: it may exhaust the machine; see the workers' logs",
                MOST_LOSSES + 1
            );
            self.fail(*id, Some(*fence), &Failure::new(Class::Worker, Step::Build, hint)).await?;
        }
        if !reclaimed.queued.is_empty() {
            self.call_workers();
        }
        self.settle().await?;
        self.prompt();
        self.0.db.forget_workers(now - KNOWN).await
    }
}

async fn keep_tending(inner: Weak<Inner>) {
    let mut failing = false;
    loop {
        let Some(builds) = inner.upgrade().map(Builds) else { return };
        let result = panics::caught(builds.look_after(now())).await;
        if let Err(error) = &result
            && !failing
        {
            tracing::warn!(error = format!("{error:#}"), "the queue of builds cannot be tended; trying on");
        }
        failing = result.is_err();
        drop(builds);
        tokio::time::sleep(EVERY).await;
    }
}
