//! How much of the queue, and of the disk, one asker may take.

use super::Queue;
use crate::access::Who;
use crate::access::quota::is_stranger;
use crate::config::units::show_bytes;
use crate::db::Tx;
use crate::db::events::NewEvent;
use crate::error::{Error, Result};
use crate::store::SpooledDigests;
use crate::words::EventKind;
use serde_json::json;

impl Queue {
    /// Whether so many `more` builds may wait for this asker. The server itself asks for as much as it must, and
    /// all strangers together may have as many as one account.
    ///
    /// # Errors
    /// `Busy` if not.
    pub(super) async fn may_wait(&self, who: &Who, more: u64) -> Result<()> {
        let Some(asker) = who.asker().filter(|_| more > 0) else { return Ok(()) };
        let (db, quota) = (&self.0.db, &self.0.quota);
        let own = db.waiting_builds(&asker).await?;
        let refused = match is_stranger(&asker) {
            true if own.saturating_add(more) > quota.builds_anonymous => {
                Some((quota.builds_anonymous, "quota.builds_anonymous"))
            }
            true if db.waiting_builds_of_strangers().await?.saturating_add(more) > quota.builds => {
                Some((quota.builds, "quota.builds"))
            }
            false if own.saturating_add(more) > quota.builds => Some((quota.builds, "quota.builds")),
            _ => None,
        };
        let Some((most, setting)) = refused else { return Ok(()) };
        let (of, advice) = (of(&asker, setting == "quota.builds"), advice(&asker));
        Err(Error::Busy(match more {
            1 => format!(
                "{most} builds are already waiting for {of} (setting {setting}): try again when some have \
                 ended{advice}"
            ),
            more => format!(
                "{more} builds would wait beside {own} others for {of}, and at most {most} may (setting \
                 {setting}): none was started. Try again when some have ended, or ask for fewer targets"
            ),
        }))
    }

    /// Whether one more source may be kept for this asker; all strangers together may have as much as one
    /// account.
    ///
    /// # Errors
    /// `Busy` if not.
    pub async fn may_keep(&self, asker: &str) -> Result<()> {
        let (db, quota) = (&self.0.db, &self.0.quota);
        let own = db.kept_sources(asker).await?;
        let refused = match is_stranger(asker) {
            true if own >= quota.sources_anonymous => {
                Some((quota.sources_anonymous, "quota.sources_anonymous"))
            }
            true if db.kept_for_strangers().await? >= quota.sources => Some((quota.sources, "quota.sources")),
            false if own >= quota.sources => Some((quota.sources, "quota.sources")),
            _ => None,
        };
        let Some((most, setting)) = refused else { return Ok(()) };
        let (of, advice) = (of(asker, setting == "quota.sources"), advice(asker));
        Err(Error::Busy(format!(
            "the server already stores {} of sources and wheels for {of} (setting {setting}): try again \
             later, when it has removed old ones (settings gc.grace and gc.sources){advice}",
            show_bytes(most)
        )))
    }

    /// Remembers that an account sent a source, whose bytes are stored.
    pub async fn keep_source(&self, who: &Who, filename: &str, digests: &SpooledDigests) -> Result<()> {
        let account = who.user.as_deref().unwrap_or_default();
        let mut tx = Tx::begin(&self.0.db).await?;
        tx.keep_source(&digests.sha256, account, filename, digests.size).await?;
        let after = json!({"sha256": digests.sha256, "size": digests.size}).to_string();
        let event = NewEvent::of(&who.label, EventKind::SourceUploaded).saying(filename);
        tx.commit(event.after(&after)).await?;
        Ok(())
    }
}

fn of(asker: &str, all: bool) -> String {
    match (is_stranger(asker), all) {
        (true, true) => "all clients without a login".to_owned(),
        (true, false) => "your address".to_owned(),
        (false, _) => format!("the account {asker}"),
    }
}

fn advice(asker: &str) -> &'static str {
    if is_stranger(asker) { ", or log in" } else { "" }
}
