//! Restoring a backup to an empty machine: bytes first, then all rows at once, then what is left to do.

use super::open::{BackupFault, OpenBackup};
use super::target::RestoreTarget;
use super::{AT_ONCE, NAMED, files};
use crate::config::Config;
use crate::db::Db;
use crate::db::dump::DumpedTable;
use crate::error::{Error, Result};
use crate::index::fsck::{FsckReport, fsck};
use crate::lost;
use crate::store::{BlobKey, Store};
use crate::tools::time::now;
use crate::transfer::ProgressWatch;
use crate::words::Moment;
use futures::{StreamExt, TryStreamExt, stream};
use serde::Serialize;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};

/// The fact that says from which backup an installation was restored, and when.
const RESTORED: &str = "restored from";

/// What was restored.
#[derive(Clone, Debug, Serialize)]
pub struct RestoreReport {
    pub backup: String,
    pub serial: i64,
    pub rows: u64,
    pub blobs: u64,
    pub bytes: u64,
    /// Blobs of the backup that are missing or damaged there.
    pub faults: Vec<BackupFault>,
    /// What a check of the new installation found.
    pub check: FsckReport,
    /// Whether the old configuration came, too, under another name.
    pub configuration: bool,
}

/// Restores a backup to what `config` names. With `partial`, blobs that are missing or damaged in the backup are left
/// out.
///
/// # Errors
/// `Lost` if a part of the backup is missing or damaged, `Conflict` if the target is not empty: nothing is changed then.
pub async fn restore(
    config: &Config,
    backup: &OpenBackup,
    partial: bool,
    progress: ProgressWatch<'_>,
) -> Result<RestoreReport> {
    let mut faults = backup.check().await?;
    refuse_faults(&faults, partial)?;
    let target = RestoreTarget::claim(config, backup).await?;
    let mut store = None;
    match fill((config, target.is_resumed), backup, partial, &mut store, &mut faults, progress).await {
        Ok(report) => {
            target.done()?;
            Ok(report)
        }
        Err(error) => {
            let told = error.to_string();
            // What another try would not change; after anything else the next one goes on here.
            if matches!(error, Error::Lost(_) | Error::Conflict(_) | Error::Bad(_)) {
                target.undo(store.as_ref()).await?;
                return Err(error);
            }
            tracing::warn!("the restore is not finished; run the same command again to go on");
            Err(Error::Unavailable(told))
        }
    }
}

fn refuse_faults(faults: &[BackupFault], partial: bool) -> Result<()> {
    let is_blob = |fault: &&BackupFault| fault.part.starts_with("blob ");
    let (blobs, others) = (faults.iter().filter(is_blob).count(), faults.len());
    if faults.is_empty() || partial && blobs == others {
        return Ok(());
    }
    let named: Vec<String> = faults.iter().take(NAMED).map(ToString::to_string).collect();
    let more = match faults.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(", and {more} more"),
    };
    let way_out = match blobs == others {
        true => "choose an older one with --at, or restore without these files with --partial",
        false => "choose an older one with --at",
    };
    Err(lost!("the backup is not whole: {}{more}. Nothing was changed: {way_out}", named.join("; ")))
}

async fn fill(
    (config, is_resumed): (&Config, bool),
    backup: &OpenBackup,
    partial: bool,
    opened: &mut Option<Store>,
    faults: &mut Vec<BackupFault>,
    progress: ProgressWatch<'_>,
) -> Result<RestoreReport> {
    let manifest = &backup.manifest;
    let (rows, store) = match Db::open_empty(&config.database_url(), manifest.schema).await {
        Ok(empty) => {
            let store = opened.insert(Store::open(config).await?);
            copy(store, backup, partial, faults, progress).await?;
            // No event: serials are in pages, which say the same as before. Replicas notice by the time of each serial.
            let told = format!("{} at {}", backup.name, Moment(now()));
            let rows = load(&empty, backup, Some((RESTORED, &told)), progress).await?;
            empty.end().await;
            (rows, store)
        }
        // Broken off behind the rows: these come last of all that is large.
        Err(Error::Conflict(_)) if is_resumed && has_rows_of(config, backup).await? => {
            let rows = manifest.tables.iter().map(|part| part.rows).sum();
            (rows, opened.insert(Store::open(config).await?))
        }
        Err(error) => return Err(error),
    };
    // Takes the steps of the schema that came since.
    let db = Db::open(&config.database_url()).await?;
    files::bring_back(&backup.vault, &backup.name.folder(), &manifest.files, &config.data).await?;
    // Every hash was looked at on the way.
    let check = fsck(&db, store, false, |read, all| progress("check", read, all)).await?;
    db.end().await;
    Ok(RestoreReport {
        backup: backup.name.to_string(),
        serial: manifest.serial,
        rows,
        blobs: manifest.blobs.count,
        bytes: manifest.blobs.bytes,
        faults: std::mem::take(faults),
        check,
        configuration: manifest.files.iter().any(|file| file.path == files::CONFIGURATION),
    })
}

