//! A build's log: appended while it runs, read by those who watch, joined into a blob at its end.

use super::Queue;
use super::lease::lost;
use crate::bad;
use crate::db::builds::{Appended, Build, BuildId};
use crate::error::{Error, Result};
use async_stream::try_stream;
use bytes::Bytes;
use futures::{Stream, StreamExt};
use std::time::Duration;

/// Pieces read at once.
const AT_ONCE: u32 = 64;

/// Pieces read at once for somebody who follows a build, of whom there are many.
const FOLLOWED: u32 = 8;

/// Bytes that a log may have beyond its bound: the worker's own lines.
const SLACK: u64 = 64 << 10;

/// What a watcher is told when a build begins anew.
const AGAIN: &[u8] = b"\n[wheelwright] the server lost the worker: the build runs again\n";

impl Queue {
    /// Appends a piece; `Ok` is how many bytes the log has now. What the log has of it already, since an answer was
    /// lost and the worker sent it again with what came meanwhile, is left out.
    ///
    /// # Errors
    /// `Conflict` if the lease is lost; `Bad` if the piece begins behind the log's end; `TooLarge` beyond the bound.
    pub async fn append_log(
        &self,
        owner: &str,
        id: BuildId,
        fence: i64,
        at: u64,
        text: &[u8],
    ) -> Result<u64> {
        self.held(owner, id, fence).await?;
        let bound = self.0.limits.log.saturating_add(SLACK);
        if at.saturating_add(text.len() as u64) > bound {
            return Err(Error::TooLarge(format!("the log of a build has at most {bound} bytes")));
        }
        let mut appended = self.0.db.append_log(id, fence, at, text).await?;
        if let Appended::Elsewhere(size) = appended {
            let known = size.checked_sub(at).and_then(|known| usize::try_from(known).ok());
            match known.and_then(|known| text.get(known..)) {
                Some([]) => return Ok(size),
                Some(rest) => appended = self.0.db.append_log(id, fence, size, rest).await?,
                None => {}
            }
        }
        match appended {
            Appended::To(size) => {
                self.tell();
                Ok(size)
            }
            Appended::Elsewhere(size) => Err(bad!(
                "the log of build {id} has {size} bytes: send the next piece from there, not from {at}"
            )),
            Appended::Lost => Err(lost(id)),
        }
    }

    /// The log from its beginning, for as long as the build runs.
    pub fn watch_log(&self, id: BuildId) -> impl Stream<Item = Result<Bytes>> + Send + use<> {
        let queue = self.clone();
        try_stream! {
            let mut changed = queue.0.changed.subscribe();
            let (mut at, mut fence) = (0, 0);
            loop {
                changed.mark_unchanged();
                let build = queue.get(id).await?;
                if at > 0 && build.fence != fence && !build.state.has_ended() {
                    at = 0;
                    yield Bytes::from_static(AGAIN);
                }
                fence = build.fence;
                if let Some(sha256) = &build.log_sha256 {
                    if let Some(rest) = queue.0.store.get(sha256, Some(at..u64::MAX)).await? {
                        let mut rest = rest.into_stream();
                        while let Some(bytes) = rest.next().await {
                            yield bytes?;
                        }
                    }
                    break;
                }
                let pieces = queue.0.db.log_pieces(id, at, AT_ONCE).await?;
                let more = pieces.len() == AT_ONCE as usize;
                for (begin, text) in pieces {
                    at = begin + text.len() as u64;
                    yield Bytes::from(text);
                }
                if (build.state.has_ended() || queue.is_closing()) && !more {
                    break;
                }
                if !more {
                    let look = tokio::time::Instant::now() + Duration::from_secs(1);
                    queue.something_changed(&mut changed, look).await;
                }
            }
        }
    }

    /// The last bytes of the log as it is now, about so many.
    pub async fn log_tail(&self, build: &Build, most: u64) -> Result<Bytes> {
        let from = build.log_size.saturating_sub(most);
        if let Some(sha256) = &build.log_sha256 {
            return match self.0.store.get(sha256, Some(from..u64::MAX)).await? {
                Some(log) => log.whole().await,
                None => Ok(Bytes::new()),
            };
        }
        let pieces = self.0.db.log_pieces(build.id, from, AT_ONCE).await?;
        Ok(pieces.into_iter().flat_map(|(_, text)| text).collect::<Vec<u8>>().into())
    }

    /// At most `most` bytes of the log as it is now, from offset `at` on.
    pub async fn log_from(&self, build: &Build, at: u64, most: u64) -> Result<Bytes> {
        if let Some(sha256) = &build.log_sha256 {
            return match self.0.store.get(sha256, Some(at..at.saturating_add(most))).await? {
                Some(log) => log.whole().await,
                None => Ok(Bytes::new()),
            };
        }
        let mut text = Vec::new();
        for (begin, piece) in self.0.db.log_pieces_around(build.id, at, FOLLOWED).await? {
            let known = usize::try_from(at.saturating_sub(begin)).unwrap_or(usize::MAX);
            text.extend_from_slice(piece.get(known..).unwrap_or_default());
        }
        text.truncate(usize::try_from(most).unwrap_or(usize::MAX));
        Ok(text.into())
    }

    /// The end of the log as it is now, at most `most` bytes, and the offset of its first.
    pub async fn log_end(&self, build: &Build, most: u64) -> Result<(u64, Bytes)> {
        let from = build.log_size.saturating_sub(most);
        if build.log_sha256.is_some() {
            return Ok((from, self.log_from(build, from, most).await?));
        }
        let mut text = Vec::new();
        loop {
            let have = text.len() as u64;
            let more = self.log_from(build, from + have, most.saturating_sub(have)).await?;
            if more.is_empty() {
                return Ok((from, text.into()));
            }
            text.extend_from_slice(&more);
        }
    }

    /// The same; empty if there is none.
    pub(super) async fn whole_log(&self, id: BuildId) -> Result<String> {
        match self.join_log(id).await? {
            Some(log) => Ok(log),
            None => self.0.store.put(bytes::Bytes::new()).await,
        }
    }

    /// Joins what is there into a blob; its sha256. `None`: there is no log.
    pub(super) async fn join_log(&self, id: BuildId) -> Result<Option<String>> {
        let mut spool = self.0.store.spool().await?;
        let mut at = 0;
        loop {
            let pieces = self.0.db.log_pieces(id, at, AT_ONCE).await?;
            let last = pieces.len() < AT_ONCE as usize;
            for (begin, text) in pieces {
                at = begin + text.len() as u64;
                spool.write(text.into()).await?;
            }
            if last {
                break;
            }
        }
        if at == 0 {
            return Ok(None);
        }
        Ok(Some(self.0.store.keep(spool).await?.sha256))
    }
}
