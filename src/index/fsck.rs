//! Checks that every row has its bytes and every blob its hash, and lists what nobody refers to.

use crate::db::Db;
use crate::db::blobs::BlobUse;
use crate::error::Result;
use crate::store::{BlobKey, Store, StoredBlob};
use crate::tools::time::{SECOND, now};
use futures::{StreamExt, TryStreamExt};
use serde::Serialize;
use std::collections::{BTreeMap, HashMap};

/// Uploads store bytes before rows, so a younger blob may be about to be referred to.
const IN_FLIGHT: i64 = 3600 * SECOND;

/// Blobs that are read at the same time.
const AT_ONCE: usize = 4;

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct FsckReport {
    /// Whether every blob was read and hashed, not only measured.
    pub deep: bool,
    /// Blobs that rows refer to.
    pub references: u64,
    /// Blobs in the store, and their bytes.
    pub blobs: u64,
    pub bytes: u64,
    /// Rows without bytes, or with other bytes than they say.
    pub faults: Vec<BlobFault>,
    /// Blobs that no row refers to: harmless, and free to be collected.
    pub orphans: Vec<Orphan>,
    /// Unreferenced blobs too young to be called orphans.
    pub in_flight: u64,
    /// What stopped processes left half written; the next start of a server removes it.
    pub leftovers: Vec<String>,
}

/// One blob that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BlobFault {
    pub sha256: String,
    pub problem: BlobProblem,
    /// `alice/dev demo-1.0.tar.gz`
    pub used_by: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum BlobProblem {
    Missing,
    WrongSize { expected: u64, found: u64 },
    WrongHash,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Orphan {
    pub sha256: String,
    /// Bytes.
    pub size: u64,
}

impl FsckReport {
    /// Whether every acknowledged byte is there and right. Orphans and leftovers do no harm.
    pub fn clean(&self) -> bool {
        self.faults.is_empty()
    }
}

struct Reference {
    size: Option<u64>,
    seen: bool,
}

type References = HashMap<BlobKey, Reference>;

/// Compares rows and blobs, while the server may be running. `deep` reads and hashes every blob.
/// `progress` hears the number of blobs checked so far and of blobs referred to.
pub async fn fsck(
    db: &Db,
    store: &Store,
    deep: bool,
    mut progress: impl FnMut(u64, u64),
) -> Result<FsckReport> {
    let mut references = References::new();
    each_use(db, |used| {
        // Not a hash at all: nothing can be stored under it, which shows as missing below.
        let key = BlobKey::parse(&used.sha256).unwrap_or_else(|| BlobKey::of(used.sha256.as_bytes()));
        let reference = references.entry(key).or_insert(Reference { size: used.size, seen: false });
        reference.size = reference.size.or(used.size);
    })
    .await?;
    let mut report = FsckReport { deep, references: references.len() as u64, ..FsckReport::default() };
    let mut wrong = BTreeMap::new();

    let checked = store.list().map(async |entry| {
        let entry = entry?;
        let sound = if deep { store.verify(entry.key).await? } else { Some(true) };
        Ok::<_, crate::error::Error>((entry, sound))
    });
    let mut checked = std::pin::pin!(checked.buffer_unordered(AT_ONCE));
    while let Some((entry, sound)) = checked.try_next().await? {
        note(&mut report, &mut references, &mut wrong, entry, sound);
        progress(report.blobs, report.references);
    }
    for (key, _) in references.iter().filter(|(_, reference)| !reference.seen) {
        // It may have come after the listing passed its place.
        if !store.exists(*key).await? {
            wrong.insert(*key, BlobProblem::Missing);
        }
    }
    report.orphans.sort_unstable_by(|a, b| a.sha256.cmp(&b.sha256));
    report.faults = faults(db, wrong).await?;
    report.leftovers = store.leftovers().await?.iter().map(|folder| folder.display().to_string()).collect();
    Ok(report)
}

fn note(
    report: &mut FsckReport,
    references: &mut References,
    wrong: &mut BTreeMap<BlobKey, BlobProblem>,
    entry: StoredBlob,
    sound: Option<bool>,
) {
    report.blobs += 1;
    report.bytes += entry.size;
    let Some(reference) = references.get_mut(&entry.key) else {
        if now() - entry.modified < IN_FLIGHT {
            report.in_flight += 1;
        } else {
            report.orphans.push(Orphan { sha256: entry.key.to_string(), size: entry.size });
        }
        return;
    };
    // `None`: removed since it was listed; then it counts as not seen.
    reference.seen = sound.is_some();
    match (reference.size, sound) {
        (Some(expected), _) if expected != entry.size => {
            wrong.insert(entry.key, BlobProblem::WrongSize { expected, found: entry.size });
        }
        (_, Some(false)) => {
            wrong.insert(entry.key, BlobProblem::WrongHash);
        }
        _ => {}
    }
}

/// The faults with those who suffer from them; a row that was deleted meanwhile suffers no more.
async fn faults(db: &Db, wrong: BTreeMap<BlobKey, BlobProblem>) -> Result<Vec<BlobFault>> {
    if wrong.is_empty() {
        return Ok(Vec::new());
    }
    let mut users: BTreeMap<BlobKey, (String, Vec<String>)> = BTreeMap::new();
    each_use(db, |used| {
        let key = BlobKey::parse(&used.sha256).unwrap_or_else(|| BlobKey::of(used.sha256.as_bytes()));
        if wrong.contains_key(&key) {
            users.entry(key).or_insert_with(|| (used.sha256, Vec::new())).1.push(used.what);
        }
    })
    .await?;
    let found = users.into_iter().filter_map(|(key, (sha256, used_by))| {
        Some(BlobFault { sha256, problem: *wrong.get(&key)?, used_by })
    });
    Ok(found.collect())
}

/// Every reference from a row to a blob.
pub async fn each_use(db: &Db, mut each: impl FnMut(BlobUse)) -> Result<()> {
    each_of(|from| db.blobs_of_files(from), &mut each).await?;
    each_of(|from| db.blobs_of_attachments(from), &mut each).await?;
    each_of(|from| db.blobs_of_remote_metadata(from), &mut each).await?;
    each_of(|from| db.blobs_of_sources(from), &mut each).await?;
    each_of(|from| db.blobs_of_promises(from), &mut each).await?;
    each_of(|from| db.blobs_of_bundles(from), &mut each).await?;
    each_of(|from| db.blobs_of_builds(from), &mut each).await
}

/// All of a list that is read piece by piece, each from where the last one ended.
async fn each_of<C: Default, F>(read: impl Fn(C) -> F, each: &mut impl FnMut(BlobUse)) -> Result<()>
where
    F: Future<Output = Result<(Vec<BlobUse>, Option<C>)>>,
{
    let mut after = Some(C::default());
    while let Some(from) = after {
        let (uses, next) = read(from).await?;
        uses.into_iter().for_each(&mut *each);
        after = next;
    }
    Ok(())
}
