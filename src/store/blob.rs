//! A blob as it comes out of the store, and as it is listed.

use super::key::BlobKey;
use crate::error::Result;
use crate::tools::time::Micros;
use bytes::Bytes;
use futures::stream::BoxStream;

/// Bytes up to which a blob is held in memory; larger local ones are mapped, larger remote ones
/// streamed.
pub const SMALL: u64 = 256 << 10;

/// Bytes of a blob on their way out.
pub enum Blob {
    /// In memory or mapped.
    Bytes(Bytes),
    /// From a remote object store. A whole blob's stream ends well only if its hash is right.
    Stream { size: u64, stream: BoxStream<'static, Result<Bytes>> },
}

/// One blob in a listing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoredBlob {
    pub key: BlobKey,
    /// Bytes.
    pub size: u64,
    /// When it was stored last.
    pub modified: Micros,
}
