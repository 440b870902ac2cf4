//! `/+account`: who one is here, one's password, tokens and login sessions.

use super::call::ScriptCall;
use super::form::FormFields;
use super::{Frame, Visit, answer, index_href, login};
use crate::access::tokens::{self, NewToken, SessionView, TokenView};
use crate::access::{Action, Scope, Who, accounts, may_read, password, people};
use crate::app::App;
use crate::bad;
use crate::config::units;
use crate::directory::Directory;
use crate::error::{Error, Result};
use crate::names::IndexName;
use crate::web::http::{Audience, Ctx, respond};
use askama::Template;
use axum::response::Response;
use http::{StatusCode, header};
use serde::Serialize;
use serde_json::json;
use std::net::IpAddr;

/// What an account is, as its owner sees it.
#[derive(Serialize)]
pub struct AccountView {
    pub user: String,
    pub groups: Vec<String>,
    pub roles: Vec<&'static str>,
    /// Its own.
    pub indexes: Vec<IndexName>,
    /// Where its password is kept: `here`, or `ldap`, `oidc:NAME`, `proxy`, `service`.
    pub password: String,
    /// The id of the API token that asks.
    pub token: Option<String>,
    pub tokens: Vec<TokenView>,
    pub sessions: Vec<SessionView>,
}

/// The page.
#[derive(Template)]
#[template(path = "account.html")]
pub struct AccountPage {
    pub frame: Frame,
    pub account: AccountView,
    /// Its indexes: link and name.
    pub indexes: Vec<(String, String)>,
    pub notice: Notice,
    /// Characters of a password.
    pub least: u64,
    /// What a script does to make a token.
    pub call: ScriptCall,
}

/// What was done, or went wrong.
#[derive(Default)]
pub struct Notice {
    pub text: String,
    pub is_error: bool,
    /// A new token, shown this once.
    pub token: Option<String>,
    /// What the forms send along of a session that began with this answer.
    pub csrf: Option<String>,
}

