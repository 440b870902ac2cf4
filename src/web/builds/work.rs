//! What workers send about the builds they hold: `/+builds/{id}/source`, `log`, `beat`, `wheel`, `outcome`.

use super::ask::receive;
use super::{blob_response, number};
use crate::build::job::{Heartbeat, JobOutcome};
use crate::db::builds::BuildId;
use crate::error::Result;
use crate::web::http::respond::done;
use crate::web::http::{Ctx, drain, respond, slow};
use crate::web::workers::owner;
use crate::worker::remedy::portable::AttemptsReport;
use crate::{bad, lost, missing};
use axum::response::Response;
use http::StatusCode;
use serde_json::json;

/// Bytes of a report of attempts.
const LONGEST_REPORT: usize = 8 << 20;
/// Bytes of one piece of log.
const LONGEST_PIECE: usize = 1 << 20;

/// The lease in the query.
fn fence(ctx: &Ctx<impl Send>) -> Result<i64> {
    let text = ctx.query("fence").unwrap_or_default();
    text.parse().map_err(|_| bad!("fence={text:?} is not a number: send the fence of the job"))
}

/// `GET /+builds/{id}/source`
pub async fn source(ctx: Ctx) -> Result<Response> {
    let ctx = ctx.without_body();
    let sha256 = ctx.app.queue.source(owner(&ctx), number(&ctx)?).await?;
    let blob = ctx.app.store.get(&sha256, None).await?;
    Ok(blob_response(blob.ok_or_else(|| lost!("the server lost the source {sha256}"))?))
}

/// `POST /+builds/{id}/log?fence=N&at=OFFSET`
pub async fn log(mut ctx: Ctx) -> Result<Response> {
    let body = std::mem::take(&mut ctx.body);
    let ctx = ctx.without_body();
    let (id, fence) = (number(&ctx)?, fence(&ctx)?);
    let at = ctx
        .query("at")
        .and_then(|at| at.parse().ok())
        .ok_or_else(|| bad!("the query has no offset: add at=OFFSET"))?;
    let text = slow::whole(body, LONGEST_PIECE, "the piece of log").await?;
    let size = ctx.app.queue.append_log(owner(&ctx), id, fence, at, &text).await?;
    respond::devpi(StatusCode::OK, "log", json!({"size": size}), None)
}

/// `POST /+builds/{id}/beat` with `{"fence": N, "step": "build"}`
pub async fn beat(mut ctx: Ctx) -> Result<Response> {
    let beat: Heartbeat = ctx.json().await?;
    let ctx = ctx.without_body();
    ctx.app.queue.beat(owner(&ctx), number(&ctx)?, beat.fence, beat.step).await?;
    done("the lease is valid")
}

/// `POST /+builds/{id}/release?fence=N`: a worker that stops gives its build back.
pub async fn release(ctx: Ctx) -> Result<Response> {
    let ctx = ctx.without_body();
    ctx.app.queue.give_back(owner(&ctx), number(&ctx)?, fence(&ctx)?).await?;
    done("the build is queued again")
}

/// `PUT /+builds/{id}/wheel/{filename}?fence=N`
pub async fn hand_in(mut ctx: Ctx) -> Result<Response> {
    let body = std::mem::take(&mut ctx.body);
    let ctx = ctx.without_body();
    let held = held(&ctx).await;
    let (id, fence) = match held {
        Ok(held) => held,
        Err(error) => {
            drain::behind_the_answer(&ctx.headers, body.into_data_stream());
            return Err(error);
        }
    };
    let spool = receive(&ctx, body, ctx.app.queue.largest()).await?;
    ctx.app.queue.hand_in(owner(&ctx), id, fence, ctx.param("filename"), spool).await?;
    done("the wheel is accepted")
}

async fn held(ctx: &Ctx<()>) -> Result<(BuildId, i64)> {
    let (id, fence) = (number(ctx)?, fence(ctx)?);
    ctx.app.queue.check_lease(owner(ctx), id, fence).await?;
    Ok((id, fence))
}

/// `POST /+builds/{id}/next?fence=N`: why the latest attempt failed, and what the next one may do otherwise; for a
/// worker that reads no log itself.
pub async fn next(mut ctx: Ctx) -> Result<Response> {
    let report: AttemptsReport = ctx.json_within(LONGEST_REPORT).await?;
    let ctx = ctx.without_body();
    let (id, _) = held(&ctx).await?;
    let build = ctx.app.queue.get(id).await?;
    let target = ctx.app.targets.named(&build.target).await?;
    let target = target.ok_or_else(|| missing!("no worker offers the target {}", build.target))?;
    let answer = tokio::task::spawn_blocking(move || report.answer(&target, build.recipe.is_some())).await?;
    respond::devpi(StatusCode::OK, "next", json!(answer), None)
}

/// `POST /+builds/{id}/outcome?fence=N`
pub async fn outcome(mut ctx: Ctx) -> Result<Response> {
    let outcome: JobOutcome = ctx.json().await?;
    let ctx = ctx.without_body();
    let (id, fence) = (number(&ctx)?, fence(&ctx)?);
    ctx.app.queue.end(owner(&ctx), id, fence, outcome).await?;
    let build = ctx.app.queue.get(id).await.map_err(|_| missing!("build {id} no longer exists"))?;
    respond::devpi(StatusCode::OK, "build", json!({"state": build.state, "failure": build.failure}), None)
}
