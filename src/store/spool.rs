//! A file on its way in: written and hashed off the async threads, in batches.

use super::key::BlobKey;
use super::staging::Staging;
use crate::error::Result;
use crate::tools::hex;
use blake2::Blake2b256;
use bytes::{Bytes, BytesMut};
use md5::Md5;
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::task::{JoinHandle, spawn_blocking};

/// Lower-case hex digests of a spooled file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpooledDigests {
    pub sha256: String,
    pub md5: String,
    /// blake2b with 32 bytes, as upload forms carry it.
    pub blake2_256: String,
    /// Bytes.
    pub size: u64,
}

/// Bytes gathered before they are handed to a blocking thread.
const BATCH: usize = 512 << 10;

/// A file being written below the staging directory; removed on drop unless kept.
///
/// One batch is written and hashed while the next is gathered, so memory stays at two batches.
pub struct Spool {
    path: PathBuf,
    /// The folder lives as long as a file in it.
    _staging: Arc<Staging>,
    gathered: Vec<Bytes>,
    gathered_bytes: usize,
    writer: Writing,
    size: u64,
    /// The whole content, if it was small enough to be still in memory at the end.
    small: Option<Bytes>,
}

enum Writing {
    /// Nothing was written yet.
    NotYet,
    Busy(JoinHandle<Result<Box<Writer>>>),
    Idle(Box<Writer>),
    Finished {
        digests: SpooledDigests,
        key: BlobKey,
        file: File,
    },
    /// A write failed; it is never tried again.
    Failed,
}

struct Writer {
    file: File,
    sha256: Sha256,
    md5: Md5,
    blake2: Blake2b256,
}

impl Spool {
    pub(super) fn new(staging: Arc<Staging>) -> Self {
        Self {
            path: staging.fresh(),
            _staging: staging,
            gathered: Vec::new(),
            gathered_bytes: 0,
            writer: Writing::NotYet,
            size: 0,
            small: None,
        }
    }

    /// Appends bytes. Returns before they are in the file.
    pub async fn write(&mut self, bytes: Bytes) -> Result<()> {
        self.size += bytes.len() as u64;
        self.gathered_bytes += bytes.len();
        self.gathered.push(bytes);
        if self.gathered_bytes >= BATCH { self.hand_over().await } else { Ok(()) }
    }

    /// After this, all that was written can be read at [`Spool::path`].
    pub async fn flush(&mut self) -> Result<()> {
        self.hand_over().await?;
        let writer = self.idle().await?;
        self.writer = Writing::Idle(writer);
        Ok(())
    }

    /// Ends the file: all bytes are in it, and hashed. Writing more afterwards is an error.
    pub async fn finish(&mut self) -> Result<SpooledDigests> {
        if let Writing::Finished { digests, .. } = &self.writer {
            return Ok(digests.clone());
        }
        if matches!(self.writer, Writing::NotYet) {
            self.small = Some(joined(&mut self.gathered));
            self.gathered = self.small.iter().cloned().collect();
        }
        self.flush().await?;
        let writer = self.idle().await?;
        let sha256: [u8; 32] = writer.sha256.finalize().into();
        let digests = SpooledDigests {
            sha256: hex::encode(sha256),
            md5: hex::encode(writer.md5.finalize()),
            blake2_256: hex::encode(writer.blake2.finalize()),
            size: self.size,
        };
        self.writer = Writing::Finished { digests: digests.clone(), key: sha256.into(), file: writer.file };
        Ok(digests)
    }

    /// Where the bytes are; exists after [`Spool::flush`] or [`Spool::finish`].
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Bytes written so far.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The whole content of a finished small file, which is still in memory.
    pub fn bytes(&self) -> Option<&Bytes> {
        self.small.as_ref()
    }

    /// What a finished spool is: digests, key, its open file.
    pub(super) fn finished(&mut self) -> Option<(SpooledDigests, BlobKey, File)> {
        match std::mem::replace(&mut self.writer, Writing::Failed) {
            Writing::Finished { digests, key, file } => Some((digests, key, file)),
            other => {
                self.writer = other;
                None
            }
        }
    }

    async fn hand_over(&mut self) -> Result<()> {
        let mut writer = match &self.writer {
            Writing::NotYet => None,
            _ => Some(self.idle().await?),
        };
        let batch = std::mem::take(&mut self.gathered);
        self.gathered_bytes = 0;
        let path = self.path.clone();
        self.writer = Writing::Busy(spawn_blocking(move || {
            let mut writer = match writer.take() {
                Some(writer) => writer,
                None => Box::new(Writer::create(&path)?),
            };
            writer.append(&batch)?;
            Ok(writer)
        }));
        Ok(())
    }

    /// Takes the writer once it has nothing left to do.
    async fn idle(&mut self) -> Result<Box<Writer>> {
        match std::mem::replace(&mut self.writer, Writing::Failed) {
            Writing::Busy(job) => job.await?,
            Writing::Idle(writer) => Ok(writer),
            _ => Err(crate::error::Error::internal(anyhow::anyhow!("a spool was written to after its end"))),
        }
    }
}

impl Drop for Spool {
    fn drop(&mut self) {
        // Gone already if it was kept.
        let _ = std::fs::remove_file(&self.path);
    }
}

impl Writer {
    fn create(path: &Path) -> Result<Self> {
        let file = File::options().read(true).write(true).create_new(true).open(path)?;
        Ok(Self { file, sha256: Sha256::new(), md5: Md5::new(), blake2: Blake2b256::new() })
    }

    fn append(&mut self, batch: &[Bytes]) -> Result<()> {
        for bytes in batch {
            self.file.write_all(bytes)?;
            self.sha256.update(bytes);
            self.md5.update(bytes);
            self.blake2.update(bytes);
        }
        Ok(())
    }
}

fn joined(parts: &mut Vec<Bytes>) -> Bytes {
    match parts.len() {
        1 => parts.remove(0),
        _ => {
            let mut all = BytesMut::with_capacity(parts.iter().map(Bytes::len).sum());
            parts.drain(..).for_each(|part| all.extend_from_slice(&part));
            all.freeze()
        }
    }
}
