//! `/{user}/{index}/{project}/{version}`: the files of a release, what it depends on, and how far it can be trusted.

use super::act::release::ReleaseDeeds;
use super::catalog::{self, Release, StatusBanner, find};
use super::documentation::DocsLink;
use super::facts::{self, Fact};
use super::install::{self, InstallTool};
use super::project::spelling;
use super::required_by::{self, RequiredBy};
use super::results::{self, ResultLine};
use super::security::{self, AdvisoryLine, Attested};
use super::{Frame, Visit, answer, gather, index_href, places, tags, words};
use crate::directory::{Directory, Index};
use crate::error::Result;
use crate::index::curation;
use crate::index::requires::{RequiredGroup, grouped};
use crate::missing;
use crate::names::IndexName;
use crate::names::ProjectName;
use crate::packaging::filename::{ListedFilename, encode_segment};
use crate::packaging::page::{CoreMetadata, File, Page};
use crate::packaging::upload_time::UploadTime;
use crate::web::http::respond;
use crate::words::{FileKind, ProjectStatus};
use askama::Template;
use axum::response::Response;
use serde::Serialize;
use std::collections::{BTreeSet, HashMap};

/// Releases that require this project which the page names; the others have a page of their own.
const REQUIRED_BY: usize = 12;

/// The page.
#[derive(Template)]
#[template(path = "release.html")]
pub struct ReleasePage {
    pub frame: Frame,
    pub spelling: String,
    pub version: String,
    pub summary: String,
    pub status: Option<StatusBanner>,
    /// The reason; empty without one.
    pub yanked: Option<String>,
    pub install: Vec<InstallTool>,
    pub files: Vec<FileView>,
    pub docs: Option<DocsLink>,
    pub results: Vec<ResultLine>,
    pub requires: Vec<RequiredGroup>,
    /// From the root: where required projects are, before their names.
    pub index_href: String,
    pub advisories: Vec<AdvisoryLine>,
    /// Whether advisories are known at all.
    pub has_advisories: bool,
    pub attested: Option<Attested>,
    pub required_by: RequiredBy,
    /// Of the page with all of them, from the root.
    pub required_by_href: String,
    /// What is different from the release before, from the root; empty of the first.
    pub compare: String,
    pub facts: Vec<Fact>,
    pub deeds: ReleaseDeeds,
}

/// A file in the table of its release, and on its own page.
#[derive(Serialize)]
pub struct FileView {
    pub filename: String,
    /// From the root: its page, its bytes.
    #[serde(skip)]
    pub page: String,
    pub href: String,
    /// For whom it is, in words.
    pub tags: String,
    /// In words.
    #[serde(skip)]
    pub size: String,
    #[serde(rename = "size")]
    pub bytes: Option<u64>,
    #[serde(serialize_with = "as_text")]
    pub uploaded: Option<UploadTime>,
    pub requires_python: String,
    pub origin: String,
    /// As the audit trail names who uploaded it; empty: nobody knows.
    pub uploaded_by: String,
    /// The build that it comes from.
    pub build: Option<i64>,
    pub sha256: Option<String>,
    #[serde(skip)]
    pub has_metadata: bool,
    pub provenance: Option<String>,
    pub yanked: Option<String>,
    /// From the index that owns it, and where that is curated from its mirrors; 0: never, or nobody counts.
    pub downloads: i64,
}

fn as_text<S: serde::Serializer>(time: &Option<UploadTime>, to: S) -> std::result::Result<S::Ok, S::Error> {
    time.map(|time| time.to_string()).serialize(to)
}

/// Answers `/{user}/{index}/{project}/{version}` to a person.
pub async fn get(ctx: &Visit) -> Result<Response> {
    answer(ctx, &page(ctx).await?)
}

/// Answers `I/+about/{project}/{version}` to scripts: what the page shows.
pub async fn about(ctx: &Visit) -> Result<Response> {
    let page = page(ctx).await?;
    respond::json(&serde_json::json!({
        "project": ctx.param("project"),
        "version": page.version,
        "yanked": page.yanked,
        "files": page.files,
        "requires": page.requires,
        "required_by": page.required_by,
        "advisories": page.has_advisories.then_some(page.advisories),
        "provenance": page.attested,
    }))
}

