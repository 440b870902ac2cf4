//! Project pages and project lists as JSON (PEP 691 and its successors): tolerant in, exact out.

use crate::bad_upstream;
use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use url::Url;

use super::filename::ListedFilename;
use super::page::{CoreMetadata, File, FilePlace, Hashes, Page, Provenance, Yanked, resolve, sha256_hex};
use super::upload_time::UploadTime;
use crate::error::{Error, Result};
use crate::names::{NameList, NameListBuilder, ProjectName};
use crate::words::ProjectStatus;

mod render;
pub use render::{render, render_names};

/// Reads `project`'s page, fetched from `page_url`. Optional values of a wrong kind count as
/// absent; whatever is no file of the project is left out; the order of the page is kept.
///
/// # Errors
/// `BadUpstream` if the body is no such page, one of a major version we do not know, or not proven
/// to be the page of this project: by its name or, where it tells none, by a file.
pub fn parse(body: &[u8], page_url: &Url, project: &ProjectName) -> Result<Page> {
    let wire = read_page(body)?;
    let name = wire.name.text().map(str::to_owned);
    let page = page_of(wire, page_url, project);
    match name {
        Some(name) if ProjectName::new(&name).as_ref() != Some(project) => {
            Err(bad_upstream!("the upstream's page for {project} belongs to another project: {name:?}"))
        }
        None if page.files.is_empty() => Err(bad_upstream!(
            "the upstream's page for {project} has neither the project's name nor a file of it"
        )),
        _ => Ok(page),
    }
}

/// Reads the files of `project` from a page that lists many projects' files.
///
/// # Errors
/// `BadUpstream` if the body is no page of files, or one of a major version we do not know.
pub fn parse_flat(body: &[u8], page_url: &Url, project: &ProjectName) -> Result<Page> {
    Ok(page_of(read_page(body)?, page_url, project))
}

fn read_page(body: &[u8]) -> Result<WirePage<'_>> {
    let wire: WirePage = serde_json::from_slice(body).map_err(|e| unreadable("project page", &e))?;
    check_api_version(&wire.meta)?;
    Ok(wire)
}

fn page_of(wire: WirePage, page_url: &Url, project: &ProjectName) -> Page {
    let mut page = Page::new(project.clone());
    page.serial = wire.meta.get("_last-serial").and_then(Loose::number);
    if let Some(status) = wire.status.get("status").and_then(Loose::text).and_then(ProjectStatus::parse) {
        page.status = status;
        let reason = wire.status.get("reason").and_then(Loose::text);
        page.status_reason = reason.filter(|reason| !reason.is_empty()).map(str::to_owned);
    }
    let files = wire.files.into_iter().filter_map(|file| read_file(file, page_url, project));
    page.files = files.collect();
    if let Loose::List(versions) = wire.versions {
        page.set_more_versions(versions.iter().filter_map(Loose::text).map(str::to_owned));
    }
    page
}

/// The projects of a project list.
///
/// # Errors
/// `BadUpstream` if the body is no such list, or one of a major version we do not know.
pub fn parse_names(body: &[u8]) -> Result<NameList> {
    let wire: WireNames = serde_json::from_slice(body).map_err(|e| unreadable("project list", &e))?;
    check_api_version(&wire.meta)?;
    Ok(wire.projects.0.finish())
}

fn unreadable(what: &str, error: &serde_json::Error) -> Error {
    bad_upstream!("the upstream's {what} is not valid JSON: {error}")
}

fn check_api_version(meta: &Loose) -> Result<()> {
    let version = match meta.get("api-version") {
        Some(Loose::Text(text)) => text.as_ref(),
        // Absent, or a number as some servers write it.
        _ => return Ok(()),
    };
    match version.split('.').next().unwrap_or("").trim() {
        "1" | "" => Ok(()),
        _ => Err(bad_upstream!(
            "the upstream uses version {version} of the simple API, but this server supports only version 1"
        )),
    }
}

fn read_file(wire: WireFile, page_url: &Url, project: &ProjectName) -> Option<File> {
    let link = resolve(page_url, wire.url.text()?)?;
    let filename = ListedFilename::parse(project, wire.filename.text().unwrap_or(&link.filename))?;
    let mut hashes = Hashes::default();
    for (algorithm, hex) in wire.hashes.entries() {
        hashes.insert(algorithm, hex.text().unwrap_or(""));
    }
    let owned = |value: &Loose| Some(value.text()?.to_owned()).filter(|text| !text.trim().is_empty());
    let metadata = [&wire.core_metadata, &wire.data_dist_info_metadata, &wire.dist_info_metadata];
    let metadata = metadata.into_iter().find(|value| !matches!(value, Loose::Null));
    Some(File {
        filename,
        place: FilePlace::Link(link.url),
        hashes: if hashes.is_empty() { link.hashes } else { hashes },
        requires_python: owned(&wire.requires_python),
        size: wire.size.number(),
        uploaded: wire.upload_time.text().and_then(UploadTime::parse),
        yanked: match &wire.yanked {
            Loose::Bool(true) => Yanked::Yes,
            Loose::Text(reason) if !reason.is_empty() => Yanked::because(reason),
            _ => Yanked::No,
        },
        core_metadata: metadata.map_or(CoreMetadata::No, read_core_metadata),
        provenance: owned(&wire.provenance)
            .filter(|url| url.starts_with("https://"))
            .map_or(Provenance::No, Provenance::At),
    })
}

