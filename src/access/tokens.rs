//! API tokens and login sessions: made once, shown once, kept as a hash.

use super::{Action, Scope, Who};
use crate::db::events::NewEvent;
use crate::db::tokens::StoredToken;
use crate::db::{Db, Tx};
use crate::error::Result;
use crate::names::{IndexName, ProjectName};
use crate::tools::hex;
use crate::tools::time::{Micros, SECOND, now};
use crate::words::{EventKind, Moment, TokenKind};
use crate::{bad, forbidden, missing};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::json;
use sha2::Sha256;

/// So that secret scanners know what they found.
pub const PREFIX: &str = "ww_";

/// What a new token is to be.
#[derive(Debug)]
pub struct NewToken {
    pub owner: String,
    pub name: String,
    pub scope: Scope,
    /// Seconds from now; `None`: until revoked.
    pub expires: Option<u64>,
}

/// Whether a text has the shape of a token.
pub fn looks_like_one(text: &str) -> bool {
    text.len() == PREFIX.len() + 43 && text.starts_with(PREFIX)
}

/// A new secret: 256 random bits.
pub fn secret() -> String {
    format!("{PREFIX}{}", BASE64_URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>()))
}

/// What is stored of a secret. Plain sha256 does: 256 random bits cannot be guessed.
pub fn fingerprint(secret: &str) -> String {
    hex::sha256(secret)
}

/// What the forms of a login session send along. It is made from the session's secret, which no page can read; it does
/// not give the secret away.
pub fn form_token(secret: &str) -> String {
    form_mac(secret)
        .map_or_else(String::new, |mac| BASE64_URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()))
}

/// Whether a form of this session sent `given`; the comparison takes the same time wherever they differ.
pub fn is_form_token(secret: &str, given: &str) -> bool {
    let mac = form_mac(secret).zip(BASE64_URL_SAFE_NO_PAD.decode(given).ok());
    mac.is_some_and(|(mac, given)| mac.verify_slice(&given).is_ok())
}

/// Fails for no length of key.
fn form_mac(secret: &str) -> Option<Hmac<Sha256>> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).ok()?;
    mac.update(b"forms of this session");
    Some(mac)
}

fn stored(
    owner: &str,
    kind: TokenKind,
    name: &str,
    scope: String,
    now: Micros,
    expires: Option<i64>,
) -> StoredToken {
    StoredToken {
        id: uuid::Uuid::now_v7().simple().to_string(),
        owner: owner.into(),
        kind,
        name: name.into(),
        scope,
        created_at: now,
        expires_at: expires.map(|seconds| now.saturating_add(seconds.saturating_mul(SECOND))),
        revoked_at: None,
        last_used_at: None,
        publisher: None,
    }
}

/// Makes an API token: `(id, secret)`. The secret is not to be had again.
pub async fn create(db: &Db, who: &str, new: &NewToken) -> Result<(String, String)> {
    let mut tx = Tx::begin(db).await?;
    let (id, secret) = put(&mut tx, new, None).await?;
    let detail = format!("{id} of {}", new.owner);
    let after = json!({"name": new.name, "owner": new.owner, "scope": new.scope, "expires": new.expires});
    let event = NewEvent::of(who, EventKind::TokenCreated).saying(&detail);
    tx.commit(event.after(&after.to_string())).await?;
    Ok((id, secret))
}

/// The same within a transaction; `publisher` is the one that gets it.
pub(super) async fn put(tx: &mut Tx, new: &NewToken, publisher: Option<&str>) -> Result<(String, String)> {
    let (scope, index) = checked(&new.scope)?;
    tx.account(&new.owner).await?.ok_or_else(|| missing!("no user '{}'", new.owner))?;
    if let Some(index) = &index
        && tx.index_options(index).await?.is_none()
    {
        return Err(no_index(index));
    }
    let secret = secret();
    let expires = new.expires.map(|seconds| i64::try_from(seconds).unwrap_or(i64::MAX));
    let scope = serde_json::to_string(&scope).map_err(crate::error::Error::internal)?;
    let token = stored(&new.owner, TokenKind::Api, &new.name, scope, tx.now, expires);
    let token = StoredToken { publisher: publisher.map(str::to_owned), ..token };
    tx.create_token(&token, &fingerprint(&secret)).await?;
    Ok((token.id, secret))
}

/// The same for one that is hidden from the asker.
pub fn no_index(index: &IndexName) -> crate::error::Error {
    missing!(
        "the index {index} does not exist, or you may not read it: create it, or correct the token's index"
    )
}

/// The scope with its names normalised, and the index that it is limited to.
fn checked(scope: &Scope) -> Result<(Scope, Option<IndexName>)> {
    let mut scope = scope.clone();
    let index = scope.index.as_deref().map(|index| {
        IndexName::parse(index).ok_or_else(|| bad!("'{index}' is not a valid index name: write user/index"))
    });
    let index = index.transpose()?;
    scope.index = index.as_ref().map(IndexName::to_string);
    if let Some(project) = &scope.project {
        let name =
            ProjectName::new(project).ok_or_else(|| bad!("'{project}' is not a valid project name"))?;
        scope.project = Some(name.into());
        if scope.index.is_none() {
            return Err(bad!("a token for a project needs an index: name the index of the project"));
        }
    }
    scope.actions.dedup();
    Ok((scope, index))
}

