//! From a request's headers to [`Who`]: passwords, API tokens, login sessions.

use super::methods::HashKey;
use super::methods::ldap::Ldap;
use super::methods::passwords::Passwords;
use super::methods::proxy::{NamedUser, UserHeader};
use super::methods::vouched::{self, PROXY, Vouched};
use super::{Action, Scope, Who, tokens, wrong_credential};
use crate::config::Config;
use crate::db::Db;
use crate::directory::Directory;
use crate::error::{Error, Result};
use crate::tools::time::{Micros, SECOND, now};
use crate::words::TokenKind;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use http::{HeaderMap, header};
use moka::sync::Cache;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

/// The time between two notes of a token's use.
const NOTE_EVERY: i64 = 60 * SECOND;

/// Checks credentials; remembers good ones briefly, so that argon2 runs once and not per request.
pub struct People {
    db: Db,
    anonymous: Arc<Who>,
    /// Keyed by a keyed hash, so that no secret is kept in memory.
    known: Cache<[u8; 32], Arc<Known>>,
    /// Of the worker inside this process.
    inner: String,
    key: HashKey,
    passwords: Passwords,
    /// By which a trusted proxy names its users.
    header: Option<UserHeader>,
}

/// A credential that was verified.
struct Known {
    who: Arc<Who>,
    /// Of the directory it was verified against; a newer one may know of a revocation.
    serial: i64,
    expires_at: Option<Micros>,
    token: Option<String>,
    noted_at: AtomicI64,
}

impl Known {
    fn without_token(who: Who, expires_at: Option<Micros>) -> Self {
        Self { who: Arc::new(who), serial: 0, expires_at, token: None, noted_at: AtomicI64::new(0) }
    }
}

/// What a header carries.
#[derive(Debug, PartialEq, Eq)]
enum Credential {
    Basic {
        user: String,
        secret: String,
    },
    Bearer(String),
    /// A header that is no credential of a known form.
    Unreadable,
}

impl People {
    pub fn new(config: &Config, db: Db) -> Result<Self> {
        let minute = Duration::from_secs(60);
        let key = HashKey::random();
        let header = UserHeader::new(config)?;
        let passwords = Passwords::new(db.clone(), Ldap::new(&config.auth.ldap)?, key.clone());
        Ok(Self {
            db,
            anonymous: Arc::new(Who::default()),
            known: Cache::builder().max_capacity(10_000).time_to_live(minute).build(),
            inner: tokens::secret(),
            key,
            passwords,
            header,
        })
    }

    /// What the worker inside this process says to prove itself; it holds as long as the process.
    pub fn worker_secret(&self) -> &str {
        &self.inner
    }

    /// The asker without a credential.
    pub fn anonymous(&self) -> Arc<Who> {
        self.anonymous.clone()
    }

    /// Who sends these headers: `X-Devpi-Auth` if present, else `Authorization` (Basic, Bearer), else whom a trusted
    /// proxy names, else a login cookie.
    /// No credential is the anonymous asker; a wrong one is [`Error::Unauthenticated`].
    /// `peer` is the client's address.
    pub async fn who(&self, directory: &Directory, headers: &HeaderMap, peer: IpAddr) -> Result<Arc<Who>> {
        let (devpi, value) = match (headers.get("x-devpi-auth"), headers.get(header::AUTHORIZATION)) {
            (Some(value), _) => (true, value.as_bytes()),
            (None, Some(value)) => (false, value.as_bytes()),
            (None, None) => {
                return match self.header.as_ref().map(|header| header.named(headers)).transpose()?.flatten() {
                    Some(named) => self.named(directory, &named).await,
                    None => self.visitor(directory, headers).await,
                };
            }
        };
        let key = self.key.hash(if devpi { "devpi" } else { "authorization" }, &[value]);
        let now = now();
        if let Some(known) = self.known.get(&key)
            && known.serial == directory.serial
            && known.expires_at.is_none_or(|at| now < at)
        {
            self.note(&known, now);
            return Ok(known.who.clone());
        }
        let known = Arc::new(self.verify(directory, &credential(devpi, value), peer, now).await?);
        self.note(&known, now);
        let who = known.who.clone();
        self.known.insert(key, known);
        Ok(who)
    }

