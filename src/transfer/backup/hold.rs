//! Holding off the collection of bytes for as long as a backup is made.

use crate::conflict;
use crate::db::Db;
use crate::error::Result;
use crate::tools::time::{Micros, now, seconds};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;
use tokio::task::JoinHandle;

/// How long a hold lasts that nobody renews, in seconds: a killed backup is in nobody's way for longer.
const LASTS: u64 = 120;

const RENEW_EVERY: Duration = Duration::from_secs(30);

/// Renewed until it is dropped.
pub(super) struct BackupHold {
    db: Db,
    by: String,
    /// When it was renewed last; a time that is long ago: it was lost.
    renewed: Arc<AtomicI64>,
    renewing: JoinHandle<()>,
}

impl BackupHold {
    /// # Errors
    /// `Conflict` if another backup is being made.
    pub(super) async fn take(db: &Db) -> Result<Self> {
        let by = uuid::Uuid::now_v7().simple().to_string();
        let renewed = Arc::new(AtomicI64::new(now()));
        if !db.hold_for_backup(&by, now(), end()).await? {
            return Err(conflict!(
                "another backup of this installation is being made, or was killed less than {LASTS} s ago: try \
                 again later"
            ));
        }
        let renewing = tokio::spawn(renew(db.clone(), by.clone(), renewed.clone()));
        Ok(Self { db: db.clone(), by, renewed, renewing })
    }

    /// Whether bytes were held off all the time.
    ///
    /// # Errors
    /// `Conflict` if not: what the snapshot names may be gone.
    pub(super) async fn check(&self) -> Result<()> {
        let held = is_held(&self.renewed) && self.db.hold_for_backup(&self.by, now(), end()).await?;
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

/// Whoever slept longer than it lasts did not hold it.
fn is_held(renewed: &AtomicI64) -> bool {
    now().saturating_sub(renewed.load(Ordering::Relaxed)) < seconds(LASTS)
}

async fn renew(db: Db, by: String, renewed: Arc<AtomicI64>) {
    loop {
        tokio::time::sleep(RENEW_EVERY).await;
        let begun = now();
        match db.hold_for_backup(&by, begun, end()).await {
            Ok(true) if is_held(&renewed) => renewed.store(begun, Ordering::Relaxed),
            Ok(_) => return renewed.store(0, Ordering::Relaxed),
            Err(error) => tracing::warn!(%error, "cannot renew the hold of the backup; retrying"),
        }
    }
}
