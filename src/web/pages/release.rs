//! `/{user}/{index}/{project}/{version}`: the files of a release, and what it depends on.

use super::catalog::{self, Release, StatusBanner};
use super::documentation::DocsLink;
use super::facts::{self, Fact};
use super::lines::{self, CopyableLine};
use super::project::{release_href, spelling};
use super::results::{self, ResultLine};
use super::{Frame, Visit, answer, gather, index_href, tags, words};
use crate::directory::{Directory, Index};
use crate::error::Result;
use crate::index::curation;
use crate::missing;
use crate::names::IndexName;
use crate::names::ProjectName;
use crate::packaging::filename::{ListedFilename, encode_segment};
use crate::packaging::page::{CoreMetadata, File};
use crate::packaging::upload_time::UploadTime;
use crate::packaging::version;
use crate::words::{FileKind, ProjectStatus};
use askama::Template;
use axum::response::Response;
use std::collections::BTreeSet;

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
    pub install: Vec<CopyableLine>,
    pub files: Vec<FileView>,
    pub docs: Option<DocsLink>,
    pub results: Vec<ResultLine>,
    pub requires: Vec<Dependency>,
    pub facts: Vec<Fact>,
}

/// A file in the table of its release, and on its own page.
pub struct FileView {
    pub filename: String,
    /// From the root: its page, its bytes.
    pub page: String,
    pub href: String,
    /// For whom it is, in words.
    pub tags: String,
    pub size: String,
    pub uploaded: Option<UploadTime>,
    pub requires_python: String,
    pub origin: String,
    pub sha256: Option<String>,
    pub has_metadata: bool,
    pub provenance: Option<String>,
    pub yanked: Option<String>,
    /// From the index that owns it, and where that is curated from its mirrors; 0: never, or nobody counts.
    pub downloads: i64,
}

/// A requirement, taken apart only as far as to link its project.
pub struct Dependency {
    pub name: String,
    /// From the root: the project on this index.
    pub href: Option<String>,
    pub rest: String,
}

/// Answers `/{user}/{index}/{project}/{version}` to a person.
pub async fn get(ctx: &Visit) -> Result<Response> {
    let index = ctx.index()?;
    let project = gather::project(ctx)?;
    let version = ctx.param("version");
    let page = gather::page(ctx, index, &project).await?;
    let releases = catalog::releases(&page);
    let release = find(&releases, version)
        .ok_or_else(|| missing!("{project} has no version {version} on {}", index.name))?;
    let metadata = gather::metadata(ctx, &project, release).await;
    let metadata = metadata.as_ref();
    let files = release.files.iter().filter(|_| page.status != ProjectStatus::Quarantined);
    let view = |file: &&File| FileView::new(&ctx.directory, &index.name, &page.name, &release.version, file);
    let mut files: Vec<FileView> = files.map(view).collect();
    let owners: BTreeSet<&IndexName> = release.files.iter().filter_map(|file| file.owner()).collect();
    for owner in owners {
        let mut counted = vec![owner.clone()];
        if ctx.directory.indexes.get(owner).is_some_and(Index::is_curated) {
            counted.extend(curation::supplied(&ctx.directory, owner));
        }
        for index in counted {
            let counts = ctx.app.db.fetched_files(&index, &project).await?;
            let shown = files.iter_mut().zip(&release.files).filter(|(_, file)| file.owner() == Some(owner));
            for (view, _) in shown {
                view.downloads += counts.get(&view.filename).copied().unwrap_or_default();
            }
        }
    }
    let server = ctx.root();
    let requirement = format!("{project}=={}", release.version);
    let install = lines::install(&server, &lines::simple(&server, &index.name), &requirement);
    let requires = metadata.map(|m| m.requires_dist.as_slice()).unwrap_or_default();
    let shown = ReleasePage {
        frame: Frame::of(
            ctx,
            &[index.name.user(), index.name.name(), project.as_str(), release.version.as_str()],
        ),
        spelling: spelling(&page.name, metadata),
        version: release.version.clone(),
        summary: metadata.and_then(|m| m.summary.clone()).unwrap_or_default(),
        status: StatusBanner::new(&page),
        yanked: release.yanked().map(str::to_owned),
        install: if files.is_empty() { Vec::new() } else { install },
        files,
        docs: DocsLink::find(ctx, &project, &release.version).await?,
        results: results::of_release(ctx, &project, &release.version).await?,
        requires: requires.iter().map(|text| dependency(&index.name, text)).collect(),
        facts: metadata.map(facts::side).unwrap_or_default(),
    };
    answer(ctx, &shown)
}

/// The release that `version` names in any spelling.
pub fn find<'a, 'b>(releases: &'b [Release<'a>], version: &str) -> Option<&'b Release<'a>> {
    releases.iter().find(|release| version::same(&release.version, version))
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
            page: format!("{}/{}", release_href(index, project, version), encode_segment(&file.filename)),
            href: file.href("").to_string(),
            tags: for_whom(&file.filename),
            size: file.size.map(words::size).unwrap_or_default(),
            uploaded: file.uploaded,
            requires_python: file.requires_python.clone().unwrap_or_default(),
            origin: catalog::origin_in_words(directory, index, file).0,
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

/// `requests[socks] >=2 ; python_version < "3.9"`: the name, and the rest as it was written.
fn dependency(index: &IndexName, text: &str) -> Dependency {
    let end = text.find(|c: char| !c.is_ascii_alphanumeric() && !"-_.".contains(c)).unwrap_or(text.len());
    let (name, rest) = text.split_at_checked(end).unwrap_or((text, ""));
    let href = ProjectName::new(name).map(|project| format!("{}/{project}", index_href(index)));
    Dependency { name: name.to_owned(), href, rest: rest.trim_end().to_owned() }
}
