//! Tending the queue: lost workers' builds run again, freed ones run on.

use super::lease::MOST_LOSSES;
use super::{Inner, Queue};
use crate::build::targets::KNOWN;
use crate::error::Result;
use crate::tools::failing::Failing;
use crate::tools::panics;
use crate::tools::time::{Micros, now};
use crate::words::{Class, Failure, Step};
use std::sync::{Arc, Weak};
use std::time::Duration;

/// How often the queue is looked at; what this process does itself is acted on at once.
const EVERY: Duration = Duration::from_secs(5);

impl Queue {
    /// Tends the queue until `self` and all its clones are gone.
    pub fn tend(&self) {
        tokio::spawn(keep_tending(Arc::downgrade(&self.0)));
    }

    /// What must be done from time to time, as of `now`: a test hands in a later one.
    pub async fn look_after(&self, now: Micros) -> Result<()> {
        let reclaimed = self.0.db.reclaim_builds(now, MOST_LOSSES).await?;
        for id in &reclaimed.queued {
            tracing::warn!(build = id, "the server lost the worker: the build runs again");
        }
        for (id, fence) in &reclaimed.spent {
            let hint = format!(
                "{} workers stopped answering while they ran this build: it may exhaust the machine. See the \
                 workers' logs",
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
    let mut failing = Failing::default();
    loop {
        let Some(queue) = inner.upgrade().map(Queue) else { return };
        failing.note(&panics::caught(queue.look_after(now())).await, "cannot maintain the build queue");
        drop(queue);
        tokio::time::sleep(EVERY).await;
    }
}
