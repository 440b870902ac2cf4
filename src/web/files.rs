//! Files: `I/+f/…` and `I/+e/…`, their `.metadata` and `.provenance`.

use super::http::Ctx;
use super::http::respond::{self, Problem, Wants};
use super::{pages, requests};
use crate::build::promise::Pinned;
use crate::db::files::StoredFile;
use crate::directory::IndexKind;
use crate::error::{Error, Result};
use crate::index::behind::Behind;
use crate::index::beside::path_hash;
use crate::index::files;
use crate::index::mirror::Key;
use crate::missing;
use crate::packaging::filename::WheelFilename;
use crate::packaging::version;
use axum::response::Response;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, header};

mod mirrored;
mod stored;

use stored::{FileRequest, document, no_such_file, small, stored};

/// The file, or what its name is followed by.
pub async fn file(ctx: Ctx) -> Result<Response> {
    let ctx = ctx.without_body();
    found(&ctx).await.or_else(|error| refused(error, &ctx.headers, ctx.uri.path()))
}

/// Why a file is not served, in the form that installers print: pip the reason, uv the JSON's detail.
pub(super) fn refused(error: Error, headers: &HeaderMap, path: &str) -> Result<Response> {
    let wants = Wants::of(headers).at(path);
    match (error, wants) {
        (Error::Forbidden(why), Wants::Text) => {
            let problem = Problem {
                status: StatusCode::FORBIDDEN,
                title: "Not served".to_owned(),
                reason: respond::short(&why, ""),
                detail: why,
                see: None,
                retry_after: None,
            };
            Ok(respond::problem(&problem, wants, pages::error::render))
        }
        (error, _) => Err(error),
    }
}

async fn found(ctx: &Ctx<()>) -> Result<Response> {
    let filename = ctx.param("filename").to_owned();
    let hash = format!("{}{}", ctx.param("head"), ctx.param("tail"));
    let key = match ctx.param("key") {
        "" => Key::Hash(&hash),
        key => Key::Url(key),
    };
    let asked = FileRequest::of(ctx)?;
    let mut found = Box::pin(behind(&asked, &filename, key)).await?;
    if let Behind::Unapproved(release) = &found {
        if let Some(refusal) = Box::pin(requests::unapproved(ctx, release)).await? {
            return Ok(refusal);
        }
        found = Box::pin(behind(&asked, &filename, key)).await?;
    }
    match found {
        Behind::Nothing => serve(&asked, &filename, key, &hash).await,
        Behind::Mirror(index, project) => {
            let asked = FileRequest { index, project: Some(project), ..asked };
            Ok(revocable(serve(&asked, &filename, key, &hash).await?))
        }
        Behind::Unapproved(release) => Err(release.error(asked.index)),
    }
}

/// Approval may end: each use is asked for. A redirect says itself how long it holds: its URL may be a secret.
pub(super) fn revocable(mut response: Response) -> Response {
    if !response.headers().contains_key(header::LOCATION) {
        response.headers_mut().insert(header::CACHE_CONTROL, REVOCABLE);
    }
    response
}

const REVOCABLE: HeaderValue = HeaderValue::from_static("private, no-cache");

/// What a curated index has behind a URL that is none of its own files'.
async fn behind<'a>(asked: &FileRequest<'a>, name: &str, key: Key<'_>) -> Result<Behind<'a>> {
    let filename = [".metadata", ".provenance"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name);
    if !asked.index.is_curated() || asked.stored(filename, key).await?.is_some() {
        return Ok(Behind::Nothing);
    }
    asked.app.indexes.views.behind(asked.directory, asked.index, filename, key).await
}

async fn serve(asked: &FileRequest<'_>, filename: &str, key: Key<'_>, hash: &str) -> Result<Response> {
    if let Some(wheel) = filename.strip_suffix(".metadata") {
        return metadata(asked, wheel, key).await;
    }
    if let Some(file) = filename.strip_suffix(".provenance") {
        return provenance(asked, file, key).await;
    }
    match (asked.stored(filename, key).await?, &asked.index.kind) {
        (Some(facts), IndexKind::Stage(_)) => stored(asked, &facts).await,
        // What a mirror lost is there where it came from.
        (Some(facts), IndexKind::Mirror(mirror)) => match stored(asked, &facts).await {
            Err(Error::Lost(why)) => {
                tracing::error!(
                    index = asked.index.name.as_str(),
                    why,
                    "the server lost a file; fetching it from the upstream again"
                );
                mirrored::fetch(asked, mirror, filename, key).await
            }
            told => told,
        },
        (None, IndexKind::Stage(_)) => beside(asked, filename, hash).await,
        (None, IndexKind::Mirror(mirror)) => mirrored::fetch(asked, mirror, filename, key).await,
    }
}

