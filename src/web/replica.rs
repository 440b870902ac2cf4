//! `/+replica/…`: what a primary gives those that copy it.

use super::http::{Ctx, respond};
use crate::db::replica::ReplicatedPart;
use crate::error::Result;
use crate::names::{IndexName, ProjectName};
use crate::replica::ASKER;
use crate::replica::primary::{self, Reached};
use crate::{bad, conflict, missing};
use axum::response::Response;
use std::time::Duration;

/// Files of mirrors that one answer lists.
const MIRRORED: i64 = 500;

/// A replica has no replicas: they would follow serials that are not the primary's.
fn is_primary(ctx: &Ctx) -> Result<()> {
    match &ctx.app.replica {
        None => Ok(()),
        Some(replica) => {
            let primary = replica.primary().shown();
            Err(conflict!("this server is a replica itself: copy its primary, {primary}"))
        }
    }
}

fn number(ctx: &Ctx, name: &str) -> Result<i64> {
    let text = ctx.query(name).unwrap_or_default();
    match text.as_str() {
        "" => Ok(0),
        text => text.parse().map_err(|_| bad!("{name}={text} is not a whole number")),
    }
}

/// `GET /+replica/changes?after=SERIAL&made_at=MICROSECONDS&wait=SECONDS`
pub async fn changes(ctx: Ctx) -> Result<Response> {
    is_primary(&ctx)?;
    let (after, wait) = (number(&ctx, "after")?, number(&ctx, "wait")?);
    let name = ctx.headers.get(ASKER).and_then(|value| value.to_str().ok()).unwrap_or_default();
    ctx.app.replicas.note(name, ctx.peer.ip().to_string(), after);
    let wait = Duration::from_secs(u64::try_from(wait).unwrap_or(0));
    let made_at = number(&ctx, "made_at")?;
    let from = Reached { serial: after, made_at: (made_at != 0).then_some(made_at) };
    respond::json(&primary::changes(&ctx.app.db, &ctx.app.indexes, from, wait).await?)
}

/// `GET /+replica/directory`: accounts, groups, indexes and tokens.
pub async fn directory(ctx: Ctx) -> Result<Response> {
    is_primary(&ctx)?;
    respond::json(&ctx.app.db.replicated(ReplicatedPart::Directory).await?)
}

/// `GET /+replica/projects?index=…&project=…`: those of all stages behind this one.
pub async fn projects(ctx: Ctx) -> Result<Response> {
    is_primary(&ctx)?;
    let (index, project) = (ctx.query("index").unwrap_or_default(), ctx.query("project").unwrap_or_default());
    respond::json(&primary::project_list(&ctx.app.db, &ctx.app.indexes, (&index, &project)).await?)
}

/// `GET /+replica/project?index=…&project=…`: all rows of one.
pub async fn project(ctx: Ctx) -> Result<Response> {
    is_primary(&ctx)?;
    let index = ctx.query("index").as_deref().and_then(IndexName::parse);
    let project = ctx.query("project").as_deref().and_then(ProjectName::new);
    let (Some(index), Some(project)) = (index, project) else {
        return Err(bad!("the query must have index=USER/INDEX and project=NAME"));
    };
    respond::json(&ctx.app.db.replicated(ReplicatedPart::Project(&index, &project)).await?)
}

/// `GET /+replica/blob/{sha256}`
pub async fn blob(ctx: Ctx) -> Result<Response> {
    is_primary(&ctx)?;
    let sha256 = ctx.param("sha256");
    let blob = ctx.app.store.get(sha256, None).await?;
    let blob = blob.ok_or_else(|| missing!("no bytes with sha256 {sha256}"))?;
    Ok(respond::body("application/octet-stream", "private, no-store", blob))
}

/// `GET /+replica/mirrored?at=…&index=…&filename=…`: files that mirrors keep, behind this one.
pub async fn mirrored(ctx: Ctx) -> Result<Response> {
    is_primary(&ctx)?;
    let (index, filename) =
        (ctx.query("index").unwrap_or_default(), ctx.query("filename").unwrap_or_default());
    let after = (number(&ctx, "at")?, index.as_str(), filename.as_str());
    respond::json(&ctx.app.db.mirrored_behind(after, MIRRORED).await?)
}