/// Begins a login session of so many seconds: the token that devpi's client keeps instead of the password.
pub async fn begin_session(db: &Db, owner: &str, seconds: u64) -> Result<String> {
    let mut tx = Tx::begin(db).await?;
    tx.forget_expired_sessions(owner).await?;
    let secret = secret();
    let seconds = Some(i64::try_from(seconds).unwrap_or(i64::MAX));
    let token = stored(owner, TokenKind::Session, "login", "{}".into(), tx.now, seconds);
    tx.create_token(&token, &fingerprint(&secret)).await?;
    tx.commit(NewEvent::of(owner, EventKind::Login)).await?;
    Ok(secret)
}

/// Ends a login session, if there is one with this secret.
pub async fn end_session(db: &Db, secret: &str) -> Result<()> {
    let mut tx = Tx::begin(db).await?;
    if let Some(owner) = tx.end_session(&fingerprint(secret)).await? {
        tx.commit(NewEvent::of(&owner, EventKind::Logout)).await?;
    }
    Ok(())
}

/// Ends all login sessions of an account.
///
/// # Errors
/// `Missing` if there is no such account.
pub async fn end_sessions(db: &Db, who: &str, owner: &str) -> Result<()> {
    let mut tx = Tx::begin(db).await?;
    tx.account(owner).await?.ok_or_else(|| missing!("no user '{owner}'"))?;
    tx.end_sessions(owner).await?;
    tx.commit(NewEvent::of(who, EventKind::SessionsEnded).saying(owner)).await?;
    Ok(())
}

/// Tells of API tokens that end within so many seconds and were not told of: each leaves one event, whichever process
/// of several is first.
///
/// # Errors
/// `Internal` if the database fails.
pub async fn tell_of_ending(db: &Db, seconds: u64) -> Result<()> {
    let until = now().saturating_add(crate::tools::time::seconds(seconds));
    for token in db.ending_tokens(until).await? {
        let mut tx = Tx::begin(db).await?;
        if !tx.tell_of_token(&token.id).await? {
            continue;
        }
        let view = TokenView::from(token);
        let ends = view.expires.map(|at| at.exact()).unwrap_or_default();
        let detail = format!("{} ({}) of {} ends {ends}", view.id, view.name, view.user);
        let event = NewEvent::of(super::SERVER, EventKind::TokenEnding).saying(&detail);
        let index = view.scope.index.as_deref().and_then(IndexName::parse);
        tx.commit(index.as_ref().map_or(event, |index| event.on(index))).await?;
    }
    Ok(())
}

/// Revokes a token: one's own, or any for root. Another's does not exist.
pub async fn revoke(db: &Db, who: &Who, id: &str) -> Result<()> {
    let mut tx = Tx::begin(db).await?;
    let token =
        tx.token(id).await?.filter(|token| token.kind == TokenKind::Api && token.revoked_at.is_none());
    let token = token
        .filter(|token| who.is_root() || who.user.as_deref() == Some(&token.owner))
        .ok_or_else(|| missing!("no token '{id}'"))?;
    tx.revoke_token(&token.id).await?;
    let scope: serde_json::Value = serde_json::from_str(&token.scope).unwrap_or_default();
    let before = json!({"name": token.name, "owner": token.owner, "scope": scope}).to_string();
    tx.commit(NewEvent::of(&who.label, EventKind::TokenRevoked).saying(id).before(&before)).await?;
    Ok(())
}

/// Whose token may be made or listed: one's own; root's word goes for all.
pub fn owner_for<'a>(who: &'a Who, asked: Option<&'a str>) -> Result<&'a str> {
    let own = who.user.as_deref().unwrap_or_default();
    match asked {
        None => Ok(own),
        Some(asked) if asked == own || who.is_root() => Ok(asked),
        Some(asked) => Err(forbidden!("only root can create tokens for another user ({asked})")),
    }
}

/// A token as it is shown: everything but the secret.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub struct TokenView {
    pub id: String,
    pub name: String,
    pub user: String,
    pub scope: Scope,
    pub created: Moment,
    pub expires: Option<Moment>,
    pub expired: bool,
    pub last_used: Option<Moment>,
}

impl From<StoredToken> for TokenView {
    fn from(token: StoredToken) -> Self {
        Self {
            scope: serde_json::from_str(&token.scope).unwrap_or_default(),
            id: token.id,
            name: token.name,
            user: token.owner,
            created: Moment(token.created_at),
            expires: token.expires_at.map(Moment),
            expired: token.expires_at.is_some_and(|at| at <= now()),
            last_used: token.last_used_at.map(Moment),
        }
    }
}

/// The API tokens of one owner, or of all; revoked ones are left out.
pub async fn list(db: &Db, owner: Option<&str>) -> Result<Vec<TokenView>> {
    Ok(db.api_tokens(owner).await?.into_iter().map(TokenView::from).collect())
}

/// A login session as it is shown.
#[derive(Clone, Debug, serde::Serialize)]
pub struct SessionView {
    pub created: Moment,
    pub expires: Option<Moment>,
    /// It is the one that asks.
    pub current: bool,
}

/// The login sessions of an account that hold; `cookie` is the secret of the one that asks.
pub async fn sessions(db: &Db, owner: &str, cookie: Option<&str>) -> Result<Vec<SessionView>> {
    let own = match cookie {
        Some(secret) => db.token_by_secret(&fingerprint(secret)).await?.map(|token| token.id),
        None => None,
    };
    let all = db.sessions(owner).await?.into_iter();
    let shown = all.map(|token| SessionView {
        created: Moment(token.created_at),
        expires: token.expires_at.map(Moment),
        current: own.as_ref() == Some(&token.id),
    });
    Ok(shown.collect())
}

impl std::str::FromStr for Action {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        serde_json::from_value(text.into()).map_err(|_| {
            format!("'{text}' is not an action: use read, upload, manage, admin, build or replicate")
        })
    }
}