/// What stands beside the files of a release: documentation as a zip, a result of tests.
async fn beside(asked: &FileRequest<'_>, name: &str, hash: &str) -> Result<Response> {
    let (db, index) = (&asked.app.db, asked.index);
    let known = db.attachment(&index.name, name).await?.ok_or_else(|| no_such_file(name))?;
    let version = version::parse(&known.version);
    asked.directory.quarantines.permit(&index.name, &known.project, version.as_ref())?;
    let tested = match &known.about {
        Some(filename) => db.file(&index.name, filename).await?,
        None => None,
    };
    if hash.len() != 16 || !path_hash(&known, tested.as_ref()).starts_with(hash) {
        return Err(no_such_file(name));
    }
    let public = files::is_public(asked.directory, index);
    document(asked, name, &known.sha256, public).await
}

/// A promised wheel that is there.
pub(super) async fn serve_promised(ctx: &Ctx<()>, filename: &str, pinned: &Pinned) -> Result<Response> {
    let index = ctx.index()?;
    let project = WheelFilename::parse(filename)?.name;
    let file = StoredFile {
        sha256: pinned.sha256.clone(),
        size: pinned.size,
        ..StoredFile::new(index.name.clone(), project, filename)
    };
    let facts = ctx.app.indexes.files.facts_of(&ctx.directory, index, file)?;
    stored(&FileRequest::of(ctx)?, &facts).await
}

/// The METADATA of a promised wheel: the blob `sha256`.
pub(super) async fn serve_document(ctx: &Ctx<()>, name: &str, sha256: &str) -> Result<Response> {
    let public = files::is_public(&ctx.directory, ctx.index()?);
    document(&FileRequest::of(ctx)?, name, sha256, public).await
}

/// `.metadata`: the wheel's METADATA, byte for byte (PEP 658).
async fn metadata(ctx: &FileRequest<'_>, filename: &str, key: Key<'_>) -> Result<Response> {
    if !filename.ends_with(".whl") {
        return Err(no_such_file(&format!("{filename}.metadata")));
    }
    if let Some(facts) = ctx.stored(filename, key).await?
        && let Some(sha256) = facts.file.metadata_sha256.as_deref()
    {
        let found = document(ctx, &format!("{filename}.metadata"), sha256, facts.public).await;
        let ask_again = matches!((&found, &ctx.index.kind), (Err(Error::Lost(_)), IndexKind::Mirror(_)));
        if !ask_again {
            return found;
        }
    }
    match &ctx.index.kind {
        IndexKind::Stage(_) => Err(no_such_file(&format!("{filename}.metadata"))),
        IndexKind::Mirror(mirror) => {
            let document = mirrored::metadata(ctx, mirror, filename, key).await?;
            Ok(small(ctx.headers, &document))
        }
    }
}

/// `.provenance`: the file's provenance object (PEP 740).
async fn provenance(ctx: &FileRequest<'_>, filename: &str, key: Key<'_>) -> Result<Response> {
    let index = ctx.index;
    let none = || missing!("{filename} has no provenance");
    let bytes = match &index.kind {
        IndexKind::Mirror(mirror) => {
            let located = mirrored::locate(ctx, mirror, filename, key).await?;
            if located.file.provenance.url().is_none() {
                return Err(none());
            }
            ctx.app.indexes.mirrors.provenance(index, &located).await?
        }
        IndexKind::Stage(_) => {
            let facts = ctx.stored(filename, key).await?;
            let facts = facts.ok_or_else(|| no_such_file(filename))?;
            let sent = ctx.app.db.attestations(&index.name, &facts.file.filename).await?;
            let sent = sent.ok_or_else(none)?;
            let attestations: serde_json::Value = serde_json::from_str(&sent).map_err(Error::internal)?;
            let publisher = serde_json::json!({"kind": "index", "claims": null});
            let object = serde_json::json!({
                "version": 1,
                "attestation_bundles": [{"publisher": publisher, "attestations": attestations}],
            });
            Bytes::from(object.to_string())
        }
    };
    Ok(respond::body("application/vnd.pypi.integrity.v1+json", "private, no-cache", bytes))
}
