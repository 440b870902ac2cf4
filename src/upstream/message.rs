//! Messages to URLs that people name: one request, never into the internal network, never led on by a redirect.

use super::client::{authorization, failure, offline, shown};
use super::guard::{self, Guard};
use crate::config::Config;
use crate::config::secret_url::SecretUrl;
use crate::error::{Error, Result};
use crate::{bad, bad_upstream, forbidden};
use futures::StreamExt as _;
use http::{HeaderMap, StatusCode, header};
use std::time::Duration;
use url::{Host, Url};

/// Of an answer no more is read. Its text means nothing here.
const ANSWER: usize = 64 << 10;

/// Sends messages. Cheap to clone.
#[derive(Clone)]
pub struct Messenger {
    client: reqwest::Client,
    guard: Guard,
    offline: bool,
}

impl Messenger {
    /// `timeout` is for a request and its answer as a whole.
    pub fn new(config: &Config, timeout: Duration) -> Result<Self> {
        // The first to come decides; everybody wants the same one.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let guard = Guard::granted(config);
        let client = reqwest::Client::builder()
            .user_agent(concat!("wheelwright/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none())
            .timeout(timeout)
            // A receiver that closed a kept connection would cost a try.
            .pool_max_idle_per_host(0)
            .dns_resolver(guard.clone())
            .build()
            .map_err(Error::internal)?;
        Ok(Self { client, guard, offline: config.offline })
    }

    pub fn is_offline(&self) -> bool {
        self.offline
    }

    /// Refuses a URL that no message may go to, as far as it can be told now; each connection is looked at again.
    ///
    /// # Errors
    /// `Bad` for what is no HTTP, `Forbidden` for the internal network.
    pub async fn may_send(&self, url: &Url) -> Result<()> {
        self.host(url)?;
        self.guard.refuses(url, self.offline).await.map_or(Ok(()), |why| Err(forbidden!("{why}")))
    }

    /// The host, if its spelling does not forbid it.
    fn host<'a>(&self, url: &'a Url) -> Result<Host<&'a str>> {
        let host = url.host().filter(|_| matches!(url.scheme(), "http" | "https"));
        let host = host.ok_or_else(|| bad!("the URL must begin with http:// or https:// and name a host"))?;
        match self.guard.admits(&host) {
            true => Ok(host),
            false => Err(forbidden!("{}", guard::refusal(url.host_str().unwrap_or_default()))),
        }
    }

    /// Sends a body; the status of the answer, whatever it is. A user and a password in the URL become a header.
    pub async fn post(&self, url: &SecretUrl, headers: HeaderMap, body: Vec<u8>) -> Result<StatusCode> {
        let url = url.expose();
        if self.offline {
            return Err(offline(url));
        }
        self.host(url)?;
        let mut plain = url.clone();
        // Both fail only for URLs that cannot have credentials.
        let _ = plain.set_username("");
        let _ = plain.set_password(None);
        plain.set_fragment(None);
        let mut request = self.client.post(plain).headers(headers).body(body);
        if let Some(authorization) = authorization(url) {
            request = request.header(header::AUTHORIZATION, authorization);
        }
        let answer = request.send().await.map_err(|error| failure(url, &error))?;
        let status = answer.status();
        let mut read = 0;
        let mut chunks = answer.bytes_stream();
        while let Some(chunk) = chunks.next().await {
            read += chunk.map_err(|error| failure(url, &error))?.len();
            if read > ANSWER {
                return Err(bad_upstream!("{} answered more than {ANSWER} bytes", shown(url)));
            }
        }
        Ok(status)
    }
}
