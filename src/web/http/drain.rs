//! What is left of a refused request's body: read on for a while behind the answer.
//!
//! Publishers send all of a file before they look at the answer. If the connection were closed
//! at once, the peer's system would drop the answer together with it, and they would print
//! "connection reset" instead of the reason.

use bytes::Bytes;
use futures::{Stream, StreamExt};
use http::{HeaderMap, header};
use std::time::Duration;

/// Bytes; after these the connection is closed in spite of it all.
const MOST: usize = 16 << 20;
const LONGEST: Duration = Duration::from_secs(10);

/// Reads the rest of a body in the background, up to a limit.
pub fn behind_the_answer<S, E>(headers: &HeaderMap, mut rest: S)
where
    S: Stream<Item = Result<Bytes, E>> + Send + Unpin + 'static,
    E: Send,
{
    // Who waits for `100 Continue` has sent nothing, and reading on would ask for it.
    if headers.contains_key(header::EXPECT) {
        return;
    }
    tokio::spawn(tokio::time::timeout(LONGEST, async move {
        let mut read = 0;
        while let Some(Ok(chunk)) = rest.next().await {
            read += chunk.len();
            if read > MOST {
                break;
            }
        }
    }));
}
