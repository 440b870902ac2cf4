//! From a request's headers to [`Who`]: passwords, API tokens, login sessions.

use super::{Action, Scope, Who, password, tokens};
use crate::config::networks::household;
use crate::db::Db;
use crate::directory::Directory;
use crate::error::{Error, Result};
use crate::tools::time::{Micros, SECOND, now};
use crate::words::TokenKind;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use http::{HeaderMap, header};
use moka::sync::Cache;
use sha2::{Digest, Sha256};
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

/// Failed passwords of one account from one address within a minute, after which it has to wait.
const TRIES: u32 = 10;

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
    key: [u8; 32],
    /// Failed passwords by (keyed hash of) account and address, forgotten after a minute: a
    /// stranger's guesses do not lock the owner out.
    failures: Cache<[u8; 32], u32>,
    /// Keyed hashes of passwords that were right before. They are checked even for an address that
    /// has to wait: behind a proxy that is not told of, everybody has the same one.
    proven: Cache<[u8; 32], ()>,
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

fn wrong() -> Error {
    Error::Unauthenticated(
        "the credential is invalid, expired or revoked: log in again, or use another token".into(),
    )
}

impl People {
    pub fn new(db: Db) -> Self {
        let minute = Duration::from_secs(60);
        Self {
            db,
            anonymous: Arc::new(Who::default()),
            known: Cache::builder().max_capacity(10_000).time_to_live(minute).build(),
            inner: tokens::secret(),
            key: rand::random(),
            failures: Cache::builder().max_capacity(100_000).time_to_live(minute).build(),
            proven: Cache::builder().max_capacity(10_000).time_to_live(24 * 60 * minute).build(),
        }
    }

    /// What the worker inside this process says to prove itself; it holds as long as the process.
    pub fn worker_secret(&self) -> &str {
        &self.inner
    }

    /// The asker without a credential.
    pub fn anonymous(&self) -> Arc<Who> {
        self.anonymous.clone()
    }

    /// Who sends these headers: `X-Devpi-Auth` if present, else `Authorization` (Basic, Bearer), else
    /// a login cookie.
    /// No credential is the anonymous asker; a wrong one is [`Error::Unauthenticated`].
    /// `peer` is the client's address.
    pub async fn who(&self, directory: &Directory, headers: &HeaderMap, peer: IpAddr) -> Result<Arc<Who>> {
        let (devpi, value) = match (headers.get("x-devpi-auth"), headers.get(header::AUTHORIZATION)) {
            (Some(value), _) => (true, value.as_bytes()),
            (None, Some(value)) => (false, value.as_bytes()),
            (None, None) => return self.visitor(directory, headers).await,
        };
        let key = self.keyed(if devpi { "devpi" } else { "authorization" }, &[value]);
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

    /// Whose login cookie it is; one that ended makes nobody of its sender, so that public pages and
    /// the login form stay readable.
    async fn visitor(&self, directory: &Directory, headers: &HeaderMap) -> Result<Arc<Who>> {
        let Some(secret) = cookie(headers).filter(|secret| tokens::looks_like_one(secret)) else {
            return Ok(self.anonymous());
        };
        let key = self.keyed("cookie", &[secret.as_bytes()]);
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
        let who = known.who.clone();
        self.known.insert(key, Arc::new(Known { serial: directory.serial, ..known }));
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
            Err(wrong())
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
            Credential::Unreadable => return Err(wrong()),
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
                None => self.builder(secret).await?.ok_or_else(wrong)?,
            }
        } else if user.is_empty() || secret.is_empty() {
            // Accounts that come from elsewhere may have a hash of nothing.
            return Err(wrong());
        } else {
            self.password(user, secret, peer).await?
        };
        let account = known.who.user.as_ref().and_then(|user| directory.users.get(user));
        match account {
            Some(account) if account.disabled => Err(wrong()),
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
            let label = format!("token:{} ({})", token.id, token.owner);
            Who { user: Some(token.owner), scope: Some(scope), label, ..Who::default() }
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

    async fn password(&self, user: &str, secret: &str, peer: IpAddr) -> Result<Known> {
        // Counted only once it is their turn, so that guesses sent all at once do not pass together.
        let turn = password::turn().await?;
        let address = household(peer).to_string();
        let guesser = self.keyed("guesser", &[user.as_bytes(), address.as_bytes()]);
        let proof = self.keyed("proof", &[user.as_bytes(), secret.as_bytes()]);
        let failed = self.failures.get(&guesser).unwrap_or(0);
        if failed >= TRIES && !self.proven.contains_key(&proof) {
            let wait =
                "too many wrong passwords for this user from this address: wait a minute, or use a token";
            return Err(Error::Busy(wait.into()));
        }
        let account = self.db.account(user).await?;
        let disabled = account.as_ref().is_none_or(|account| account.disabled_at.is_some());
        let hash = account.and_then(|account| account.password_hash);
        if !password::verify(&turn, secret, hash.clone()).await? || disabled {
            self.failures.insert(guesser, failed + 1);
            tracing::warn!(user, %peer, "wrong password");
            return Err(wrong());
        }
        drop(turn);
        self.proven.insert(proof, ());
        if let Some(older) = hash.filter(|hash| password::is_older(hash))
            && let Err(error) = self.replace_hash(user, secret, &older).await
        {
            // The next login tries again.
            tracing::warn!(user, error = format!("{error:#}"), "cannot replace an old password hash");
        }
        let who = Arc::new(Who::person(user));
        Ok(Known { who, serial: 0, expires_at: None, token: None, noted_at: AtomicI64::new(0) })
    }

    /// The password is known for this moment: its hash becomes one of today.
    async fn replace_hash(&self, user: &str, secret: &str, older: &str) -> Result<()> {
        let hash = password::hash(secret).await?;
        self.db.replace_password_hash(user, older, &hash).await
    }

    /// A hash of `parts` that means nothing outside this process.
    fn keyed(&self, purpose: &str, parts: &[&[u8]]) -> [u8; 32] {
        let mut hash = Sha256::new();
        hash.update(self.key);
        for part in std::iter::once(&purpose.as_bytes()).chain(parts) {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        hash.finalize().into()
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
    let lines = headers.get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok());
    let mut pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(name, _)| *name == COOKIE).map(|(_, secret)| secret.trim_matches('"'))
}

/// Whether it is the cookie alone that says who sends this.
pub fn by_cookie(headers: &HeaderMap) -> bool {
    let named = headers.contains_key("x-devpi-auth") || headers.contains_key(header::AUTHORIZATION);
    !named && cookie(headers).is_some()
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
