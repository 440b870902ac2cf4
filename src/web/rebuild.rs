//! `I/+rebuild`: wheels built again because a build requirement has a new version, and published together.

use super::builds::again::may_run_again;
use super::builds::may_build_from;
use super::http::{Audience, Ctx, respond};
use super::pages;
use crate::bad;
use crate::build::order::RebuildOrder;
use crate::build::queue::Rippled;
use crate::build::rebuild::{RebuildView, RebuiltView};
use crate::error::Result;
use crate::missing;
use crate::packaging::requirement::Requirement;
use axum::response::Response;
use http::StatusCode;
use serde_json::json;

/// `POST I/+rebuild`
pub async fn order(mut ctx: Ctx) -> Result<Response> {
    let order: RebuildOrder = ctx.json().await?;
    let ctx = ctx.without_body();
    let because = Requirement::parse(&order.because)?;
    let index = ctx.named.clone().ok_or_else(|| bad!("the path names no index"))?;
    may_build_from(&ctx, &index, None)?;
    let _turn = ctx.app.quota.lists.take(&ctx.asker()).await?;
    let queue = &ctx.app.queue;
    let ripple = queue.ripple(&ctx.who, &index, &because, &order.targets).await?;
    for member in &ripple.members {
        may_run_again(&ctx, &member.build, &queue.parties(&member.build).await?)?;
    }
    let view = if order.dry_run || ripple.members.is_empty() {
        RebuildView {
            id: None,
            index,
            because: because.to_string(),
            keep_going: order.keep_going,
            state: None,
            created: None,
            ended: None,
            members: ripple.members.into_iter().map(planned).collect(),
            left_alone: ripple.left_alone,
        }
    } else {
        let how = (&because, order.keep_going);
        let id = queue.start_set(&ctx.who, &index, how, &ripple.members).await?;
        let set = queue.set(&index, id).await?;
        let view = queue.set_view(&ctx.directory, &ctx.who, &set).await?;
        RebuildView { left_alone: ripple.left_alone, ..view }
    };
    respond::devpi(StatusCode::OK, "rebuild", json!(view), None)
}

fn planned(member: Rippled) -> RebuiltView {
    RebuiltView {
        project: member.build.project,
        version: member.build.version,
        target: member.build.target,
        was: member.was,
        against: Some(member.pin),
        replaces: member.build.id,
        build: None,
        state: None,
        failure: None,
        trouble: None,
        published: false,
    }
}

/// `GET I/+rebuild/{id}`: a page, or JSON.
pub async fn get(ctx: Ctx) -> Result<Response> {
    let ctx = ctx.without_body();
    let index = ctx.index()?.name.clone();
    let text = ctx.param("id");
    let id: i64 = text.parse().map_err(|_| missing!("{index} has no rebuild {text}"))?;
    let set = ctx.app.queue.set(&index, id).await?;
    let view = ctx.app.queue.set_view(&ctx.directory, &ctx.who, &set).await?;
    if ctx.audience() == Audience::Person {
        return pages::rebuild::show(&ctx, id, view);
    }
    respond::devpi(StatusCode::OK, "rebuild", json!(view), None)
}
