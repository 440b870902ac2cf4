//! Files that a mirror lists and has not stored yet.

use super::{Asked, Document, Key, Located, Mirror, Part};
use super::{files, no_such_file, ranges, stored, with_headers};
use crate::error::{Error, Result};
use axum::body::Body;
use axum::response::Response;
use http::{HeaderValue, Method, StatusCode, header};
use std::sync::Arc;

/// What the upstream says of the file, if the mirror's policy lets it through.
pub(super) async fn locate(
    ctx: &Asked<'_>,
    mirror: &Mirror,
    filename: &str,
    key: Key<'_>,
) -> Result<Located> {
    let located = ctx.app.indexes.mirrors.locate(ctx.index, filename, key).await?;
    let located = located.ok_or_else(|| no_such_file(filename))?;
    files::permit(mirror, &located.project, &located.file)?;
    Ok(located)
}

/// The file from the upstream, stored on its way through.
pub(super) async fn fetch(
    ctx: &Asked<'_>,
    mirror: &Mirror,
    filename: &str,
    key: Key<'_>,
) -> Result<Response> {
    let located = locate(ctx, mirror, filename, key).await?;
    if mirror.use_external_urls {
        return external(&located);
    }
    let mirrors = &ctx.app.indexes.mirrors;
    let sized = located.file.size.zip(located.file.hashes.sha256.clone());
    let part = |size| ranges::part(ctx.headers, size, &HeaderValue::from_static("\"\""), None);
    let whole = !ctx.headers.contains_key(header::RANGE) || part(u64::MAX) == Part::Whole;
    match (sized, *ctx.method == Method::HEAD) {
        (Some((size, sha256)), true) if whole => answer(&sha256, Some(size), Body::empty()),
        // A part, or a size that nobody knows: it must be here first.
        (_, true) => stored_now(ctx, &located, key).await,
        (_, false) if !whole => stored_now(ctx, &located, key).await,
        _ => {
            let download = mirrors.download(ctx.index, &located).await?;
            let body = Body::from_stream(download.stream);
            answer(download.sha256.as_deref().unwrap_or_default(), download.size, body)
        }
    }
}

async fn stored_now(ctx: &Asked<'_>, located: &Located, key: Key<'_>) -> Result<Response> {
    ctx.app.indexes.mirrors.ensure(ctx.index, located).await?;
    let filename = &located.file.filename;
    let facts = ctx.stored(filename, key).await?;
    stored(ctx, &*facts.ok_or_else(|| no_such_file(filename))?).await
}

fn answer(sha256: &str, size: Option<u64>, body: Body) -> Result<Response> {
    let etag = HeaderValue::try_from(format!("\"{sha256}\"")).map_err(Error::internal)?;
    let mut response = with_headers(StatusCode::OK, body, &etag, None, false);
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
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::FOUND;
    let url = HeaderValue::try_from(located.file.url.as_str()).map_err(Error::internal)?;
    response.headers_mut().insert(header::LOCATION, url);
    Ok(response)
}

/// METADATA of a wheel that need not be stored.
pub(super) async fn metadata(
    ctx: &Asked<'_>,
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
    let project = located.project.as_str();
    let stamp = indexes.stripes().stamp(project);
    let bytes = indexes.mirrors.metadata(ctx.index, &located).await?;
    indexes.files.remember_metadata(ctx.directory, ctx.index, &slot, (project, stamp), bytes)
}
