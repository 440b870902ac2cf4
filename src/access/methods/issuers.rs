//! Issuers of signed tokens (OpenID Connect): where they are asked, and the keys that they sign with.

use crate::bad_upstream;
use crate::config::Config;
use crate::error::{Error, Result};
use crate::tools::flight::Flights;
use crate::tools::time::{Micros, SECOND, now};
use crate::upstream::client::{Trust, UpstreamClient, UpstreamSource, shown};
use jsonwebtoken::jwk::{Jwk, PublicKeyUse};
use moka::sync::Cache;
use serde::Deserialize;
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;
use url::Url;

/// Bytes of a document of an issuer.
const LONGEST: usize = 256 << 10;

/// Keys of one issuer that are looked at.
const MOST_KEYS: usize = 50;

/// How long keys are believed.
const FRESH: Duration = Duration::from_secs(3600);

/// An issuer that failed is not asked again before.
const FAILED: Duration = Duration::from_secs(10);

/// A key that is not among the known ones is looked for at most so often.
const LOOK_EVERY: i64 = 60 * SECOND;

/// What an issuer says of itself (OpenID Connect Discovery 1.0, 3).
#[derive(Clone, Debug, Deserialize)]
pub struct IssuerDocument {
    issuer: String,
    jwks_uri: Url,
    pub authorization_endpoint: Option<Url>,
    pub token_endpoint: Option<Url>,
    #[serde(default)]
    pub token_endpoint_auth_methods_supported: Vec<String>,
}

/// An issuer as it was last read.
#[derive(Debug)]
pub struct Issuer {
    pub document: IssuerDocument,
    keys: Vec<Jwk>,
    read_at: Micros,
}

impl Issuer {
    /// The keys with this id; without an id, all.
    pub fn keys<'a>(&'a self, id: Option<&'a str>) -> impl Iterator<Item = &'a Jwk> {
        self.keys.iter().filter(move |key| id.is_none_or(|id| key.common.key_id.as_deref() == Some(id)))
    }
}

/// All issuers that were asked. Cheap to clone.
#[derive(Clone)]
pub struct Issuers(Arc<Shared>);

struct Shared {
    client: UpstreamClient,
    known: Cache<String, Arc<Issuer>>,
    failed: Cache<String, Arc<Error>>,
    flights: Flights<Arc<Issuer>>,
}

impl Issuers {
    pub fn new(config: &Config) -> Result<Self> {
        Ok(Self(Arc::new(Shared {
            client: UpstreamClient::new(config)?,
            known: Cache::builder().max_capacity(500).time_to_live(FRESH).build(),
            failed: Cache::builder().max_capacity(500).time_to_live(FAILED).build(),
            flights: Flights::default(),
        })))
    }

    /// Who asks them.
    pub fn client(&self) -> &UpstreamClient {
        &self.0.client
    }

    /// The issuer of this URL, from memory or asked.
    pub async fn get(&self, url: &str, trust: Trust) -> Result<Arc<Issuer>> {
        match self.0.known.get(&key(url, trust)) {
            Some(issuer) => Ok(issuer),
            None => self.read(url, trust).await,
        }
    }

    /// The same once more, if it may have other keys by now.
    pub async fn look_again(&self, known: &Issuer, url: &str, trust: Trust) -> Result<Option<Arc<Issuer>>> {
        if now().saturating_sub(known.read_at) < LOOK_EVERY {
            return Ok(None);
        }
        self.read(url, trust).await.map(Some)
    }

    async fn read(&self, url: &str, trust: Trust) -> Result<Arc<Issuer>> {
        let key = key(url, trust);
        if let Some(error) = self.0.failed.get(&key) {
            return Err(error.again());
        }
        let (this, url) = (self.clone(), url.to_owned());
        let reading = self.0.flights.join(key.clone(), || async move {
            let read = this.ask(&url, trust).await;
            match &read {
                Ok(issuer) => this.0.known.insert(key, issuer.clone()),
                Err(error) => this.0.failed.insert(key, Arc::new(error.again())),
            }
            read
        });
        reading.await.map_err(|error| error.again())
    }

    async fn ask(&self, issuer: &str, trust: Trust) -> Result<Arc<Issuer>> {
        let at = format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'));
        let at = Url::parse(&at).map_err(|_| bad_upstream!("the issuer {issuer} is not a URL"))?;
        let source = UpstreamSource::new(&at, trust);
        let document = self.0.client.document(&source, &at, LONGEST).await?;
        let document: IssuerDocument = serde_json::from_slice(&document)
            .map_err(|error| bad_upstream!("{} is not a document of an issuer: {error}", shown(&at)))?;
        if document.issuer != issuer {
            return Err(bad_upstream!("{} is of another issuer: {}", shown(&at), document.issuer));
        }
        let keys = self.0.client.document(&source, &document.jwks_uri, LONGEST).await?;
        let keys = keys_of(&keys)
            .ok_or_else(|| bad_upstream!("{} is not a set of keys", shown(&document.jwks_uri)))?;
        Ok(Arc::new(Issuer { document, keys, read_at: now() }))
    }
}

/// What one may ask for, another may not.
fn key(url: &str, trust: Trust) -> String {
    format!("{trust:?} {url}")
}

/// The keys that can verify; those of kinds that are not known here are none.
fn keys_of(document: &[u8]) -> Option<Vec<Jwk>> {
    let document: Value = serde_json::from_slice(document).ok()?;
    let all = document.get("keys")?.as_array()?.iter().take(MOST_KEYS);
    let keys = all.filter_map(|key| serde_json::from_value::<Jwk>(key.clone()).ok());
    let verifies =
        |key: &Jwk| key.common.public_key_use.as_ref().is_none_or(|used| *used == PublicKeyUse::Signature);
    Some(keys.filter(verifies).collect())
}
