//! Downloads of other processes on this database: what one fetches, the others need not.

use super::asked::Asked;
use super::state::{Located, MirrorState};
use crate::db::Engine;
use crate::db::files::StoredFile;
use crate::error::Result;
use crate::tools::time::{SECOND, now};
use std::time::{Duration, Instant};

/// How long another process' download is waited for. It is not seen before it is whole, and installers want bytes.
const PATIENCE: Duration = Duration::from_secs(3);

/// How often it is looked whether the file is there.
const LOOK: Duration = Duration::from_millis(100);

/// Microseconds after which a process counts as gone that did not say that it had ended.
const LEASE: i64 = 60 * SECOND;

impl MirrorState {
    /// The file, if another process stored it while this one waited; else it is for this one to fetch.
    pub(super) async fn fetched_elsewhere(
        &self,
        asked: &Asked,
        located: &Located,
    ) -> Result<Option<StoredFile>> {
        // SQLite has one server.
        if self.db.engine() == Engine::Sqlite {
            return Ok(None);
        }
        let begun = Instant::now();
        let filename = located.file.filename.as_str();
        while !self.db.begin_download(&asked.index, filename, &self.process, now(), now() + LEASE).await? {
            if let Some(row) = self.is_here(asked, located).await? {
                return Ok(Some(row));
            }
            if begun.elapsed() > PATIENCE {
                return Ok(None);
            }
            tokio::time::sleep(LOOK).await;
        }
        // It may have ended between the look at the file and the turn.
        self.is_here(asked, located).await
    }

    /// Lets others begin.
    pub(super) async fn download_ended(&self, asked: &Asked, located: &Located) {
        if self.db.engine() == Engine::Sqlite {
            return;
        }
        let filename = located.file.filename.as_str();
        if let Err(error) = self.db.end_download(&asked.index, filename, &self.process).await {
            // They begin once the lease is over.
            tracing::warn!(error = format!("{error:#}"), "cannot note the end of a download");
        }
    }
}
