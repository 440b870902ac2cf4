//! Answers about files whose bytes are here: whole, in part, unchanged, elsewhere.

use crate::access::Who;
use crate::app::App;
use crate::directory::{Directory, Index};
use crate::error::{Error, Result};
use crate::index::downloads::FetchedFile;
use crate::index::files::{Document, Facts};
use crate::index::mirror::Key;
use crate::names::ProjectName;
use crate::packaging::version::Version;
use crate::web::http::{
    Ctx, negotiate,
    ranges::{self, RangePart},
    respond,
};
use crate::{lost, missing};
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use std::ops::Range;
use std::sync::Arc;

const FOR_ALL: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");
const FOR_ONE: HeaderValue = HeaderValue::from_static("private, max-age=31536000, immutable");
/// Whatever the bytes are, a browser must not run them here.
const SANDBOX: [(HeaderName, HeaderValue); 3] = [
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (header::CONTENT_DISPOSITION, HeaderValue::from_static("attachment")),
    (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("sandbox; default-src 'none'")),
];

/// What of a request decides the answer; unlike [`Ctx`], it may be shared across waits.
pub struct FileRequest<'a> {
    pub app: &'a App,
    pub directory: &'a Arc<Directory>,
    pub index: &'a Index,
    pub headers: &'a HeaderMap,
    pub method: &'a Method,
    pub who: &'a Who,
    /// Whose file it is, where that is known already: no page of another project is asked for.
    pub project: Option<ProjectName>,
}

impl<'a> FileRequest<'a> {
    /// Whom a download counts for; a file that is here counts for nobody.
    pub fn asker(&self) -> String {
        self.who.asker().unwrap_or_default()
    }

    pub fn of<B>(ctx: &'a Ctx<B>) -> Result<Self> {
        let (app, directory, headers, method) = (&ctx.app, &ctx.directory, &ctx.headers, &ctx.method);
        Ok(FileRequest { app, directory, index: ctx.index()?, headers, method, who: &ctx.who, project: None })
    }

    /// Counts a download whose answer has the first byte of the file.
    pub fn count(&self, project: &ProjectName, version: Option<&Version>, filename: &str) {
        if *self.method == Method::GET {
            let file = FetchedFile { index: &self.index.name, project, version, filename };
            self.app.downloads.note(file, self.who, self.headers);
        }
    }

    pub async fn stored(&self, filename: &str, key: Key<'_>) -> Result<Option<Arc<Facts>>> {
        self.app.indexes.files.stored(self.directory, self.index, filename, key).await
    }
}

pub fn no_such_file(filename: &str) -> Error {
    missing!("file {filename} does not exist")
}

/// A file whose bytes are here.
pub async fn stored(ctx: &FileRequest<'_>, facts: &Facts) -> Result<Response> {
    if ctx.headers.get(header::ACCEPT).is_some_and(|accept| accept == "application/json") {
        return releasefilemeta(facts);
    }
    let (size, etag) = (facts.file.size, &facts.etag);
    let modified = facts.last_modified.as_ref();
    let part = ranges::part(ctx.headers, size, etag, modified);
    if unchanged(ctx.headers, etag, modified) {
        return Ok(with_headers(StatusCode::NOT_MODIFIED, Body::empty(), etag, modified, facts.public));
    }
    let (status, range) = match part {
        RangePart::Whole => (StatusCode::OK, None),
        RangePart::Some(range) => (StatusCode::PARTIAL_CONTENT, Some(range)),
        RangePart::None => return not_satisfiable(size),
    };
    if range.as_ref().is_none_or(|range| range.start == 0) {
        ctx.count(&facts.file.project, facts.version.as_ref(), &facts.file.filename);
    }
    if let Some(elsewhere) = redirect(ctx, facts).await? {
        return Ok(elsewhere);
    }
    let body = match *ctx.method == Method::HEAD && ctx.app.store.cached(&facts.file.sha256).is_none() {
        true => Body::empty(),
        false => body(ctx, &facts.file.filename, &facts.file.sha256, range.clone()).await?,
    };
    let mut response = with_headers(status, body, etag, modified, facts.public);
    let length = range.as_ref().map_or(size, |range| range.end - range.start);
    response.headers_mut().insert(header::CONTENT_LENGTH, length.into());
    if let Some(range) = range {
        let value = format!("bytes {}-{}/{size}", range.start, range.end - 1);
        let value = HeaderValue::try_from(value).map_err(Error::internal)?;
        response.headers_mut().insert(header::CONTENT_RANGE, value);
    }
    Ok(response)
}

