//! `I/+ready/{target}/`: how far an index is with wheels of all that lock files name.

use super::builds::may_build_from;
use super::http::{Audience, Ctx, respond};
use super::pages;
use crate::bad;
use crate::build::readiness::{MOST_RELEASES, release};
use crate::build::target::Target;
use crate::db::readiness::ReadinessList;
use crate::error::{Error, Result};
use crate::names::IndexName;
use axum::response::Response;
use http::StatusCode;
use serde::Deserialize;
use serde_json::json;

/// Bytes of the name of a list.
const LONGEST_NAME: usize = 100;

/// What `POST I/+ready/{target}/` takes.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ReleaseList {
    /// An account may have several lists.
    #[serde(default)]
    list: String,
    /// `demo==1.0`
    releases: Vec<String>,
}

/// What `POST I/+ready/{target}/+look` takes.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ReleaseAsked {
    release: String,
    #[serde(default)]
    rebuild: bool,
}

/// `GET I/+ready/{target}/`
pub async fn get(ctx: Ctx) -> Result<Response> {
    let ctx = ctx.without_body();
    let index = ctx.index()?.name.clone();
    let asked = ctx.param("target");
    let target = match meant(&ctx).await {
        Ok(target) => target.name,
        // Nobody builds for it any more.
        Err(Error::Missing(_)) if asked.contains('-') => asked.to_owned(),
        Err(error) => return Err(error),
    };
    let _turn = ctx.app.quota.lists.take(&ctx.asker()).await?;
    let view = ctx.app.queue.readiness(&ctx.directory, &ctx.who, &index, &target).await?;
    if ctx.audience() == Audience::Person {
        return pages::readiness::show(&ctx, view);
    }
    respond::devpi(StatusCode::OK, "readiness", json!(view), None)
}

/// `POST I/+ready/{target}/`: writes a list of the asker's anew.
pub async fn put(mut ctx: Ctx) -> Result<Response> {
    let sent: ReleaseList = ctx.json().await?;
    let ctx = ctx.without_body();
    let odd = |c: char| !(c.is_ascii_alphanumeric() || "-_.".contains(c));
    if sent.list.len() > LONGEST_NAME || sent.list.contains(odd) {
        return Err(bad!(
            "{:?} is not a valid name of a list: use letters, digits, '-', '_' and '.'",
            sent.list
        ));
    }
    if sent.releases.len() as i64 > MOST_RELEASES {
        return Err(bad!("a list has at most {MOST_RELEASES} releases"));
    }
    let releases = sent.releases.iter().map(|text| release(text)).collect::<Result<Vec<_>>>()?;
    let (index, target) = place(&ctx).await?;
    let owner = ctx.who.user.as_deref().unwrap_or_default();
    let list = ReadinessList { index: &index, target: &target.name, owner, list: &sent.list };
    ctx.app.queue.list_releases(&ctx.who, list, &releases).await?;
    let view = ctx.app.queue.readiness(&ctx.directory, &ctx.who, &index, &target.name).await?;
    respond::devpi(StatusCode::OK, "readiness", json!(view), None)
}

/// `POST I/+ready/{target}/+look`: looks for one release, and has it built if there is no wheel.
pub async fn look(mut ctx: Ctx) -> Result<Response> {
    let sent: ReleaseAsked = ctx.json().await?;
    let ctx = ctx.without_body();
    let (project, version) = release(&sent.release)?;
    let (index, target) = place(&ctx).await?;
    may_build_from(&ctx, &index, Some(project.as_str()))?;
    let release = (&project, version.as_str());
    let view = ctx.app.queue.look_for_release(&ctx.who, &index, &target, release, sent.rebuild).await?;
    respond::devpi(StatusCode::OK, "release", json!(view), None)
}

/// The index and the target of the path, for those who may have something built there.
async fn place(ctx: &Ctx<()>) -> Result<(IndexName, Target)> {
    let index = ctx.named.clone().ok_or_else(|| bad!("the path names no index"))?;
    may_build_from(ctx, &index, None)?;
    Ok((index, meant(ctx).await?))
}

async fn meant(ctx: &Ctx<()>) -> Result<Target> {
    Ok(ctx.app.targets.offers().await?.named(ctx.param("target"))?.target.clone())
}
