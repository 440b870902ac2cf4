//! Project pages and project lists as HTML (PEP 503 and its successors): liberal in, exact out.

use html5gum::{StartTag, Token};
use url::Url;

use super::filename::{ListedFilename, candidates};
use super::page::{CoreMetadata, File, FileLink, FilePlace, Page, Provenance, Yanked, sha256_hex};
use super::upload_time::UploadTime;
use crate::names::{NameList, NameListBuilder, ProjectName};
use crate::words::ProjectStatus;
use tags::{LinkBase, attribute, each_token};

pub mod proof;
mod render;
mod tags;
pub use render::{flat_links, join_flat, render, render_flat, render_names};

/// Reads `project`'s page, fetched from `page_url`. Whatever is no file of the project is left
/// out; the order of the page is kept.
pub fn parse(body: &[u8], page_url: &Url, project: &ProjectName) -> Page {
    let mut page = Page::new(project.clone());
    let mut base = LinkBase::new(page_url);
    each_token(body, |token| match token {
        Token::StartTag(tag) => {
            let file = base.link(&tag).and_then(|link| {
                let filename = ListedFilename::parse(project, &link.filename)?;
                Some(read_file(filename, link, &tag))
            });
            if let Some(file) = file {
                page.files.push(file);
            } else if tag.name.as_slice() == b"meta" {
                read_meta(&tag, &mut page);
            }
        }
        Token::Comment(comment) => read_serial(&comment.value.0, &mut page),
        _ => {}
    });
    page
}

/// Reads the files of `project` from a page that lists many projects' files.
pub fn parse_flat(body: &[u8], page_url: &Url, project: &ProjectName) -> Page {
    let mut page = Page::new(project.clone());
    each_link(body, page_url, |link, tag| {
        if candidates(&link.filename).contains(project)
            && let Some(filename) = ListedFilename::parse(project, &link.filename)
            && filename.version().is_some()
        {
            page.files.push(read_file(filename, link, tag));
        }
    });
    page
}

/// The projects that a page of many projects' files has, sorted, each once.
pub fn flat_projects(body: &[u8], page_url: &Url) -> Vec<ProjectName> {
    let mut names = std::collections::BTreeSet::new();
    each_link(body, page_url, |link, _| {
        let has_version = |name: &ProjectName| {
            ListedFilename::parse(name, &link.filename).is_some_and(|listed| listed.version().is_some())
        };
        names.extend(candidates(&link.filename).into_iter().find(has_version));
    });
    names.into_iter().collect()
}

/// The projects of a project list at `list_url`: the last path segment of each link that leads one
/// step below it (the text may be prettier than true).
pub fn parse_names(body: &[u8], list_url: &Url) -> NameList {
    let mut names = NameListBuilder::default();
    each_token(body, |token| {
        if let Token::StartTag(tag) = token
            && tag.name.as_slice() == b"a"
            && let Some(href) = attribute(&tag, "href")
        {
            names.push(&proof::child(list_url, &href).unwrap_or_default());
        }
    });
    names.finish()
}

fn each_link(body: &[u8], page_url: &Url, mut act: impl FnMut(FileLink, &StartTag<()>)) {
    let mut base = LinkBase::new(page_url);
    each_token(body, |token| {
        if let Token::StartTag(tag) = token
            && let Some(link) = base.link(&tag)
        {
            act(link, &tag);
        }
    });
}

fn read_file(filename: ListedFilename, link: FileLink, tag: &StartTag<()>) -> File {
    let present = |name: &str| attribute(tag, name).filter(|value| !value.trim().is_empty());
    let metadata = attribute(tag, "data-core-metadata")
        .or_else(|| attribute(tag, "data-dist-info-metadata"))
        .unwrap_or_default();
    File {
        filename,
        place: FilePlace::Link(link.url),
        hashes: link.hashes,
        requires_python: present("data-requires-python"),
        size: present("data-size").and_then(|size| size.trim().parse().ok()),
        uploaded: present("data-upload-time").and_then(|time| UploadTime::parse(&time)),
        yanked: match attribute(tag, "data-yanked") {
            None => Yanked::No,
            Some(reason) => Yanked::because(&reason),
        },
        core_metadata: read_core_metadata(metadata.trim()),
        provenance: present("data-provenance")
            .filter(|url| url.starts_with("https://"))
            .map_or(Provenance::No, Provenance::At),
    }
}

/// `true`, `sha256=…`, or a digest we do not know (the metadata exists all the same).
fn read_core_metadata(text: &str) -> CoreMetadata {
    match text.split_once('=') {
        Some(("sha256", hex)) => sha256_hex(hex).map_or(CoreMetadata::Yes, CoreMetadata::Sha256),
        Some(_) => CoreMetadata::Yes,
        None if text.eq_ignore_ascii_case("true") => CoreMetadata::Yes,
        None => CoreMetadata::No,
    }
}

fn read_meta(tag: &StartTag<()>, page: &mut Page) {
    let (Some(name), Some(content)) = (attribute(tag, "name"), attribute(tag, "content")) else {
        return;
    };
    match name.as_str() {
        "pypi:project-status" => page.status = ProjectStatus::parse(content.trim()).unwrap_or_default(),
        "pypi:project-status-reason" if !content.is_empty() => page.status_reason = Some(content),
        _ => {}
    }
}

fn read_serial(comment: &[u8], page: &mut Page) {
    let text = std::str::from_utf8(comment).unwrap_or("").trim();
    if let Some(serial) = text.strip_prefix("SERIAL ").and_then(|n| n.trim().parse().ok()) {
        page.serial = Some(serial);
    }
}

#[cfg(test)]
mod tests;
