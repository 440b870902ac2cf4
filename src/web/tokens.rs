//! `/+tokens`: API tokens, made, listed and revoked by those they belong to.

use super::http::{Ctx, respond};
use crate::access::tokens::{self, NewToken};
use crate::access::{Scope, may_read};
use crate::bad;
use crate::config::units;
use crate::error::Result;
use crate::names::IndexName;
use axum::response::Response;
use http::StatusCode;
use serde_json::{Value, json};

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    name: Option<String>,
    /// Root makes tokens for others.
    user: Option<String>,
    #[serde(default)]
    scope: Scope,
    /// `90d`, or seconds.
    expires: Option<Value>,
}

/// `POST /+tokens`
pub async fn create(mut ctx: Ctx) -> Result<Response> {
    let asked: Asked = ctx.json().await?;
    let owner = tokens::owner_for(&ctx.who, asked.user.as_deref())?.to_owned();
    let limit = asked.scope.index.as_deref().and_then(IndexName::parse);
    let known = limit.as_ref().and_then(|name| ctx.directory.indexes.get(name));
    if let (Some(limit), Some(index)) = (&limit, known)
        && !may_read(&ctx.directory, &ctx.who, index)
    {
        return Err(tokens::no_index(limit));
    }
    let expires = match asked.expires {
        None | Some(Value::Null) => None,
        Some(value) => Some(lifetime(&value)?),
    };
    let name = asked.name.unwrap_or_else(|| "token".into());
    let new = NewToken { owner, name, scope: asked.scope, expires };
    let (id, token) = tokens::create(&ctx.app.db, &ctx.who.label, &new).await?;
    ctx.app.indexes.refresh().await?;
    respond::devpi(StatusCode::OK, "token", json!({"token": token, "id": id}), None)
}

fn lifetime(value: &Value) -> Result<u64> {
    let seconds = value.as_u64().or_else(|| value.as_str().and_then(units::seconds));
    seconds.filter(|seconds| *seconds > 0).ok_or_else(|| bad!("expires must be a time like 90d, not {value}"))
}

/// `GET /+tokens`: one's own; all of them for root.
pub async fn list(ctx: Ctx) -> Result<Response> {
    let owner = if ctx.who.is_root() { None } else { ctx.who.user.as_deref() };
    respond::devpi(StatusCode::OK, "list:token", json!(tokens::list(&ctx.app.db, owner).await?), None)
}

/// `DELETE /+tokens/{id}`
pub async fn revoke(ctx: Ctx) -> Result<Response> {
    tokens::revoke(&ctx.app.db, &ctx.who, ctx.param("id")).await?;
    ctx.app.indexes.refresh().await?;
    respond::done("token revoked")
}
