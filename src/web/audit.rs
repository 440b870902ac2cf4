//! `/+audit`: the log of all changes, for root.

use super::http::{Audience, Ctx, respond};
use super::pages;
use super::pages::audit::PAGE;
use crate::access::audit::{kind, list as entries};
use crate::bad;
use crate::db::audit::AuditFilter;
use crate::error::Result;
use crate::names::{IndexName, ProjectName};
use axum::response::Response;
use http::StatusCode;
use serde_json::json;

/// `GET /+audit?index=&project=&who=&what=&before=`: entries that fit, the newest first.
pub async fn list(ctx: Ctx) -> Result<Response> {
    let ctx = ctx.without_body();
    let filter = filter(&ctx)?;
    let _turn = ctx.app.quota.lists.take(&ctx.asker()).await?;
    let found = entries(&ctx.app.db, &filter).await?;
    if ctx.audience() == Audience::Person {
        return pages::audit::show(&ctx, found);
    }
    respond::devpi(StatusCode::OK, "list:audit", json!(found), None)
}

fn filter(ctx: &Ctx<()>) -> Result<AuditFilter> {
    let text =
        |name: &str| ctx.query(name).map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
    let index = text("index").map(|text| {
        IndexName::parse(&text).ok_or_else(|| bad!("{text:?} is not a valid index name: write user/index"))
    });
    let project = text("project")
        .map(|text| ProjectName::new(&text).ok_or_else(|| bad!("{text:?} is not a valid project name")));
    let before = text("before")
        .map(|text| text.parse().map_err(|_| bad!("before={text:?} is not the serial of an entry")));
    Ok(AuditFilter {
        index: index.transpose()?,
        project: project.transpose()?,
        who: text("who"),
        what: text("what").map(|text| kind(&text)).transpose()?,
        before: before.transpose()?,
        limit: PAGE,
    })
}
