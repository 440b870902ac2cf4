//! Requests to an upstream: who gets its credentials, where they may lead, when to give up.

mod body;
mod documents;
mod publish;

pub use body::BodyWatch;
pub use publish::FormFile;

use super::guard::{self, Guard};
use crate::config::Config;
use crate::config::secret_url::SecretUrl;
use crate::counters;
use crate::error::{Error, Result};
use crate::{bad_upstream, forbidden, timed_out, unavailable};
use base64::Engine as _;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use reqwest::Response;
use std::sync::Arc;
use std::time::Duration;
use url::Url;

/// A redirect beyond this one is a loop, or as good as one.
const REDIRECTS: usize = 5;

/// On whose behalf an upstream is asked, and so how far it may lead us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trust {
    /// Who runs this server named it: its own host may be anywhere.
    Operator,
    /// Somebody with an account named it: public addresses and `private_hosts`.
    Account,
    /// Anybody named it: public addresses alone.
    Stranger,
}

/// An upstream as configured: where it is, and what it wants to be told.
#[derive(Clone)]
pub struct UpstreamSource {
    /// Without credentials.
    pub url: Url,
    authorization: Option<HeaderValue>,
    trust: Trust,
    /// The mirror whose upstream it is; empty if none.
    asker: String,
    /// Statuses beside 404 and 410 that say that there is no such page.
    pub(super) missing: Vec<u16>,
}

impl UpstreamSource {
    /// Takes the credentials out of `url`.
    pub fn new(url: &Url, trust: Trust) -> Self {
        let mut plain = url.clone();
        // Both fail only for URLs that cannot have credentials.
        let _ = plain.set_username("");
        let _ = plain.set_password(None);
        plain.set_fragment(None);
        Self {
            url: plain,
            authorization: authorization(url),
            trust,
            asker: String::new(),
            missing: Vec::new(),
        }
    }

    /// The same as the upstream of a mirror.
    pub fn of_mirror(mut self, index: &str) -> Self {
        self.asker = index.to_owned();
        self
    }

    /// The same where these statuses say that there is no such page.
    pub fn says_missing(mut self, statuses: &[u16]) -> Self {
        self.missing = statuses.to_vec();
        self
    }

    /// Same scheme, host and port: the only place where the credentials go.
    fn is_origin_of(&self, url: &Url) -> bool {
        self.url.origin() == url.origin()
    }
}

/// The `Authorization` that the user and the password in a URL ask for.
pub fn authorization(url: &Url) -> Option<HeaderValue> {
    if url.username().is_empty() && url.password().is_none() {
        return None;
    }
    let decode = |text: &str| percent_encoding::percent_decode_str(text).collect::<Vec<u8>>();
    basic(decode(url.username()), decode(url.password().unwrap_or_default()))
}

/// The same for a user and a password.
pub fn basic(user: impl AsRef<[u8]>, password: impl AsRef<[u8]>) -> Option<HeaderValue> {
    let pair = [user.as_ref(), b":", password.as_ref()].concat();
    let text = format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(pair));
    let mut value = HeaderValue::from_str(&text).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// The header that tells which mirror asks.
pub const ASKER: &str = "x-wheelwright-mirror";

/// What stands in it: nothing that others could read an index's name from.
pub fn asker(uuid: &str, index: &str) -> String {
    crate::tools::hex::short_sha256(format!("{uuid} {index}"), 24)
}

/// Speaks HTTP to upstreams. Cheap to clone.
#[derive(Clone)]
pub struct UpstreamClient {
    /// For requests whose answer is what takes time.
    reading: HostClients,
    /// For those with a long body, which [`BodyWatch`] ends.
    sending: HostClients,
    granted: Guard,
    public: Guard,
    allow_private: bool,
    offline: bool,
    /// Which installation asks.
    uuid: Arc<str>,
    /// Until an upstream that is silent is given up on.
    pub timeout: Duration,
}

/// Connections are kept apart: what one may reach is not reused by the other.
#[derive(Clone)]
struct HostClients {
    /// For the hosts that the operator named.
    named: reqwest::Client,
    /// For all others, of whoever has an account.
    granted: reqwest::Client,
    /// For strangers.
    public: reqwest::Client,
}

