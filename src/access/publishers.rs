//! Trusted publishing: a program that shows a token of an issuer gets a short one for an index, and keeps no secret.

use super::methods::issuers::Issuers;
use super::methods::jwt::{self, Claims, Expected};
use super::tokens::{self, NewToken};
use super::{Action, Scope, Who};
use crate::config::Config;
use crate::db::events::NewEvent;
use crate::db::publishers::Publisher;
use crate::db::{Db, Tx};
use crate::error::{Error, Result, clipped};
use crate::names::{IndexName, ProjectName};
use crate::tools::glob;
use crate::tools::hex;
use crate::tools::time::{SECOND, now};
use crate::upstream::client::Trust;
use crate::words::{EventKind, Moment};
use crate::{bad, missing};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::cmp::Reverse;
use std::collections::BTreeMap;
use url::Url;

/// Seconds that a publisher's token holds.
const LIFETIME: u64 = 15 * 60;

/// Publishers of one index.
const MOST: i64 = 100;

/// Rules of one publisher.
const MOST_CLAIMS: usize = 20;

/// Bytes of an issuer, of a claim's name, and of what it must be.
const LONGEST: usize = 500;

/// All publishers, and what they get.
pub struct Publishers {
    db: Db,
    issuers: Issuers,
    /// For whom tokens must be: nobody else's are taken here, nor ours elsewhere.
    audience: String,
}

/// What a new publisher is to be.
#[derive(Debug)]
pub struct NewPublisher {
    pub index: IndexName,
    pub project: Option<String>,
    pub issuer: String,
    /// What each claim must be, with `*` for any text.
    pub claims: BTreeMap<String, String>,
}

/// A publisher as it is shown.
#[derive(Debug, Serialize, Deserialize)]
pub struct PublisherView {
    pub id: String,
    pub index: IndexName,
    pub project: Option<ProjectName>,
    pub issuer: String,
    pub claims: BTreeMap<String, String>,
    pub created_by: String,
    pub created: Moment,
}

impl From<Publisher> for PublisherView {
    fn from(publisher: Publisher) -> Self {
        Self {
            id: publisher.id,
            index: publisher.index,
            project: publisher.project,
            issuer: publisher.issuer,
            claims: publisher.claims,
            created_by: publisher.created_by,
            created: Moment(publisher.created_at),
        }
    }
}

/// A token that a publisher got.
#[derive(Debug)]
pub struct MintedToken {
    pub secret: String,
    /// Seconds since 1970.
    pub expires: i64,
}

/// Why there is no token: a word that publishers know, and what they show. With what failed, if it was ours.
#[derive(Debug)]
pub struct MintRefusal {
    pub code: &'static str,
    pub description: String,
    /// Not the asker's fault.
    pub error: Option<Error>,
}

fn refused(code: &'static str, description: impl Into<String>) -> MintRefusal {
    MintRefusal { code, description: description.into(), error: None }
}

impl From<Error> for MintRefusal {
    fn from(error: Error) -> Self {
        match error {
            Error::Forbidden(description) => refused("invalid-token", description),
            Error::Internal(chain) => {
                tracing::error!(error = format!("{chain:#}"), "cannot make a token for a publisher");
                let description = "internal error: see the server's log".into();
                Self { code: "unavailable", description, error: Some(Error::Internal(chain)) }
            }
            other => Self { code: "unavailable", description: other.to_string(), error: Some(other) },
        }
    }
}

impl Publishers {
    /// `uuid` is the installation's.
    pub fn new(config: &Config, db: Db, uuid: &str, issuers: Issuers) -> Self {
        let public = config.public_url.as_ref().map(|url| url.as_str().trim_end_matches('/').to_owned());
        // Not what a request calls this server: whoever asks could choose it.
        let audience = public.unwrap_or_else(|| format!("wheelwright-{uuid}"));
        Self { db, issuers, audience }
    }

    /// For whom tokens must be; `None` while there are no publishers.
    pub async fn audience(&self) -> Result<Option<&str>> {
        Ok(self.db.has_publishers().await?.then_some(self.audience.as_str()))
    }

