//! devpi's JSON API: where a client begins, logs in, and manages users and indexes.

mod indexes;
mod users;

pub use indexes::{change as change_index, create as create_index, delete as delete_index, get as index};
pub use users::{
    change as change_user, create as create_user, delete as delete_user, end_sessions, get as user,
    give_role, join_group, leave_group, list as users, take_role,
};

use super::http::{Ctx, respond};
use super::pages;
use crate::access::{Who, tokens};
use crate::app::App;
use crate::bad;
use crate::directory::Directory;
use crate::error::{Error, Result};
use axum::response::Response;
use http::StatusCode;
use serde_json::{Map, Value, json};

/// What a client may do without asking: `key=value` operations, and push's options.
const FEATURES: [&str; 4] =
    ["push-no-docs", "push-only-docs", "push-register-project", "server-keyvalue-parsing"];

/// `/+api`, `/{user}/+api`, `/{user}/{index}/+api`: the first request of every client.
pub async fn api(ctx: Ctx) -> Result<Response> {
    let base = ctx.root();
    let mut result = Map::new();
    result.insert("login".into(), format!("{base}/+login").into());
    result.insert("authstatus".into(), auth_status(&ctx.directory, &ctx.who));
    result.insert("features".into(), FEATURES.to_vec().into());
    if !ctx.param("index").is_empty() {
        let index = ctx.index()?;
        result.insert("index".into(), format!("{base}/{}", index.name).into());
        result.insert("simpleindex".into(), format!("{base}/{}/+simple/", index.name).into());
        // Its absence tells the client that nothing can be uploaded here.
        if index.is_stage() {
            result.insert("pypisubmit".into(), format!("{base}/{}/", index.name).into());
        }
    }
    respond::devpi(StatusCode::OK, "apiconfig", Value::Object(result), None)
}

fn auth_status(directory: &Directory, who: &Who) -> Value {
    let user = who.user.as_ref().and_then(|name| directory.users.get(name)).filter(|user| !user.disabled);
    match user {
        Some(user) => json!(["ok", user.name, user.groups]),
        None => json!(["noauth", "", []]),
    }
}

/// `POST /+login`: a password for a session.
pub async fn login(mut ctx: Ctx) -> Result<Response> {
    if ctx.is_of("application/x-www-form-urlencoded") {
        return pages::login::post(ctx).await;
    }
    let given: Map<String, Value> = ctx.json_within(64 << 10).await?;
    let text = |key: &str| given.get(key).and_then(Value::as_str).filter(|text| !text.is_empty());
    let (Some(user), Some(password)) = (text("user"), text("password")) else {
        return Err(bad!("Bad request: no user/password specified"));
    };
    let who = match ctx.app.people.login(&ctx.directory, user, password, ctx.peer.ip()).await {
        Err(Error::Unauthenticated(_)) => {
            return Err(Error::Unauthenticated(format!("user '{user}' could not be authenticated")));
        }
        other => other?,
    };
    // The login may have made the account, or changed its groups.
    ctx.app.indexes.refresh().await?;
    let result = session(&ctx.app, who.user.as_deref().unwrap_or_default()).await?;
    respond::devpi(StatusCode::OK, "proxyauth", result, Some("login successful"))
}

async fn session(app: &App, user: &str) -> Result<Value> {
    let token = tokens::begin_session(&app.db, user, app.config.auth.session).await?;
    Ok(json!({"password": token, "expiration": app.config.auth.session}))
}
