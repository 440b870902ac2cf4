//! Speaking to the primary: in the replica's own name, and for whoever asks the replica.

use crate::config::{Config, ReplicaSettings};
use crate::error::{Error, Result};
use crate::store::Store;
use crate::tools::pace::{Meter, Pace};
use crate::upstream::client::{basic, failure, shown, unexpected};
use crate::upstream::pages::collect;
use crate::{bad, bad_upstream, conflict, forbidden, lost, timed_out, unavailable};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde::de::DeserializeOwned;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use url::Url;

/// Until a connection that does not come about is given up on.
const CONNECT: Duration = Duration::from_secs(3);

/// The longest answer that is read into memory: the rows of one large project.
const ANSWER: u64 = 256 << 20;

/// Tells the primary which replica asks.
pub const ASKER: &str = "x-wheelwright-replica";

/// The server that is copied. Cheap to clone.
#[derive(Clone)]
pub struct Primary {
    root: Url,
    settings: Arc<ReplicaSettings>,
    authorization: HeaderValue,
    http: reqwest::Client,
    pace: Pace,
    reachable: Arc<AtomicBool>,
}

/// A path with a query.
pub(super) fn path(path: &str, query: &[(&str, &str)]) -> String {
    let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(query).finish();
    format!("{path}?{query}")
}

impl Primary {
    /// `None` unless `replica.of` is set.
    ///
    /// # Errors
    /// `Bad` for a URL or a token that cannot be one.
    pub fn of(config: &Config) -> Result<Option<Self>> {
        let Some(root) = &config.replica.of else { return Ok(None) };
        let token = config.replica.token.as_deref().unwrap_or_default();
        if token.is_empty() {
            return Err(bad!(
                "replica.token is not set: create a token on the primary with `wheelwright token create root \
                 --action read,replicate`, and give it with --token or WHEELWRIGHT_REPLICA__TOKEN"
            ));
        }
        let authorization = basic("__token__", token).ok_or_else(|| bad!("replica.token is not a token"))?;
        // The first to come decides; everybody wants the same one.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder()
            .user_agent(concat!("wheelwright/", env!("CARGO_PKG_VERSION"), " (replica)"))
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT)
            .tcp_keepalive(Duration::from_secs(15))
            .pool_max_idle_per_host(16)
            .build()
            .map_err(Error::internal)?;
        let (pace, reachable) = (config.mirror.pace(), Arc::new(AtomicBool::new(false)));
        let (root, settings) = (root.clone(), Arc::new(config.replica.clone()));
        Ok(Some(Self { root, settings, authorization, http, pace, reachable }))
    }

    /// Its URL for messages, without a slash at its end.
    pub fn shown(&self) -> String {
        shown(&self.root).trim_end_matches('/').to_owned()
    }

    /// Whether it answered the last time that it was asked.
    pub fn is_reachable(&self) -> bool {
        self.reachable.load(Ordering::Relaxed)
    }

    fn note(&self, reached: bool) {
        if self.reachable.swap(reached, Ordering::Relaxed) != reached {
            let primary = self.shown();
            match reached {
                true => tracing::info!(primary, "the primary answers"),
                false => tracing::warn!(primary, "the primary does not answer; serving what is here"),
            }
        }
    }

    /// A URL of the primary: `path` begins with a slash, and may have a query.
    fn url(&self, path: &str) -> Result<Url> {
        self.settings.url(path).ok_or_else(|| bad!("the path of this URL is not valid"))
    }

    /// Sends a request as it is and notes whether the primary answered at all.
    pub async fn send(&self, request: reqwest::RequestBuilder) -> Result<reqwest::Response> {
        match request.send().await {
            Ok(response) => {
                // A proxy before the primary answers so for one that is away.
                self.note(!matches!(response.status().as_u16(), 502..=504));
                Ok(response)
            }
            Err(error) => {
                // A body that broke off is the asker's own fault.
                if error.is_connect() || error.is_timeout() {
                    self.note(false);
                }
                let why = failure(&self.root, &error);
                Err(unavailable!("the primary of this replica does not answer: {why}"))
            }
        }
    }

    /// Begins a request in somebody else's name.
    pub fn request(&self, method: http::Method, path: &str) -> Result<reqwest::RequestBuilder> {
        Ok(self.http.request(method, self.url(path)?))
    }

    /// Asks in the replica's own name; `name` is its uuid. The answer's head must come within `patience`.
    async fn ask(&self, name: &str, path: &str, patience: Duration) -> Result<reqwest::Response> {
        let request = self.request(http::Method::GET, path)?;
        let mut headers = HeaderMap::new();
        headers.insert(header::AUTHORIZATION, self.authorization.clone());
        if let Ok(name) = HeaderValue::from_str(name) {
            headers.insert(ASKER, name);
        }
        let sent = tokio::time::timeout(patience, self.send(request.headers(headers))).await;
        let late = || timed_out!("{} did not answer within {} seconds", self.shown(), patience.as_secs());
        let response = sent.unwrap_or_else(|_| Err(late())).inspect_err(|_| self.note(false))?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let message = collect(response, 64 << 10).await.unwrap_or_default();
        let message = String::from_utf8_lossy(&message).trim().to_owned();
        Err(match status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => forbidden!(
                "{} refused the token of this replica ({message}): give --token the output of `wheelwright token \
                 create root --action read,replicate` on the primary",
                self.shown()
            ),
            StatusCode::NOT_FOUND => Error::Missing(message),
            StatusCode::CONFLICT => conflict!("{message}"),
            other => unexpected(&self.root, other),
        })
    }

    /// An answer as what it means.
    pub(super) async fn get<T: DeserializeOwned>(
        &self,
        name: &str,
        path: &str,
        patience: Duration,
    ) -> Result<T> {
        let response = self.ask(name, path, patience).await?;
        let bytes = tokio::time::timeout(Duration::from_secs(600), collect(response, ANSWER)).await;
        let bytes = bytes.map_err(|_| timed_out!("{} is too slow", self.shown()))??;
        serde_json::from_slice(&bytes)
            .map_err(|why| bad_upstream!("{} is not a primary of this version: {why}", self.shown()))
    }

    /// Fetches bytes into the store; whether the primary has them.
    ///
    /// # Errors
    /// `Lost` if they are not what their name says: nothing is kept of them.
    pub(super) async fn blob(&self, name: &str, store: &Store, sha256: &str) -> Result<bool> {
        let path = format!("/+replica/blob/{sha256}");
        let mut response = match self.ask(name, &path, Duration::from_secs(60)).await {
            Err(Error::Missing(_)) => return Ok(false),
            other => other?,
        };
        let mut spool = store.spool().await?;
        let mut meter = Meter::new(self.pace);
        loop {
            let piece = meter.wait(response.chunk()).await;
            let piece = piece.map_err(|slow| timed_out!("{} is too slow: {slow}", self.shown()))?;
            let Some(piece) = piece.map_err(|error| failure(&self.root, &error))? else { break };
            meter.came(piece.len() as u64);
            spool.write(piece).await?;
        }
        let digests = spool.finish().await?;
        if digests.sha256 != sha256 {
            return Err(lost!(
                "{} sent {} bytes with sha256 {} instead of {sha256}",
                self.shown(),
                digests.size,
                digests.sha256
            ));
        }
        store.keep(spool).await?;
        Ok(true)
    }
}
