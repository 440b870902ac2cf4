//! `/+workers`: who builds, and the claims that workers make.

use super::http::{Audience, Ctx, respond};
use super::pages;
use crate::build::job::{Registered, WorkerDescription};
use crate::build::queue::BEAT;
use crate::error::Result;
use crate::words::Purpose;
use crate::worker::scripts;
use crate::{bad, missing};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde_json::json;
use std::time::Duration;

/// A claim is answered after this time, with or without a job.
const HOLD: Duration = Duration::from_secs(20);

/// One file without dependencies, for machines that the worker in this program cannot be compiled for.
const PORTABLE: &str = include_str!("workers/worker.py");

/// Who a worker belongs to: leases are held by accounts, not by tokens.
pub(super) fn owner(ctx: &Ctx<impl Send>) -> &str {
    ctx.who.user.as_deref().unwrap_or_default()
}

/// `PUT /+workers/{name}`
pub async fn register(mut ctx: Ctx) -> Result<Response> {
    let description: WorkerDescription = ctx.json().await?;
    let name = ctx.param("name").to_owned();
    ctx.app.queue.register(owner(&ctx), &name, &description).await?;
    let prepare = ctx.app.queue.to_prepare(&ctx.directory);
    respond::devpi(StatusCode::OK, "worker", json!(Registered { beat: BEAT, prepare }), None)
}

/// `DELETE /+workers/{name}?instance=`: a worker stops, and its name is free at once.
pub async fn leave(ctx: Ctx) -> Result<Response> {
    let ctx = ctx.without_body();
    let instance = ctx.query("instance").unwrap_or_default();
    ctx.app.queue.leave(owner(&ctx), ctx.param("name"), &instance).await?;
    respond::done("the name is free")
}

/// `POST /+workers/{name}/claim?instance=&purpose=metadata`: a job, of one purpose if one is named, or 204 when
/// there was none for a while.
pub async fn claim(ctx: Ctx) -> Result<Response> {
    let ctx = ctx.without_body();
    let only = match ctx.query("purpose").as_deref() {
        None | Some("") => None,
        Some(other) => Some(
            Purpose::parse(other)
                .ok_or_else(|| bad!("purpose must be `wheel`, `metadata` or `test`, not {other:?}"))?,
        ),
    };
    let instance = ctx.query("instance").unwrap_or_default();
    match ctx.app.queue.claim(owner(&ctx), ctx.param("name"), &instance, only, HOLD).await? {
        Some(job) => respond::json(&job),
        None => Ok(StatusCode::NO_CONTENT.into_response()),
    }
}

/// `GET /+workers`
pub async fn list(ctx: Ctx) -> Result<Response> {
    let ctx = ctx.without_body();
    let workers = ctx.app.queue.workers(&ctx.directory, &ctx.who).await?;
    if ctx.audience() == Audience::Person {
        return pages::machines::workers(&ctx, workers);
    }
    respond::devpi(StatusCode::OK, "list:worker", json!(workers), None)
}

/// `GET /+worker.py`: the portable worker. It holds no secret, and a machine that is being set up has none yet.
pub async fn portable(_: Ctx) -> Result<Response> {
    Ok(respond::body("text/x-python; charset=utf-8", "private, no-cache", PORTABLE))
}

/// `GET /+worker/{filename}`: a program that changes sources, for the portable worker. It is the one that workers of
/// this server have.
pub async fn script(ctx: Ctx) -> Result<Response> {
    let name = ctx.param("filename");
    let text = scripts::script(name).ok_or_else(|| missing!("workers have no program {name}"))?;
    Ok(respond::body("text/x-python; charset=utf-8", "private, no-cache", text))
}