impl Notice {
    fn done(text: &str) -> Self {
        Self { text: text.to_owned(), ..Self::default() }
    }
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct NewPassword {
    old: String,
    new: String,
}

/// `GET /+account`
pub async fn get(ctx: Ctx) -> Result<Response> {
    let ctx = ctx.without_body();
    if ctx.audience() != Audience::Person {
        return respond::devpi(StatusCode::OK, "account", json!(account(&ctx).await?), None);
    }
    show(&ctx, Notice::default()).await
}

/// `POST /+account/password`: the old one is asked for; all other sessions end.
pub async fn change_password(mut ctx: Ctx) -> Result<Response> {
    let by_form = ctx.is_of("application/x-www-form-urlencoded");
    let asked = match by_form {
        false => ctx.json_within(64 << 10).await?,
        true => {
            let form = FormFields::read(&mut ctx).await?;
            if form.text("new") != form.text("again") {
                let error = bad!("the two new passwords differ: type the same twice");
                return failed(&ctx.without_body(), error).await;
            }
            NewPassword { old: form.text("old").to_owned(), new: form.text("new").to_owned() }
        }
    };
    let user = ctx.who.user.clone().unwrap_or_default();
    let changed = replace_password((&ctx.app, &ctx.directory), &ctx.who, ctx.peer.ip(), &asked).await;
    if let Err(error) = changed {
        return failed(&ctx.without_body(), error).await;
    }
    let seconds = ctx.app.config.auth.session;
    let cookie = match people::cookie(&ctx.headers) {
        Some(_) => {
            let secret = tokens::begin_session(&ctx.app.db, &user, seconds).await?;
            Some((login::set_session(&ctx, &secret, seconds)?, secret))
        }
        None => None,
    };
    ctx.app.indexes.refresh().await?;
    let said = "Your password is changed. All other logins have ended.";
    let mut response = match by_form {
        true => {
            let csrf = cookie.as_ref().map(|(_, secret)| tokens::form_token(secret));
            show(&ctx.without_body(), Notice { csrf, ..Notice::done(said) }).await?
        }
        false => respond::done(said)?,
    };
    if let Some((cookie, _)) = cookie {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    Ok(response)
}

async fn replace_password(
    (app, directory): (&App, &Directory),
    who: &Who,
    peer: IpAddr,
    asked: &NewPassword,
) -> Result<()> {
    let user = who.user.as_deref().unwrap_or_default();
    let account = app.db.account(user).await?;
    if let Some(source) = account.and_then(|account| account.source) {
        return Err(crate::forbidden!("your password is kept by {source}: change it there"));
    }
    match app.people.login(directory, user, &asked.old, peer).await {
        // A login session opens the same doors, and is no password.
        Ok(_) if !tokens::looks_like_one(&asked.old) => {}
        Ok(_) | Err(Error::Unauthenticated(_)) => return Err(bad!("the old password is wrong")),
        Err(other) => return Err(other),
    }
    password::check_rule(app.config.auth.password_length, user, &asked.new)?;
    let given = serde_json::Map::from_iter([("password".to_owned(), asked.new.clone().into())]);
    let change = accounts::AccountChange::from_json(given)?;
    accounts::change(&app.db, &who.label, user, &change).await
}

/// `POST /+account/tokens`: the page with the new token, which is shown this once.
pub async fn create_token(mut ctx: Ctx) -> Result<Response> {
    let form = FormFields::read(&mut ctx).await?;
    let ctx = ctx.without_body();
    match new_token(&ctx, &form).await {
        Ok(token) => {
            let text = "The new token. Copy it now: wheelwright does not show it again.".to_owned();
            show(&ctx, Notice { text, token: Some(token), ..Notice::default() }).await
        }
        Err(error) => failed(&ctx, error).await,
    }
}

async fn new_token(ctx: &Visit, form: &FormFields) -> Result<String> {
    let actions: Result<Vec<Action>, String> = form.all("action").map(str::parse).collect();
    let scope = Scope {
        index: form.given("index").map(str::to_owned),
        project: form.given("project").map(str::to_owned),
        actions: actions.map_err(Error::Bad)?,
        ..Scope::default()
    };
    let limit = scope.index.as_deref().and_then(IndexName::parse);
    let known = limit.as_ref().and_then(|name| ctx.directory.indexes.get(name));
    if let (Some(limit), Some(index)) = (&limit, known)
        && !may_read(&ctx.directory, &ctx.who, index)
    {
        return Err(tokens::no_index(limit));
    }
    let expires = form.given("expires").map(units::lifetime);
    let name = form.needed("name")?.chars().take(100).collect();
    let owner = ctx.who.user.clone().unwrap_or_default();
    let new = NewToken { owner, name, scope, expires: expires.transpose()? };
    let (_, token) = tokens::create(&ctx.app.db, &ctx.who.label, &new).await?;
    ctx.app.indexes.refresh().await?;
    Ok(token)
}

/// `POST /+account/revoke`
pub async fn revoke_token(mut ctx: Ctx) -> Result<Response> {
    let form = FormFields::read(&mut ctx).await?;
    let ctx = ctx.without_body();
    let done = match form.needed("id") {
        Ok(id) => tokens::revoke(&ctx.app.db, &ctx.who, id).await,
        Err(error) => Err(error),
    };
    ctx.app.indexes.refresh().await?;
    match done {
        Ok(()) => show(&ctx, Notice::done("The token is revoked.")).await,
        Err(error) => failed(&ctx, error).await,
    }
}

/// `POST /+account/logout`: ends all sessions of the account, this one too.
pub async fn end_sessions(ctx: Ctx) -> Result<Response> {
    let user = ctx.who.user.clone().unwrap_or_default();
    tokens::end_sessions(&ctx.app.db, &ctx.who.label, &user).await?;
    ctx.app.indexes.refresh().await?;
    if ctx.audience() != Audience::Person {
        return respond::done("all logins have ended");
    }
    let mut response = respond::redirect(StatusCode::SEE_OTHER, "../+login")?;
    response.headers_mut().insert(header::SET_COOKIE, login::set_session(&ctx, "", 0)?);
    Ok(response)
}

/// The page with what went wrong; an error for scripts.
async fn failed(ctx: &Visit, error: Error) -> Result<Response> {
    let told = matches!(error, Error::Bad(_) | Error::Forbidden(_) | Error::Missing(_) | Error::Conflict(_));
    if !told || ctx.audience() != Audience::Person {
        return Err(error);
    }
    show(ctx, Notice { text: error.to_string(), is_error: true, ..Notice::default() }).await
}

async fn account(ctx: &Visit) -> Result<AccountView> {
    let user = ctx.who.user.clone().unwrap_or_default();
    let directory = ctx.app.indexes.directory();
    let known = directory.users.get(&user);
    let (db, cookie) = (&ctx.app.db, people::cookie(&ctx.headers));
    let source = db.account(&user).await?.and_then(|account| account.source);
    Ok(AccountView {
        groups: known.iter().flat_map(|user| user.groups.iter().cloned()).collect(),
        roles: known.iter().flat_map(|user| user.roles.iter().map(|role| role.name())).collect(),
        indexes: directory.indexes.keys().filter(|index| index.user() == user).cloned().collect(),
        password: source.unwrap_or_else(|| "here".to_owned()),
        token: ctx.who.token.clone(),
        tokens: tokens::list(db, Some(&user)).await?,
        sessions: tokens::sessions(db, &user, cookie).await?,
        user,
    })
}

async fn show(ctx: &Visit, notice: Notice) -> Result<Response> {
    let account = account(ctx).await?;
    let mut frame = Frame::of(ctx, &["+account"]);
    frame.title = format!("{} · wheelwright", account.user);
    let indexes = account.indexes.iter().map(|name| (index_href(name), name.to_string())).collect();
    let least = ctx.app.config.auth.password_length;
    if let Some(csrf) = &notice.csrf {
        frame.csrf.clone_from(csrf);
    }
    let body = json!({"name": "ci", "scope": {"actions": ["read"]}, "expires": "90d"});
    let call = ScriptCall::with("POST", "/+tokens", &body);
    answer(ctx, &AccountPage { frame, account, indexes, notice, least, call })
}
