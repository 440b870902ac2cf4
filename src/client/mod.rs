//! The one way to talk to a wheelwright over HTTP: where it is, who asks, what its answers mean.
//!
//! `login` and `logins` say who asks, `api` asks for anything by its path. `builds`, `bundles`, `learned` and `readiness` are what people ask, `worker` what workers ask, `wheelsproxy` some indexes of it for one target.

mod answer;
mod api;
mod builds;
mod bundles;
mod credential;
mod doctor;
mod exchange;
mod learned;
mod login;
pub mod logins;
pub mod netrc;
mod publish;
mod readiness;
mod requests;
mod retry;
mod search;
mod sending;
mod transfer;
mod uploads;
mod wheelsproxy;
mod worker;

pub use self::api::ApiAnswer;
pub use self::builds::builds_in;
pub use self::bundles::Installation;
pub use self::login::{GivenToken, MadeToken, RemoteAccount};
pub use self::publish::FileToUpload;
pub use self::retry::{may_pass, retried};
pub use self::transfer::read_url;
pub use self::uploads::{RemoteLogin, RemoteOptions};
pub use self::wheelsproxy::{ProxyAddress, WheelsProxy, left_out};
pub use self::worker::{WorkerClient, index_path};

use crate::bad;
use crate::config::secret_url::masked;
use crate::error::{Error, Result};
use crate::upstream::client::{failure, shown};
use http::{HeaderMap, HeaderValue, Method, header};
use reqwest::{RequestBuilder, Response};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::OnceCell;
use url::{Host, Url};

/// How long a server may be silent. It may have to fetch a page from far away first.
const SILENCE: Duration = Duration::from_secs(120);
const CONNECT: Duration = Duration::from_secs(20);

/// A wheelwright, and the credential for it. Cheap to clone.
#[derive(Clone, Debug)]
pub struct ServerClient {
    http: reqwest::Client,
    /// For requests with long bodies; made when the first is sent.
    sending: Arc<OnceCell<reqwest::Client>>,
    /// After so much of it a request is given up; `None`: never.
    silence: Option<Duration>,
    /// Ends in `/`, and has no credential.
    base: Url,
    authorization: Option<HeaderValue>,
    agent: String,
}

/// The `result` in which the server wraps what it answers.
#[derive(serde::Deserialize)]
struct Wrapped<T> {
    result: T,
}

impl ServerClient {
    /// The server at `url`, asked with the token; without one, or with an empty one, with what the URL, a login or
    /// `~/.netrc` has.
    ///
    /// # Errors
    /// `Bad` if that is not the address of a server.
    pub fn new(url: &str, token: Option<&str>) -> Result<Self> {
        let base = address(url)?;
        let authorization = credential::of(&base, token.filter(|token| !token.is_empty()))?;
        Ok(Self { authorization, ..Self::of(&base)? })
    }

    /// The server at `url`, asked without a credential, whatever is kept for it.
    ///
    /// # Errors
    /// `Bad` if that is not the address of a server.
    pub fn stranger(url: &str) -> Result<Self> {
        Self::of(&address(url)?)
    }

    fn of(base: &Url) -> Result<Self> {
        let base = without_user(base);
        let (silence, sending) = (Some(SILENCE), Arc::default());
        let agent = concat!("wheelwright/", env!("CARGO_PKG_VERSION")).to_owned();
        Ok(Self { http: connections(&base, silence)?, sending, silence, base, authorization: None, agent })
    }

    /// The same with the `User-Agent` of an installer or a worker.
    #[must_use]
    pub fn with_agent(self, agent: String) -> Self {
        Self { agent, ..self }
    }

    /// The same that asks as the holder of a bearer token.
    #[must_use]
    fn with_bearer(self, secret: &str) -> Self {
        Self { authorization: credential::bearer(secret), ..self }
    }

    /// The same that gives up after another time of silence, or never.
    fn with_silence(self, silence: Option<Duration>) -> Result<Self> {
        Ok(Self { http: connections(&self.base, silence)?, silence, ..self })
    }

    /// The address of the server; it ends in `/`.
    pub fn base(&self) -> &Url {
        &self.base
    }

    /// Whether a URL is the server's own: its credential goes nowhere else.
    pub fn owns(&self, url: &Url) -> bool {
        url.origin() == self.base.origin()
    }

    /// A path of the server, or an address that one of its pages has, as a URL.
    ///
    /// # Errors
    /// `Bad` if it is neither, or if a part of it would lead elsewhere: `alice/+groups/..` is another thing.
    pub fn url(&self, path: &str) -> Result<Url> {
        let plain = path.split(['?', '#']).next().unwrap_or_default();
        if plain.split(['/', '\\']).any(leads_elsewhere) {
            return Err(bad!("{path:?} is not a valid path: a name cannot be '.' or '..'"));
        }
        self.base.join(path).map_err(|error| bad!("{path:?} is not a valid URL: {error}"))
    }

