//! The wheels proxy as its clients see it: text in, text out, and the pages behind it.

use super::super::build::api::Api;
use super::{Address, Python, without_user};
use crate::error::{Error, Result};
use std::time::{Duration, Instant};
use url::Url;

/// A server that is away for so long is given up on.
const AWAY: Duration = Duration::from_secs(60);
/// An answer that was waited for longer than that was cut off on the way, not refused.
const HELD: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_secs(2);

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

    /// Asks again after an answer that was cut off: what was begun for it goes on meanwhile.
    async fn exchange(&self, what: &str, text: &str) -> Result<String> {
        let path = format!("{}/{what}", self.address.place());
        let (mut away_since, mut reached) = (Instant::now(), false);
        loop {
            let asked = Instant::now();
            let error = match self.api.exchange(&path, text).await {
                Err(error @ (Error::Unavailable(_) | Error::Timeout(_) | Error::BadUpstream(_))) => error,
                // Builds that have not ended yet.
                Err(Error::Conflict(_)) => {
                    tokio::time::sleep(PAUSE).await;
                    continue;
                }
                other => return other,
            };
            if asked.elapsed() > HELD {
                (away_since, reached) = (Instant::now(), true);
            }
            if !reached && is_unreachable(&error) {
                return Err(Error::Unavailable(format!(
                    "{error}; start a server with wheelwright serve, or name yours with -w, --server or WHEELSPROXY_URL"
                )));
            }
            if away_since.elapsed() > AWAY {
                return Err(error);
            }
            tokio::time::sleep(PAUSE).await;
        }
    }
}

/// Whether nobody answers there at all.
fn is_unreachable(error: &Error) -> bool {
    matches!(error, Error::Unavailable(text) if text.starts_with("cannot reach"))
}
