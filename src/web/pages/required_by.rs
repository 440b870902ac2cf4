//! `I/+required-by/{project}`: which projects here require a project, by their newest releases.
//!
//! Only releases that stages hold are known by what they require; of mirrors' projects the upstream knows.

use super::{Frame, Visit, answer, gather, places};
use crate::access::{self, Decision, Need};
use crate::directory::Index;
use crate::error::Result;
use crate::index::sight::reads;
use crate::names::{IndexName, ProjectName};
use crate::packaging::version::{self, Version};
use crate::web::http::audience::Audience;
use crate::web::http::respond;
use askama::Template;
use axum::response::Response;
use serde::Serialize;
use std::cmp::Ordering;
use std::collections::BTreeMap;

/// Projects of one page.
const PAGE: usize = 100;
/// Projects that are looked at for each that is shown: of some only former releases require it.
const LOOKED_AT: usize = 4;

/// Projects whose newest release requires another one.
#[derive(Default, Serialize)]
pub struct RequiredBy {
    pub projects: Vec<Requiring>,
    /// More of them come behind this name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
}

/// A newest release that requires it.
#[derive(Serialize)]
pub struct Requiring {
    pub project: ProjectName,
    pub version: String,
    /// From the root.
    pub href: String,
}

/// The page.
#[derive(Template)]
#[template(path = "required_by.html")]
pub struct RequiredByPage {
    pub frame: Frame,
    pub project: String,
    pub index: String,
    pub found: RequiredBy,
}

/// Answers `I/+required-by/{project}?after=` to people and scripts.
pub async fn get(ctx: &Visit) -> Result<Response> {
    let index = ctx.index()?;
    let project = gather::project(ctx)?;
    let _turn = ctx.app.quota.lists.take(&ctx.asker()).await?;
    let after = ctx.query("after").unwrap_or_default();
    let found = find(ctx, index, &project, &after, PAGE).await?;
    if ctx.audience() != Audience::Person {
        return respond::json(&found);
    }
    let shown = RequiredByPage {
        frame: places::frame(ctx, &index.name, &project, "+required-by"),
        project: project.to_string(),
        index: index.name.to_string(),
        found,
    };
    answer(ctx, &shown)
}

/// The first of them.
pub async fn first(ctx: &Visit, index: &Index, project: &ProjectName, most: usize) -> Result<RequiredBy> {
    find(ctx, index, project, "", most).await
}

async fn find(
    ctx: &Visit,
    index: &Index,
    project: &ProjectName,
    after: &str,
    most: usize,
) -> Result<RequiredBy> {
    let walk = ctx.app.indexes.views.walk(&ctx.directory, &index.name)?;
    let readable = walk.readable(&ctx.directory, &ctx.who);
    let sources = walk.order.sources.iter().enumerate().filter(|(at, name)| {
        reads(readable, *at) && ctx.directory.indexes.get(*name).is_some_and(Index::is_stage)
    });
    let stages: Vec<&IndexName> = sources.map(|(_, name)| name).collect();
    let looked_at = most * LOOKED_AT;
    let names = ctx.app.db.requiring(&stages, project, after, looked_at).await?;
    let (Some(from), Some(until)) = (names.first(), names.last()) else { return Ok(RequiredBy::default()) };
    // The newest release of each, and whether it requires the project.
    let mut newest: BTreeMap<ProjectName, (Version, bool)> = BTreeMap::new();
    for stage in &stages {
        for release in ctx.app.db.releases_of_requiring(stage, project, from, until).await? {
            let Some(parsed) = version::parse(&release.version) else { continue };
            let name = release.project;
            let held = [&index.name, *stage]
                .into_iter()
                .any(|at| ctx.directory.quarantines.of(at, &name, Some(&parsed)).is_some());
            // A token for one project shows no other.
            let may =
                access::decide(&ctx.directory, &ctx.who, Need::Read, Some(stage), Some(name.as_str()), None);
            if held || may != Decision::Allowed {
                continue;
            }
            let (known, requires) = newest.entry(name).or_insert_with(|| (parsed.clone(), false));
            // A pre-release is the newest only where there is nothing else.
            match (!parsed.any_prerelease(), &parsed).cmp(&(!known.any_prerelease(), &*known)) {
                Ordering::Less => {}
                Ordering::Equal => *requires |= release.requires,
                Ordering::Greater => (*known, *requires) = (parsed, release.requires),
            }
        }
    }
    let is_cut = names.len() >= looked_at;
    let found = newest.into_iter().filter(|(_, (_, requires))| *requires);
    let mut found: Vec<(ProjectName, String)> =
        found.map(|(name, (version, _))| (name, version.to_string())).collect();
    let more = found.len() > most;
    found.truncate(most);
    let after = match more {
        true => found.last().map(|(name, _)| name.to_string()),
        false => is_cut.then(|| until.to_string()),
    };
    let view = |(name, version): (ProjectName, String)| Requiring {
        href: places::release(&index.name, &name, &version),
        project: name,
        version,
    };
    Ok(RequiredBy { projects: found.into_iter().map(view).collect(), after })
}
