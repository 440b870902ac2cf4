//! Bytes by sha256: stored once, immutable, verified on the way in.
//!
//! A folder (`blobs/ab/cdef…`, synced with its directories before an upload is acknowledged) or
//! an S3 bucket; the rest of the house sees one type.

use crate::error::Result;
use bytes::Bytes;
use std::ops::Range;
use std::path::PathBuf;

/// Where blobs live. Cheap to clone.
#[derive(Clone)]
pub struct Store {
    /// Uploads and downloads are spooled here while their hash is unknown.
    pub(crate) staging: PathBuf,
}

/// Lower-case hex digests of a spooled file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Digests {
    pub sha256: String,
    pub md5: String,
    /// blake2b with 32 bytes, as upload forms carry it.
    pub blake2_256: String,
    /// Bytes.
    pub size: u64,
}

/// A file being written below the staging directory; removed on drop unless kept.
pub struct Spool {}

/// Bytes of a blob on their way out.
pub enum Blob {
    /// In memory or mapped.
    Bytes(Bytes),
    /// From a remote object store.
    Stream { size: u64, stream: futures::stream::BoxStream<'static, Result<Bytes>> },
}

impl Store {
    /// Starts a spooled file.
    pub async fn open(config: &crate::config::Config) -> Result<Self> {
        Ok(Self { staging: config.data.join("staging") })
    }

    pub async fn spool(&self) -> Result<Spool> {
        Ok(Spool {})
    }

    /// Puts a finished spool in its place, durably: synced, renamed under its hash, directory
    /// synced. Returns when a power cut can no longer lose it. A blob that is already there stays.
    pub async fn keep(&self, spool: Spool) -> Result<Digests> {
        let _ = spool;
        Err(crate::error::Error::Unavailable("being written".into()))
    }

    /// Small bytes (METADATA, a provenance document); returns the sha256.
    pub async fn put(&self, bytes: Bytes) -> Result<String> {
        let _ = bytes;
        Err(crate::error::Error::Unavailable("being written".into()))
    }

    /// The whole blob or a range of it. `None` if the store has no such blob.
    pub async fn get(&self, sha256: &str, range: Option<Range<u64>>) -> Result<Option<Blob>> {
        let _ = (sha256, range);
        Ok(None)
    }
}
