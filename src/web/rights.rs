//! `I/+access`: what people may do with an index, and why.

use super::http::{Audience, Ctx, respond};
use super::pages;
use crate::access::grants::{self, AccessView};
use crate::error::Result;
use axum::response::Response;
use http::StatusCode;
use serde_json::json;

/// `GET I/+access`: every account; with `?user=` one of them.
pub async fn list(ctx: Ctx) -> Result<Response> {
    let ctx = ctx.without_body();
    let index = ctx.index()?;
    let asked = ctx.query("user").filter(|user| !user.is_empty());
    let views: Vec<AccessView> = match &asked {
        Some(user) => vec![grants::explain(&ctx.directory, &ctx.who, user, index)?],
        None => grants::everybody(&ctx.directory, &ctx.who, index)?,
    };
    if ctx.audience() == Audience::Person {
        return pages::rights::show(&ctx, index, asked.is_some(), views);
    }
    respond::devpi(StatusCode::OK, "list:access", json!(views), None)
}
