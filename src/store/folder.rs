//! Blobs as plain files: `DATA/blobs/ab/cdef…`, durable before anybody hears of them.

use super::blob::{SMALL, StoredBlob};
use super::key::BlobKey;
use crate::error::Result;
use crate::tools::time::Micros;
use crate::unavailable;
use bytes::Bytes;
use memmap2::Mmap;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::mpsc;

/// Everything here blocks: called from blocking threads.
pub(super) struct FolderStore {
    blobs: PathBuf,
    /// See [`FolderStore::collecting`].
    lock: PathBuf,
    /// Shard folders that exist, and whose entry in `blobs` is on disk.
    settled: [AtomicBool; 256],
    /// A sync failed: what the kernel dropped it will not report again, so nothing more is
    /// acknowledged until someone has looked and restarted.
    broken: AtomicBool,
}

impl FolderStore {
    pub(super) fn open(data: &Path) -> Result<Self> {
        let data = std::path::absolute(data)?;
        let blobs = data.join("blobs");
        fs::create_dir_all(&blobs)?;
        // The entries that lead here, whoever made them.
        for folder in [Some(data.as_path()), data.parent()].into_iter().flatten() {
            // An ancestor that may not be read was not made by us.
            match File::open(folder) {
                Ok(folder) => folder.sync_all()?,
                Err(error) if error.kind() == ErrorKind::PermissionDenied => {}
                Err(error) => return Err(error.into()),
            }
        }
        let lock = data.join("blobs.lock");
        Ok(Self {
            blobs,
            lock,
            settled: [const { AtomicBool::new(false) }; 256],
            broken: AtomicBool::new(false),
        })
    }

    /// Refuses once a sync has failed.
    pub(super) fn writable(&self) -> Result<()> {
        if self.broken.load(Ordering::Relaxed) {
            return Err(unavailable!(
                "the disk failed to store data, so the server accepts no more writes: check the disk, then \
                 restart the server"
            ));
        }
        Ok(())
    }

    /// Moves a complete file to its place. When it returns, a power cut can no longer lose it.
    /// A blob of that name is replaced: the same bytes, with today's date, healed if they had rotted.
    pub(super) fn keep(&self, key: BlobKey, file: &File, path: &Path) -> Result<()> {
        self.writable()?;
        // Whoever collects goes by this date.
        file.set_modified(std::time::SystemTime::now())?;
        self.synced(file.sync_all())?;
        let shard = self.blobs.join(key.shard());
        self.settle(key, &shard)?;
        let collecting = self.collecting()?;
        collecting.lock_shared()?;
        fs::rename(path, shard.join(key.rest()))?;
        drop(collecting);
        self.synced(File::open(&shard)?.sync_all())
    }

    fn settle(&self, key: BlobKey, shard: &Path) -> Result<()> {
        let Some(settled) = self.settled.get(key.shard_number()) else { return Ok(()) };
        if settled.load(Ordering::Acquire) {
            return Ok(());
        }
        match fs::create_dir(shard) {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(error.into()),
            // Whoever made it may have died before the next line.
            _ => self.synced(File::open(&self.blobs)?.sync_all())?,
        }
        settled.store(true, Ordering::Release);
        Ok(())
    }

    fn synced(&self, outcome: io::Result<()>) -> Result<()> {
        let Err(error) = outcome else { return Ok(()) };
        if !matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded) {
            self.broken.store(true, Ordering::Relaxed);
            tracing::error!(%error, "the disk failed to sync; the server accepts no writes until a restart");
        }
        Err(error.into())
    }

    /// The blob in memory if it is small, else mapped.
    pub(super) fn load(&self, key: BlobKey) -> Result<Option<Bytes>> {
        let Some(mut file) = self.opened(key)? else { return Ok(None) };
        let size = file.metadata()?.len();
        if size <= SMALL {
            let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or(0));
            file.read_to_end(&mut bytes)?;
            return Ok(Some(bytes.into()));
        }
        // SAFETY: the bytes under a map must not change. Blobs are written before they get their
        // name and never again after; removing one unlinks it and leaves the mapped pages alone.
        #[expect(unsafe_code, reason = "a map is the cheapest way to send large files")]
        let map = unsafe { Mmap::map(&file)? };
        let _ = map.advise(memmap2::Advice::Sequential);
        Ok(Some(Bytes::from_owner(map)))
    }

    pub(super) fn size(&self, key: BlobKey) -> Result<Option<u64>> {
        match fs::metadata(self.path(key)) {
            Ok(found) => Ok(Some(found.len())),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// The sha256 that the blob has in truth.
    pub(super) fn hash(&self, key: BlobKey) -> Result<Option<BlobKey>> {
        use sha2::Digest;
        let Some(mut file) = self.opened(key)? else { return Ok(None) };
        let mut sha256 = sha2::Sha256::new();
        let mut buffer = vec![0; 256 << 10];
        loop {
            match file.read(&mut buffer)? {
                0 => return Ok(Some(BlobKey::from(<[u8; 32]>::from(sha256.finalize())))),
                n => sha256.update(buffer.get(..n).unwrap_or_default()),
            }
        }
    }

    /// Locked while a blob is put in place, and alone while one is collected: by whatever process.
    fn collecting(&self) -> Result<File> {
        Ok(File::options().create(true).truncate(false).write(true).open(&self.lock)?)
    }

    /// Removes a blob that was put in place before `before` (microseconds since 1970) for the last time;
    /// whether there was such a one.
    pub(super) fn remove_older(&self, key: BlobKey, before: Micros) -> Result<bool> {
        let collecting = self.collecting()?;
        collecting.lock()?;
        let place = self.path(key);
        let found = match fs::metadata(&place) {
            Ok(found) => found,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(error.into()),
        };
        let modified = jiff::Timestamp::try_from(found.modified()?).map_or(i64::MAX, |t| t.as_microsecond());
        match modified < before {
            true => self.remove(key),
            false => Ok(false),
        }
    }

    /// Whether there was one.
    pub(super) fn remove(&self, key: BlobKey) -> Result<bool> {
        match fs::remove_file(self.path(key)) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Sends every blob; stops when nobody listens. What is not named like a blob is not one.
    pub(super) fn list(&self, to: &mpsc::Sender<Result<StoredBlob>>) -> Result<()> {
        for shard in 0..=255u8 {
            let shard = format!("{shard:02x}");
            let entries = match fs::read_dir(self.blobs.join(&shard)) {
                Ok(entries) => entries,
                Err(error) if error.kind() == ErrorKind::NotFound => continue,
                Err(error) => return Err(error.into()),
            };
            for entry in entries {
                let entry = entry?;
                let Some(key) =
                    entry.file_name().to_str().and_then(|rest| BlobKey::parse(&format!("{shard}{rest}")))
                else {
                    continue;
                };
                let found = match entry.metadata() {
                    Ok(found) => found,
                    Err(error) if error.kind() == ErrorKind::NotFound => continue,
                    Err(error) => return Err(error.into()),
                };
                let modified = jiff::Timestamp::try_from(found.modified()?).map_or(0, |t| t.as_microsecond());
                if to.blocking_send(Ok(StoredBlob { key, size: found.len(), modified })).is_err() {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    fn opened(&self, key: BlobKey) -> Result<Option<File>> {
        match File::open(self.path(key)) {
            Ok(file) => Ok(Some(file)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    pub(super) fn path(&self, key: BlobKey) -> PathBuf {
        self.blobs.join(key.shard()).join(key.rest())
    }
}
