//! `POST I/`, `POST /legacy/`: uploads as twine, uv, flit, poetry, hatch and devpi send them.

use super::http::{
    Audience, Ctx, drain,
    multipart::{self, Multipart},
    respond, slow,
};
use super::push;
use crate::bad;
use crate::counters;
use crate::directory::Index;
use crate::error::{Error, Result};
use crate::index::upload::{Content, Form};
use crate::names::ProjectName;
use crate::packaging::filename::encode_segment;
use crate::store::Store;
use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use futures::{Stream, StreamExt};
use http::{StatusCode, header};
use serde_json::json;
use std::pin::Pin;

/// Bytes of one text field; descriptions and attestations are the long ones.
const LONGEST_FIELD: usize = 8 << 20;
/// Bytes of all text fields.
const LONGEST_TEXT: usize = 16 << 20;
/// Parts of a form; one with a thousand requirements is still fine.
const MOST_PARTS: usize = 8192;
/// Bytes of a form without a file (`application/x-www-form-urlencoded`).
const LONGEST_PLAIN_FORM: usize = 1 << 20;

type Chunks = Pin<Box<dyn Stream<Item = Result<Bytes>> + Send>>;

/// Takes a file, or registers a release, by `:action`.
pub async fn upload(ctx: Ctx) -> Result<Response> {
    let taken = take(ctx).await;
    let counter = match &taken {
        Ok(_) => &counters::UPLOADS_ACCEPTED,
        Err(Error::Internal(_) | Error::Full(_) | Error::Unavailable(_)) => &counters::UPLOADS_FAILED,
        Err(_) => &counters::UPLOADS_REFUSED,
    };
    counter.one();
    taken
}

async fn take(mut ctx: Ctx) -> Result<Response> {
    if ctx.is_of("application/json") {
        return push::push(ctx).await;
    }
    let limit = ctx.app.config.limits.upload;
    let kind = ctx.headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
    if kind.starts_with("application/x-www-form-urlencoded") {
        let form = plain_form(std::mem::take(&mut ctx.body)).await?;
        return act(ctx, form, None).await;
    }
    let body = limited(std::mem::take(&mut ctx.body), limit);
    if let Err(error) = refuse_large(&ctx, limit) {
        drain::behind_the_answer(&ctx.headers, body);
        return Err(error);
    }
    let mut reader = Multipart::new(body, kind)?;
    let received = receive(&ctx.app.store, &mut reader).await;
    drain::behind_the_answer(&ctx.headers, reader.into_rest());
    let (mut form, content) = received?;
    if let Some(content) = &content
        && form.get(":action") == Some("file_upload")
    {
        form.fill_from(&content.filename)?;
    }
    act(ctx, form, content).await
}

/// Says 413 before the body is read where its length is announced, and 507 where the disk is nearly full.
fn refuse_large(ctx: &Ctx, limit: u64) -> Result<()> {
    ctx.app.store.has_reserve()?;
    let announced: Option<u64> =
        ctx.headers.get(header::CONTENT_LENGTH).and_then(|v| v.to_str().ok()?.parse().ok());
    match announced {
        Some(length) if length > limit => Err(too_large(limit)),
        _ => Ok(()),
    }
}

fn too_large(limit: u64) -> Error {
    Error::TooLarge(format!(
        "File too large. Uploads here are limited to {limit} bytes (setting limits.upload)."
    ))
}

/// The body, cut off where it becomes longer than the limit.
fn limited(body: Body, limit: u64) -> Chunks {
    let mut received = 0u64;
    Box::pin(body.into_data_stream().map(move |chunk| {
        let chunk = chunk.map_err(|error| slow::broken("the upload", &error))?;
        received += chunk.len() as u64;
        if received > limit { Err(too_large(limit)) } else { Ok(chunk) }
    }))
}

/// Reads the whole form: fields into memory, the file into the store's staging directory.
async fn receive(store: &Store, reader: &mut Multipart<Chunks>) -> Result<(Form, Option<Content>)> {
    let mut form = Form::default();
    let mut content = None;
    let (mut parts, mut room) = (0, LONGEST_TEXT);
    while let Some(part) = reader.part().await? {
        parts += 1;
        if parts > MOST_PARTS {
            return Err(bad!("the form has more than {MOST_PARTS} fields"));
        }
        match (part.name.as_str(), part.filename) {
            ("content", Some(_)) if content.is_some() => {
                return Err(bad!("the form has two files named content"));
            }
            ("content", Some(filename)) => {
                content = Some(spool(store, reader, filename, part.content_type).await?);
            }
            ("content", None) => {
                return Err(bad!("content file field not found: the client sent content as a text field"));
            }
            // Signatures of old: accepted, not kept.
            ("gpg_signature", _) => {}
            (name, Some(_)) => return Err(bad!("the field {name:?} must be text, not a file")),
            (name, None) => {
                let value = multipart::text(reader, name, LONGEST_FIELD.min(room)).await?;
                room -= value.len();
                form.push(name, value);
            }
        }
    }
    Ok((form, content))
}

async fn spool(
    store: &Store,
    reader: &mut Multipart<Chunks>,
    filename: String,
    content_type: Option<String>,
) -> Result<Content> {
    let mut spool = store.spool().await?;
    while let Some(chunk) = reader.chunk().await? {
        spool.write(chunk).await?;
    }
    let digests = spool.finish().await?;
    Ok(Content { filename, content_type, spool, digests })
}

async fn plain_form(body: Body) -> Result<Form> {
    let bytes = slow::whole(body, LONGEST_PLAIN_FORM, "the form").await?;
    let mut form = Form::default();
    for (name, value) in url::form_urlencoded::parse(&bytes) {
        if value.contains('\0') {
            return Err(bad!("the form field {name:?} contains a NUL character"));
        }
        form.push(&name, value.into_owned());
    }
    Ok(form)
}

/// Does what `:action` says; it may also stand in the query.
async fn act(ctx: Ctx, form: Form, content: Option<Content>) -> Result<Response> {
    let index = ctx.index()?;
    let (indexes, directory) = (&ctx.app.indexes, &ctx.directory);
    let action = form.get(":action").map(str::to_owned).or_else(|| ctx.query(":action"));
    match action.as_deref() {
        Some("file_upload") => {
            indexes.upload(directory, &ctx.who, index, &form, content).await?;
        }
        Some("submit") => indexes.register(directory, &ctx.who, index, &form).await?,
        Some("doc_upload") => {
            indexes.add_documentation(directory, &ctx.who, index, &form, content).await?;
        }
        Some(other) => return Err(bad!("action '{other}' not supported: use file_upload")),
        None => return Err(bad!("the form has no :action: use file_upload")),
    }
    match ctx.who.form_token.is_empty() {
        true => Ok(Response::new(Body::empty())),
        false => to_page(&ctx, index, &form),
    }
}

/// Leads a person whose browser sent the form on: to the index's page, or by a link to the release.
fn to_page(ctx: &Ctx, index: &Index, form: &Form) -> Result<Response> {
    if ctx.audience() == Audience::Person {
        let name = index.name.name();
        return respond::redirect(StatusCode::SEE_OTHER, &format!("../{}/", encode_segment(name)));
    }
    let (name, version) = (form.get("name").unwrap_or_default(), form.get("version").unwrap_or_default());
    let project = ProjectName::new(name).map(String::from).unwrap_or_default();
    let page = format!("{}/{project}/{}", index.name, encode_segment(version));
    let told = json!({"project": project, "version": version, "page": page});
    respond::devpi(StatusCode::OK, "upload", told, Some(&format!("{name} {version} is on {}", index.name)))
}
