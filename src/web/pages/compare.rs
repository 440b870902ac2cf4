//! `I/+compare/{project}?from=1.0&to=2.0`: what is different between two versions.

use super::catalog::{self, find};
use super::{Frame, Visit, answer, gather, places, words};
use crate::error::Result;
use crate::index::compare::{Comparison, Side};
use crate::missing;
use crate::web::http::audience::Audience;
use crate::web::http::respond;
use askama::Template;
use axum::response::Response;

/// The page.
#[derive(Template)]
#[template(path = "compare.html")]
pub struct ComparePage {
    pub frame: Frame,
    pub project: String,
    pub told: Comparison,
    /// From the root: the two releases.
    pub from_href: String,
    pub to_href: String,
    /// Of all files, in words.
    pub size_before: String,
    pub size_after: String,
    /// Versions to choose from, the newest first.
    pub versions: Vec<String>,
}

/// Answers `I/+compare/{project}` to people and scripts.
pub async fn get(ctx: &Visit) -> Result<Response> {
    let index = ctx.index()?;
    let project = gather::project(ctx)?;
    let page = gather::page(ctx, index, &project).await?;
    let releases = catalog::releases(&page);
    let named = |name: &str| {
        let asked = ctx.query(name).filter(|text| !text.is_empty());
        asked.map(|version| {
            find(&releases, &version)
                .ok_or_else(|| missing!("{project} has no version {version} on {}", index.name))
        })
    };
    let newest =
        || catalog::latest(&releases).ok_or_else(|| missing!("{project} has no release on {}", index.name));
    let to = named("to").transpose()?.map_or_else(newest, Ok)?;
    let place = releases.iter().position(|release| release.version == to.version).unwrap_or(0);
    let from = named("from").transpose()?.unwrap_or_else(|| releases.get(place + 1).unwrap_or(to));
    let (before, after) =
        futures::join!(gather::metadata(ctx, &project, from), gather::metadata(ctx, &project, to));
    let told = Comparison::of(
        Side { version: &from.version, files: &from.files, metadata: before.as_ref() },
        Side { version: &to.version, files: &to.files, metadata: after.as_ref() },
    );
    if ctx.audience() != Audience::Person {
        return respond::json(&told);
    }
    let shown = ComparePage {
        frame: places::frame(ctx, &index.name, &project, "+compare"),
        from_href: places::release(&index.name, &project, &told.from),
        to_href: places::release(&index.name, &project, &told.to),
        size_before: words::size(told.bytes.before),
        size_after: words::size(told.bytes.after),
        versions: releases.iter().map(|release| release.version.clone()).collect(),
        project: project.to_string(),
        told,
    };
    answer(ctx, &shown)
}
