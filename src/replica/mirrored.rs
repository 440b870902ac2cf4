//! Files that the primary's mirrors keep: fetched before anybody asks here, through the mirrors of this replica.

use super::ReplicaRoom;
use super::contact::path;
use crate::db::replica::MirroredFile;
use crate::error::{Error, Result};
use crate::index::mirror::Key;
use crate::tools::failing::Failing;
use crate::tools::panics;
use crate::tools::time::SECOND;
use futures::{StreamExt, TryStreamExt};
use std::sync::Weak;
use std::time::Duration;

/// The fact that holds how far this went.
pub(super) const CURSOR: &str = "replica_mirrored";

/// How often the primary is asked for more.
const EVERY: Duration = Duration::from_secs(10);

/// Microseconds before the newest file that was seen, from which on files are looked at again.
const BEHIND: i64 = 600 * SECOND;

/// Files that are fetched at once.
const AT_ONCE: usize = 2;

/// Fetches what is new until the replica is gone.
pub(super) async fn keep_up(room: Weak<ReplicaRoom>) {
    let mut failing = Failing::default();
    loop {
        let Some(held) = room.upgrade() else { return };
        let round = match held.primary.is_reachable() {
            true => panics::caught(Box::pin(held.fetch_mirrored())).await,
            false => Ok(()),
        };
        failing.note(&round, "cannot fetch what the primary's mirrors keep");
        drop(held);
        tokio::time::sleep(EVERY).await;
    }
}

impl ReplicaRoom {
    async fn fetch_mirrored(&self) -> Result<()> {
        let stored = self.db.fact(CURSOR).await?.unwrap_or_default();
        let (mut at, mut index, mut filename): (i64, String, String) =
            serde_json::from_str(&stored).unwrap_or_default();
        // A large file has the time at which it was whole, and is kept a while later.
        at = at.saturating_sub(BEHIND);
        loop {
            let query = [("at", &*at.to_string()), ("index", &index), ("filename", &filename)];
            let path = path("/+replica/mirrored", &query);
            let files: Vec<MirroredFile> = self.get(&path, Duration::from_secs(60)).await?;
            let Some(last) = files.last() else { return Ok(()) };
            (at, index, filename) = (last.at, last.index.to_string(), last.filename.clone());
            let cursor = serde_json::to_string(&(at, &index, &filename));
            let cursor = cursor.map_err(Error::internal)?;
            let fetching: Vec<_> = files.iter().map(|file| self.fetch(file)).collect();
            futures::stream::iter(fetching).buffer_unordered(AT_ONCE).try_collect::<()>().await?;
            self.db.set_fact(CURSOR, &cursor).await?;
        }
    }

    /// Makes sure that a file is here. What cannot be had is left out: whoever asks for it is told why.
    async fn fetch(&self, file: &MirroredFile) -> Result<()> {
        let directory = self.indexes.directory();
        let Some(index) = directory.indexes.get(&file.index).filter(|index| index.is_mirror()) else {
            return Ok(());
        };
        let Some(key) = file.sha256.get(..16) else { return Ok(()) };
        let mirrors = &self.indexes.mirrors;
        let got = match mirrors.locate(index, &file.filename, Key::Hash(key)).await {
            Ok(Some(located)) => mirrors.ensure(index, &located, "").await.map(|_| ()),
            Ok(None) => Ok(()),
            Err(why) => Err(why),
        };
        match got {
            Err(Error::Unavailable(_) | Error::Timeout(_)) if !self.primary.is_reachable() => got,
            Err(error @ (Error::Full(_) | Error::Internal(_))) => Err(error),
            Err(why) => {
                tracing::debug!(index = %file.index, filename = file.filename, %why, "not fetched ahead");
                Ok(())
            }
            Ok(()) => Ok(()),
        }
    }
}