    /// A request for a path of the server, or for an address that one of its pages has.
    fn request(&self, method: Method, path: &str) -> Result<RequestBuilder> {
        let url = self.url(path)?;
        let authorization = self.authorization.clone().filter(|_| self.owns(&url));
        let request = self.http.request(method, url).header(header::USER_AGENT, &self.agent);
        Ok(match authorization {
            Some(value) => request.header(header::AUTHORIZATION, value),
            None => request,
        })
    }

    fn request_with_json(
        &self,
        method: Method,
        path: &str,
        value: &impl Serialize,
    ) -> Result<RequestBuilder> {
        let body = serde_json::to_vec(value).map_err(Error::internal)?;
        Ok(self.request(method, path)?.header(header::CONTENT_TYPE, "application/json").body(body))
    }

    /// Sends a request; any answer but a good one is the error that it stands for.
    async fn send(&self, request: RequestBuilder) -> Result<Response> {
        self.judged(self.send_unjudged(request).await?).await
    }

    async fn judged(&self, response: Response) -> Result<Response> {
        match response.status().is_success() {
            true => Ok(response),
            false => {
                let own = self.owns(response.url());
                Err(answer::refusal(response, own).await.error)
            }
        }
    }

    async fn send_unjudged(&self, request: RequestBuilder) -> Result<Response> {
        let (http, request) = request.build_split();
        let request = request.map_err(Error::internal)?;
        let url = request.url().clone();
        http.execute(request).await.map_err(|error| failure(&url, &error))
    }

    /// Sends a request, and reads what the server wrapped in `result`.
    async fn result<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<T> {
        let response = self.send(request.header(header::ACCEPT, "application/json")).await?;
        answer::json::<Wrapped<T>>(response).await.map(|wrapped| wrapped.result)
    }

    /// Passes somebody else's request on, whatever the answer: a redirect or a refusal is one too.
    ///
    /// # Errors
    /// `Forbidden` for a URL of elsewhere; `Unavailable` and the like if the server does not answer.
    pub async fn forward(&self, method: Method, url: Url, headers: HeaderMap) -> Result<Response> {
        if !self.owns(&url) {
            return Err(crate::forbidden!("{} is not on the server {}", shown(&url), self.base));
        }
        self.send_unjudged(self.request(method, url.as_str())?.headers(headers)).await
    }
}

/// The address of a server, ending in `/`, with what it has of a credential.
fn address(url: &str) -> Result<Url> {
    let wrong = || {
        bad!("--server must be the address of a wheelwright server (http://HOST:PORT), not {:?}", masked(url))
    };
    let mut base = Url::parse(url).map_err(|_| wrong())?;
    if !matches!(base.scheme(), "http" | "https") || !base.has_host() {
        return Err(wrong());
    }
    base.set_path(&format!("{}/", base.path().trim_end_matches('/')));
    base.set_query(None);
    base.set_fragment(None);
    Ok(base)
}

/// Connections to the host of a URL that may be silent for so long, or for as long as it likes.
fn connections(url: &Url, silence: Option<Duration>) -> Result<reqwest::Client> {
    // The first to come decides; everybody wants the same one.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut builder = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(CONNECT)
        .tcp_keepalive(Duration::from_secs(30));
    if let Some(silence) = silence {
        builder = builder.read_timeout(silence);
    }
    if is_own_machine(url) {
        builder = builder.no_proxy();
    }
    builder.build().map_err(Error::internal)
}

/// Whether no proxy can lead there.
fn is_own_machine(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// Whether a URL means something else by this segment than a name: `..`, in any spelling.
fn leads_elsewhere(segment: &str) -> bool {
    let decoded = percent_encoding::percent_decode_str(segment).decode_utf8_lossy();
    // Tabs and newlines vanish from URLs.
    let plain = decoded.trim_matches(char::is_whitespace);
    plain == "." || plain == ".." || segment.contains(char::is_control)
}

fn without_user(url: &Url) -> Url {
    let mut url = url.clone();
    // Fails only for URLs without a host.
    let _ = url.set_username("").and_then(|()| url.set_password(None));
    url
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_leads_to_another_path_of_the_server() {
        let server = ServerClient::stranger("http://h.example/team").unwrap();
        for odd in [
            "a/+groups/..",
            "a/../b",
            "./a",
            "..",
            "%2e%2E",
            ".%2e/a",
            "a/.",
            "a\\..\\b",
            "a/.\t.",
            "a/..?x",
            "..#x",
        ] {
            assert!(matches!(server.url(odd), Err(Error::Bad(_))), "{odd:?}");
        }
        for good in ["", "a/b..c/", "+builds?from=..", "a/...", "http://h.example/team/a/1.0", "a/%2E.x"] {
            assert!(server.url(good).is_ok(), "{good:?}");
        }
        assert_eq!(server.url("a/b").unwrap().as_str(), "http://h.example/team/a/b");
    }
}
