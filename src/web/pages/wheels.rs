//! `I/+matrix/{project}`: wheels of all versions for all targets.

use super::call::ScriptCall;
use super::catalog::{self, Release};
use super::hidden::{self, HiddenFile};
use super::matrix::{Matrix, MatrixSources};
use super::{Frame, Visit, answer, gather, places};
use crate::access::{self, Decision};
use crate::build::target::Target;
use crate::db::builds::Build;
use crate::directory::Index;
use crate::error::Result;
use crate::names::ProjectName;
use crate::packaging::page::Page;
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
    let matrix = KnownWheels::find(ctx, index, &project, &page).await?.table(&page, &releases, VERSIONS);
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

/// What is known of a project's wheels beside its page.
pub struct KnownWheels {
    /// The newest build of each version and target.
    pub newest: Vec<Build>,
    pub offered: Vec<Target>,
    hidden: Vec<HiddenFile>,
    may_build: bool,
}

impl KnownWheels {
    /// As far as the reader may see it.
    pub async fn find(ctx: &Visit, index: &Index, project: &ProjectName, page: &Page) -> Result<Self> {
        Ok(Self {
            newest: ctx.app.queue.newest_of(&ctx.directory, &ctx.who, project).await?,
            offered: ctx.app.targets.offered().await?,
            hidden: hidden::files(ctx, index, page).await?,
            may_build: may_build(ctx, index, project),
        })
    }

    /// The table of at most so many versions.
    pub fn table(&self, page: &Page, releases: &[Release<'_>], most: usize) -> Matrix {
        let versions: Vec<String> = releases.iter().map(|release| release.version.clone()).collect();
        MatrixSources {
            page,
            versions: &versions,
            newest: &self.newest,
            offered: &self.offered,
            hidden: &self.hidden,
            may_build: self.may_build,
        }
        .table(most)
    }
}

/// Whether the reader may have something built from what the index lists.
fn may_build(ctx: &Visit, index: &Index, project: &ProjectName) -> bool {
    ctx.who.user.is_some()
        && access::builds::may_ask(&ctx.directory, &ctx.who, &index.name, Some(project.as_str()))
            == Decision::Allowed
}

/// The call that has a wheel of the project built.
pub fn build_call(index: &Index, project: &ProjectName) -> ScriptCall {
    let body = serde_json::json!({
        "requirement": format!("{project}==VERSION"), "targets": ["TARGET"], "from": index.name,
    });
    ScriptCall::with("POST", "/+builds", &body)
}