    /// The account of whom a trusted proxy names.
    async fn named(&self, directory: &Directory, named: &NamedUser) -> Result<Arc<Who>> {
        let groups = named.groups.iter().map(|group| group.as_bytes());
        let parts: Vec<&[u8]> = std::iter::once(named.name.as_bytes()).chain(groups).collect();
        let key = self.key.hash("proxy", &parts);
        if let Some(known) = self.known.get(&key).filter(|known| known.serial == directory.serial) {
            return Ok(known.who.clone());
        }
        let create = self.header.as_ref().is_some_and(|header| header.create);
        let vouched =
            Vouched { source: PROXY, name: &named.name, subject: None, groups: &named.groups, create };
        let user = vouched::account(&self.db, &vouched).await.map_err(|error| match error {
            // As wrong as a wrong password: what anybody may see, they may.
            Error::Forbidden(why) => Error::Unauthenticated(why),
            other => other,
        })?;
        let known = Known { serial: directory.serial, ..Known::without_token(Who::person(&user), None) };
        let who = known.who.clone();
        self.known.insert(key, Arc::new(known));
        Ok(who)
    }

    /// Whose login cookie it is; one that ended makes nobody of its sender, so that public pages and
    /// the login form stay readable.
    async fn visitor(&self, directory: &Directory, headers: &HeaderMap) -> Result<Arc<Who>> {
        let Some(secret) = cookie(headers).filter(|secret| tokens::looks_like_one(secret)) else {
            return Ok(self.anonymous());
        };
        let key = self.key.hash("cookie", &[secret.as_bytes()]);
        let now = now();
        if let Some(known) = self.known.get(&key)
            && known.serial == directory.serial
            && known.expires_at.is_none_or(|at| now < at)
        {
            return Ok(known.who.clone());
        }
        // Sessions alone: a cookie is no place for an API token.
        let Some(known) = self.token(secret, now).await?.filter(|known| known.token.is_none()) else {
            return Ok(self.anonymous());
        };
        let account = known.who.user.as_ref().and_then(|user| directory.users.get(user));
        if account.is_some_and(|account| account.disabled) {
            return Ok(self.anonymous());
        }
        let who = Arc::new(Who { form_token: tokens::form_token(secret), ..(*known.who).clone() });
        let known = Known { serial: directory.serial, who: who.clone(), ..known };
        self.known.insert(key, Arc::new(known));
        Ok(who)
    }

    /// Checks a user's password (or login token), as `+login` needs it.
    pub async fn login(
        &self,
        directory: &Directory,
        user: &str,
        secret: &str,
        peer: IpAddr,
    ) -> Result<Arc<Who>> {
        let credential = Credential::Basic { user: user.into(), secret: secret.into() };
        let known = self.verify(directory, &credential, peer, now()).await?;
        if known.who.user.as_deref() == Some(user) && known.who.scope.is_none() {
            Ok(known.who)
        } else {
            Err(wrong_credential())
        }
    }

    async fn verify(
        &self,
        directory: &Directory,
        credential: &Credential,
        peer: IpAddr,
        now: Micros,
    ) -> Result<Known> {
        let (user, secret) = match credential {
            Credential::Unreadable => return Err(wrong_credential()),
            Credential::Bearer(secret) => ("", secret.as_str()),
            Credential::Basic { user, secret } if secret.is_empty() && tokens::looks_like_one(user) => {
                ("", user.as_str())
            }
            Credential::Basic { user, secret } => (user.as_str(), secret.as_str()),
        };
        // A token that is not valid is no password either: it must not cost a hash, nor count
        // as a guess.
        let known = if tokens::looks_like_one(secret) {
            match self.token(secret, now).await? {
                Some(known) => known,
                None => self.builder(secret).await?.ok_or_else(wrong_credential)?,
            }
        } else if user.is_empty() || secret.is_empty() {
            // Accounts that come from elsewhere may have a hash of nothing.
            return Err(wrong_credential());
        } else {
            self.passwords.check(user, secret, peer).await?;
            Known::without_token(Who::person(user), None)
        };
        let account = known.who.user.as_ref().and_then(|user| directory.users.get(user));
        match account {
            Some(account) if account.disabled => Err(wrong_credential()),
            // An account that the directory does not know yet was made by another process just
            // now; the decision catches up before it says no.
            _ => Ok(Known { serial: directory.serial, ..known }),
        }
    }

