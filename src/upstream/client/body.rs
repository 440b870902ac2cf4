//! Long bodies on their way out: an upload may take as long as it needs, while the other side takes bytes of it.

use super::{failure, shown};
use crate::error::Result;
use crate::timed_out;
use bytes::Bytes;
use futures::{Stream, StreamExt as _};
use parking_lot::Mutex;
use reqwest::Response;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, sleep_until};
use url::Url;

/// A server that has all of a body may need this long besides: buffers between empty, and it checks what came.
const CHECKING: Duration = Duration::from_secs(600);

/// Knows when bytes of one request's body were last taken.
///
/// The read timeout of an HTTP client cannot do this: it begins with the request, and ends an upload that goes on.
#[derive(Clone)]
pub struct BodyWatch(Arc<Mutex<Taken>>);

struct Taken {
    last: Instant,
    /// Bytes that were not taken yet.
    left: u64,
}

impl BodyWatch {
    /// For a body of so many bytes.
    pub fn of(length: u64) -> Self {
        Self(Arc::new(Mutex::new(Taken { last: Instant::now(), left: length })))
    }

    /// The body, watched.
    pub fn body<E>(&self, pieces: impl Stream<Item = Result<Bytes, E>> + Send + 'static) -> reqwest::Body
    where
        E: Into<Box<dyn std::error::Error + Send + Sync>> + 'static,
    {
        let taken = self.0.clone();
        reqwest::Body::wrap_stream(pieces.inspect(move |piece| {
            let mut taken = taken.lock();
            taken.last = Instant::now();
            let bytes = piece.as_ref().map_or(0, |piece| piece.len() as u64);
            taken.left = taken.left.saturating_sub(bytes);
        }))
    }

    /// The answer to the request of this body, which a client without a read timeout sends.
    ///
    /// # Errors
    /// `Timeout` if nothing was taken for longer than `silence`, or if no answer comes once all is taken.
    pub async fn answer(
        &self,
        url: &Url,
        silence: Duration,
        sending: impl Future<Output = reqwest::Result<Response>>,
    ) -> Result<Response> {
        let mut sending = pin!(sending);
        loop {
            let over = self.over(silence);
            tokio::select! {
                answer = &mut sending => return answer.map_err(|error| failure(url, &error)),
                () = sleep_until(over) => {}
            }
            if self.over(silence) <= Instant::now() {
                return Err(timed_out!(
                    "{} stopped taking the upload, or did not answer it in time",
                    shown(url)
                ));
            }
        }
    }

    fn over(&self, silence: Duration) -> Instant {
        let taken = self.0.lock();
        taken.last + if taken.left == 0 { silence + CHECKING } else { silence }
    }
}