/// Whether the database has the rows of this backup already.
async fn has_rows_of(config: &Config, backup: &OpenBackup) -> Result<bool> {
    let db = Db::open(&config.database_url()).await?;
    let restored = db.fact(RESTORED).await?;
    db.end().await;
    Ok(restored.is_some_and(|told| told.split(' ').next() == Some(&backup.name.to_string())))
}

async fn copy(
    store: &Store,
    backup: &OpenBackup,
    partial: bool,
    faults: &mut Vec<BackupFault>,
    progress: ProgressWatch<'_>,
) -> Result<()> {
    let there: HashMap<BlobKey, u64> =
        store.list().map_ok(|blob| (blob.key, blob.size)).try_collect().await?;
    let blobs = backup.blobs().await?;
    let (all, mut done) = (blobs.len() as u64, 0);
    let is_refused = AtomicBool::new(false);
    let wanted = blobs
        .into_iter()
        .filter(|(key, size)| there.get(key) != Some(size))
        .take_while(|_| !is_refused.load(Ordering::Relaxed));
    let each = stream::iter(wanted).map(async |(key, _)| (key, copy_one(store, backup, key).await));
    let mut each = std::pin::pin!(each.buffer_unordered(AT_ONCE));
    let mut refused = None;
    while let Some((key, copied)) = each.next().await {
        let outcome = match copied {
            Ok(()) => Ok(()),
            Err(Error::Lost(problem)) => {
                let fault = BackupFault { part: format!("blob {key}"), problem };
                let outcome = refuse_faults(std::slice::from_ref(&fault), partial);
                if outcome.is_ok() && !faults.iter().any(|known| known.part == fault.part) {
                    faults.push(fault);
                }
                outcome
            }
            Err(other) => Err(other),
        };
        // What has begun is waited for: a copy that is given up goes on writing on its thread while all is removed.
        if let Err(error) = outcome {
            is_refused.store(true, Ordering::Relaxed);
            refused.get_or_insert(error);
        }
        done += 1;
        progress("blobs", done, all);
    }
    refused.map_or(Ok(()), Err)
}

async fn copy_one(store: &Store, backup: &OpenBackup, key: BlobKey) -> Result<()> {
    let mut bytes = backup.blob(key).await?.ok_or_else(|| lost!("is missing"))?;
    let mut spool = store.spool().await?;
    while let Some(piece) = bytes.try_next().await? {
        spool.write(piece).await?;
    }
    if spool.finish().await?.sha256 != key.to_string() {
        return Err(lost!("does not match its hash"));
    }
    store.keep(spool).await.map(drop)
}

/// Fills an empty database with the rows of a backup, all at once; how many they are. `fact`: is noted with them.
pub async fn load(
    db: &Db,
    backup: &OpenBackup,
    fact: Option<(&str, &str)>,
    progress: ProgressWatch<'_>,
) -> Result<u64> {
    let parts = &backup.manifest.tables;
    let known = db.dumped_tables().await?;
    for table in &known {
        if !parts.iter().any(|part| part.table.name == table.name) {
            return Err(lost!("the backup has no rows of the table {}: it is not whole", table.name));
        }
    }
    // Its names become SQL: they must be those of the schema.
    for part in parts {
        if !known.iter().any(|table| table.is_like(&part.table)) {
            return Err(lost!(
                "the table {:?} of the backup is not the one of its schema: it is damaged, or somebody changed it",
                part.table.name
            ));
        }
    }
    let tables: Vec<DumpedTable> = parts.iter().map(|part| part.table.clone()).collect();
    let mut loading = db.load(&tables).await?;
    let (all, mut filled) = (parts.len() as u64, 0);
    for (done, part) in parts.iter().enumerate() {
        progress("tables", done as u64, all);
        let rows = loading.fill(&part.table, backup.rows(part).await?).await?;
        if rows != part.rows {
            let (name, wants) = (&part.table.name, part.rows);
            return Err(lost!("the backup has {rows} rows of the table {name} instead of {wants}"));
        }
        filled += rows;
    }
    if let Some((name, value)) = fact {
        loading.note(name, value).await?;
    }
    loading.commit(&tables).await?;
    Ok(filled)
}