impl HostClients {
    fn new(builder: impl Fn() -> reqwest::ClientBuilder, granted: &Guard, public: &Guard) -> Result<Self> {
        let guarded = |guard: &Guard| builder().dns_resolver(guard.clone()).build().map_err(Error::internal);
        let named = builder().build().map_err(Error::internal)?;
        Ok(Self { named, granted: guarded(granted)?, public: guarded(public)? })
    }
}

impl UpstreamClient {
    pub fn new(config: &Config) -> Result<Self> {
        Self::within(config, Guard::granted(config), Guard::public())
    }

    /// The same with guards of one's own.
    fn within(config: &Config, granted: Guard, public: Guard) -> Result<Self> {
        // The first to come decides; everybody wants the same one.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let timeout = Duration::from_secs(config.mirror.timeout.max(1));
        let builder = || {
            reqwest::Client::builder()
                .user_agent(concat!("wheelwright/", env!("CARGO_PKG_VERSION")))
                .redirect(reqwest::redirect::Policy::none())
                .connect_timeout(timeout)
                .pool_max_idle_per_host(16)
        };
        Ok(Self {
            reading: HostClients::new(|| builder().read_timeout(timeout), &granted, &public)?,
            sending: HostClients::new(builder, &granted, &public)?,
            granted,
            public,
            allow_private: config.mirror.allow_private_redirects,
            offline: config.offline,
            uuid: "".into(),
            timeout,
        })
    }

    /// Tells upstreams which index of this installation asks, so that a server notices itself.
    pub fn of(mut self, uuid: &str) -> Self {
        self.uuid = uuid.into();
        self
    }

    pub fn is_offline(&self) -> bool {
        self.offline
    }

    /// Sends a request without body and follows redirects. Any status but a redirect is an answer.
    /// The URL that answered is [`Response::url`].
    pub async fn send(
        &self,
        source: &UpstreamSource,
        method: Method,
        url: &Url,
        headers: &HeaderMap,
    ) -> Result<Response> {
        if self.offline {
            return Err(offline(url));
        }
        let answer = self.follow(source, method, url, headers).await;
        let counter = match answer.as_ref().map(|response| response.status()) {
            Ok(StatusCode::NOT_MODIFIED) => &counters::UPSTREAM_NOT_MODIFIED,
            Ok(StatusCode::NOT_FOUND | StatusCode::GONE) => &counters::UPSTREAM_MISSING,
            Ok(status) if status.is_success() => &counters::UPSTREAM_OK,
            _ => &counters::UPSTREAM_FAILED,
        };
        counter.one();
        answer
    }

    async fn follow(
        &self,
        source: &UpstreamSource,
        method: Method,
        url: &Url,
        headers: &HeaderMap,
    ) -> Result<Response> {
        let mut url = url.clone();
        for _ in 0..=REDIRECTS {
            let response = self.send_once(source, &method, &url, headers).await?;
            if !is_redirect(response.status()) {
                return Ok(response);
            }
            url = self.redirected(&url, &response)?;
        }
        Err(bad_upstream!("{} redirects more than {REDIRECTS} times", shown(&source.url)))
    }

    async fn send_once(
        &self,
        source: &UpstreamSource,
        method: &Method,
        url: &Url,
        headers: &HeaderMap,
    ) -> Result<Response> {
        let client = self.client_for(&self.reading, source, url)?;
        let mut request = client.request(method.clone(), url.clone()).headers(headers.clone());
        if !source.asker.is_empty() {
            request = request.header(ASKER, asker(&self.uuid, &source.asker));
        }
        if source.is_origin_of(url)
            && let Some(authorization) = &source.authorization
        {
            request = request.header(header::AUTHORIZATION, authorization.clone());
        }
        // The idle limit begins with the body; this one ends the wait for its head.
        let sent = tokio::time::timeout(self.timeout * 2, request.send()).await;
        sent.map_err(|_| silent(url, self.timeout * 2))?.map_err(|error| failure(url, &error))
    }

