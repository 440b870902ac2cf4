//! `I/+learned`: what builds found beside their recipes, shown and forgotten.

use super::http::{Audience, Ctx, respond};
use super::pages;
use crate::build::learned::LearnedPart;
use crate::error::Result;
use crate::missing;
use crate::names::ProjectName;
use axum::response::Response;
use http::StatusCode;
use serde_json::json;

/// `GET I/+learned/`
pub async fn list(ctx: Ctx) -> Result<Response> {
    show(ctx.without_body(), None).await
}

/// `GET I/+learned/{project}/`: with all of it as a recipe.
pub async fn get(ctx: Ctx) -> Result<Response> {
    let project = project(&ctx)?;
    show(ctx.without_body(), Some(project)).await
}

async fn show(ctx: Ctx<()>, project: Option<ProjectName>) -> Result<Response> {
    let index = ctx.index()?.name.clone();
    let _turn = ctx.app.quota.lists.take(&ctx.asker()).await?;
    let view = ctx.app.queue.learned_view(&ctx.directory, &ctx.who, &index, project.as_ref()).await?;
    if ctx.audience() == Audience::Person {
        return pages::learned::show(&ctx, &index, project.as_ref(), view);
    }
    respond::devpi(StatusCode::OK, "learned", json!(view), None)
}

/// `DELETE I/+learned/{project}/?version=&target=`
pub async fn forget(ctx: Ctx) -> Result<Response> {
    let ctx = ctx.without_body();
    let (index, project) = (ctx.index()?.name.clone(), project(&ctx)?);
    let text = |name: &str| ctx.query(name).filter(|value| !value.is_empty());
    let part = LearnedPart { version: text("version"), target: text("target") };
    match ctx.app.queue.forget_learned(&ctx.who, &index, &project, &part).await? {
        0 => Err(missing!(
            "builds of {index} found nothing for that part of {project}: see {index}/+learned/{project}/. What a base \
             found is forgotten there"
        )),
        1 => respond::done(&format!("1 finding of {project} on {index} is forgotten")),
        count => respond::done(&format!("{count} findings of {project} on {index} are forgotten")),
    }
}

fn project<B>(ctx: &Ctx<B>) -> Result<ProjectName> {
    let text = ctx.param("project");
    ProjectName::new(text).ok_or_else(|| missing!("{text:?} is not a valid project name"))
}
