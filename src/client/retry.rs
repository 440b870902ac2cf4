//! What is done again while a server is away.

use crate::error::{Error, Result};
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// A server that comes back within this time gets what there was to tell.
const LONGEST: Duration = Duration::from_secs(600);

/// Whether the same request may succeed later: the server is away, too busy, or its disk is full.
pub fn may_pass(error: &Error) -> bool {
    matches!(error, Error::Unavailable(_) | Error::BadUpstream(_) | Error::Timeout(_) | Error::Full(_))
}

/// Does it again, with growing pauses, while its error may pass.
///
/// # Errors
/// The last error, if it does not pass within ten minutes.
pub async fn retried<T, F: Future<Output = Result<T>>>(mut attempt: impl FnMut() -> F) -> Result<T> {
    let (until, mut pause) = (Instant::now() + LONGEST, Duration::from_millis(200));
    loop {
        match attempt().await {
            Err(error) if may_pass(&error) && Instant::now() < until => {
                tracing::debug!(%error, "retrying a request to the server");
            }
            done => return done,
        }
        sleep(pause).await;
        pause = (pause * 2).min(Duration::from_secs(10));
    }
}
