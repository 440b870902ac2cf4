//! `/+webhooks` and `I/+webhooks`: who is told what happens on this server or on one index.

use super::http::{Audience, Ctx, respond};
use super::pages;
use crate::error::Result;
use crate::hooks::webhooks::{DeliveryView, NewWebhook, event};
use crate::missing;
use crate::names::IndexName;
use axum::response::Response;
use http::StatusCode;
use serde_json::json;

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    url: String,
    /// Words like `upload`; absent: all.
    #[serde(default)]
    on: Vec<String>,
    secret: Option<String>,
}

/// `POST …/+webhooks`; the answer has the secret if it was made here.
pub async fn add(mut ctx: Ctx) -> Result<Response> {
    let asked: Asked = ctx.json().await?;
    let on = asked.on.iter().map(|word| event(word)).collect::<Result<_>>()?;
    let new = NewWebhook { index: place(&ctx)?.cloned(), url: asked.url, on, secret: asked.secret };
    let (id, secret) = ctx.app.webhooks.add(&ctx.who, new).await?;
    let mut made = json!({ "id": id });
    if let Some(secret) = secret {
        made["secret"] = secret.into();
    }
    respond::devpi(StatusCode::CREATED, "webhook", made, Some(&format!("webhook {id} added")))
}

/// `GET …/+webhooks`: those of the index, or all for root; without their secrets.
pub async fn list(ctx: Ctx) -> Result<Response> {
    let ctx = ctx.without_body();
    let hooks = ctx.app.webhooks.list(place(&ctx)?).await?;
    if ctx.audience() == Audience::Person {
        return pages::webhooks::list(&ctx, place(&ctx)?, hooks);
    }
    respond::devpi(StatusCode::OK, "list:webhook", json!(hooks), None)
}

/// `DELETE …/+webhooks/{id}`
pub async fn remove(ctx: Ctx) -> Result<Response> {
    let id = id(&ctx)?;
    ctx.app.webhooks.remove(&ctx.who, place(&ctx)?, id).await?;
    respond::done(&format!("webhook {id} removed"))
}

/// `GET …/+webhooks/{id}/deliveries`: the newest tries.
pub async fn deliveries(ctx: Ctx) -> Result<Response> {
    let ctx = ctx.without_body();
    let deliveries = ctx.app.webhooks.deliveries(place(&ctx)?, id(&ctx)?).await?;
    if ctx.audience() == Audience::Person {
        return pages::webhooks::deliveries(&ctx, place(&ctx)?, id(&ctx)?, deliveries);
    }
    respond::devpi(StatusCode::OK, "list:delivery", json!(deliveries), None)
}

/// `POST …/+webhooks/{id}/try`: sends a ping and tells how it went.
pub async fn try_now(ctx: Ctx) -> Result<Response> {
    let delivery = ctx.app.webhooks.try_now(&ctx.who, place(&ctx)?, id(&ctx)?).await?;
    respond::devpi(StatusCode::OK, "delivery", json!(DeliveryView::from(delivery)), None)
}

/// The index of the path; `None` for the server.
fn place<B>(ctx: &Ctx<B>) -> Result<Option<&IndexName>> {
    Ok(ctx.index_if_named()?.map(|index| &index.name))
}

fn id<B>(ctx: &Ctx<B>) -> Result<i64> {
    let text = ctx.param("id");
    text.parse().map_err(|_| missing!("webhook {text} does not exist"))
}