fn unchanged(headers: &HeaderMap, etag: &HeaderValue, modified: Option<&HeaderValue>) -> bool {
    match headers.contains_key(header::IF_NONE_MATCH) {
        true => negotiate::none_match(headers, etag),
        false => modified.is_some() && headers.get(header::IF_MODIFIED_SINCE) == modified,
    }
}

fn not_satisfiable(size: u64) -> Result<Response> {
    let value = HeaderValue::try_from(format!("bytes */{size}")).map_err(Error::internal)?;
    Ok((StatusCode::RANGE_NOT_SATISFIABLE, [(header::CONTENT_RANGE, value)]).into_response())
}

/// To the bucket itself, if that is configured: the only answer with a secret in its URL, so it
/// must not be kept.
async fn redirect(ctx: &FileRequest<'_>, facts: &Facts) -> Result<Option<Response>> {
    if ctx.app.config.storage.is_none() || *ctx.method == Method::HEAD {
        return Ok(None);
    }
    let file = &facts.file;
    let Some(url) = ctx.app.store.presigned(&file.sha256, &file.filename, file.size).await? else {
        return Ok(None);
    };
    let mut response = respond::redirect(StatusCode::FOUND, url.as_str())?;
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(Some(response))
}

/// # Errors
/// `Lost` if the bytes of `what` are not in the store.
async fn body(ctx: &FileRequest<'_>, what: &str, sha256: &str, range: Option<Range<u64>>) -> Result<Body> {
    if range.is_none()
        && let Some(bytes) = ctx.app.store.cached(sha256)
    {
        return Ok(Body::from(bytes));
    }
    match ctx.app.store.get(sha256, range).await? {
        Some(blob) => Ok(blob.into()),
        None => {
            tracing::error!(index = ctx.index.name.as_str(), file = what, sha256, "a blob is missing");
            Err(lost!(
                "the server lost the bytes of {what} (blob {sha256}): the operator can find damage with \
                 `wheelwright fsck` and restore the blob from a backup"
            ))
        }
    }
}

pub fn with_headers(
    status: StatusCode,
    body: Body,
    etag: &HeaderValue,
    modified: Option<&HeaderValue>,
    public: bool,
) -> Response {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.reserve(14);
    headers.insert(header::ETAG, etag.clone());
    headers.insert(header::CACHE_CONTROL, if public { FOR_ALL } else { FOR_ONE });
    if let Some(modified) = modified {
        headers.insert(header::LAST_MODIFIED, modified.clone());
    }
    if status == StatusCode::NOT_MODIFIED {
        return response;
    }
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    for (name, value) in SANDBOX {
        headers.insert(name, value);
    }
    response
}

/// devpi's JSON about a file.
fn releasefilemeta(facts: &Facts) -> Result<Response> {
    let file = &facts.file;
    let mut result = serde_json::json!({
        "hash_spec": format!("sha256={}", file.sha256),
        "hashes": {"sha256": file.sha256},
        "project": file.project,
        "version": file.version,
        "size": file.size,
    });
    if let (Some(result), Some(Ok(modified))) =
        (result.as_object_mut(), facts.last_modified.as_ref().map(HeaderValue::to_str))
    {
        result.insert("last_modified".into(), modified.into());
    }
    respond::devpi(StatusCode::OK, "releasefilemeta", result, None)
}

/// A small document that is a blob.
pub async fn document(ctx: &FileRequest<'_>, name: &str, sha256: &str, public: bool) -> Result<Response> {
    let etag = HeaderValue::try_from(format!("\"{sha256}\"")).map_err(Error::internal)?;
    if unchanged(ctx.headers, &etag, None) {
        return Ok(with_headers(StatusCode::NOT_MODIFIED, Body::empty(), &etag, None, public));
    }
    Ok(with_headers(StatusCode::OK, body(ctx, name, sha256, None).await?, &etag, None, public))
}

pub fn small(headers: &HeaderMap, document: &Document) -> Response {
    let (etag, public) = (&document.etag, document.public);
    if unchanged(headers, etag, None) {
        return with_headers(StatusCode::NOT_MODIFIED, Body::empty(), etag, None, public);
    }
    with_headers(StatusCode::OK, Body::from(document.bytes.clone()), etag, None, public)
}
