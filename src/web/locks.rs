//! `/+locks`: the lock files that are watched, for whoever runs the server.

use super::http::{Ctx, respond};
use crate::error::Result;
use crate::index::locks::{self, NewLock};
use crate::packaging::locked::LARGEST_LOCK;
use axum::response::Response;
use http::StatusCode;
use serde_json::json;

/// `GET /+locks`
pub async fn list(ctx: Ctx) -> Result<Response> {
    let known = locks::all(&ctx.app.db).await?;
    respond::devpi(StatusCode::OK, "list:lock", json!(known), None)
}

/// `POST /+locks`: watches a lock file; one of the same name is replaced.
pub async fn watch(mut ctx: Ctx) -> Result<Response> {
    let new: NewLock = ctx.json_within(LARGEST_LOCK + LARGEST_LOCK / 4).await?;
    let watched = locks::watch(&ctx.app.db, &ctx.directory, &ctx.who, &new).await?;
    let said = format!("watching {} as {}: {} releases", new.file, watched.name, watched.releases);
    respond::devpi(StatusCode::OK, "lock", json!(watched), Some(&said))
}

/// `DELETE /+locks/{name}`
pub async fn remove(ctx: Ctx) -> Result<Response> {
    let name = ctx.param("name");
    locks::remove(&ctx.app.db, &ctx.who, name).await?;
    respond::devpi(
        StatusCode::OK,
        "lock",
        json!({"name": name}),
        Some(&format!("{name} is no longer watched")),
    )
}
