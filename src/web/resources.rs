//! The URLs that people, scripts and installers share: who gets what.

use super::http::{
    Ctx,
    audience::Audience::{Installer, Person, Script},
    respond,
};
use super::router::Router;
use super::simple;
use super::versiondata;
use super::{devpi, operate, operator, pages};
use crate::error::{Error, Result};
use axum::response::Response;
use http::StatusCode;
use std::sync::Arc;

/// `/`
pub async fn root(ctx: Ctx) -> Result<Response> {
    match ctx.audience() {
        Person => pages::root::get(&ctx.without_body()).await,
        Script | Installer => devpi::users(ctx).await,
    }
}

/// `/{user}`
pub async fn user(ctx: Ctx) -> Result<Response> {
    match ctx.audience() {
        Person => pages::user::get(&ctx.without_body()).await,
        Script | Installer => devpi::user(ctx).await,
    }
}

/// `/{user}/{index}`
pub async fn index(ctx: Ctx) -> Result<Response> {
    match ctx.audience() {
        Person => pages::index::get(&ctx.without_body()).await,
        Script => devpi::index(ctx).await,
        Installer => simple::list(ctx).await,
    }
}

/// `/{user}/{index}/{project}`
pub async fn project(ctx: Ctx) -> Result<Response> {
    match ctx.audience() {
        Person => pages::project::get(&ctx.without_body()).await,
        Script => versiondata::project(ctx).await,
        Installer => simple::project_for_installers(ctx).await,
    }
}

/// `/{user}/{index}/{project}/{version}`
pub async fn release(ctx: Ctx) -> Result<Response> {
    match ctx.audience() {
        Person => pages::release::get(&ctx.without_body()).await,
        Script | Installer => versiondata::release(ctx).await,
    }
}

/// `/{user}/{index}/{project}/{version}/{filename}`: a page for all; files have URLs of their own.
pub async fn file(ctx: Ctx) -> Result<Response> {
    pages::file::get(&ctx.without_body()).await
}

/// `/+status`
pub async fn status(ctx: Ctx, router: Arc<Router>) -> Result<Response> {
    let ctx = ctx.without_body();
    let mut status = operate::report(&ctx, &router).await?;
    if ctx.operates() {
        let overview = operator::overview(&ctx, &router).await?;
        if ctx.audience() == Person {
            return pages::status::operate(&ctx, &status, (overview.health, overview.servers, overview.slow))
                .await;
        }
        let told = serde_json::to_value(overview).map_err(Error::internal)?;
        for (name, value) in told.as_object().into_iter().flatten() {
            status[name] = value.clone();
        }
    }
    match ctx.audience() {
        Person => pages::status::show(&ctx, &status),
        Script | Installer => respond::devpi(StatusCode::OK, "status", status, None),
    }
}
