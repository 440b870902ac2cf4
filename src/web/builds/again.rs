//! `POST /+builds/{id}/rebuild` and `cancel`: a build runs once more, or no longer.

use super::{ask, view, visible};
use crate::access::builds as access;
use crate::build::parties::Parties;
use crate::db::builds::{Build, BuildId};
use crate::error::Result;
use crate::names::ProjectName;
use crate::web::http::{Audience, Ctx, respond};
use crate::{conflict, forbidden};
use axum::response::Response;
use http::StatusCode;
use serde_json::json;

/// `POST /+builds/{id}/rebuild`
pub async fn rebuild(ctx: Ctx) -> Result<Response> {
    let ctx = ctx.without_body();
    let (build, parties) = visible(&ctx).await?;
    may_run_again(&ctx, &build, &parties)?;
    let id = ctx.app.queue.rebuild(&ctx.who, build.id).await?;
    answer(&ctx, id, "the build runs again").await
}

/// What others get is decided by those who may give it to them.
fn may_run_again(ctx: &Ctx<()>, build: &Build, parties: &Parties) -> Result<()> {
    let project = build.project.as_ref().map(ProjectName::as_str);
    for index in &parties.indexes {
        ask::may_publish(ctx, index.as_str(), project)?;
    }
    let (who, sight) = (&ctx.who, parties.sight(build));
    if build.failure.is_some() {
        return match access::may_retry(&ctx.directory, who, sight, project) {
            true => Ok(()),
            false => Err(forbidden!(
                "{} is not allowed to do this: the token is not valid for {}, or does not allow uploads",
                who.label,
                build.context
            )),
        };
    }
    match access::may_replace(&ctx.directory, who, sight, project) {
        true => Ok(()),
        false => Err(forbidden!(
            "{} is not allowed to do this: {} already has the wheel. Only users who may upload there can \
             replace it (in a mirror: users who may manage it)",
            who.label,
            build.context
        )),
    }
}

/// `POST /+builds/{id}/cancel`
pub async fn cancel(ctx: Ctx) -> Result<Response> {
    let ctx = ctx.without_body();
    let (build, parties) = visible(&ctx).await?;
    let project = build.project.as_ref().map(ProjectName::as_str);
    let own = |name: &String| Some(name) == ctx.who.user.as_ref();
    let asked = parties.askers.iter().any(own)
        && access::may_retry(&ctx.directory, &ctx.who, parties.sight(&build), project);
    let all = access::may_end(&ctx.directory, &ctx.who, parties.sight(&build), project);
    if !asked && !all {
        if build.state.has_ended() {
            return Err(conflict!("build {} has already ended", build.id));
        }
        return Err(forbidden!(
            "{} may not cancel this build: only users who requested it and users who manage {} may",
            ctx.who.label,
            build.context
        ));
    }
    let message = match ctx.app.queue.cancel(&ctx.who, build.id, all).await? {
        true => "the build is cancelled",
        false => "you no longer wait for this build; it continues because others wait for it",
    };
    answer(&ctx, build.id, message).await
}

/// The build's page for people, the build for scripts.
async fn answer(ctx: &Ctx<()>, id: BuildId, message: &str) -> Result<Response> {
    if ctx.audience() == Audience::Person {
        return respond::redirect(StatusCode::SEE_OTHER, &format!("../{id}"));
    }
    respond::devpi(StatusCode::OK, "build", json!(view(ctx, id).await?), Some(message))
}
