//! Collects blobs that no row refers to, and rows that nobody needs: safe beside servers that run.
//!
//! Whoever stores bytes puts them in place anew, with today's date, and writes the row within the grace.
//! So an old blob without a row is nobody's; its age is looked at once more in the moment of removal, in
//! which no other process can put it in place.

pub use super::eviction::Evicted;
use super::eviction::evict;
use super::fsck::each_use;
pub use super::retention::ExpiredRelease;
use super::retention::expire;
use crate::access::audit;
use crate::config::{self, Config};
use crate::db::Db;
use crate::db::collect::{Age, Old};
use crate::db::facts::REPLICA_OF;
use crate::error::Result;
use crate::store::{BlobKey, Store};
use crate::tools::time::{Micros, now, seconds};
use futures::TryStreamExt;
use serde::Serialize;
use std::collections::HashMap;

/// What was removed, or would be.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Collected {
    pub dry_run: bool,
    pub blobs: u64,
    pub bytes: u64,
    /// Unreferenced blobs that are too young.
    pub young: u64,
    /// Unreferenced blobs that a running backup may be about to copy.
    pub held: u64,
    #[serde(flatten)]
    pub rows: Old,
    /// Entries of the audit log that are older than `audit.keep`.
    pub audit: u64,
    /// Releases that the options `keep_…` of their indexes remove.
    pub expired: Vec<ExpiredRelease>,
    /// Copies of mirrors with the option `cache_size`.
    pub evicted: Evicted,
}

/// Collects as of `now`: a test hands in a later one.
pub async fn collect_as_of(
    db: &Db,
    store: &Store,
    settings: &config::Gc,
    dry_run: bool,
    now: Micros,
) -> Result<Collected> {
    let before = now.saturating_sub(seconds(settings.grace));
    let age = Age { strangers: before, accounts: now.saturating_sub(seconds(settings.sources)).min(before) };
    let rows = match dry_run {
        true => db.old(age).await?,
        false => db.forget_old(age, now).await?,
    };
    let mut collected = Collected { dry_run, rows, ..Collected::default() };
    // First the blobs, then the rows: a blob that was listed and got its row since is seen.
    let mut blobs = HashMap::new();
    let mut listed = store.list();
    while let Some(entry) = listed.try_next().await? {
        blobs.insert(entry.key, (entry.size, entry.modified));
    }
    each_use(db, |used| {
        if let Some(key) = BlobKey::parse(&used.sha256) {
            blobs.remove(&key);
        }
    })
    .await?;
    // Looked at behind the rows: a backup that holds the bytes later has read its rows later, too.
    let held = !dry_run && db.is_held_for_backup(crate::tools::time::now()).await?;
    for (key, (size, modified)) in blobs {
        if held && modified < before {
            collected.held += 1;
        } else if modified >= before {
            collected.young += 1;
        } else if dry_run || store.remove_older(key, before).await? {
            collected.blobs += 1;
            collected.bytes += size;
        } else {
            collected.young += 1;
        }
    }
    Ok(collected)
}

/// Collects, and removes what the settings and the options of indexes keep for a time only.
pub async fn collect(db: &Db, store: &Store, config: &Config, dry_run: bool) -> Result<Collected> {
    let now = now();
    let audit = audit::trim(db, config.audit.keep, dry_run, now).await?;
    // Releases of a copy are the primary's to delete; what its mirrors keep is its own.
    let is_copy = config.replica.of.is_some() || db.fact(REPLICA_OF).await?.is_some();
    let expired = if is_copy { Vec::new() } else { expire(db, dry_run, now).await? };
    // Offline, nothing could be fetched again.
    let evicted = if config.offline { Evicted::default() } else { evict(db, dry_run).await? };
    Ok(Collected { audit, expired, evicted, ..collect_as_of(db, store, &config.gc, dry_run, now).await? })
}
