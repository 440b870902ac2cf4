//! The wheels proxy as its clients see it: text in, text out, and the pages behind it.

use super::super::build::api::{Again, Api};
use super::{Address, Python, without_user};
use crate::error::{Error, Result};
use std::time::{Duration, Instant};
use url::Url;

/// A server that is away for so long is given up on.
const AWAY: Duration = Duration::from_secs(60);
/// An answer that was waited for longer than that was cut off on the way, not refused.
const HELD: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_secs(2);
/// Answers that are cut off again and again are waited for no longer: as long as a server waits itself.
const LONGEST: Duration = Duration::from_secs(2 * 3600);

/// One server with the indexes and the target that are meant. Cheap to clone.
#[derive(Clone)]
pub struct Proxy {
    pub api: Api,
    pub address: Address,
    /// Where the address says `auto`: the target of the Python at hand.
    pub target: String,
    token: Option<String>,
}

impl Proxy {
    /// `python` is what the wheels are for, where the target is `auto`.
    ///
    /// # Errors
    /// `Bad` if the address is no server's.
    pub fn new(address: Address, token: Option<String>, python: Option<&Python>) -> Result<Self> {
        // One credential at a time.
        let root = if token.is_some() { without_user(&address.root) } else { address.root.clone() };
        let api = Api::new(root.as_str(), token.clone())?.with_agent(python.map(Python::user_agent));
        let target = python.map_or_else(|| address.target.clone(), |python| python.target.name.clone());
        Ok(Self { api, address, target, token })
    }

    /// The pages for installers, with the credential that they need.
    pub fn index_url(&self) -> String {
        self.with_credential(&self.address.simple())
    }

    /// An address of this server with our credential in it; any other as it is.
    pub fn with_credential(&self, url: &str) -> String {
        let root = &self.address.root;
        let Ok(mut parsed) = Url::parse(url) else { return url.to_owned() };
        let has_own = !parsed.username().is_empty() || parsed.password().is_some();
        if parsed.origin() != root.origin() || has_own {
            return url.to_owned();
        }
        let given = match (&self.token, root.password()) {
            (Some(token), _) => {
                parsed.set_username("__token__").and_then(|()| parsed.set_password(Some(token)))
            }
            (None, Some(password)) => {
                parsed.set_username(root.username()).and_then(|()| parsed.set_password(Some(password)))
            }
            (None, None) => return url.to_owned(),
        };
        if given.is_ok() { parsed.into() } else { url.to_owned() }
    }

    /// Requirements in, all that they need, pinned, out.
    ///
    /// # Errors
    /// `Bad` with the resolver's explanation if there is no such set.
    pub async fn compile(&self, requirements: &str) -> Result<String> {
        self.exchange("+compile/", requirements).await
    }

    /// Pinned requirements in, a URL for each out, once all wheels are there.
    ///
    /// # Errors
    /// `Bad` with each line that has no wheel.
    pub async fn resolve(&self, pinned: &str) -> Result<String> {
        self.exchange("+resolve/", pinned).await
    }

    /// Asks again after an answer that was lost on the way: what was begun for it goes on meanwhile.
    /// What the server decided is final, and no kind of retry goes on for ever.
    async fn exchange(&self, what: &str, text: &str) -> Result<String> {
        let path = format!("{}/{what}", self.address.place());
        let mut patience = Patience::new(Instant::now());
        loop {
            let asked = Instant::now();
            let refused = match self.api.exchange(&path, text).await {
                Ok(answer) => return Ok(answer),
                Err(refused) => refused,
            };
            let is_nobody = !patience.reached && is_unreachable(&refused.error);
            if is_nobody || !patience.lasts(refused.again, asked, Instant::now()) {
                return Err(patience.told(refused.error));
            }
            tokio::time::sleep(PAUSE).await;
        }
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

    fn told(&self, error: Error) -> Error {
        match !self.reached && is_unreachable(&error) {
            true => Error::Unavailable(format!(
                "{error}; start a server with wheelwright serve, or name yours with -w, --server or WHEELSPROXY_URL"
            )),
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
