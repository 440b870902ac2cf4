//! The same question to the new server.

use super::observed::{Observed, ObservedHead, Observer};
use crate::error::{Error, Result};
use crate::timed_out;
use crate::upstream::client::failure;
use http::{HeaderMap, HeaderName, Method, header};
use std::time::{Duration, Instant};
use url::Url;

/// Until the new server has to answer. It may have to fetch a page from far away first.
const HEAD: Duration = Duration::from_secs(60);
/// Until all of its answer has to be there.
pub const WHOLE: Duration = Duration::from_secs(600);
/// The most bytes of a file.
const LARGEST: u64 = 4 << 30;

/// What makes an answer depend on an earlier one, of the other server.
const CONDITIONAL: [HeaderName; 5] = [
    header::IF_MATCH,
    header::IF_NONE_MATCH,
    header::IF_MODIFIED_SINCE,
    header::IF_UNMODIFIED_SINCE,
    header::IF_RANGE,
];

/// A request that the new server gets, too.
pub struct Replay {
    pub http: reqwest::Client,
    pub method: Method,
    pub url: Url,
    pub headers: HeaderMap,
    /// When the client's request came.
    pub began: Instant,
}

impl Replay {
    /// Asks, and reads the answer.
    ///
    /// # Errors
    /// `Unavailable`, `Timeout`, `BadUpstream`: there is nothing to compare.
    pub async fn ask(mut self) -> Result<Observed> {
        for name in CONDITIONAL {
            self.headers.remove(name);
        }
        let url = self.url.clone();
        let late = |after: Duration| timed_out!("no answer within {} seconds", after.as_secs());
        let request = self.http.request(self.method, self.url).headers(self.headers);
        let sent = tokio::time::timeout(HEAD, request.send()).await.map_err(|_| late(HEAD))?;
        let mut response = sent.map_err(|error| failure(&url, &error))?;
        let head = ObservedHead::new(response.status(), response.headers(), self.began.elapsed());
        let mut observer = Observer::new(head);
        let reading = async {
            while let Some(chunk) = response.chunk().await.map_err(|error| failure(&url, &error))? {
                observer.see(&chunk);
                if observer.is_long() || observer.seen() > LARGEST {
                    return Ok(false);
                }
            }
            Ok::<_, Error>(true)
        };
        let whole = tokio::time::timeout(WHOLE, reading).await.map_err(|_| late(WHOLE))??;
        Ok(observer.end(whole))
    }
}
