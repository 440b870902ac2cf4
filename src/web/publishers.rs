//! Trusted publishing, as PyPI speaks it (`/_/oidc/…`), and the publishers of an index (`I/+publishers`) or of all.

use super::http::{Ctx, respond};
use crate::access::publishers::{MintRefusal, NewPublisher};
use crate::error::Result;
use crate::missing;
use axum::body::Body;
use axum::response::Response;
use http::StatusCode;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Bytes of the JSON around a token.
const LONGEST: usize = 64 << 10;

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    issuer: String,
    claims: BTreeMap<String, String>,
    project: Option<String>,
}

/// `POST I/+publishers`
pub async fn add(mut ctx: Ctx) -> Result<Response> {
    let asked: Asked = ctx.json().await?;
    let index = ctx.index()?.name.clone();
    let new = NewPublisher { index, project: asked.project, issuer: asked.issuer, claims: asked.claims };
    let id = ctx.app.publishers.add(&ctx.who, new).await?;
    let message = format!("publisher {id} added");
    respond::devpi(StatusCode::CREATED, "publisher", json!({ "id": id }), Some(&message))
}

/// `GET I/+publishers`, and `GET /+publishers` of all indexes.
pub async fn list(ctx: Ctx) -> Result<Response> {
    let index = ctx.index_if_named()?.map(|index| &index.name);
    let publishers = ctx.app.publishers.list(index).await?;
    respond::devpi(StatusCode::OK, "list:publisher", json!(publishers), None)
}

/// `DELETE I/+publishers/{id}`, and `DELETE /+publishers/{id}` on any index.
pub async fn remove(ctx: Ctx) -> Result<Response> {
    let (id, index) = (ctx.param("id"), ctx.index_if_named()?.map(|index| &index.name));
    ctx.app.publishers.remove(&ctx.who, index, id).await?;
    ctx.app.indexes.refresh().await?;
    respond::done(&format!("publisher {id} removed"))
}

/// `GET /_/oidc/audience`; without publishers it is absent, so that tools ask for a password.
pub async fn audience(ctx: Ctx) -> Result<Response> {
    match ctx.app.publishers.audience().await? {
        Some(audience) => respond::json(&json!({ "audience": audience })),
        None => Err(missing!("this server has no {}", ctx.uri.path())),
    }
}

/// `POST /_/oidc/mint-token`, also under the name that it had for GitHub alone.
pub async fn mint(mut ctx: Ctx) -> Result<Response> {
    let Some(token) = token_of(&mut ctx).await else {
        let description = "the body must be JSON with the text 'token'".to_owned();
        return refusal(&MintRefusal { code: "invalid-payload", description, error: None });
    };
    match ctx.app.publishers.mint(&token).await {
        Ok(minted) => {
            respond::json(&json!({"success": true, "token": minted.secret, "expires": minted.expires}))
        }
        Err(refused) => refusal(&refused),
    }
}

/// `POST /_/oidc/burn-token`: 202, whatever it was.
pub async fn burn(mut ctx: Ctx) -> Result<Response> {
    if let Some(token) = token_of(&mut ctx).await {
        ctx.app.publishers.burn(&token).await?;
        ctx.app.indexes.refresh().await?;
    }
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::ACCEPTED;
    Ok(response)
}

async fn token_of(ctx: &mut Ctx) -> Option<String> {
    let body: Value = ctx.json_of_any_type(LONGEST).await.ok()?;
    body.get("token").and_then(Value::as_str).map(str::to_owned)
}

fn refusal(refused: &MintRefusal) -> Result<Response> {
    let (code, description) = (refused.code, &refused.description);
    tracing::info!(code, description, "no token for a publisher");
    let status = match &refused.error {
        Some(error) => respond::status(error),
        None => StatusCode::UNPROCESSABLE_ENTITY,
    };
    let mut response = respond::json(&json!({
        "message": "Token request failed",
        "errors": [{"code": code, "description": description}],
    }))?;
    *response.status_mut() = status;
    Ok(response)
}
