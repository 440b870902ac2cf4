//! `POST /+builds/{id}/rebuild`, `try` and `cancel`: a build runs once more, by another recipe, or no longer.

use super::{may_publish, view, visible};
use crate::access::builds as access;
use crate::build::parties::Parties;
use crate::build::recipe::RecipeEntry;
use crate::db::builds::{Build, BuildId};
use crate::error::Result;
use crate::names::ProjectName;
use crate::web::http::{Audience, Ctx, respond};
use crate::web::recipes;
use crate::words::BuildState;
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

/// Has a build run again that has its wheel, for whoever ordered it with `rebuild`; gives the build that runs.
/// One that is under way is left alone.
///
/// # Errors
/// `Forbidden` for those who may not give the context another wheel.
pub(super) async fn built_again(ctx: &Ctx<()>, id: BuildId) -> Result<BuildId> {
    let build = ctx.app.queue.get(id).await?;
    if build.state != BuildState::Built {
        return Ok(id);
    }
    let parties = ctx.app.queue.parties(&build).await?;
    may_run_again(ctx, &build, &parties)?;
    ctx.app.queue.rebuild(&ctx.who, id).await
}

/// What others get is decided by those who may give it to them.
pub(in crate::web) fn may_run_again(ctx: &Ctx<()>, build: &Build, parties: &Parties) -> Result<()> {
    let project = build.project.as_ref().map(ProjectName::as_str);
    for index in &parties.indexes {
        may_publish(ctx, index.as_str(), project)?;
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

/// `POST /+builds/{id}/try?name=`: its source is built by the recipe that is sent, which nobody else gets.
pub async fn try_recipe(mut ctx: Ctx) -> Result<Response> {
    let text = recipes::text_of(&mut ctx).await?;
    let ctx = ctx.without_body();
    let (build, _) = visible(&ctx).await?;
    let name = ctx.query("name").unwrap_or_else(|| "recipe".to_owned());
    let entry = RecipeEntry::sent(&name, text)?;
    let id = ctx.app.queue.try_recipe(&ctx.who, build.id, &entry).await?;
    answer(&ctx, id, "the recipe is tried").await
}

/// The build's page for people, the build for scripts.
async fn answer(ctx: &Ctx<()>, id: BuildId, message: &str) -> Result<Response> {
    if ctx.audience() == Audience::Person {
        return respond::redirect(StatusCode::SEE_OTHER, &format!("../{id}"));
    }
    respond::devpi(StatusCode::OK, "build", json!(view(ctx, id).await?), Some(message))
}
