//! Files that a mirror lists and has not stored yet.

use super::stored::{FileRequest, no_such_file, stored, with_headers};
use crate::directory::Mirror;
use crate::error::{Error, Result};
use crate::index::files::{self, Document};
use crate::index::mirror::{Key, Located};
use crate::web::http::ranges::{self, RangePart};
use crate::web::http::respond;
use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http::{HeaderValue, Method, StatusCode, header};
use std::ops::Range;
use std::sync::Arc;

/// What the upstream says of the file, if the mirror's policy lets it through.
pub(super) async fn locate(
    ctx: &FileRequest<'_>,
    mirror: &Mirror,
    filename: &str,
    key: Key<'_>,
) -> Result<Located> {
    let mirrors = &ctx.app.indexes.mirrors;
    let located = match &ctx.project {
        Some(project) => mirrors.locate_in(ctx.index, project, filename, key).await?,
        None => mirrors.locate(ctx.index, filename, key).await?,
    };
    let located = located.ok_or_else(|| no_such_file(filename))?;
    files::permit((ctx.directory, &ctx.index.name), mirror, &located.project, &located.file)?;
    Ok(located)
}

/// The file from the upstream, stored on its way through.
pub(super) async fn fetch(
    ctx: &FileRequest<'_>,
    mirror: &Mirror,
    filename: &str,
    key: Key<'_>,
) -> Result<Response> {
    let located = locate(ctx, mirror, filename, key).await?;
    if mirror.use_external_urls {
        count(ctx, &located);
        return external(&located);
    }
    let mirrors = &ctx.app.indexes.mirrors;
    let whole = !ctx.headers.contains_key(header::RANGE) || part(ctx, u64::MAX) == RangePart::Whole;
    if whole && *ctx.method != Method::HEAD {
        return passed_on(ctx, &located).await;
    }
    // What can be said without the whole file is said without it: it may be huge.
    if let Some(sha256) = &located.file.hashes.sha256
        && let Some(size) = mirrors.size(ctx.index, &located).await?
    {
        if whole {
            return answer(ctx, sha256, Some(size), Body::empty());
        }
        if let RangePart::Some(range) = part(ctx, size)
            && let Some(bytes) = mirrors.range(ctx.index, &located, range.clone()).await?
        {
            if range.start == 0 {
                count(ctx, &located);
            }
            return partial(ctx, sha256, range, size, bytes);
        }
    }
    match stored_now(ctx, &located, key).await {
        // No room for a copy to take the part from: all of it is a valid answer, too.
        Err(Error::Full(_)) if *ctx.method == Method::HEAD => answer(ctx, "", None, Body::empty()),
        Err(Error::Full(_)) => passed_on(ctx, &located).await,
        other => other,
    }
}

/// The whole file, while it comes.
async fn passed_on(ctx: &FileRequest<'_>, located: &Located) -> Result<Response> {
    let download = ctx.app.indexes.mirrors.download(ctx.index, located, &ctx.asker()).await?;
    count(ctx, located);
    let body = Body::from_stream(download.stream);
    answer(ctx, download.sha256.as_deref().unwrap_or_default(), download.size, body)
}

fn count(ctx: &FileRequest<'_>, located: &Located) {
    let filename = &located.file.filename;
    ctx.count(&located.project, filename.version(), filename);
}

/// The part that was asked for of a file that has no validator yet.
fn part(ctx: &FileRequest<'_>, size: u64) -> RangePart {
    ranges::part(ctx.headers, size, &HeaderValue::from_static("\"\""), None)
}

fn partial(
    ctx: &FileRequest<'_>,
    sha256: &str,
    range: Range<u64>,
    size: u64,
    bytes: Bytes,
) -> Result<Response> {
    let mut response = answer(ctx, sha256, Some(range.end - range.start), Body::from(bytes))?;
    *response.status_mut() = StatusCode::PARTIAL_CONTENT;
    let told = format!("bytes {}-{}/{size}", range.start, range.end - 1);
    let told = HeaderValue::try_from(told).map_err(Error::internal)?;
    response.headers_mut().insert(header::CONTENT_RANGE, told);
    Ok(response)
}

async fn stored_now(ctx: &FileRequest<'_>, located: &Located, key: Key<'_>) -> Result<Response> {
    ctx.app.indexes.mirrors.ensure(ctx.index, located, &ctx.asker()).await?;
    let filename = &located.file.filename;
    let facts = ctx.stored(filename, key).await?;
    stored(ctx, &*facts.ok_or_else(|| no_such_file(filename))?).await
}

fn answer(ctx: &FileRequest<'_>, sha256: &str, size: Option<u64>, body: Body) -> Result<Response> {
    let etag = HeaderValue::try_from(format!("\"{sha256}\"")).map_err(Error::internal)?;
    let public = files::is_public(ctx.directory, ctx.index);
    let mut response = with_headers(StatusCode::OK, body, &etag, None, public);
    if sha256.is_empty() {
        response.headers_mut().remove(header::ETAG);
    }
    if let Some(size) = size {
        response.headers_mut().insert(header::CONTENT_LENGTH, size.into());
    }
    Ok(response)
}

/// `mirror_use_external_urls`: the upstream's own place (which never has our credentials in it).
fn external(located: &Located) -> Result<Response> {
    respond::redirect(StatusCode::FOUND, located.file.link())
}

/// METADATA of a wheel that need not be stored.
pub(super) async fn metadata(
    ctx: &FileRequest<'_>,
    mirror: &Mirror,
    filename: &str,
    key: Key<'_>,
) -> Result<Arc<Document>> {
    let indexes = &ctx.app.indexes;
    // A file name is one file for ever on a mirror, so the name is key enough once it was asked
    // for under its right URL.
    let slot = match key {
        Key::Hash(hex) => format!("{hex}/{filename}"),
        Key::Url(hex) => format!("e/{hex}/{filename}"),
    };
    if let Some(known) = indexes.files.metadata(ctx.directory, ctx.index, &slot) {
        return Ok(known);
    }
    let located = locate(ctx, mirror, filename, key).await?;
    let project = &located.project;
    let stamp = indexes.stripes().stamp(project);
    let bytes = indexes.mirrors.metadata(ctx.index, &located).await?;
    indexes.files.remember_metadata(ctx.directory, ctx.index, &slot, (project, stamp), bytes)
}
