//! `/+who-has`: who fetched a release or a file, for whoever runs the server.

use super::http::{Audience, Ctx, respond};
use super::pages;
use crate::bad;
use crate::error::Result;
use crate::index::who_has::who_has;
use axum::response::Response;
use http::StatusCode;
use serde_json::json;

/// `GET /+who-has?what=demo==1.0`
pub async fn get(ctx: Ctx) -> Result<Response> {
    let ctx = ctx.without_body();
    let what = ctx.query("what").filter(|what| !what.is_empty());
    if ctx.audience() == Audience::Person {
        let found = match &what {
            Some(what) => Some(who_has(&ctx.app.db, &ctx.app.downloads, what).await?),
            None => None,
        };
        return pages::who_has::show(&ctx, what.as_deref().unwrap_or_default(), found);
    }
    let what = what.ok_or_else(|| bad!("say what: ?what=demo==1.0, a file name or a sha256"))?;
    let found = who_has(&ctx.app.db, &ctx.app.downloads, &what).await?;
    respond::devpi(StatusCode::OK, "who-has", json!(found), None)
}