    async fn token(&self, secret: &str, now: Micros) -> Result<Option<Known>> {
        let token = self.db.token_by_secret(&tokens::fingerprint(secret)).await?;
        let valid = |token: &crate::db::tokens::StoredToken| {
            token.revoked_at.is_none() && token.expires_at.is_none_or(|at| now < at)
        };
        let Some(token) = token.filter(valid) else { return Ok(None) };
        let session = token.kind == TokenKind::Session;
        // A scope that cannot be read must not become a token without limits.
        let scope: Scope = serde_json::from_str(&token.scope).map_err(Error::internal)?;
        let who = if session {
            Who::person(&token.owner)
        } else {
            let label = match &token.publisher {
                Some(publisher) => format!("publisher:{publisher} ({})", token.owner),
                None => format!("token:{} ({})", token.id, token.owner),
            };
            let token_id = Some(token.id.clone());
            Who { user: Some(token.owner), scope: Some(scope), label, token: token_id, ..Who::default() }
        };
        Ok(Some(Known {
            who: Arc::new(who),
            serial: 0,
            expires_at: token.expires_at,
            token: (!session).then_some(token.id),
            noted_at: AtomicI64::new(token.last_used_at.unwrap_or(0)),
        }))
    }

    /// The worker inside this process, or a build that runs.
    async fn builder(&self, secret: &str) -> Result<Option<Known>> {
        let fingerprint = tokens::fingerprint(secret);
        if fingerprint == tokens::fingerprint(&self.inner) {
            let scope = Scope { actions: vec![Action::Build], ..Scope::default() };
            let who = Who { scope: Some(scope), label: ":worker".into(), ..Who::person("root") };
            return Ok(Some(Known::without_token(who, None)));
        }
        let Some(build) = self.db.build_by_secret(&fingerprint).await? else { return Ok(None) };
        let who = Who::context(&build.context, build.id);
        Ok(Some(Known::without_token(who, build.lease_until)))
    }

    /// Notes a token's use, at most once a minute and beside the request.
    fn note(&self, known: &Known, now: Micros) {
        let Some(id) = &known.token else { return };
        let before = known.noted_at.load(Ordering::Relaxed);
        let due = now.saturating_sub(before) >= NOTE_EVERY;
        if due && known.noted_at.compare_exchange(before, now, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
            let (db, id) = (self.db.clone(), id.clone());
            tokio::spawn(async move {
                if let Err(error) = db.touch_token(&id, now).await {
                    tracing::warn!(error = format!("{error:#}"), "cannot record when a token was last used");
                }
            });
        }
    }
}

/// The cookie that holds a login session's secret.
pub const COOKIE: &str = "wheelwright_session";

/// The secret of the login cookie.
pub fn cookie(headers: &HeaderMap) -> Option<&str> {
    cookie_of(headers, COOKIE)
}

/// The value of a cookie.
pub fn cookie_of<'a>(headers: &'a HeaderMap, wanted: &str) -> Option<&'a str> {
    let lines = headers.get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok());
    let mut pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(name, _)| *name == wanted).map(|(_, secret)| secret.trim_matches('"'))
}

/// Whether only what a browser adds by itself, or a proxy to all that a browser sends, says who sends this.
pub fn is_ambient(config: &Config, headers: &HeaderMap) -> bool {
    let named = headers.contains_key("x-devpi-auth") || headers.contains_key(header::AUTHORIZATION);
    let by_proxy =
        config.auth.proxy.user_header.as_ref().is_some_and(|name| headers.contains_key(name.as_str()));
    !named && (by_proxy || cookie(headers).is_some())
}

fn credential(devpi: bool, value: &[u8]) -> Credential {
    let Ok(text) = std::str::from_utf8(value) else { return Credential::Unreadable };
    if devpi {
        return basic(text.trim());
    }
    match text.trim().split_once(' ') {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("basic") => basic(rest.trim()),
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("bearer") => {
            Credential::Bearer(rest.trim().into())
        }
        _ => Credential::Unreadable,
    }
}

/// base64 of UTF-8 `user:secret`, split at the first colon.
fn basic(text: &str) -> Credential {
    let decoded = BASE64_STANDARD.decode(text).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    match decoded.as_deref().and_then(|pair| pair.split_once(':')) {
        Some((user, secret)) => Credential::Basic { user: user.into(), secret: secret.into() },
        None => Credential::Unreadable,
    }
}
