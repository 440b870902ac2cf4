//! `/integrity/{project}/{version}/{filename}/provenance`: where verifiers look for provenance
//! (PEP 740).

use super::http::Ctx;
use super::simple::redirect;
use crate::error::{Error, Result};
use crate::names::ProjectName;
use crate::packaging::page::Provenance;
use crate::words::ProjectStatus;
use crate::{forbidden, missing};
use axum::response::Response;
use http::{StatusCode, header};

/// Leads to the file's `.provenance`, if it has one.
pub async fn get(ctx: Ctx) -> Result<Response> {
    acceptable(&ctx)?;
    let filename = ctx.param("filename");
    let none = || missing!("{filename} has no provenance");
    let project = ProjectName::new(ctx.param("project")).ok_or_else(none)?;
    let page = ctx.app.indexes.views.page(&ctx.directory, ctx.index()?, &project, &ctx.who).await?;
    if page.status == ProjectStatus::Quarantined {
        let why = page.status_reason.unwrap_or_default();
        return Err(forbidden!("{project} is quarantined: {why}"));
    }
    let file = page.files.iter().find(|file| file.filename == filename).ok_or_else(none)?;
    if file.provenance == Provenance::No {
        return Err(none());
    }
    let root = "../".repeat(ctx.uri.path().matches('/').count().saturating_sub(1));
    redirect(&ctx, StatusCode::FOUND, format!("{}.provenance", file.href(&root)))
}

/// # Errors
/// `NotAcceptable` for who wants neither JSON nor anything.
fn acceptable(ctx: &Ctx) -> Result<()> {
    let takes = ["application/vnd.pypi.integrity.v1+json", "application/json", "application/*", "*/*"];
    match !ctx.headers.contains_key(header::ACCEPT) || takes.iter().any(|known| ctx.accepts(known)) {
        true => Ok(()),
        false => Err(Error::NotAcceptable("provenance is application/vnd.pypi.integrity.v1+json".into())),
    }
}
