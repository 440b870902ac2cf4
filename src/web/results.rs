//! `POST I/+f/…/{filename}`: a result of testing the file, as tox writes it.

use super::http::{Ctx, respond, slow};
use crate::error::{Error, Result};
use crate::missing;
use axum::response::Response;
use http::{HeaderMap, StatusCode, header};

/// Bytes of one result: with the output of all commands.
const LARGEST: usize = 8 << 20;

pub async fn add(mut ctx: Ctx) -> Result<Response> {
    is_json(&ctx.headers)?;
    let body = slow::whole(std::mem::take(&mut ctx.body), LARGEST, "the test result").await?;
    let index = ctx.index()?;
    let (head, tail, filename) = (ctx.param("head"), ctx.param("tail"), ctx.param("filename"));
    let path = format!("{}/+f/{head}/{tail}", index.name);
    let known = ctx.app.db.file(&index.name, filename).await?;
    let known =
        known.filter(|file| file.sha256.starts_with(&format!("{head}{tail}")) && file.deleted_at.is_none());
    let file = known.ok_or_else(|| missing!("no release file found at {path}/{filename}"))?;
    let added = ctx.app.indexes.add_test_result(&ctx.who, index, &file, body).await?;
    let result = format!("{path}/{}#sha256={}", added.name, added.sha256);
    respond::devpi(StatusCode::OK, "toxresultpath", result.into(), None)
}

/// Clients send it without a type; what a form of a page could send is refused.
fn is_json(headers: &HeaderMap) -> Result<()> {
    let said = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    match said.split(';').next().unwrap_or_default().trim() {
        "" | "application/json" | "application/octet-stream" => Ok(()),
        _ => Err(Error::WrongType("the body must be the JSON that tox writes with --result-json".into())),
    }
}
