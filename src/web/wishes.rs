//! `I/+wishes`: what installers asked an index for in vain, and noting that.

use super::http::{Audience, Ctx, respond};
use super::pages;
use crate::error::{Error, Result};
use crate::names::{IndexName, ProjectName};
use crate::packaging::user_agent::UserAgent;
use axum::response::Response;
use http::{HeaderMap, StatusCode, header};
use serde_json::json;

/// `GET I/+wishes`
pub async fn list(ctx: Ctx) -> Result<Response> {
    let ctx = ctx.without_body();
    let index = ctx.index()?.name.clone();
    let _turn = ctx.app.quota.lists.take(&ctx.asker()).await?;
    let view = ctx.app.wishes.list(&index).await?;
    if ctx.audience() == Audience::Person {
        let bundles = ctx.app.db.imported_bundles(&index).await?;
        return pages::wishes::show(&ctx, view, bundles);
    }
    respond::devpi(StatusCode::OK, "wishes", json!(view), None)
}

/// Notes that an installer asked an index for a project that it does not have.
pub fn note(ctx: &Ctx<()>, index: &IndexName, project: &ProjectName, error: &Error) {
    if !matches!(error, Error::Missing(_) | Error::Offline(_)) || ctx.who.is_build() {
        return;
    }
    if let Some(target) = target(&ctx.headers) {
        ctx.app.wishes.note(index, project, &target);
    }
}

/// The target that an installer asks for; `None` of any other client.
pub fn target(headers: &HeaderMap) -> Option<String> {
    let agent = headers.get(header::USER_AGENT).and_then(|agent| agent.to_str().ok());
    agent.and_then(UserAgent::parse).map(|agent| name(&agent))
}

/// How the interpreter of an installer is called wherever bundles are made: `cp312-linux_x86_64`. Empty: it has no name.
fn name(agent: &UserAgent) -> String {
    let mut numbers = agent.python.split('.').map(str::parse::<u32>);
    let (Some(Ok(major)), Some(Ok(minor))) = (numbers.next(), numbers.next()) else { return String::new() };
    let plain = |text: &str| {
        text.len() <= 20 && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    };
    match agent.system.as_str() {
        "Linux" if plain(&agent.cpu) && matches!(agent.implementation.as_str(), "cp" | "pp") => {
            format!("{}{major}{minor}-linux_{}", agent.implementation, agent.cpu)
        }
        _ => String::new(),
    }
}
