//! Making a backup beside running servers.

use super::hold::BackupHold;
use super::manifest::{BackupManifest, BackupName, BlobPart, FORMAT, TablePart};
use super::seal::BackupRecipient;
use super::vault::{Measured, Vault, blob_path, put_small};
use super::{AT_ONCE, BackupPlace, files, prune, rows};
use crate::config::Config;
use crate::db::Db;
use crate::db::dump::DumpedTable;
use crate::error::{Error, Result};
use crate::index::fsck::each_use;
use crate::lost;
use crate::store::{Blob, BlobKey, Store};
use crate::tools::time::{Micros, SECOND, now};
use crate::transfer::ProgressWatch;
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// What a backup is made of.
#[derive(Clone, Copy)]
pub struct BackupSource<'a> {
    pub config: &'a Config,
    pub db: &'a Db,
    pub store: &'a Store,
}

/// Where to, for whom, and what becomes of older ones.
pub struct BackupOrder {
    pub place: BackupPlace,
    /// Nobody: not encrypted.
    pub encrypt_to: Vec<BackupRecipient>,
    /// How many backups are kept, this one included.
    pub keep: Option<usize>,
}

/// The fact that says when the last backup was made, in microseconds since 1970.
const LAST_BACKUP: &str = "last backup";

/// When the last backup was made.
pub async fn last_backup(db: &Db) -> Result<Option<Micros>> {
    Ok(db.fact(LAST_BACKUP).await?.and_then(|at| at.parse().ok()))
}

/// What was done.
#[derive(Clone, Debug, Serialize)]
pub struct BackupReport {
    pub backup: String,
    pub serial: i64,
    pub rows: u64,
    /// Blobs that belong to the backup, and their bytes.
    pub blobs: u64,
    pub bytes: u64,
    /// Those of them that were not there yet.
    pub copied: u64,
    pub copied_bytes: u64,
    /// Files of the data folder that are not in it.
    pub left_out: Vec<String>,
    /// Blobs that the installation itself does not have whole.
    pub lost: Vec<String>,
    /// Older backups that were removed.
    pub removed: Vec<String>,
}

/// Makes a backup. It is there once its manifest is, and then all of it.
pub async fn back_up(
    source: BackupSource<'_>,
    order: BackupOrder,
    progress: ProgressWatch<'_>,
) -> Result<BackupReport> {
    order.place.refuse_within(&source.config.data)?;
    let _lock = order.place.claim().await?;
    let hold = BackupHold::take(source.db).await?;
    let made = make_and_prune(source, &order, &hold, progress).await;
    hold.release().await?;
    made
}

async fn make_and_prune(
    source: BackupSource<'_>,
    order: &BackupOrder,
    hold: &BackupHold,
    progress: ProgressWatch<'_>,
) -> Result<BackupReport> {
    let (vault, mut report) = make(source, order, hold, progress).await?;
    if let Some(keep) = order.keep {
        hold.check().await?;
        report.removed = prune::prune(&vault, keep.max(1)).await?;
    }
    Ok(report)
}

async fn make(
    source: BackupSource<'_>,
    order: &BackupOrder,
    hold: &BackupHold,
    progress: ProgressWatch<'_>,
) -> Result<(Vault, BackupReport)> {
    let installation = source.db.fact("uuid").await?.unwrap_or_default();
    let vault = Vault::for_making(order.place.clone(), &installation, order.encrypt_to.clone()).await?;
    let name = fresh_name(&vault).await?;
    let snapshot = source.db.snapshot().await?;
    let read = read_rows(&snapshot, &vault, name, progress).await;
    snapshot.end().await;
    let Read { serial, schema, tables, named } = read?;

    let copied = copy(source.store, &vault, &named, progress).await?;
    let (files, left_out) = files::carry(&source.config.data, &vault, &name.folder()).await?;
    hold.check().await?;
    let blobs = copied.list.len() as u64;
    let bytes = copied.list.values().sum();
    let lines = copied.list.iter().map(|(key, size)| format!("{key} {size}")).collect();
    let sha256 = vault.put_lines(&format!("{}/blobs.txt.gz", name.folder()), lines).await?;
    let manifest = BackupManifest {
        format: FORMAT,
        wheelwright: env!("CARGO_PKG_VERSION").into(),
        made_at: name.moment(),
        installation,
        schema,
        engine: source.db.engine().name().into(),
        serial,
        tables,
        blobs: BlobPart { count: blobs, bytes, sha256 },
        files,
        lost: copied.lost.clone(),
    };
    // What it names is on disk before it is.
    vault.place.settle().await?;
    let text = serde_json::to_vec_pretty(&manifest).map_err(Error::internal)?;
    put_small(&vault.place, &format!("{}/manifest.json", name.folder()), text).await?;
    vault.place.settle().await?;
    source.db.set_fact(LAST_BACKUP, &name.moment().0.to_string()).await?;
    let report = BackupReport {
        backup: name.to_string(),
        serial,
        rows: manifest.tables.iter().map(|part| part.rows).sum(),
        blobs,
        bytes,
        copied: copied.copied,
        copied_bytes: copied.copied_bytes,
        left_out,
        lost: copied.lost,
        removed: Vec::new(),
    };
    Ok((vault, report))
}

