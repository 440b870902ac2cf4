//! More of a project than its page shows: `I/+matrix`, `I/+compare`, `I/+about`, `I/+required-by`, each for people and
//! scripts.

use super::http::Ctx;
use super::http::audience::Audience;
use super::pages;
use crate::error::Result;
use axum::response::Response;

/// `I/+matrix/{project}`: versions × targets.
pub async fn matrix(ctx: Ctx) -> Result<Response> {
    pages::wheels::get(&ctx.without_body()).await
}

/// `I/+compare/{project}?from=&to=`: what is different between two versions.
pub async fn compare(ctx: Ctx) -> Result<Response> {
    pages::compare::get(&ctx.without_body()).await
}

/// `I/+required-by/{project}?after=`
pub async fn required_by(ctx: Ctx) -> Result<Response> {
    pages::required_by::get(&ctx.without_body()).await
}

/// `I/+about/{project}/{version}`: all that the page of a release says.
pub async fn release(ctx: Ctx) -> Result<Response> {
    let ctx = ctx.without_body();
    match ctx.audience() {
        Audience::Person => pages::release::get(&ctx).await,
        Audience::Script | Audience::Installer => pages::release::about(&ctx).await,
    }
}
