//! `I/+matrix/{project}`: wheels of all versions for all targets.

use super::call::ScriptCall;
use super::matrix::{Matrix, MatrixSources};
use super::project::{build_call, may_build};
use super::{Frame, Visit, answer, catalog, gather, hidden, places};
use crate::error::Result;
use crate::web::http::audience::Audience;
use crate::web::http::respond;
use askama::Template;
use axum::response::Response;

/// Versions of a table.
const VERSIONS: usize = 100;

/// The page.
#[derive(Template)]
#[template(path = "wheels.html")]
pub struct WheelsPage {
    pub frame: Frame,
    pub project: String,
    pub matrix: Matrix,
    pub all_versions: Option<String>,
    pub build_from: String,
    pub call: ScriptCall,
}

/// Answers to people and scripts.
pub async fn get(ctx: &Visit) -> Result<Response> {
    let index = ctx.index()?;
    let project = gather::project(ctx)?;
    let page = gather::page(ctx, index, &project).await?;
    let releases = catalog::releases(&page);
    let versions: Vec<String> = releases.iter().map(|release| release.version.clone()).collect();
    let newest = ctx.app.queue.newest_of(&ctx.directory, &ctx.who, &project).await?;
    let offered = ctx.app.targets.offered().await?;
    let hidden = hidden::files(ctx, index, &page).await?;
    let known = MatrixSources {
        page: &page,
        versions: &versions,
        newest: &newest,
        offered: &offered,
        hidden: &hidden,
        may_build: may_build(ctx, index, &project),
    };
    let matrix = known.table(VERSIONS);
    if ctx.audience() != Audience::Person {
        return respond::json(&matrix);
    }
    let shown = WheelsPage {
        frame: places::frame(ctx, &index.name, &project, "+matrix"),
        call: build_call(index, &project),
        project: project.to_string(),
        matrix,
        all_versions: None,
        build_from: index.name.to_string(),
    };
    answer(ctx, &shown)
}
