//! `I/{project}/{version}/+doc/…`: documentation, kept from acting as its reader.

use super::http::negotiate;
use super::http::{Ctx, respond};
use super::pages;
use crate::error::{Error, Result};
use crate::index::beside::Documentation;
use crate::missing;
use crate::names::ProjectName;
use crate::packaging::site::media_type;
use axum::body::Body;
use axum::response::Response;
use http::{HeaderValue, StatusCode, header};

/// Where everybody may read, no cookie is needed for what a page loads: the documentation becomes an origin
/// of its own, its scripts run there and reach nothing of ours.
const FOR_ALL: HeaderValue = HeaderValue::from_static(
    "sandbox allow-scripts allow-popups; default-src 'self' https: data: 'unsafe-inline' 'unsafe-eval'; \
     connect-src 'none'; form-action 'none'; frame-ancestors 'none'; base-uri 'none'",
);
/// Elsewhere what a page loads is sent with the reader's cookie, so no script runs.
const FOR_SOME: HeaderValue = HeaderValue::from_static(
    "sandbox allow-same-origin allow-popups; default-src 'self' data:; style-src 'self' 'unsafe-inline'; \
     script-src 'none'; connect-src 'none'; form-action 'none'; frame-ancestors 'none'; base-uri 'none'",
);

/// `…/+doc`: to the page of the folder.
pub async fn slash(ctx: Ctx) -> Result<Response> {
    respond::redirect(StatusCode::FOUND, &format!("{}{}/", ctx.root(), ctx.uri.path()))
}

/// A file of a documentation; `…/+doc/?q=words` searches it.
pub async fn get(ctx: Ctx) -> Result<Response> {
    let ctx = ctx.without_body();
    let (of, path) = (find(&ctx).await?, ctx.param("path"));
    if path.is_empty()
        && let Some(query) = ctx.query("q")
    {
        let found = ctx.app.indexes.search_documentation(&of, &query).await?;
        return pages::documentation::found(&ctx, &of, &query, &found);
    }
    let Some(file) = ctx.app.indexes.documentation_file(&of, path).await? else {
        return respond::redirect(StatusCode::FOUND, &format!("{}{}/", ctx.root(), ctx.uri.path()));
    };
    let named = crate::tools::hex::sha256(format!("{} {path}", file.sha256).as_bytes());
    let etag = HeaderValue::try_from(format!("\"{named}\"")).map_err(Error::internal)?;
    let unchanged = negotiate::none_match(&ctx.headers, &etag);
    let mut response = match unchanged {
        true => Response::new(Body::empty()),
        false => Response::new(Body::from(file.bytes)),
    };
    if unchanged {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
    }
    let public = crate::index::files::is_public(&ctx.directory, ctx.index()?);
    let name = if path.is_empty() || path.ends_with('/') { "index.html" } else { path };
    let headers = response.headers_mut();
    headers.insert(header::ETAG, etag);
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type(name)));
    headers.insert(header::CONTENT_SECURITY_POLICY, if public { FOR_ALL } else { FOR_SOME });
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    // Of what `latest` means there may be another one tomorrow, and a zip may be replaced.
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    Ok(response)
}

async fn find(ctx: &Ctx<()>) -> Result<Documentation> {
    let name = ctx.param("project");
    let project = ProjectName::new(name).ok_or_else(|| missing!("no project '{name}'"))?;
    let index = ctx.index()?;
    ctx.app.indexes.documentation(&ctx.directory, &ctx.who, index, &project, ctx.param("version")).await
}
