//! A file of this machine's disk on its way into the store: read piece by piece, spooled and hashed.

use crate::error::Result;
use crate::store::{Spool, SpooledDigests, Store};
use bytes::Bytes;
use std::path::Path;
use tokio::io::AsyncReadExt;

/// Bytes read at once.
const PIECE: usize = 256 << 10;

/// A file's bytes, not kept yet.
pub struct TakenBytes {
    pub spool: Spool,
    pub digests: SpooledDigests,
}

/// Spools the file at `path`; `see` is shown every piece.
///
/// # Errors
/// `Ok(Err)` with what is wrong with the file; `Err` if this server cannot go on.
pub async fn spool_file(
    store: &Store,
    path: &Path,
    mut see: impl FnMut(&[u8]),
) -> Result<Result<TakenBytes, String>> {
    let unreadable = |why: std::io::Error| Ok(Err(format!("cannot read it: {why}")));
    let mut file = match tokio::fs::File::open(path).await {
        Ok(file) => file,
        Err(why) => return unreadable(why),
    };
    let mut spool = store.spool().await?;
    let mut buffer = vec![0; PIECE];
    loop {
        let piece = match file.read(&mut buffer).await {
            Ok(count) => buffer.get(..count).unwrap_or_default(),
            Err(why) => return unreadable(why),
        };
        if piece.is_empty() {
            break;
        }
        see(piece);
        // A copy of its own size: small files stay in memory for a while.
        spool.write(Bytes::copy_from_slice(piece)).await?;
    }
    let digests = spool.finish().await?;
    Ok(Ok(TakenBytes { spool, digests }))
}
