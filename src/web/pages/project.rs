//! `/{user}/{index}/{project}`: what a project is, how to install it, its releases.

use super::act::project::ProjectDeeds;
use super::call::ScriptCall;
use super::catalog::{self, Release, StatusBanner};
use super::documentation::DocsLink;
use super::facts::{self, Fact};
use super::install::{self, InstallTool};
use super::matrix::Matrix;
use super::wheels::{KnownWheels, build_call};
use super::{Frame, Visit, answer, description, gather, index_href, places};
use crate::build::view::LeftOutView;
use crate::directory::{Directory, Index, IndexKind};
use crate::error::Result;
use crate::names::ProjectName;
use crate::packaging::metadata::Metadata;
use crate::packaging::upload_time::UploadTime;
use askama::Template;
use axum::response::Response;

/// Releases that are listed before the fold.
const RECENT: usize = 8;
/// Versions in the table of wheels.
const VERSIONS: usize = 8;

/// The page.
#[derive(Template)]
#[template(path = "project.html")]
pub struct ProjectPage {
    pub frame: Frame,
    /// As the project spells its name.
    pub spelling: String,
    pub latest: Option<Latest>,
    pub summary: String,
    pub status: Option<StatusBanner>,
    pub install: Vec<InstallTool>,
    /// HTML that [`description::render`] made.
    pub description: Option<String>,
    pub no_description: &'static str,
    pub side: Vec<Fact>,
    pub releases: Vec<ReleaseLine>,
    pub older: Vec<ReleaseLine>,
    pub matrix: Matrix,
    /// Of the table of all versions, from the root; `None` on that page.
    pub all_versions: Option<String>,
    /// The index whose page builds are made from.
    pub build_from: String,
    /// What has something built.
    pub call: ScriptCall,
    /// What targets' pages leave out, because its build failed.
    pub left_out: Vec<LeftOutView>,
    /// Of the page of what builds found, from the root; empty where they found nothing.
    pub learned: String,
    /// Of the newest release that has any.
    pub docs: Option<DocsLink>,
    pub deeds: ProjectDeeds,
}

pub struct Latest {
    pub version: String,
    pub href: String,
    /// In words: `3 files`.
    pub files: String,
}

/// A release in the history.
pub struct ReleaseLine {
    pub version: String,
    pub href: String,
    pub prerelease: bool,
    /// The reason; empty without one.
    pub yanked: Option<String>,
    /// Where it comes from, where there is more than one place.
    pub origin: String,
    pub origin_about: String,
    pub uploaded: Option<UploadTime>,
    /// What is different from the release before it, from the root; empty of the first.
    pub compare: String,
}

/// Answers `/{user}/{index}/{project}` to a person.
pub async fn get(ctx: &Visit) -> Result<Response> {
    let index = ctx.index()?;
    let project = gather::project(ctx)?;
    let page = gather::page(ctx, index, &project).await?;
    let releases = catalog::releases(&page);
    let latest = catalog::latest(&releases);
    let metadata = match latest {
        Some(latest) => gather::metadata(ctx, &project, latest).await,
        None => None,
    };
    let metadata = metadata.as_ref();
    let known = KnownWheels::find(ctx, index, &project, &page).await?;
    let matrix = known.table(&page, &releases, VERSIONS);
    let server = ctx.root();
    let mut left_out = LeftOutView::of(known.newest, &server);
    left_out.truncate(RECENT);
    let learned = match ctx.app.queue.has_learned(&ctx.directory, &ctx.who, &index.name, &project).await? {
        true => format!("{}/+learned/{project}/", index_href(&index.name)),
        false => String::new(),
    };
    let mut owned = releases.iter().flat_map(|release| &release.files);
    let own = owned.any(|file| file.owner() == Some(&index.name));
    let lines = releases.iter().map(|release| line(&ctx.directory, index, &page.name, release));
    let mut lines: Vec<ReleaseLine> = lines.collect();
    for at in 1..lines.len() {
        let [newer, older] = lines.get_mut(at - 1..=at).unwrap_or_default() else { continue };
        newer.compare = places::compare(&index.name, &project, &older.version, &newer.version);
    }
    let older = lines.split_off(lines.len().min(RECENT));
    let page = ProjectPage {
        frame: Frame::of(ctx, &[index.name.user(), index.name.name(), project.as_str()]),
        spelling: spelling(&page.name, metadata),
        latest: latest.map(|release| Latest {
            version: release.version.clone(),
            href: places::release(&index.name, &page.name, &release.version),
            files: match release.files.len() {
                1 => "1 file".to_owned(),
                number => format!("{number} files"),
            },
        }),
        summary: metadata.and_then(|m| m.summary.clone()).unwrap_or_default(),
        status: StatusBanner::new(&page),
        install: match page.offered() {
            [] => Vec::new(),
            _ => install::tools(ctx, index, project.as_str(), &known.offered),
        },
        description: rendered(ctx, metadata).await?,
        no_description: match metadata {
            Some(_) => "This project has no description.",
            None => "The description is not available: the server could not read a file with it in time.",
        },
        side: metadata.map(facts::side).unwrap_or_default(),
        releases: lines,
        older,
        matrix,
        all_versions: Some(format!("{}/+matrix/{project}", index_href(&index.name))),
        build_from: index.name.to_string(),
        call: build_call(index, &project),
        left_out,
        learned,
        docs: DocsLink::find(ctx, &project, "latest").await?,
        deeds: ProjectDeeds::of(ctx, index, &project, own, page.status),
    };
    answer(ctx, &page)
}

/// Renders the description away from the threads that answer requests; a long one in turn.
async fn rendered(ctx: &Visit, metadata: Option<&Metadata>) -> Result<Option<String>> {
    let Some((metadata, text)) =
        metadata.and_then(|metadata| Some((metadata, metadata.description.clone()?)))
    else {
        return Ok(None);
    };
    if text.trim().is_empty() {
        return Ok(None);
    }
    let _turn = match description::is_cheap(&text) {
        true => None,
        false => Some(ctx.app.quota.descriptions.take(&ctx.asker()).await?),
    };
    let content_type = metadata.description_content_type.clone();
    let html =
        tokio::task::spawn_blocking(move || description::render(&text, content_type.as_deref())).await?;
    Ok(Some(html))
}

/// The name as the metadata spells it, if that is the same name.
pub fn spelling(project: &ProjectName, metadata: Option<&Metadata>) -> String {
    let spelled = metadata.map(|metadata| metadata.name.trim());
    let same = spelled.filter(|name| ProjectName::new(name).as_ref() == Some(project));
    same.unwrap_or(project.as_str()).to_owned()
}

fn line(directory: &Directory, index: &Index, project: &ProjectName, release: &Release<'_>) -> ReleaseLine {
    // A mirror's releases all come from its upstream.
    let several = matches!(&index.kind, IndexKind::Stage(stage) if !stage.bases.is_empty());
    let file = release.files.first().filter(|_| several);
    let (origin, origin_about) =
        file.map(|file| catalog::origin_in_words(directory, &index.name, file)).unwrap_or_default();
    ReleaseLine {
        version: release.version.clone(),
        href: places::release(&index.name, project, &release.version),
        prerelease: release.is_prerelease(),
        yanked: release.yanked().map(str::to_owned),
        origin,
        origin_about,
        uploaded: release.uploaded(),
        compare: String::new(),
    }
}
