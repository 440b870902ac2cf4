//! The target of a request: its path names it, or its `User-Agent` tells it.

use super::http::Ctx;
use crate::build::promise::ForTarget;
use crate::build::targets::{Offered, fit};
use crate::error::Result;
use http::header;
use std::sync::Arc;

/// The `{target}` that means whatever the client tells of itself.
pub const AUTO: &str = "auto";

/// What is promised to whoever sends this request, by its `User-Agent`; `None`: nothing.
pub async fn for_agent<B>(ctx: &Ctx<B>) -> Result<Option<ForTarget>> {
    let Some(agent) = agent(ctx) else { return Ok(None) };
    let found = ctx.app.targets.offers().await?.of_agent(agent);
    Ok(found.map(|offered| promised(ctx, offered)))
}

/// The same where locks for every platform are made from the page: nothing for who may write one.
pub async fn for_one_environment<B>(ctx: &Ctx<B>) -> Result<Option<ForTarget>> {
    let Some(agent) = agent(ctx) else { return Ok(None) };
    let found = ctx.app.targets.offers().await?.of_one_environment(agent);
    Ok(found.map(|offered| promised(ctx, offered)))
}

/// What the client tells of itself. A build is told of no promise: it would wait for another build, and keep a
/// worker from it.
fn agent<B>(ctx: &Ctx<B>) -> Option<&str> {
    if ctx.who.is_build() {
        return None;
    }
    let agent = ctx.headers.get(header::USER_AGENT).and_then(|agent| agent.to_str().ok());
    agent.filter(|agent| fit::tells(agent))
}

/// What is promised to the target of a route with `{target}`: a target's name, or `auto`.
///
/// # Errors
/// `Missing` if the target is not known, or several are meant.
pub async fn for_target<B>(ctx: &Ctx<B>) -> Result<Option<ForTarget>> {
    match ctx.param("target") {
        AUTO => for_agent(ctx).await,
        name => {
            let offered = ctx.app.targets.offers().await?.named(name)?;
            Ok(Some(promised(ctx, offered)))
        }
    }
}

fn promised<B>(ctx: &Ctx<B>, offered: Arc<Offered>) -> ForTarget {
    ForTarget { promises: ctx.app.promises.clone(), offered }
}
