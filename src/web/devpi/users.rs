//! `/` and `/{user}`: users with what they say of themselves and the indexes one may see.

use super::session;
use crate::access::accounts::{self, AccountChange};
use crate::access::methods::vouched;
use crate::access::password;
use crate::access::{Decision, Need, Who, decide, may_read, tokens};
use crate::app::App;
use crate::db::accounts::Account;
use crate::directory::Directory;
use crate::error::Result;
use crate::index::admin;
use crate::web::http::{Ctx, respond};
use crate::words::Moment;
use crate::{forbidden, missing};
use axum::response::Response;
use http::StatusCode;
use serde_json::{Map, Value};

/// A user as JSON shows them to `who`. The address is for those who are logged in.
fn config(directory: &Directory, who: &Who, account: &Account) -> Value {
    let mut config = accounts::profile(account);
    if who.user.is_none() {
        config.remove("email");
    }
    config.insert("created".into(), Moment(account.created_at).to_string().into());
    if let Some(modified) = account.modified_at {
        config.insert("modified".into(), Moment(modified).to_string().into());
    }
    let own = directory.indexes.values().filter(|index| index.name.user() == account.name);
    let indexes: Map<String, Value> = own
        .filter(|index| may_read(directory, who, index))
        .map(|index| (index.name.name().to_owned(), Value::Object(admin::options_for(directory, who, index))))
        .collect();
    config.insert("indexes".into(), indexes.into());
    config.insert("username".into(), account.name.clone().into());
    // Not for a token that is limited to less, such as a worker's.
    let manages = decide(directory, who, Need::ManageUser, None, None, Some(&account.name));
    if manages == Decision::Allowed {
        let groups = directory.users.get(&account.name).map(|user| &user.groups);
        if let Some(groups) = groups.filter(|groups| !groups.is_empty()) {
            config.insert("groups".into(), groups.iter().cloned().collect::<Vec<_>>().into());
        }
        let roles = directory.users.get(&account.name).map(|user| &user.roles);
        if let Some(roles) = roles.filter(|roles| !roles.is_empty()) {
            config.insert("roles".into(), roles.iter().map(|role| role.name()).collect::<Vec<_>>().into());
        }
        if account.disabled_at.is_some() {
            config.insert("disabled".into(), true.into());
        }
        if let Some(source) = &account.source {
            config.insert("source".into(), source.clone().into());
        }
    }
    config.into()
}

/// `GET /`
pub async fn list(ctx: Ctx) -> Result<Response> {
    let accounts = ctx.app.db.accounts().await?;
    let all: Map<String, Value> = accounts
        .iter()
        .map(|account| (account.name.clone(), config(&ctx.directory, &ctx.who, account)))
        .collect();
    respond::devpi(StatusCode::OK, "list:userconfig", all.into(), None)
}

async fn one(app: &App, who: &Who, name: &str) -> Result<Value> {
    let account = app.db.account(name).await?.ok_or_else(|| missing!("no user '{name}'"))?;
    Ok(config(&app.indexes.directory(), who, &account))
}

/// `GET /{user}`
pub async fn get(ctx: Ctx) -> Result<Response> {
    respond::devpi(StatusCode::OK, "userconfig", one(&ctx.app, &ctx.who, ctx.param("user")).await?, None)
}

/// `PUT /{user}`
pub async fn create(mut ctx: Ctx) -> Result<Response> {
    let given = AccountChange::from_json(ctx.json().await?)?;
    only_root(&ctx, ctx.param("user"), &given)?;
    rule(&ctx, ctx.param("user"), &given)?;
    accounts::create(&ctx.app.db, &ctx.who.label, ctx.param("user"), &given).await?;
    ctx.app.indexes.refresh().await?;
    // Whoever made the account gave what stands in it.
    let config = one(&ctx.app, &Who::person(ctx.param("user")), ctx.param("user")).await?;
    respond::devpi(StatusCode::CREATED, "userconfig", config, None)
}

/// `PATCH /{user}`; a new password answers a new session, because it ended all others.
pub async fn change(mut ctx: Ctx) -> Result<Response> {
    let mut given: Map<String, Value> = ctx.json().await?;
    let source = given.remove("source");
    let only_source = source.is_some() && given.is_empty();
    let given = AccountChange::from_json(given)?;
    let name = ctx.param("user").to_owned();
    only_root(&ctx, &name, &given)?;
    rule(&ctx, &name, &given)?;
    if let Some(source) = source {
        set_source(&ctx.app, &ctx.who, &name, &source).await?;
    }
    if only_source {
        ctx.app.indexes.refresh().await?;
        return respond::done("user updated");
    }
    accounts::change(&ctx.app.db, &ctx.who.label, &name, &given).await?;
    ctx.app.indexes.refresh().await?;
    if given.password.is_none() {
        return respond::done("user updated");
    }
    let result = session(&ctx.app, &name).await?;
    respond::devpi(StatusCode::OK, "userpassword", result, Some("user updated, new proxy auth"))
}

