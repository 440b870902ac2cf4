//! Downloads under way, and what those who wait for one get of it.

use crate::db::files::StoredFile;
use crate::error::{Error, Result};
use crate::packaging::page::File;
use bytes::Bytes;
use futures::stream::BoxStream;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;
use tokio::sync::watch;

/// Bytes kept back from all who wait until the whole file is verified: without them no response
/// can be taken for complete.
pub(super) const HELD_BACK: u64 = 64 << 10;

/// Bytes that a reader takes at once.
const READ: u64 = 128 << 10;

/// Bytes on their way from the upstream or the store. The stream ends well only if they are what
/// was advertised; otherwise it ends with an error, and the response must be reset.
pub struct Download {
    /// Bytes, if the upstream tells.
    pub size: Option<u64>,
    /// Known before the last byte only if the upstream told.
    pub sha256: Option<String>,
    pub stream: BoxStream<'static, Result<Bytes>>,
}

/// How far a download is.
#[derive(Clone, Default)]
pub(super) struct DownloadProgress {
    /// What the upstream's answer said; `None` until it came.
    pub(super) head: Option<AnswerHead>,
    /// Where the bytes are, as soon as there are some.
    pub(super) file: Option<Arc<std::fs::File>>,
    /// Bytes that can be read there.
    pub(super) written: u64,
    pub(super) end: Option<Result<Arc<StoredFile>, Arc<Error>>>,
}

#[derive(Clone, Copy)]
pub(super) struct AnswerHead {
    pub(super) size: Option<u64>,
}

type Running = Mutex<HashMap<String, watch::Receiver<DownloadProgress>>>;

/// The downloads under way.
#[derive(Clone, Default)]
pub(super) struct Downloads(Arc<Running>);

impl Downloads {
    pub(super) fn lock(
        &self,
    ) -> parking_lot::MutexGuard<'_, HashMap<String, watch::Receiver<DownloadProgress>>> {
        self.0.lock()
    }

    /// Whether any is under way.
    pub fn any(&self) -> bool {
        !self.lock().is_empty()
    }
}

/// Takes a download off the list when it ends, also by a panic.
pub(super) struct Landing(pub(super) Downloads, pub(super) String);

impl Drop for Landing {
    fn drop(&mut self) {
        self.0.lock().remove(&self.1);
    }
}

/// How a download began.
pub(super) enum Begun {
    Coming(Download),
    /// It was over before: the bytes are in the store.
    Stored(Arc<StoredFile>),
}

/// One who waits for a download.
pub(super) struct Waiting(pub(super) watch::Receiver<DownloadProgress>);

impl Waiting {
    /// Waits for the upstream's answer: what fails before it can still be told as an error.
    pub async fn begin(mut self, file: &File) -> Result<Begun> {
        let begun = |progress: &DownloadProgress| progress.head.is_some() || progress.end.is_some();
        let head = {
            let progress = self.0.wait_for(begun).await.map_err(|_| stopped())?;
            match &progress.end {
                Some(Err(error)) => return Err(error.again()),
                Some(Ok(row)) if progress.file.is_none() => return Ok(Begun::Stored(row.clone())),
                _ => progress.head,
            }
        };
        let size = head.and_then(|head| head.size);
        let sha256 = file.hashes.sha256.clone();
        Ok(Begun::Coming(Download { size, sha256, stream: stream(self.0) }))
    }

    /// Waits until the file is stored.
    pub async fn end(mut self) -> Result<Arc<StoredFile>> {
        let progress = self.0.wait_for(|progress| progress.end.is_some()).await.map_err(|_| stopped())?;
        match &progress.end {
            Some(Ok(file)) => Ok(file.clone()),
            Some(Err(error)) => Err(error.again()),
            None => Err(stopped()),
        }
    }
}

fn stopped() -> Error {
    Error::internal(anyhow::anyhow!("a download stopped without a result"))
}

/// The bytes, as they come; all but the last once the upstream sent them.
fn stream(mut progress: watch::Receiver<DownloadProgress>) -> BoxStream<'static, Result<Bytes>> {
    let bytes = async_stream::try_stream! {
        let mut at = 0;
        loop {
            let now = progress.borrow_and_update().clone();
            let readable = match &now.end {
                Some(Err(error)) => Err(error.again())?,
                Some(Ok(_)) => now.written,
                None => now.written.saturating_sub(HELD_BACK),
            };
            while let Some(file) = now.file.clone().filter(|_| at < readable) {
                let chunk = read_at(file, at, READ.min(readable - at)).await?;
                at += chunk.len() as u64;
                yield chunk;
            }
            if now.end.is_some() {
                break;
            }
            progress.changed().await.map_err(|_| stopped())?;
        }
    };
    Box::pin(bytes)
}

async fn read_at(file: Arc<std::fs::File>, at: u64, length: u64) -> Result<Bytes> {
    tokio::task::spawn_blocking(move || {
        let mut bytes = vec![0; usize::try_from(length).unwrap_or(0)];
        file.read_exact_at(&mut bytes, at)?;
        Ok(Bytes::from(bytes))
    })
    .await?
}
