//! `/+health`, `/+status`, `/metrics`: for whoever keeps the server running.

use super::respond;
use super::router::Ctx;
use crate::error::Result;
use axum::response::Response;

/// 200 while the database answers.
pub async fn health(ctx: Ctx) -> Result<Response> {
    let serial = ctx.app.db.serial().await?;
    respond::json(&serde_json::json!({"status": "ok", "serial": serial}))
}
