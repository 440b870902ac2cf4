//! `/{user}/{index}/{project}/{version}/{filename}`: one file: hashes, where it runs, its metadata.

use super::catalog::{self, StatusBanner, find};
use super::facts::{self, Fact, FactList};
use super::release::FileView;
use super::tags::{self, Tag};
use super::{Frame, Visit, answer, gather, words};
use crate::db::files::StoredFile;
use crate::directory::{Directory, Index};
use crate::error::Result;
use crate::missing;
use crate::packaging::filename::WheelFilename;
use crate::packaging::page::File;
use crate::words::Moment;
use askama::Template;
use axum::response::Response;

/// Tags on one page; compressed sets can stand for very many.
const TAGS: usize = 60;

/// The page.
#[derive(Template)]
#[template(path = "file.html")]
pub struct FilePage {
    pub frame: Frame,
    pub file: FileView,
    pub status: Option<StatusBanner>,
    pub facts: Vec<Fact>,
    pub tags: Vec<Tag>,
    pub metadata: Vec<Fact>,
}

/// Answers `/{user}/{index}/{project}/{version}/{filename}` to a person.
pub async fn get(ctx: &Visit) -> Result<Response> {
    let index = ctx.index()?;
    let project = gather::project(ctx)?;
    let (version, filename) = (ctx.param("version"), ctx.param("filename"));
    let page = gather::page(ctx, index, &project).await?;
    let releases = catalog::releases(&page);
    let release = find(&releases, version);
    let file = release.and_then(|release| release.files.iter().find(|file| file.filename == filename));
    let offered = page.offered().iter().any(|file| file.filename == filename);
    let (Some(release), Some(file), true) = (release, file, offered) else {
        return Err(missing!("{project} {version} has no file {filename} on {}", index.name));
    };
    let stored = match file.owner() {
        Some(origin) => ctx.app.db.file(origin, filename).await?,
        None => None,
    };
    let metadata = gather::metadata_of_file(ctx, &project, &release.version, file).await;
    let shown = FilePage {
        frame: Frame::of(
            ctx,
            &[index.name.user(), index.name.name(), project.as_str(), release.version.as_str(), filename],
        ),
        file: FileView::new(&ctx.directory, &index.name, &project, &release.version, file),
        status: StatusBanner::new(&page),
        facts: about(&ctx.directory, index, file, stored.as_ref()),
        tags: file.filename.wheel().map(wheel_tags).unwrap_or_default(),
        metadata: metadata.as_ref().map(facts::all).unwrap_or_default(),
    };
    answer(ctx, &shown)
}

fn wheel_tags(wheel: &WheelFilename) -> Vec<Tag> {
    wheel.tags().take(TAGS).map(|(python, abi, platform)| tags::explain(python, abi, platform)).collect()
}

/// Hashes and origin: from the page, and from our own row if the bytes are here.
fn about(directory: &Directory, index: &Index, file: &File, stored: Option<&StoredFile>) -> Vec<Fact> {
    let mut facts = FactList::default();
    facts.exact("SHA-256", file.hashes.sha256.as_deref());
    facts.exact("BLAKE2b-256", stored.and_then(|stored| stored.blake2_256.as_deref()));
    facts.exact("MD5", stored.and_then(|stored| stored.md5.as_deref()));
    let bytes = file.size.map(|size| format!("{} ({size} bytes)", words::size(size)));
    facts.text("Size", bytes.as_deref());
    facts.text("Uploaded", file.uploaded.map(|time| time.to_string()).as_deref());
    facts.text("Requires Python", file.requires_python.as_deref());
    facts.text("Build", file.filename.wheel().and_then(|wheel| wheel.build.as_deref()));
    let (_, origin) = catalog::origin_in_words(directory, &index.name, file);
    facts.text("Comes from", Some(&origin));
    if let Some(stored) = stored.filter(|stored| stored.deleted_at.is_none()) {
        match stored.url {
            Some(_) => facts.text("Stored here since", Some(&Moment(stored.uploaded_at).exact())),
            None => facts.text("Uploaded by", stored.uploader.as_deref()),
        };
    }
    facts.0
}
