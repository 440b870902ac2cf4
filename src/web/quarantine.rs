//! `/+quarantine`: what is neither listed nor served, for people and scripts.

use super::http::{Audience, Ctx, respond};
use super::pages;
use crate::error::Result;
use crate::index::quarantine::NewQuarantine;
use axum::response::Response;
use http::StatusCode;
use serde_json::json;

/// `POST /+quarantine`: puts something into quarantine.
pub async fn place(mut ctx: Ctx) -> Result<Response> {
    let asked: NewQuarantine = ctx.json().await?;
    let placed = ctx.app.indexes.quarantine(&ctx.who, &asked).await?;
    let said = format!("{} is quarantined", placed.what);
    respond::devpi(StatusCode::CREATED, "quarantine", json!(placed), Some(&said))
}

/// `GET /+quarantine`: those that hold; `?released` gives those that were released.
pub async fn list(ctx: Ctx) -> Result<Response> {
    let ctx = ctx.without_body();
    let _turn = ctx.app.quota.lists.take(&ctx.asker()).await?;
    let released = ctx.query("released").is_some();
    let held = ctx.app.indexes.quarantines(&ctx.who, released).await?;
    if ctx.audience() == Audience::Person {
        return pages::quarantine::show(&ctx, released, held);
    }
    respond::devpi(StatusCode::OK, "list:quarantine", json!(held), None)
}

/// `DELETE /+quarantine/{id}`: gives back what it took.
pub async fn release(ctx: Ctx) -> Result<Response> {
    let released = ctx.app.indexes.release(&ctx.who, ctx.param("id")).await?;
    let said = format!("{} is no longer quarantined", released.what);
    respond::devpi(StatusCode::OK, "quarantine", json!(released), Some(&said))
}
