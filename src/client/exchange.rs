//! Questions that a server answers once it has built what the answer needs: asked again after an answer that was
//! lost on the way, since what was begun for it goes on meanwhile.

use super::{ServerClient, answer};
use crate::error::{Error, Result};
use crate::unavailable;
use crate::upstream::client::failure;
use http::{Method, StatusCode, header};
use std::time::{Duration, Instant};

/// A server that is away for so long is given up on.
const AWAY: Duration = Duration::from_secs(60);
/// An answer that was waited for longer than that was cut off on the way, not refused.
const HELD: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_secs(2);
/// Answers that are cut off again and again are waited for no longer: as long as a server waits itself.
const LONGEST: Duration = Duration::from_secs(2 * 3600);

impl ServerClient {
    /// Sends text to a path that answers with text, however long that takes. What the server decided is final, and
    /// no kind of retry goes on for ever.
    ///
    /// # Errors
    /// What the server says against it, as it says it.
    pub async fn exchange(&self, path: &str, text: &str) -> Result<String> {
        let patient = self.clone().with_silence(None)?;
        let mut patience = Patience::new(Instant::now());
        loop {
            let asked = Instant::now();
            let refused = match patient.exchange_once(path, text).await? {
                Ok(answer) => return Ok(answer),
                Err(refused) => refused,
            };
            let is_nobody = !patience.reached && is_unreachable(&refused.error);
            if is_nobody || !patience.lasts(refused.again, asked, Instant::now()) {
                return Err(patience.explain(refused.error));
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn exchange_once(&self, path: &str, text: &str) -> Result<Result<String, Refused>> {
        let request = self.request(Method::POST, path)?;
        let request = request.header(header::ACCEPT, "text/plain, application/problem+json;q=0.5");
        let request = request.header(header::CONTENT_TYPE, "text/plain; charset=utf-8").body(text.to_owned());
        let response = match self.send_unjudged(request).await {
            Ok(response) => response,
            Err(error) => return Ok(Err(Refused::on_the_way(error))),
        };
        if response.status().is_success() {
            let url = response.url().clone();
            let text = response.text().await;
            return Ok(text.map_err(|error| Refused::on_the_way(failure(&url, &error))));
        }
        let refusal = answer::refusal(response, true).await;
        let again = Again::after(refusal.status, refusal.in_own_words);
        Ok(Err(Refused { error: refusal.error, again }))
    }
}

/// Why an exchange brought nothing, and whether another try may.
#[derive(Debug)]
struct Refused {
    error: Error,
    again: Again,
}

/// When the same question may be answered otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Again {
    /// Never: the server has decided.
    Never,
    /// Soon: the server starts, stops, or has too much to do.
    Soon,
    /// The answer was lost on the way; what was begun for it goes on.
    Lost,
    /// The server is at work on it.
    Later,
}

impl Again {
    /// A proxy between tells of a lost answer with a page of its own; in the words of a wheelwright, 502
    /// and 504 are what it found out about its own upstreams.
    fn after(status: StatusCode, in_own_words: bool) -> Self {
        match status {
            StatusCode::CONFLICT => Self::Later,
            StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS => Self::Soon,
            status if status.is_server_error() && !in_own_words => Self::Lost,
            _ => Self::Never,
        }
    }
}

impl Refused {
    fn on_the_way(error: Error) -> Self {
        let again = if matches!(error, Error::Unavailable(_)) { Again::Soon } else { Again::Lost };
        Self { error, again }
    }
}

/// For how long an exchange is tried.
struct Patience {
    begun: Instant,
    /// Since when nobody answers, or only that it is not ready.
    away: Option<Instant>,
    /// The server was there: an answer took so long that it was at work.
    reached: bool,
}

impl Patience {
    fn new(begun: Instant) -> Self {
        Self { begun, away: None, reached: false }
    }

    /// Whether to ask again at `now`, after a question of `asked` that ended like this.
    fn lasts(&mut self, again: Again, asked: Instant, now: Instant) -> bool {
        let was_held = now.duration_since(asked) > HELD;
        self.reached |= was_held || again == Again::Later;
        match again {
            Again::Never => false,
            // Builds that have not ended; each has a limit of its own.
            Again::Later => {
                (self.begun, self.away) = (now, None);
                true
            }
            Again::Lost if was_held => {
                self.away = None;
                now.duration_since(self.begun) < LONGEST
            }
            Again::Soon | Again::Lost => {
                let away = *self.away.get_or_insert(asked.max(self.begun));
                now.duration_since(away.max(self.begun)) < AWAY
            }
        }
    }

    fn explain(&self, error: Error) -> Error {
        match !self.reached && is_unreachable(&error) {
            true => unavailable!(
                "{error}. Start a server with wheelwright serve, or pass yours with -w, --server or \
                 WHEELSPROXY_URL"
            ),
            false => error,
        }
    }
}

/// Whether nobody answers there at all.
fn is_unreachable(error: &Error) -> bool {
    matches!(error, Error::Unavailable(text) if text.starts_with("cannot reach"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Seconds for which an exchange goes on if each question takes `each` seconds and ends like this.
    fn lasting(again: Again, each: u64) -> u64 {
        let begun = Instant::now();
        let mut patience = Patience::new(begun);
        let (mut at, each) = (begun, Duration::from_secs(each));
        for _ in 0..1_000_000 {
            let now = at + each;
            if !patience.lasts(again, at, now) {
                return now.duration_since(begun).as_secs();
            }
            at = now + PAUSE;
        }
        panic!("{again:?} is retried for ever");
    }

    #[test]
    fn no_retry_goes_on_for_ever_and_a_decision_is_final() {
        // An offline server whose every refusal takes a minute.
        assert_eq!(lasting(Again::Never, 60), 60);
        for each in [0, 1, 10, 70] {
            assert!(lasting(Again::Soon, each) <= AWAY.as_secs() + each + PAUSE.as_secs(), "{each}");
        }
        assert!(lasting(Again::Lost, 0) <= AWAY.as_secs() + PAUSE.as_secs());
        // A proxy that cuts off each minute, while the builds go on.
        let held = lasting(Again::Lost, 60);
        assert!(held >= LONGEST.as_secs() && held <= LONGEST.as_secs() + 62, "{held}");
    }
}
