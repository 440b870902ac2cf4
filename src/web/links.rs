//! Flat pages for `--find-links`: `I/+links`, `I/+links/{project}`; and `I/+explain/{project}`.

use super::negotiate;
use super::respond;
use super::router::Ctx;
use super::whence;
use crate::error::{Error, Result};
use crate::missing;
use crate::names::ProjectName;
use crate::packaging::html;
use crate::packaging::page::File;
use crate::tools::hex;
use axum::body::Body;
use axum::response::Response;
use flate2::{Compression, write::GzEncoder};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde_json::json;
use std::io::Write;

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
    let root = whence::root(&ctx);
    let failed = super::builds::left_out(&ctx, name.as_str()).await?.into_iter().map(|build| {
        json!({
            "version": build.version, "target": build.target, "build": build.id,
            "failure": build.failure, "log": format!("{root}/+builds/{}/log", build.id),
        })
    });
    report["left_out"] = failed.collect();
    respond::json(&report)
}

fn name<B>(ctx: &Ctx<B>) -> Result<ProjectName> {
    let text = ctx.param("project");
    ProjectName::new(text).ok_or_else(|| missing!("{text:?} is not a valid project name"))
}

fn flat(ctx: &Ctx, title: &str, files: &[File]) -> Result<Response> {
    let slashes = ctx.uri.path().bytes().filter(|byte| *byte == b'/').count();
    let body = html::render_flat(title, files, &"../".repeat(slashes.saturating_sub(1)));
    bytes(&ctx.headers, body.into_bytes(), HeaderValue::from_static("text/html; charset=utf-8"))
}

/// A page made for this request: compressed if wanted, confirmed if known.
pub(super) fn bytes(headers: &HeaderMap, body: Vec<u8>, content_type: HeaderValue) -> Result<Response> {
    let gzip = negotiate::takes_gzip(headers);
    let suffix = if gzip { "-gz" } else { "" };
    let etag = format!("\"{}{suffix}\"", hex::short_sha256(&body, 32));
    let etag = HeaderValue::try_from(etag).map_err(Error::internal)?;
    let mut response = Response::new(Body::empty());
    if negotiate::none_match(headers, &etag) {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
    } else {
        let sent = response.headers_mut();
        sent.insert(header::CONTENT_TYPE, content_type);
        sent.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        let mut body = body;
        if gzip {
            sent.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            let mut encoder = GzEncoder::new(Vec::new(), Compression::new(5));
            encoder.write_all(&body)?;
            body = encoder.finish()?;
        }
        *response.body_mut() = Body::from(body);
    }
    let sent = response.headers_mut();
    sent.insert(header::ETAG, etag);
    sent.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    sent.insert(header::VARY, HeaderValue::from_static("Accept-Encoding"));
    Ok(response)
}
