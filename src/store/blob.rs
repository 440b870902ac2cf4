//! A blob as it comes out of the store, and as it is listed.

use super::key::BlobKey;
use crate::error::Result;
use crate::tools::time::Micros;
use bytes::Bytes;
use futures::stream::{self, BoxStream};
use futures::{StreamExt, TryStreamExt};

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

impl Blob {
    /// All of it in memory.
    pub async fn whole(self) -> Result<Bytes> {
        match self {
            Self::Bytes(bytes) => Ok(bytes),
            Self::Stream { stream, .. } => {
                let parts: Vec<Bytes> = stream.try_collect().await?;
                Ok(parts.concat().into())
            }
        }
    }

    /// Piece by piece.
    pub fn into_stream(self) -> BoxStream<'static, Result<Bytes>> {
        match self {
            Self::Bytes(bytes) => stream::once(async { Ok(bytes) }).boxed(),
            Self::Stream { stream, .. } => stream,
        }
    }
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
