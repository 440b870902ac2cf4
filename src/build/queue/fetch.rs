//! Sources are fetched before a worker is asked: so many at once, of each asker some.

use super::Queue;
use super::lease::{BEAT, LEASE};
use super::plan::key;
use crate::db::builds::{Blocked, Build, BuildId, Edge, Unfetched};
use crate::error::Result;
use crate::git::Address;
use crate::tools::panics;
use crate::tools::time::now;
use crate::words::{Class, Failure, FetchPlace, Step};
use crate::{missing, timed_out};
use std::sync::atomic::Ordering;
use std::time::Duration;

/// A fetch that takes longer has failed.
const LONGEST: Duration = Duration::from_secs(900);

impl Queue {
    /// Nothing can be had that is not here.
    pub fn is_offline(&self) -> bool {
        self.0.fetching.offline
    }

    /// There may be sources to fetch: they are, beside whoever says so.
    pub(super) fn prompt(&self) {
        self.call_workers();
        self.0.fetching.again.store(true, Ordering::SeqCst);
        let queue = self.clone();
        tokio::spawn(async move { queue.fetch_sources().await });
    }

    /// One at a time begins fetches; whoever comes meanwhile leaves a note for them.
    async fn fetch_sources(&self) {
        let fetching = &self.0.fetching;
        while fetching.again.load(Ordering::SeqCst) {
            let Ok(_turn) = fetching.turn.try_lock() else { return };
            while fetching.again.swap(false, Ordering::SeqCst) {
                if let Err(error) = panics::caught(self.begin_fetches()).await {
                    tracing::warn!(error = format!("{error:#}"), "cannot fetch sources; retrying");
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
            let queue = self.clone();
            tokio::spawn(async move {
                if let Err(error) = panics::caught(queue.fetch(row)).await {
                    tracing::warn!(build = id, error = format!("{error:#}"), "cannot fetch a source");
                }
                drop(turn);
                queue.prompt();
            });
        }
        Ok(())
    }

    /// Begins to fetch a build's source, unless somebody else does.
    async fn claim_fetch(&self, id: BuildId) -> Result<Option<Build>> {
        self.0.db.claim_fetch(id, now(), now() + LEASE).await
    }

    /// Says that a fetch goes on, until it has ended: what a server that was killed was fetching, another one fetches
    /// soon.
    async fn keep_fetch(&self, id: BuildId, fence: i64) -> std::convert::Infallible {
        loop {
            tokio::time::sleep(Duration::from_secs(BEAT)).await;
            if let Err(error) = self.0.db.beat_fetch(id, fence, now() + LEASE).await {
                tracing::warn!(
                    build = id,
                    error = format!("{error:#}"),
                    "cannot extend the lease of a fetch"
                );
            }
        }
    }

    /// Fetches the source of a claimed build; then it is queued, or failed.
    async fn fetch(&self, mut row: Build) -> Result<()> {
        let (id, fence) = (row.id, row.fence);
        let fetched = tokio::select! {
            fetched = panics::caught(self.acquire(&mut row)) => fetched,
            () = tokio::time::sleep(LONGEST) => {
                Err(timed_out!("it takes longer than {} minutes", LONGEST.as_secs() / 60))
            }
            never = self.keep_fetch(id, fence) => match never {},
        };
        if let Err(error) = fetched {
            let hint =
                format!("cannot fetch the source: {error}. Request the build again when that is fixed");
            self.fail(row.id, Some(row.fence), &Failure::new(Class::BadSource, Step::Fetch, hint)).await?;
            return Ok(());
        }
        self.queue_fetched(row).await
    }

    async fn queue_fetched(&self, mut row: Build) -> Result<()> {
        row.key = key(&row)?;
        if self.0.db.build_fetched(&row).await? {
            self.call_workers();
            return Ok(());
        }
        // Another row has this key: what comes out of that is what comes out of this.
        let Some(same) = self.0.db.build_by_key(&row.key).await?.filter(|same| same.id != row.id) else {
            return Ok(());
        };
        self.0.db.join_build(same.id, row.priority, Some(&format!("build:{}", row.id)), None).await?;
        let edge = Edge { build: row.id, needs: same.id, requirement: String::new() };
        if self.0.db.block_build(row.id, row.fence, &[edge]).await? == Blocked::Waits {
            self.0.db.copy_outcome(same.id).await?;
            self.tell();
        }
        Ok(())
    }

    /// Makes the source a blob and notes its hash.
    async fn acquire(&self, row: &mut Build) -> Result<()> {
        match row.place.clone().ok_or_else(|| missing!("its location is unknown"))? {
            FetchPlace::Index { index, project, filename, sha256, url } => {
                let stored = self.index_file(&index, &project, &filename, (sha256.as_deref(), &url)).await?;
                row.source_sha256 = Some(stored);
            }
            FetchPlace::Repository { url, inside } => {
                let asker = self.stranger(inside);
                self.clone_repository(&Address::parse(&url)?, asker, row).await?;
            }
            FetchPlace::Tag { url, watch, commit } => self.clone_tag(&url, (watch, &commit), row).await?,
        }
        Ok(())
    }
}