    /// Adds a publisher: its id.
    ///
    /// # Errors
    /// `Bad` for rules that would let in everybody, `Forbidden` for an issuer in the internal network.
    pub async fn add(&self, who: &Who, new: NewPublisher) -> Result<String> {
        self.check_issuer(who, &new.issuer).await?;
        check_claims(&new.claims)?;
        let project = new
            .project
            .as_deref()
            .map(|name| ProjectName::new(name).ok_or_else(|| bad!("'{name}' is not a valid project name")));
        let publisher = Publisher {
            id: uuid::Uuid::now_v7().simple().to_string(),
            index: new.index,
            project: project.transpose()?,
            issuer: new.issuer,
            claims: new.claims,
            by_operator: who.is_operator(),
            created_by: who.label.clone(),
            created_at: now(),
        };
        let mut tx = Tx::begin(&self.db).await?;
        let options = tx.index_options(&publisher.index).await?;
        let options = options.ok_or_else(|| missing!("index {} does not exist", publisher.index))?;
        let options: Value = serde_json::from_str(&options).map_err(Error::internal)?;
        if options.get("type").is_some_and(|kind| kind == "mirror") {
            return Err(bad!("{} is a mirror, which takes no uploads: name a stage", publisher.index));
        }
        tx.create_publisher(&publisher, MOST).await?;
        let detail = format!("{} of {}", publisher.id, publisher.issuer);
        let event = NewEvent::of(&who.label, EventKind::PublisherAdded).on(&publisher.index).saying(&detail);
        let after = serde_json::json!({"project": publisher.project, "claims": publisher.claims}).to_string();
        tx.commit(event.after(&after)).await?;
        Ok(publisher.id)
    }

    async fn check_issuer(&self, who: &Who, issuer: &str) -> Result<()> {
        let url = Url::parse(issuer).ok().filter(|url| url.has_host() && issuer.len() <= LONGEST);
        let plain =
            |url: &Url| url.username().is_empty() && url.query().is_none() && url.fragment().is_none();
        let url = url.filter(plain).ok_or_else(|| bad!("the issuer must be a URL like https://HOST/PATH"))?;
        match url.scheme() {
            "https" => {}
            "http" if who.is_operator() => {}
            "http" => return Err(bad!("the issuer must be an https:// URL: only root may name another one")),
            _ => return Err(bad!("the issuer must be an https:// URL")),
        }
        match who.is_operator() {
            true => Ok(()),
            false => self.issuers.client().may_send(&url).await,
        }
    }

    /// The publishers of an index, or all of them.
    pub async fn list(&self, index: Option<&IndexName>) -> Result<Vec<PublisherView>> {
        Ok(self.db.publishers(index).await?.into_iter().map(PublisherView::from).collect())
    }

    /// Removes a publisher; its tokens hold no longer. Within an index, those of others do not exist.
    pub async fn remove(&self, who: &Who, within: Option<&IndexName>, id: &str) -> Result<()> {
        let mut tx = Tx::begin(&self.db).await?;
        if !tx.delete_publisher(within, id).await? {
            return Err(missing!("publisher {id} does not exist"));
        }
        let event = NewEvent::of(&who.label, EventKind::PublisherRemoved).saying(id);
        tx.commit(within.map_or(event, |index| event.on(index))).await?;
        Ok(())
    }

    /// A token for the publisher whose rules a signed token fits. It is taken once.
    pub async fn mint(&self, token: &str) -> Result<MintedToken, MintRefusal> {
        if !self.db.has_publishers().await? {
            return Err(refused("not-enabled", "this server has no trusted publishers: add one first"));
        }
        let issuer = match jwt::unverified(token, "iss") {
            Ok(Some(issuer)) => issuer,
            Ok(None) => return Err(refused("invalid-payload", "the token has no claim 'iss'")),
            Err(error) => return Err(refused("invalid-payload", error.to_string())),
        };
        let mut publishers = self.db.publishers_of(&issuer).await?;
        let Some(trust) = publishers.iter().map(trust_of).min_by_key(|trust| *trust != Trust::Operator)
        else {
            let issuer = clipped(&issuer, 200);
            let unknown = format!("no trusted publisher of this server has the issuer '{issuer}'");
            return Err(refused("invalid-payload", unknown));
        };
        let expected = Expected { issuer: &issuer, trust, audience: &self.audience };
        let claims = self.issuers.verify(token, expected).await?;
        publishers.retain(|publisher| fits(publisher, &claims));
        let first = publishers.into_iter().min_by_key(|publisher| {
            let wide = (publisher.project.is_none(), Reverse(publisher.claims.len()));
            (!publisher.by_operator, wide, publisher.created_at)
        });
        let Some(publisher) = first else { return Err(refused("invalid-publisher", unfit(&claims))) };
        self.mint_for(&publisher, token, &claims).await
    }