fn read_core_metadata(value: &Loose) -> CoreMetadata {
    match value {
        Loose::Bool(true) => CoreMetadata::Yes,
        Loose::Map(_) => {
            let hex = value.get("sha256").and_then(Loose::text).and_then(sha256_hex);
            hex.map_or(CoreMetadata::Yes, CoreMetadata::Sha256)
        }
        _ => CoreMetadata::No,
    }
}

#[derive(Deserialize)]
struct WirePage<'a> {
    #[serde(borrow, default)]
    meta: Loose<'a>,
    #[serde(borrow, default)]
    name: Loose<'a>,
    #[serde(borrow, default, rename = "project-status")]
    status: Loose<'a>,
    #[serde(borrow)]
    files: Vec<WireFile<'a>>,
    #[serde(borrow, default)]
    versions: Loose<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct WireFile<'a> {
    #[serde(borrow, default)]
    filename: Loose<'a>,
    #[serde(borrow, default)]
    url: Loose<'a>,
    #[serde(borrow, default)]
    hashes: Loose<'a>,
    #[serde(borrow, default)]
    requires_python: Loose<'a>,
    #[serde(borrow, default)]
    size: Loose<'a>,
    #[serde(borrow, default)]
    upload_time: Loose<'a>,
    #[serde(borrow, default)]
    yanked: Loose<'a>,
    #[serde(borrow, default)]
    core_metadata: Loose<'a>,
    #[serde(borrow, default)]
    data_dist_info_metadata: Loose<'a>,
    #[serde(borrow, default)]
    dist_info_metadata: Loose<'a>,
    #[serde(borrow, default)]
    provenance: Loose<'a>,
}

#[derive(Deserialize)]
struct WireNames<'a> {
    #[serde(borrow, default)]
    meta: Loose<'a>,
    projects: WireProjects,
}

/// The names of a list, gathered while reading: no value is built per project.
struct WireProjects(NameListBuilder);

#[derive(Deserialize)]
struct WireProject<'a> {
    #[serde(borrow, default)]
    name: Loose<'a>,
}

impl<'de> Deserialize<'de> for WireProjects {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Projects;
        impl<'de> Visitor<'de> for Projects {
            type Value = WireProjects;

            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("a list of projects")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<WireProjects, A::Error> {
                let mut names = NameListBuilder::default();
                while let Some(project) = seq.next_element::<WireProject<'de>>()? {
                    names.push(project.name.text().unwrap_or(""));
                }
                Ok(WireProjects(names))
            }
        }
        deserializer.deserialize_seq(Projects)
    }
}

/// Any JSON value, borrowed where possible: a server that gets one value wrong (a `null`, a number
/// for a string) must not cost us its whole page.
#[derive(Default)]
enum Loose<'a> {
    #[default]
    Null,
    Bool(bool),
    Number(u64),
    Text(Cow<'a, str>),
    Map(Vec<(Cow<'a, str>, Loose<'a>)>),
    List(Vec<Loose<'a>>),
    /// Numbers that are no natural number.
    Other,
}

impl Loose<'_> {
    fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    fn number(&self) -> Option<u64> {
        match self {
            Self::Number(number) => Some(*number),
            _ => None,
        }
    }

    fn entries(&self) -> impl Iterator<Item = (&str, &Self)> {
        let entries = match self {
            Self::Map(entries) => entries.as_slice(),
            _ => &[],
        };
        entries.iter().map(|(key, value)| (key.as_ref(), value))
    }

    fn get(&self, wanted: &str) -> Option<&Self> {
        self.entries().find(|(key, _)| *key == wanted).map(|(_, value)| value)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Loose<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(LooseVisitor)
    }
}

struct LooseVisitor;

impl<'de> Visitor<'de> for LooseVisitor {
    type Value = Loose<'de>;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_unit<E>(self) -> Result<Loose<'de>, E> {
        Ok(Loose::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Loose<'de>, E> {
        Ok(Loose::Bool(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Loose<'de>, E> {
        Ok(Loose::Number(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Loose<'de>, E> {
        Ok(u64::try_from(value).map_or(Loose::Other, Loose::Number))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Loose<'de>, E> {
        Ok(Loose::Other)
    }

    fn visit_borrowed_str<E>(self, value: &'de str) -> Result<Loose<'de>, E> {
        Ok(Loose::Text(Cow::Borrowed(value)))
    }

    fn visit_str<E>(self, value: &str) -> Result<Loose<'de>, E> {
        Ok(Loose::Text(Cow::Owned(value.to_owned())))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Loose<'de>, A::Error> {
        let mut entries = Vec::new();
        while let Some(key) = map.next_key::<Loose<'de>>()? {
            match key {
                Loose::Text(key) => entries.push((key, map.next_value()?)),
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(Loose::Map(entries))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Loose<'de>, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element()? {
            items.push(item);
        }
        Ok(Loose::List(items))
    }
}

#[cfg(test)]
mod tests;
