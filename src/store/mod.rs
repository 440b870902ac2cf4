//! Bytes by sha256: stored once, immutable, verified on the way in.
//!
//! A folder (`blobs/ab/cdef…`, synced with its directories before an upload is acknowledged) or
//! an S3 bucket; the rest of the house sees one type.

mod blob;
mod bucket;
mod folder;
mod key;
mod objects;
mod reserve;
mod s3;
mod spool;
mod staging;

use crate::config::Config;
use crate::counters;
use crate::error::{Error, Result};
use crate::tools::time::Micros;
pub use blob::{Blob, SMALL, StoredBlob};
use bucket::Bucket;
use bytes::Bytes;
use folder::FolderStore;
use futures::stream::BoxStream;
use futures::{FutureExt, StreamExt};
pub use key::BlobKey;
pub use objects::{KeyLife, ObjectFolder, ObjectKind, StoredObject};
pub use reserve::DiskSpace;
use reserve::ReserveWatch;
pub use spool::{Spool, SpooledDigests};
use staging::Staging;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;
use url::Url;

/// What a mapped file counts for in the cache: its share of the kernel's limit on maps.
const MAP_WEIGHT: u64 = 16 << 10;

/// How many maps at most, whatever the cache's size (Linux allows 65,530 in a process).
const MAPS: u64 = 8192;

/// Where blobs live. Cheap to clone.
#[derive(Clone)]
pub struct Store(Arc<Inner>);

struct Inner {
    backend: Backend,
    staging: Arc<Staging>,
    reserve: ReserveWatch,
    /// Held alone while something is removed from a bucket.
    storing: tokio::sync::RwLock<()>,
    /// Small blobs and maps. Bounded by `limits.file_cache`.
    cache: moka::future::Cache<BlobKey, Bytes>,
}

#[derive(Clone)]
enum Backend {
    Folder(Arc<FolderStore>),
    Bucket(Arc<Bucket>),
}

/// Why a blob did not get into the cache.
enum Absent {
    Missing,
    Failed(Error),
}

impl Store {
    /// Opens the folder or bucket that is configured, and removes what stopped processes left
    /// half written.
    pub async fn open(config: &Config) -> Result<Self> {
        let data = config.data.clone();
        let staging = Arc::new(spawn_blocking(move || Staging::open(&data)).await??);
        let backend = match &config.storage {
            Some(url) => Backend::Bucket(Arc::new(Bucket::open(url, &config.s3).await?)),
            None => {
                let data = config.data.clone();
                Backend::Folder(Arc::new(spawn_blocking(move || FolderStore::open(&data)).await??))
            }
        };
        Ok(Self(Arc::new(Inner {
            backend,
            staging,
            reserve: ReserveWatch::new(config.data.clone(), config.limits.reserve),
            storing: tokio::sync::RwLock::default(),
            cache: cache(config.limits.file_cache),
        })))
    }

    /// How full the disk of the data folder is.
    pub fn disk(&self) -> Result<DiskSpace> {
        self.0.reserve.space()
    }

    /// Whether the disk has more than what is to stay free.
    ///
    /// # Errors
    /// `Full` if not.
    pub fn has_reserve(&self) -> Result<()> {
        self.0.reserve.check()
    }

    /// Starts a spooled file.
    pub async fn spool(&self) -> Result<Spool> {
        if let Backend::Folder(folder) = &self.0.backend {
            folder.writable()?;
        }
        Ok(Spool::new(self.0.staging.clone()))
    }

    /// Puts a spool in its place, durably: synced, renamed under its hash, directory synced (or
    /// acknowledged by the bucket). Returns when a power cut can no longer lose it.
    pub async fn keep(&self, mut spool: Spool) -> Result<SpooledDigests> {
        spool.finish().await?;
        let Some((digests, key, file)) = spool.finished() else {
            return Err(Error::internal(anyhow::anyhow!("a finished spool has digests")));
        };
        let small = spool.bytes().filter(|bytes| bytes.len() as u64 <= SMALL).cloned();
        match &self.0.backend {
            Backend::Folder(folder) => {
                let folder = folder.clone();
                spawn_blocking(move || folder.keep(key, &file, spool.path())).await??;
            }
            Backend::Bucket(bucket) => {
                let _storing = self.0.storing.read().await;
                match small.clone() {
                    Some(bytes) => bucket.put(key, bytes).await?,
                    None => bucket.put_file(key, file, digests.size).await?,
                }
            }
        }
        if let Some(bytes) = small {
            self.0.cache.insert(key, bytes).await;
        }
        counters::BLOBS_WRITTEN.one();
        counters::BLOB_BYTES_WRITTEN.add(digests.size);
        Ok(digests)
    }

