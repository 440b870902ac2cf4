//! `PATCH` and `DELETE` of projects, releases and files.

use super::http::Ctx;
use super::http::respond::done;
use crate::access::{self, Decision, Need};
use crate::error::{Error, Result};
use crate::index::manage::Yank;
use crate::names::ProjectName;
use crate::words::ProjectStatus;
use crate::{bad, forbidden, missing};
use axum::response::Response;
use serde::Deserialize;
use serde_json::Value;

/// Reasons are shown on pages and in terminals.
const LONGEST_REASON: usize = 1024;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ReleaseChange {
    yanked: Value,
}

/// `PATCH I/{project}/{version}` with `{"yanked": "reason"}`, `true` or `false`.
pub async fn change_release(mut ctx: Ctx) -> Result<Response> {
    let change: ReleaseChange = ctx.json().await?;
    let yank = match change.yanked {
        Value::Bool(false) => Yank::No,
        Value::Bool(true) => Yank::Yes(None),
        Value::String(text) => Yank::Yes(reason(&text)?),
        _ => return Err(bad!("yanked must be a reason, true or false")),
    };
    let project = project(&ctx)?;
    let version = ctx.param("version");
    let version = ctx.app.indexes.yank(&ctx.who, ctx.index()?, &project, version, &yank).await?;
    done(&match yank {
        Yank::Yes(_) => {
            format!("{project} {version} is yanked: installers use it only if its version is pinned")
        }
        Yank::No => format!("{project} {version} is no longer yanked"),
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ProjectChange {
    status: String,
    reason: Option<String>,
}

/// `PATCH I/{project}` with `{"status": "archived", "reason": …}`.
pub async fn change_project(mut ctx: Ctx) -> Result<Response> {
    let change: ProjectChange = ctx.json().await?;
    let status = ProjectStatus::parse(&change.status).ok_or_else(|| {
        bad!("unknown status {:?}: use active, archived, deprecated or quarantined", change.status)
    })?;
    let reason = change.reason.as_deref().map(reason).transpose()?.flatten();
    let project = project(&ctx)?;
    ctx.app.indexes.set_status(&ctx.who, ctx.index()?, &project, status, reason.as_deref()).await?;
    done(&format!("project {project} is {}", change.status))
}

/// `DELETE I/{project}`, with `?force` also on a non-volatile index.
pub async fn delete_project(ctx: Ctx) -> Result<Response> {
    let (index, project) = (ctx.index()?, project(&ctx)?);
    ctx.app.indexes.delete_project(&ctx.who, index, &project, forced(&ctx)).await?;
    done(&format!("project {project} deleted from stage {}", index.name))
}

/// `DELETE I/{project}/{version}`
pub async fn delete_release(ctx: Ctx) -> Result<Response> {
    let (index, project) = (ctx.index()?, project(&ctx)?);
    let version = ctx.param("version");
    let version = ctx.app.indexes.delete_release(&ctx.who, index, &project, version, forced(&ctx)).await?;
    done(&format!("project '{project}' version '{version}' deleted"))
}

/// `DELETE I/+f/{head}/{tail}/{filename}`
pub async fn delete_file(ctx: Ctx) -> Result<Response> {
    let index = ctx.index()?;
    let (head, tail, filename) = (ctx.param("head"), ctx.param("tail"), ctx.param("filename"));
    let path = format!("{}/+f/{head}/{tail}/{filename}", index.name);
    let known = ctx.app.db.file(&index.name, filename).await?;
    let known = known.filter(|file| file.sha256.starts_with(&format!("{head}{tail}")));
    let known = known.ok_or_else(|| missing!("package '{path}' doesn't exist"))?;
    if known.deleted_at.is_some() {
        return Err(Error::Gone(format!("file '{path}' existed, deleted in later serial")));
    }
    let project = known.project;
    // The path does not name the project, so the route could not ask whether a token is limited to it.
    let may = access::decide(
        &ctx.directory,
        &ctx.who,
        Need::Manage,
        Some(&index.name),
        Some(project.as_str()),
        None,
    );
    if may != Decision::Allowed {
        return Err(forbidden!("{} is not allowed to delete files of project '{project}'", ctx.who.label));
    }
    ctx.app.indexes.delete_file(&ctx.who, index, &project, filename, forced(&ctx)).await?;
    done(&format!("package '{path}' deleted"))
}

fn project(ctx: &Ctx) -> Result<ProjectName> {
    let name = ctx.param("project");
    ProjectName::new(name).ok_or_else(|| missing!("no project '{name}'"))
}

fn forced(ctx: &Ctx) -> bool {
    ctx.query("force").is_some()
}

/// A reason as it is kept: trimmed, on one line; `None` if nothing is left.
fn reason(text: &str) -> Result<Option<String>> {
    let text = text.trim();
    if text.len() > LONGEST_REASON || text.chars().any(char::is_control) {
        return Err(bad!("the reason must be one line of at most {LONGEST_REASON} bytes"));
    }
    Ok((!text.is_empty()).then(|| text.to_owned()))
}