async fn page(ctx: &Visit) -> Result<ReleasePage> {
    let index = ctx.index()?;
    let project = gather::project(ctx)?;
    let version = ctx.param("version");
    let page = gather::page(ctx, index, &project).await?;
    let releases = catalog::releases(&page);
    let release = find(&releases, version)
        .ok_or_else(|| missing!("{project} has no version {version} on {}", index.name))?;
    let before = releases.iter().position(|known| known.version == release.version);
    let before = before.and_then(|at| releases.get(at + 1));
    let shown: Vec<&File> =
        release.files.iter().copied().filter(|_| page.status != ProjectStatus::Quarantined).collect();
    let (metadata, attested) =
        futures::join!(gather::metadata(ctx, &project, release), security::attested(ctx, &project, &shown));
    let metadata = metadata.as_ref();
    let files = file_views(ctx, index, &project, &page, release, &shown).await?;
    let own = release.files.iter().any(|file| file.owner() == Some(&index.name));
    let is_yanked = release.yanked().is_some();
    let offered = ctx.app.targets.offered().await?;
    let requirement = format!("{project}=={}", release.version);
    let requires = metadata.map(|m| m.requires_dist.as_slice()).unwrap_or_default();
    Ok(ReleasePage {
        frame: Frame::of(
            ctx,
            &[index.name.user(), index.name.name(), project.as_str(), release.version.as_str()],
        ),
        spelling: spelling(&page.name, metadata),
        version: release.version.clone(),
        summary: metadata.and_then(|m| m.summary.clone()).unwrap_or_default(),
        status: StatusBanner::new(&page),
        yanked: release.yanked().map(str::to_owned),
        install: match files.is_empty() {
            true => Vec::new(),
            false => install::tools(ctx, index, &requirement, &offered),
        },
        files,
        docs: DocsLink::find(ctx, &project, &release.version).await?,
        results: results::of_release(ctx, &project, &release.version).await?,
        requires: grouped(requires),
        index_href: index_href(&index.name),
        advisories: security::advisories(ctx, &project, release.parsed.as_ref()),
        has_advisories: ctx.app.advisories.snapshot().is_some(),
        attested,
        required_by: required_by::first(ctx, index, &project, REQUIRED_BY).await?,
        required_by_href: places::required_by(&index.name, &project),
        compare: before.map_or_else(String::new, |before| {
            places::compare(&index.name, &project, &before.version, &release.version)
        }),
        facts: metadata.map(facts::side).unwrap_or_default(),
        deeds: ReleaseDeeds::of(ctx, index, &project, &release.version, own, is_yanked),
    })
}

/// The files that are shown, with what the indexes that own them know of each: fetches, and who uploaded or built it.
async fn file_views(
    ctx: &Visit,
    index: &Index,
    project: &ProjectName,
    page: &Page,
    release: &Release<'_>,
    shown: &[&File],
) -> Result<Vec<FileView>> {
    let view = |file: &&File| FileView::new(&ctx.directory, &index.name, &page.name, &release.version, file);
    let mut files: Vec<FileView> = shown.iter().map(view).collect();
    let owners: BTreeSet<&IndexName> = release.files.iter().filter_map(|file| file.owner()).collect();
    for owner in owners {
        let mut counted = vec![owner.clone()];
        if ctx.directory.indexes.get(owner).is_some_and(Index::is_curated) {
            counted.extend(curation::supplied(&ctx.directory, owner));
        }
        let of_owner = || shown.iter().map(|file| file.owner() == Some(owner));
        for index in counted {
            let counts = ctx.app.db.fetched_files(&index, project).await?;
            for (file, _) in files.iter_mut().zip(of_owner()).filter(|(_, is_of_owner)| *is_of_owner) {
                file.downloads += counts.get(&file.filename).copied().unwrap_or_default();
            }
        }
        let stored = ctx.app.db.project_files(owner, project).await?;
        let uploaders: HashMap<&str, &Option<String>> = stored
            .iter()
            .filter(|known| known.url.is_none())
            .map(|known| (known.filename.as_str(), &known.uploader))
            .collect();
        let built = ctx.app.db.built_files(owner, project).await?;
        let builds: HashMap<&str, i64> =
            built.iter().rev().map(|file| (file.filename.as_str(), file.build)).collect();
        for (file, _) in files.iter_mut().zip(of_owner()).filter(|(_, is_of_owner)| *is_of_owner) {
            file.build = file.build.or(builds.get(file.filename.as_str()).copied());
            let uploader = uploaders.get(file.filename.as_str()).and_then(|uploader| (*uploader).clone());
            let uploader = uploader.filter(|_| file.build.is_none());
            file.uploaded_by = uploader.unwrap_or_else(|| std::mem::take(&mut file.uploaded_by));
        }
    }
    Ok(files)
}

impl FileView {
    pub fn new(
        directory: &Directory,
        index: &IndexName,
        project: &ProjectName,
        version: &str,
        file: &File,
    ) -> Self {
        Self {
            filename: file.filename.to_string(),
            page: format!("{}/{}", places::release(index, project, version), encode_segment(&file.filename)),
            href: file.href("").to_string(),
            tags: for_whom(&file.filename),
            size: file.size.map(words::size).unwrap_or_default(),
            bytes: file.size,
            uploaded: file.uploaded,
            requires_python: file.requires_python.clone().unwrap_or_default(),
            origin: catalog::origin_in_words(directory, index, file).0,
            uploaded_by: String::new(),
            build: None,
            sha256: file.hashes.sha256.clone(),
            has_metadata: file.core_metadata != CoreMetadata::No,
            provenance: file.provenance_href("").as_deref().and_then(words::link),
            yanked: file.yanked.why().map(str::to_owned),
            downloads: 0,
        }
    }
}

/// What kind of file it is, and where a wheel runs.
fn for_whom(filename: &ListedFilename) -> String {
    if let Some(wheel) = filename.wheel() {
        return format!("wheel for {}", tags::summary(&wheel.python, &wheel.abi, &wheel.platform));
    }
    match filename.kind() {
        FileKind::Sdist => "source".to_owned(),
        FileKind::Wheel => "wheel".to_owned(),
        FileKind::Other => "a legacy format".to_owned(),
    }
}