/// Who checks from now on who the account is, if that is another one than before. Root says so.
async fn set_source(app: &App, who: &Who, name: &str, source: &Value) -> Result<()> {
    let now = app.db.account(name).await?.and_then(|account| account.source);
    // A client may send back what it read.
    if source.as_str() == now.as_deref() {
        return Ok(());
    }
    if !who.is_root() {
        return Err(forbidden!("only root can change source"));
    }
    let word = source.as_str().unwrap_or("none");
    let source = vouched::source_named(&app.config, word)?;
    vouched::set_source(&app.db, &who.label, name, source).await
}

/// Whether the new password, if there is one, is good enough.
fn rule(ctx: &Ctx, user: &str, given: &AccountChange) -> Result<()> {
    let least = ctx.app.config.auth.password_length;
    given.password.as_ref().map_or(Ok(()), |secret| password::check_rule(least, user, secret))
}

/// Groups, roles, disabling and ready-made hashes are root's; a client may send back what it read.
fn only_root(ctx: &Ctx, name: &str, given: &AccountChange) -> Result<()> {
    let known = ctx.directory.users.get(name);
    let same_groups =
        given.groups.as_ref().is_none_or(|groups| known.is_some_and(|user| user.groups == *groups));
    let same_roles = given.roles.as_ref().is_none_or(|roles| known.is_some_and(|user| user.roles == *roles));
    let same_state =
        given.disabled.is_none_or(|disabled| known.is_some_and(|user| user.disabled == disabled));
    if ctx.who.is_root()
        || (same_groups && same_roles && same_state && !given.service && given.password_hash.is_none())
    {
        return Ok(());
    }
    Err(forbidden!("only root can change groups, roles, disabled, pwhash and service"))
}

/// `DELETE /{user}`; with `?if_empty` only one without indexes.
pub async fn delete(ctx: Ctx) -> Result<Response> {
    let name = ctx.param("user");
    if ctx.query("if_empty").is_some() {
        accounts::refuse_with_indexes(&ctx.directory, name)?;
    }
    accounts::delete(&ctx.app.db, &ctx.who.label, name).await?;
    ctx.app.indexes.refresh().await?;
    respond::done(&format!("user '{name}' deleted"))
}

/// `DELETE /{user}/+sessions`: ends all logins of the account; its tokens stay.
pub async fn end_sessions(ctx: Ctx) -> Result<Response> {
    let name = ctx.param("user");
    tokens::end_sessions(&ctx.app.db, &ctx.who.label, name).await?;
    ctx.app.indexes.refresh().await?;
    respond::done(&format!("{name} must log in again"))
}

/// `PUT /{user}/+groups/{name}`
pub async fn join_group(ctx: Ctx) -> Result<Response> {
    let (user, group) = (ctx.param("user"), ctx.param("name"));
    accounts::group(&ctx.app.db, &ctx.who.label, group, user, true).await?;
    ctx.app.indexes.refresh().await?;
    respond::done(&format!("{user} is in group {group}"))
}

/// `DELETE /{user}/+groups/{name}`
pub async fn leave_group(ctx: Ctx) -> Result<Response> {
    let (user, group) = (ctx.param("user"), ctx.param("name"));
    accounts::group(&ctx.app.db, &ctx.who.label, group, user, false).await?;
    ctx.app.indexes.refresh().await?;
    respond::done(&format!("{user} is no longer in group {group}"))
}

/// `PUT /{user}/+roles/{name}`
pub async fn give_role(ctx: Ctx) -> Result<Response> {
    let (user, role) = (ctx.param("user"), accounts::role_named(ctx.param("name"))?);
    accounts::role(&ctx.app.db, &ctx.who.label, role, user, true).await?;
    ctx.app.indexes.refresh().await?;
    respond::done(&format!("{user} has the role {role}"))
}

/// `DELETE /{user}/+roles/{name}`
pub async fn take_role(ctx: Ctx) -> Result<Response> {
    let (user, role) = (ctx.param("user"), accounts::role_named(ctx.param("name"))?);
    accounts::role(&ctx.app.db, &ctx.who.label, role, user, false).await?;
    ctx.app.indexes.refresh().await?;
    respond::done(&format!("{user} no longer has the role {role}"))
}