/// The present second, or the next one that no backup is called by, also none that was broken off. Behind the newest one in
/// any case, whatever the clock says: the newest are kept.
async fn fresh_name(vault: &Vault) -> Result<BackupName> {
    let taken = vault.place.list("backups").await?;
    let taken: BTreeSet<&str> = taken.iter().filter_map(|(path, _)| path.split('/').next()).collect();
    let newest = taken.iter().filter_map(|name| name.parse::<BackupName>().ok()).max();
    let newest = newest.filter(|newest| newest.moment().0 > now());
    if let Some(newest) = newest {
        tracing::warn!(%newest, "there is a backup of the future: this machine's clock was or is wrong");
        return Ok(BackupName::of(newest.moment().0 + SECOND));
    }
    loop {
        let name = BackupName::of(now());
        if !taken.contains(name.to_string().as_str()) {
            return Ok(name);
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// What was read at the moment of the backup.
struct Read {
    serial: i64,
    schema: i64,
    tables: Vec<TablePart>,
    /// Every blob that a row refers to.
    named: BTreeSet<BlobKey>,
}

async fn read_rows(
    snapshot: &Db,
    vault: &Vault,
    name: BackupName,
    progress: ProgressWatch<'_>,
) -> Result<Read> {
    let (serial, schema) = (snapshot.serial().await?, snapshot.schema_version().await?);
    let dumped = snapshot.dumped_tables().await?;
    let (all, mut tables) = (dumped.len() as u64, Vec::new());
    for table in dumped {
        progress("tables", tables.len() as u64, all);
        tables.push(put_table(snapshot, vault, name, table).await?);
    }
    let mut named = BTreeSet::new();
    each_use(snapshot, |used| named.extend(BlobKey::parse(&used.sha256))).await?;
    Ok(Read { serial, schema, tables, named })
}

async fn put_table(snapshot: &Db, vault: &Vault, name: BackupName, table: DumpedTable) -> Result<TablePart> {
    let path = format!("{}/tables/{}.jsonl.gz", name.folder(), table.name);
    // The rows borrow the snapshot, what goes to the place does not: a channel between them, with little in it.
    let (to, from) = tokio::sync::mpsc::channel(4);
    let (measured, mut rows) = (Measured::default(), 0);
    let send = async {
        let lines =
            snapshot.dump(&table).and_then(async |row| serde_json::to_string(&row).map_err(Error::internal));
        let mut pieces = measured.through(rows::packed(lines.inspect_ok(|_| rows += 1)));
        while let Some(piece) = pieces.next().await {
            if to.send(piece).await.is_err() {
                break;
            }
        }
        drop(pieces);
        drop(to);
    };
    let pieces = stream::unfold(from, async |mut from| Some((from.recv().await?, from))).boxed();
    // How long it will be nobody knows: in parts.
    let ((), put) = tokio::join!(send, vault.put(&path, u64::MAX / 2, pieces));
    put?;
    Ok(TablePart { table, rows, sha256: measured.sha256() })
}

/// What became of the blobs.
#[derive(Default)]
struct Copied {
    /// With their bytes.
    list: BTreeMap<BlobKey, u64>,
    copied: u64,
    copied_bytes: u64,
    lost: Vec<String>,
}

async fn copy(
    store: &Store,
    vault: &Vault,
    named: &BTreeSet<BlobKey>,
    progress: ProgressWatch<'_>,
) -> Result<Copied> {
    let there = vault.blobs().await?;
    let all = named.len() as u64;
    let each = stream::iter(named).map(|key| {
        let there = there.get(key).copied();
        async move { Ok::<_, Error>((*key, copy_one(store, vault, *key, there).await?)) }
    });
    let mut each = std::pin::pin!(each.buffer_unordered(AT_ONCE));
    let mut copied = Copied::default();
    while let Some((key, became)) = each.try_next().await? {
        match became {
            Some((size, is_new)) => {
                copied.list.insert(key, size);
                copied.copied += u64::from(is_new);
                copied.copied_bytes += if is_new { size } else { 0 };
            }
            None => {
                copied.lost.push(key.to_string());
                // From an earlier backup: perhaps the last whole copy.
                copied.list.extend(there.get(&key).map(|size| (key, *size)));
            }
        }
        progress("blobs", copied.list.len() as u64, all);
    }
    copied.lost.sort();
    Ok(copied)
}

/// A blob's bytes, and whether they were copied; `None` if the store does not have it whole.
async fn copy_one(
    store: &Store,
    vault: &Vault,
    key: BlobKey,
    there: Option<u64>,
) -> Result<Option<(u64, bool)>> {
    let sha256 = key.to_string();
    let Some(size) = store.size(&sha256).await? else { return Ok(None) };
    // Encrypted, nobody but who has the key knows its size; it is there only whole.
    if there.is_some_and(|there| there == size || vault.is_encrypted()) {
        return Ok(Some((size, false)));
    }
    match send(store, vault, key, sha256).await {
        Ok(size) => Ok(Some((size, true))),
        Err(error) => match store.verify(key).await? {
            Some(true) => Err(error),
            // Ours is at fault, not the place.
            Some(false) | None => Ok(None),
        },
    }
}

async fn send(store: &Store, vault: &Vault, key: BlobKey, sha256: String) -> Result<u64> {
    let blob = store.get(&sha256, None).await?.ok_or_else(|| lost!("{sha256} is missing"))?;
    let size = match &blob {
        Blob::Bytes(bytes) => bytes.len() as u64,
        Blob::Stream { size, .. } => *size,
    };
    let measured = Measured::default();
    let bytes = measured.through(blob.into_stream());
    // The last word, before the file gets its name.
    let verdict = stream::once(async move {
        match measured.sha256() == sha256 {
            true => Ok(Bytes::new()),
            false => Err(lost!("{sha256} does not match its hash")),
        }
    });
    vault.put(&blob_path(key), size, bytes.chain(verdict).boxed()).await?;
    Ok(size)
}