    /// Small bytes (METADATA, a provenance document); returns the sha256.
    pub async fn put(&self, bytes: Bytes) -> Result<String> {
        let mut spool = self.spool().await?;
        spool.write(bytes).await?;
        Ok(self.keep(spool).await?.sha256)
    }

    /// A blob that is in memory or mapped: what the hot path asks first.
    pub fn cached(&self, sha256: &str) -> Option<Bytes> {
        let bytes = self.cached_key(BlobKey::parse(sha256)?);
        if bytes.is_some() {
            counters::FILE_HITS.one();
        }
        bytes
    }

    /// What the cache weighs, in bytes: small blobs, and a share of the limit on maps for large ones.
    pub async fn held(&self) -> u64 {
        // What was put in a moment ago is weighed later otherwise.
        self.0.cache.run_pending_tasks().await;
        self.0.cache.weighted_size()
    }

    /// The whole blob or a range of it (cut to the blob's end). `None` if the store has no such blob.
    pub async fn get(&self, sha256: &str, range: Option<Range<u64>>) -> Result<Option<Blob>> {
        let Some(key) = BlobKey::parse(sha256) else { return Ok(None) };
        if let Some(bytes) = self.cached_key(key) {
            counters::FILE_HITS.one();
            return Ok(Some(Blob::Bytes(part(bytes, range))));
        }
        counters::FILE_MISSES.one();
        if let Backend::Bucket(bucket) = &self.0.backend {
            match bucket.size(key).await? {
                None => return Ok(None),
                Some(size) if size > SMALL => return bucket.stream(key, size, range).await,
                Some(_) => {}
            }
        }
        let backend = self.0.backend.clone();
        match self.0.cache.try_get_with(key, load(backend, key)).await {
            Ok(bytes) => Ok(Some(Blob::Bytes(part(bytes, range)))),
            Err(absent) => match &*absent {
                Absent::Missing => Ok(None),
                Absent::Failed(Error::Unavailable(why)) => Err(Error::Unavailable(why.clone())),
                Absent::Failed(error) => Err(Error::internal(anyhow::anyhow!("{error}"))),
            },
        }
    }

    /// All of a blob in memory; `None` if the store has no such blob.
    pub async fn whole(&self, sha256: &str) -> Result<Option<Bytes>> {
        match self.get(sha256, None).await? {
            Some(blob) => blob.whole().await.map(Some),
            None => Ok(None),
        }
    }

    /// Bytes of a blob; `None` if the store has no such blob.
    pub async fn size(&self, sha256: &str) -> Result<Option<u64>> {
        let Some(key) = BlobKey::parse(sha256) else { return Ok(None) };
        if let Some(bytes) = self.cached_key(key) {
            return Ok(Some(bytes.len() as u64));
        }
        match &self.0.backend {
            Backend::Folder(folder) => {
                let folder = folder.clone();
                spawn_blocking(move || folder.size(key)).await?
            }
            Backend::Bucket(bucket) => bucket.size(key).await,
        }
    }

    /// A URL at which the client gets the blob from the bucket itself, as an attachment of this
    /// name, for the next few minutes. `None` unless `s3.redirect` is set and the blob is large.
    pub async fn presigned(&self, sha256: &str, filename: &str, size: u64) -> Result<Option<Url>> {
        match (&self.0.backend, BlobKey::parse(sha256)) {
            (Backend::Bucket(bucket), Some(key)) if bucket.redirect && size > SMALL => {
                Ok(Some(bucket.presigned(key, filename).await?))
            }
            _ => Ok(None),
        }
    }

    /// The file of a blob, where the store is a folder of this machine.
    pub fn local_file(&self, sha256: &str) -> Option<PathBuf> {
        match (&self.0.backend, BlobKey::parse(sha256)) {
            (Backend::Folder(folder), Some(key)) => Some(folder.path(key)),
            _ => None,
        }
    }

