//! What one side answered, seen while its bytes pass by.

use bytes::Bytes;
use http::{HeaderMap, StatusCode, header};
use http_body::{Body as HttpBody, Frame, SizeHint};
use sha2::{Digest, Sha256};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::sync::oneshot;

/// The most bytes of a page or of JSON that are kept to be compared; files are only hashed.
pub const KEPT: usize = 16 << 20;

/// The head of an answer.
#[derive(Clone, Debug, Default)]
pub struct ObservedHead {
    pub status: StatusCode,
    /// Without parameters, in lower case.
    pub content_type: String,
    pub encoding: String,
    pub location: Option<String>,
    pub length: Option<u64>,
    /// Until the head was there.
    pub after: Duration,
}

/// An answer.
#[derive(Clone, Debug, Default)]
pub struct Observed {
    pub head: ObservedHead,
    /// `None`: longer than [`KEPT`], or not needed.
    pub kept: Option<Bytes>,
    pub sha256: [u8; 32],
    /// All of the body was seen.
    pub whole: bool,
}

impl ObservedHead {
    pub fn new(status: StatusCode, headers: &HeaderMap, after: Duration) -> Self {
        let text = |name: header::HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
        let content_type = text(header::CONTENT_TYPE).unwrap_or_default();
        let content_type = content_type.split(';').next().unwrap_or_default();
        Self {
            status,
            content_type: content_type.trim().to_ascii_lowercase(),
            encoding: text(header::CONTENT_ENCODING).unwrap_or_default().trim().to_ascii_lowercase(),
            location: text(header::LOCATION).map(str::to_owned),
            length: text(header::CONTENT_LENGTH).and_then(|length| length.parse().ok()),
            after,
        }
    }

    pub fn is_json(&self) -> bool {
        self.content_type == "application/json" || self.content_type.ends_with("+json")
    }

    /// Whether its body is read by meaning, so that its bytes are kept.
    fn is_readable(&self) -> bool {
        self.is_json() || self.content_type == "text/html" || self.content_type.ends_with("+html")
    }
}

/// Sees an answer's body chunk by chunk.
pub struct Observer {
    head: ObservedHead,
    kept: Option<Vec<u8>>,
    hash: Sha256,
    seen: u64,
}

impl Observer {
    pub fn new(head: ObservedHead) -> Self {
        let kept = head.is_readable().then(Vec::new);
        Self { head, kept, hash: Sha256::new(), seen: 0 }
    }

    pub fn see(&mut self, bytes: &[u8]) {
        self.hash.update(bytes);
        self.seen += bytes.len() as u64;
        match &mut self.kept {
            Some(kept) if kept.len() + bytes.len() <= KEPT => kept.extend_from_slice(bytes),
            kept => *kept = None,
        }
    }

    pub fn seen(&self) -> u64 {
        self.seen
    }

    /// Whether reading on is of no use: it is compared by meaning, and too long for that.
    pub fn is_long(&self) -> bool {
        self.head.is_readable() && self.kept.is_none()
    }

    pub fn end(self, whole: bool) -> Observed {
        Observed {
            head: self.head,
            kept: self.kept.map(Bytes::from),
            sha256: self.hash.finalize().into(),
            whole,
        }
    }
}

/// A body that passes on what it gets, and tells at its end what was seen.
pub struct WatchedBody<B: HttpBody> {
    body: B,
    ended: bool,
    told: Option<(Observer, oneshot::Sender<Observed>)>,
}

impl<B: HttpBody> WatchedBody<B> {
    pub fn new(body: B, told: Option<(Observer, oneshot::Sender<Observed>)>) -> Self {
        Self { body, ended: false, told }
    }
}

impl<B: HttpBody<Data = Bytes> + Unpin> HttpBody for WatchedBody<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        match &frame {
            Some(Ok(frame)) => {
                if let (Some(bytes), Some((observer, _))) = (frame.data_ref(), &mut self.told) {
                    observer.see(bytes);
                }
            }
            Some(Err(_)) => {}
            None => self.ended = true,
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl<B: HttpBody> Drop for WatchedBody<B> {
    fn drop(&mut self) {
        if let Some((observer, told)) = self.told.take() {
            let whole = self.ended
                || self.body.is_end_stream()
                || observer.head.length.is_some_and(|length| length == observer.seen);
            // Nobody may be waiting for it any more.
            let _ = told.send(observer.end(whole));
        }
    }
}