    /// Refuses what must not be asked, and chooses the resolver.
    fn client_for<'a>(
        &self,
        clients: &'a HostClients,
        source: &UpstreamSource,
        url: &Url,
    ) -> Result<&'a reqwest::Client> {
        if !matches!(url.scheme(), "http" | "https") {
            return Err(bad_upstream!("the upstream refers to an unsupported {}: URL", url.scheme()));
        }
        if source.url.scheme() == "https" && url.scheme() == "http" {
            return Err(bad_upstream!("the upstream refers from https to the unencrypted {}", shown(url)));
        }
        let Some(host) = url.host() else {
            return Err(bad_upstream!("the upstream refers to a URL without a host"));
        };
        let (client, guard) = match source.trust {
            Trust::Operator if self.allow_private || source.url.host().as_ref() == Some(&host) => {
                return Ok(&clients.named);
            }
            Trust::Operator | Trust::Account => (&clients.granted, &self.granted),
            Trust::Stranger => (&clients.public, &self.public),
        };
        match guard.admits(&host) {
            true => Ok(client),
            false => Err(Error::BadUpstream(guard::refusal(url.host_str().unwrap_or_default()))),
        }
    }

    /// Refuses an upstream that somebody with an account may not name, as far as it can be told now;
    /// each connection is looked at again.
    ///
    /// # Errors
    /// `Forbidden`, with who may name it.
    pub async fn may_name(&self, url: &Url) -> Result<()> {
        match self.granted.refuses(url, self.offline).await {
            Some(why) => Err(forbidden!("{why}, or creates the mirror")),
            None => Ok(()),
        }
    }

    /// The same of a URL that an account sends something to.
    pub async fn may_send(&self, url: &Url) -> Result<()> {
        self.granted.refuses(url, self.offline).await.map_or(Ok(()), |why| Err(forbidden!("{why}")))
    }

    fn redirected(&self, from: &Url, response: &Response) -> Result<Url> {
        let location = response.headers().get(header::LOCATION).and_then(|value| value.to_str().ok());
        let target = location.and_then(|text| from.join(text).ok());
        let Some(mut target) = target else {
            return Err(bad_upstream!("{} redirects without a valid Location", shown(from)));
        };
        if from.scheme() == "https" && target.scheme() == "http" {
            return Err(bad_upstream!("{} redirects to the unencrypted {}", shown(from), shown(&target)));
        }
        // Ours go to the configured origin only; an upstream cannot hand us others.
        let _ = target.set_username("");
        let _ = target.set_password(None);
        Ok(target)
    }
}

fn is_redirect(status: StatusCode) -> bool {
    matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308)
}

/// A URL for messages: without credentials, and without the query, which may hold a signature.
pub fn shown(url: &Url) -> String {
    SecretUrl::from(url.clone()).plain().to_string()
}

/// What offline mode answers instead of asking.
pub fn offline(url: &Url) -> Error {
    no_copy(&shown(url))
}

/// That something was never stored, or lost, and nobody may be asked for it.
pub fn no_copy(what: &str) -> Error {
    Error::Offline(format!("this server is offline and has no copy of {what}"))
}

fn silent(url: &Url, after: Duration) -> Error {
    timed_out!("{} did not answer within {} seconds", shown(url), after.as_secs())
}

/// The answer for a request or body that failed on the way.
pub fn failure(url: &Url, error: &reqwest::Error) -> Error {
    let where_ = shown(url);
    // The deepest cause says most: `connection refused`, a certificate's fault, our own refusal.
    let mut cause: &dyn std::error::Error = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    if error.is_timeout() {
        timed_out!("{where_} did not answer in time")
    } else if error.is_connect() {
        unavailable!("cannot reach {where_}: {cause}")
    } else if error.is_body() || error.is_decode() {
        bad_upstream!("{where_} closed the connection before the end of its answer: {cause}")
    } else {
        bad_upstream!("{where_} gave an invalid answer: {cause}")
    }
}

/// The answer for a status that is no success.
pub fn unexpected(url: &Url, status: StatusCode) -> Error {
    let (at, code) = (shown(url), status.as_u16());
    match code {
        401 | 403 | 407 => bad_upstream!(
            "{at} answered {code}: the credential in the mirror's mirror_url is missing or was rejected"
        ),
        508 => bad_upstream!(
            "{at} leads back to this mirror itself: set mirror_url (or --upstream, PIP_INDEX_URL) to another index"
        ),
        429 | 503 => unavailable!("{at} answered {code}: it is overloaded, try again later"),
        _ => bad_upstream!("{at} answered {code}"),
    }
}

#[cfg(test)]
mod tests;