    /// Every blob, in no order.
    pub fn list(&self) -> BoxStream<'static, Result<StoredBlob>> {
        match &self.0.backend {
            Backend::Bucket(bucket) => bucket.list(),
            Backend::Folder(folder) => {
                let (to, from) = mpsc::channel(256);
                let folder = folder.clone();
                spawn_blocking(move || {
                    if let Err(error) = folder.list(&to) {
                        let _ = to.blocking_send(Err(error));
                    }
                });
                futures::stream::unfold(from, async |mut from| Some((from.recv().await?, from))).boxed()
            }
        }
    }

    /// Whether the blob is where it should be, past every cache.
    pub async fn exists(&self, key: BlobKey) -> Result<bool> {
        match &self.0.backend {
            Backend::Folder(folder) => {
                let folder = folder.clone();
                Ok(spawn_blocking(move || folder.size(key)).await??.is_some())
            }
            Backend::Bucket(bucket) => Ok(bucket.measured(key).await?.is_some()),
        }
    }

    /// Reads the blob anew, past every cache, and tells whether it hashes to its name.
    /// `None` if there is no such blob.
    pub async fn verify(&self, key: BlobKey) -> Result<Option<bool>> {
        let hash = match &self.0.backend {
            Backend::Folder(folder) => {
                let folder = folder.clone();
                spawn_blocking(move || folder.hash(key)).await??
            }
            Backend::Bucket(bucket) => bucket.hash(key).await?,
        };
        Ok(hash.map(|hash| hash == key))
    }

    /// Removes a blob to which no row refers if it was stored before `before` (microseconds since 1970)
    /// for the last time; whether it was. In a folder this excludes whoever stores it just now, in any
    /// process; in a bucket, whoever does so in this one.
    pub async fn remove_older(&self, key: BlobKey, before: Micros) -> Result<bool> {
        let removed = match &self.0.backend {
            Backend::Folder(folder) => {
                let folder = folder.clone();
                spawn_blocking(move || folder.remove_older(key, before)).await??
            }
            Backend::Bucket(bucket) => {
                let _alone = self.0.storing.write().await;
                match bucket.modified(key).await? {
                    Some(modified) if modified < before => bucket.remove(key).await?,
                    _ => false,
                }
            }
        };
        if removed {
            self.0.cache.invalidate(&key).await;
        }
        Ok(removed)
    }

    /// Folders in which stopped processes left half-written files; the next start removes them.
    pub async fn leftovers(&self) -> Result<Vec<PathBuf>> {
        let staging = self.0.staging.clone();
        spawn_blocking(move || staging.leftovers()).await?
    }

    fn cached_key(&self, key: BlobKey) -> Option<Bytes> {
        // Ready at once unless the cache is just tidying up; then the caller takes the slow way.
        self.0.cache.get(&key).now_or_never().flatten()
    }
}

async fn load(backend: Backend, key: BlobKey) -> Result<Bytes, Absent> {
    let loaded = match backend {
        Backend::Folder(folder) => {
            spawn_blocking(move || folder.load(key)).await.map_err(Error::from).flatten()
        }
        Backend::Bucket(bucket) => bucket.fetch(key).await,
    };
    loaded.map_err(Absent::Failed)?.ok_or(Absent::Missing)
}

fn cache(capacity: u64) -> moka::future::Cache<BlobKey, Bytes> {
    let map_weight = MAP_WEIGHT.max(capacity / MAPS);
    let weigh = move |_: &BlobKey, bytes: &Bytes| {
        let size = bytes.len() as u64;
        let weight = if size <= SMALL { size + 256 } else { map_weight };
        u32::try_from(weight).unwrap_or(u32::MAX)
    };
    moka::future::Cache::builder().max_capacity(capacity).weigher(weigh).build()
}

/// A range of the bytes, cut to their end.
fn part(bytes: Bytes, range: Option<Range<u64>>) -> Bytes {
    let Some(range) = range else { return bytes };
    let within = |position: u64| usize::try_from(position).unwrap_or(usize::MAX).min(bytes.len());
    let (start, end) = (within(range.start), within(range.end));
    bytes.slice(start..end.max(start))
}
