//! Holding off the collection of bytes for as long as a backup is made.

use crate::conflict;
use crate::db::Db;
use crate::error::Result;
use crate::tools::time::{Micros, now, seconds};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::task::JoinHandle;

/// How long a hold lasts that nobody renews, in seconds: a killed backup is in nobody's way for longer.
const LASTS: u64 = 120;

const RENEW_EVERY: Duration = Duration::from_secs(30);

/// Renewed until it is dropped.
pub(super) struct BackupHold {
    db: Db,
    by: String,
    lost: Arc<AtomicBool>,
    renewing: JoinHandle<()>,
}

impl BackupHold {
    /// # Errors
    /// `Conflict` if another backup is being made.
    pub(super) async fn take(db: &Db) -> Result<Self> {
        let by = uuid::Uuid::now_v7().simple().to_string();
        if !db.hold_for_backup(&by, now(), end()).await? {
            return Err(conflict!(
                "another backup of this installation is being made, or was killed less than {LASTS} s ago: try \
                 again later"
            ));
        }
        let lost = Arc::new(AtomicBool::new(false));
        let renewing = tokio::spawn(renew(db.clone(), by.clone(), lost.clone()));
        Ok(Self { db: db.clone(), by, lost, renewing })
    }

    /// Whether bytes were held off all the time.
    ///
    /// # Errors
    /// `Conflict` if not: what the snapshot names may be gone.
    pub(super) async fn check(&self) -> Result<()> {
        let held =
            !self.lost.load(Ordering::Relaxed) && self.db.hold_for_backup(&self.by, now(), end()).await?;
        match held {
            true => Ok(()),
            false => Err(conflict!(
                "the backup paused for too long, and the server may have removed files meanwhile: start it again"
            )),
        }
    }

    pub(super) async fn release(self) -> Result<()> {
        self.renewing.abort();
        self.db.release_backup(&self.by).await
    }
}

impl Drop for BackupHold {
    fn drop(&mut self) {
        self.renewing.abort();
    }
}

fn end() -> Micros {
    now().saturating_add(seconds(LASTS))
}

async fn renew(db: Db, by: String, lost: Arc<AtomicBool>) {
    let mut renewed = now();
    loop {
        tokio::time::sleep(RENEW_EVERY).await;
        match db.hold_for_backup(&by, now(), end()).await {
            // Whoever slept longer than it lasts did not hold it.
            Ok(true) if now() - renewed < seconds(LASTS) => renewed = now(),
            Ok(_) => return lost.store(true, Ordering::Relaxed),
            Err(error) => tracing::warn!(%error, "cannot renew the hold of the backup; retrying"),
        }
    }
}