    async fn mint_for(
        &self,
        publisher: &Publisher,
        token: &str,
        claims: &Claims,
    ) -> Result<MintedToken, MintRefusal> {
        let id = claims.get("jti").and_then(Value::as_str).filter(|id| !id.is_empty());
        // Of any length.
        let id = id.map_or_else(|| hex::sha256(token), hex::sha256);
        let expires = claims.get("exp").and_then(Value::as_f64).unwrap_or_default() as i64;
        // As long as leeway lets it pass.
        let expires = expires.saturating_add(120).saturating_mul(SECOND);
        let mut tx = Tx::begin(&self.db).await?;
        if !tx.use_proof(&publisher.issuer, &id, expires).await? {
            return Err(refused("invalid-reuse-token", "the token was used before: get a new one"));
        }
        let scope = Scope {
            index: Some(publisher.index.to_string()),
            project: publisher.project.as_ref().map(ToString::to_string),
            actions: vec![Action::Upload],
            ..Scope::default()
        };
        let new = NewToken {
            owner: publisher.index.user().to_owned(),
            name: format!("publisher {}", publisher.id),
            scope,
            expires: Some(LIFETIME),
        };
        let (token_id, secret) = tokens::put(&mut tx, &new, Some(&publisher.id)).await?;
        let expires = tx.now / SECOND + LIFETIME as i64;
        let subject = claims.get("sub").and_then(Value::as_str).unwrap_or("nobody");
        let detail = format!("{token_id} of {} for {}", new.owner, clipped(subject, 200));
        let who = format!("publisher:{}", publisher.id);
        let event = NewEvent::of(&who, EventKind::TokenCreated).on(&publisher.index).saying(&detail);
        tx.commit(event).await?;
        Ok(MintedToken { secret, expires })
    }

    /// Ends a publisher's token before its time. Whether there was one is not told.
    pub async fn burn(&self, secret: &str) -> Result<()> {
        let mut tx = Tx::begin(&self.db).await?;
        if let Some(id) = tx.burn_token(&tokens::fingerprint(secret)).await? {
            tx.commit(NewEvent::of("publisher", EventKind::TokenRevoked).saying(&id)).await?;
        }
        Ok(())
    }
}

fn trust_of(publisher: &Publisher) -> Trust {
    if publisher.by_operator { Trust::Operator } else { Trust::Account }
}

/// At least one claim must say something: else everybody of the issuer could publish.
fn check_claims(claims: &BTreeMap<String, String>) -> Result<()> {
    let says = |pattern: &String| pattern.bytes().any(|byte| byte != b'*');
    if !claims.values().any(says) {
        return Err(bad!(
            "a publisher needs at least one claim beside its issuer, like repository=org/demo: name one"
        ));
    }
    if claims.len() > MOST_CLAIMS {
        return Err(bad!("a publisher has at most {MOST_CLAIMS} claims"));
    }
    for (name, pattern) in claims {
        if name.is_empty() || name.len() > LONGEST || pattern.is_empty() || pattern.len() > LONGEST {
            return Err(bad!("the name of a claim, and what it must be, are texts of 1 to {LONGEST} bytes"));
        }
    }
    Ok(())
}

/// A claim as text; lists and objects are none.
fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(_) | Value::Number(_) => Some(value.to_string()),
        _ => None,
    }
}

fn fits(publisher: &Publisher, claims: &Claims) -> bool {
    let fits = |(name, pattern): (&String, &String)| {
        claims.get(name).and_then(text_of).is_some_and(|text| glob::matches(pattern, &text))
    };
    !publisher.claims.is_empty() && publisher.claims.iter().all(fits)
}

/// What the token says of itself, so that its owner can correct the publisher.
fn unfit(claims: &Claims) -> String {
    let told = ["sub", "repository", "workflow_ref", "ref", "environment", "project_path"];
    let told = told.iter().filter_map(|name| Some((name, claims.get(*name).and_then(text_of)?)));
    let told: Vec<String> = told.map(|(name, text)| format!("{name}={}", clipped(&text, 200))).collect();
    format!(
        "the token is valid, but no trusted publisher has claims that fit it ({}): add one with `wheelwright \
         publisher add`, or correct its claims",
        told.join(", ")
    )
}
