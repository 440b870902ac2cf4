//! Taking what changed: bytes first, then rows, in one transaction.

use super::ReplicaRoom;
use super::contact::path;
use crate::access::SERVER;
use crate::db::Tx;
use crate::db::events::NewEvent;
use crate::db::replica::{ReplicatedPart, TableRows};
use crate::error::{Error, Result};
use crate::names::{IndexName, ProjectName};
use crate::words::EventKind;
use futures::{StreamExt, TryStreamExt};
use std::time::Duration;

/// Files of one project that are fetched at once.
const BLOBS: usize = 4;

const PATIENCE: Duration = Duration::from_secs(60);

impl ReplicaRoom {
    /// Takes accounts, indexes and tokens.
    pub(super) async fn take_directory(&self) -> Result<()> {
        let theirs: Vec<TableRows> = self.get("/+replica/directory", PATIENCE).await?;
        self.apply(ReplicatedPart::Directory, &theirs).await
    }

    /// Takes one project of a stage, or removes it if the primary has none.
    pub(super) async fn take_project(&self, index: &IndexName, project: &ProjectName) -> Result<()> {
        let query = [("index", index.as_str()), ("project", project.as_str())];
        let path = path("/+replica/project", &query);
        let theirs: Vec<TableRows> = self.get(&path, PATIENCE).await?;
        let taking: Vec<_> =
            theirs.iter().flat_map(TableRows::blobs).map(|sha256| self.take_blob(sha256)).collect();
        futures::stream::iter(taking).buffer_unordered(BLOBS).try_collect::<()>().await?;
        // What was here at first may have been removed meanwhile, as nothing referred to it.
        for sha256 in theirs.iter().flat_map(TableRows::blobs) {
            self.take_blob(sha256).await?;
        }
        let part = ReplicatedPart::Project(index, project);
        match self.apply(part, &theirs).await {
            // The index is newer than what was known of the directory.
            Err(Error::Internal(_)) => {
                self.take_directory().await?;
                self.apply(part, &theirs).await
            }
            done => done,
        }
    }

    async fn take_blob(&self, sha256: &str) -> Result<()> {
        if self.store.size(sha256).await?.is_some() {
            return Ok(());
        }
        if !self.primary.blob(self.indexes.uuid(), &self.store, sha256).await? {
            tracing::error!(sha256, "the primary lost these bytes: run `wheelwright fsck` there");
            self.seen.lock().lost += 1;
        }
        Ok(())
    }

    async fn apply(&self, part: ReplicatedPart<'_>, theirs: &[TableRows]) -> Result<()> {
        let mut tx = Tx::begin(&self.db).await?;
        if tx.replicate(part, theirs).await? == 0 {
            return Ok(());
        }
        let event = NewEvent::of(SERVER, EventKind::Replicated);
        tx.commit(match part {
            ReplicatedPart::Directory => event,
            ReplicatedPart::Project(index, project) => event.on(index).about(project),
        })
        .await?;
        self.indexes.refresh().await
    }

    pub(super) async fn get<T: serde::de::DeserializeOwned>(
        &self,
        path: &str,
        patience: Duration,
    ) -> Result<T> {
        self.primary.get(self.indexes.uuid(), path, patience).await
    }
}
