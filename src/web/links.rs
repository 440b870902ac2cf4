//! Flat pages for `--find-links`: `I/+links`, `I/+links/{project}`; and `I/+explain/{project}`.

use super::http::{Ctx, respond};
use crate::build::view::LeftOutView;
use crate::error::{Error, Result};
use crate::missing;
use crate::names::ProjectName;
use crate::packaging::html;
use crate::packaging::page::File;
use axum::response::Response;
use http::HeaderValue;
use serde_json::json;

/// Every file of the index and of the stages among its bases: what a mirror could have is endless.
pub async fn all(ctx: Ctx) -> Result<Response> {
    let index = ctx.index()?;
    let files = ctx.app.indexes.views.own_files(&ctx.directory, index, &ctx.who).await?;
    flat(&ctx, &format!("Files of {}", index.name), &files)
}

/// The files of one project, mirrors included.
pub async fn project(ctx: Ctx) -> Result<Response> {
    let (index, name) = (ctx.index()?, name(&ctx)?);
    let page = ctx.app.indexes.views.page(&ctx.directory, index, &name, &ctx.who).await?;
    flat(&ctx, &format!("Files of {name} on {}", index.name), page.offered())
}

/// `GET I/+explain/{project}`: where each file comes from, and why one is not shown.
pub async fn explain(ctx: Ctx) -> Result<Response> {
    let ctx = ctx.without_body();
    let (index, name) = (ctx.index()?, name(&ctx)?);
    let report = ctx.app.indexes.views.explain(&ctx.directory, index, &name, &ctx.who).await?;
    let mut report = serde_json::to_value(&report).map_err(Error::internal)?;
    let newest = ctx.app.queue.newest_of(&ctx.directory, &ctx.who, &name).await?;
    report["left_out"] = json!(LeftOutView::of(newest, &ctx.root()));
    respond::json(&report)
}

fn name<B>(ctx: &Ctx<B>) -> Result<ProjectName> {
    let text = ctx.param("project");
    ProjectName::new(text).ok_or_else(|| missing!("{text:?} is not a valid project name"))
}

fn flat(ctx: &Ctx, title: &str, files: &[File]) -> Result<Response> {
    let slashes = ctx.uri.path().bytes().filter(|byte| *byte == b'/').count();
    let body = html::render_flat(title, files, &"../".repeat(slashes.saturating_sub(1)));
    respond::bytes(&ctx.headers, body.into_bytes(), HeaderValue::from_static("text/html; charset=utf-8"))
}
