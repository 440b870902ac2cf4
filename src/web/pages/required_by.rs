//! `I/+required-by/{project}`: which projects here require a project, by their newest releases.
//!
//! Only releases that stages hold are known by what they require; of mirrors' projects the upstream knows.

use super::{Frame, Visit, answer, gather, places};
use crate::access::{self, Decision, Need};
use crate::directory::Index;
use crate::error::Result;
use crate::names::{IndexName, ProjectName};
use crate::packaging::version::{self, Version};
use crate::web::http::audience::Audience;
use crate::web::http::respond;
use askama::Template;
use axum::response::Response;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// Rows of one index that are read for a page.
const MOST_ROWS: i64 = 1000;
/// Projects of one page.
const PAGE: usize = 100;

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
        let may = readable.checked_shr(u32::try_from(*at).unwrap_or(u32::MAX)).unwrap_or(0) & 1 == 1;
        may && ctx.directory.indexes.get(*name).is_some_and(Index::is_stage)
    });
    let stages: Vec<&IndexName> = sources.map(|(_, name)| name).collect();
    let rows = ctx.app.db.requiring(&stages, project, after, MOST_ROWS).await?;
    // Of an index with more rows than were read, the last project may lack some.
    let cut = stages.iter().filter_map(|stage| {
        let mut own = rows.iter().filter(|row| row.index == **stage);
        let is_cut = own.clone().count() >= usize::try_from(MOST_ROWS).unwrap_or(usize::MAX);
        own.next_back().filter(|_| is_cut).map(|row| row.project.clone())
    });
    let cut = cut.min();
    let mut requiring: BTreeMap<ProjectName, BTreeSet<Version>> = BTreeMap::new();
    for row in rows.iter().filter(|row| cut.as_ref().is_none_or(|cut| row.project < *cut)) {
        requiring.entry(row.project.clone()).or_default().extend(version::parse(&row.version));
    }
    let (Some(from), Some(until)) = (requiring.keys().next(), requiring.keys().next_back()) else {
        return Ok(RequiredBy::default());
    };
    let mut newest: BTreeMap<ProjectName, Version> = BTreeMap::new();
    for stage in &stages {
        for (name, text) in ctx.app.db.versions_of(stage, from, until, project).await? {
            let Some(parsed) = version::parse(&text) else { continue };
            let held = [&index.name, *stage]
                .into_iter()
                .any(|at| ctx.directory.quarantines.of(at, &name, Some(&parsed)).is_some());
            // A token for one project shows no other.
            let may =
                access::decide(&ctx.directory, &ctx.who, Need::Read, Some(stage), Some(name.as_str()), None);
            if held || may != Decision::Allowed {
                continue;
            }
            let known = newest.entry(name).or_insert_with(|| parsed.clone());
            // A pre-release is the newest only where there is nothing else.
            if (!parsed.any_prerelease(), &parsed) > (!known.any_prerelease(), &*known) {
                *known = parsed;
            }
        }
    }
    let found = requiring.iter().filter_map(|(name, versions)| {
        let version = newest.get(name).filter(|version| versions.contains(version))?;
        Some((name, version.to_string()))
    });
    let mut found: Vec<(&ProjectName, String)> = found.collect();
    let more = found.len() > most;
    found.truncate(most);
    let after = match (more, &cut) {
        (true, _) => found.last().map(|(name, _)| name.to_string()),
        (false, Some(_)) => Some(until.to_string()),
        (false, None) => None,
    };
    let view = |(name, version): (&ProjectName, String)| Requiring {
        href: places::release(&index.name, name, &version),
        project: name.clone(),
        version,
    };
    Ok(RequiredBy { projects: found.into_iter().map(view).collect(), after })
}
