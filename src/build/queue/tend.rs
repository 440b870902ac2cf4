//! Tending the queue: sources are fetched, lost workers' builds run again, freed ones run on.

use super::lease::MOST_LOSSES;
use super::outcome::failure;
use super::{Builds, Inner, KNOWN};
use crate::build::failure::Class;
use crate::build::job::Step;
use crate::db::{Micros, now};
use crate::error::Result;
use std::sync::{Arc, Weak};
use std::time::Duration;

/// How often the queue is looked at; what this process does itself is acted on at once.
const EVERY: Duration = Duration::from_secs(5);

/// Sources fetched at once.
const FETCHES: usize = 4;

impl Builds {
    /// Tends the queue until `self` and all its clones are gone.
    pub fn tend(&self) {
        tokio::spawn(keep_tending(Arc::downgrade(&self.0)));
    }

    /// There are sources to fetch.
    pub(super) fn prompt(&self) {
        self.tell();
        let builds = self.clone();
        tokio::spawn(async move {
            if let Err(error) = builds.fetch_sources().await {
                tracing::warn!(error = format!("{error:#}"), "sources cannot be fetched; trying on");
            }
            builds.call_workers();
        });
    }

    async fn fetch_sources(&self) -> Result<()> {
        use futures::StreamExt;
        let waiting = self.0.db.unfetched_builds(now()).await?;
        let fetched = futures::stream::iter(waiting).map(|id| async move { self.fetch(id).await });
        let results: Vec<Result<()>> = fetched.buffer_unordered(FETCHES).collect().await;
        results.into_iter().collect()
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
            self.fail(*id, Some(*fence), &failure(Class::Worker, hint, Step::Build)).await?;
        }
        if !reclaimed.queued.is_empty() {
            self.call_workers();
        }
        self.settle().await?;
        self.fetch_sources().await?;
        self.0.db.forget_workers(now - KNOWN).await
    }
}

async fn keep_tending(inner: Weak<Inner>) {
    let mut failing = false;
    loop {
        let Some(builds) = inner.upgrade().map(Builds) else { return };
        let result = builds.look_after(now()).await;
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
