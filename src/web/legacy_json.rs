//! The legacy JSON API: `I/pypi/{project}/json`, `I/pypi/{project}/{version}/json` and their
//! aliases, for tools that read a project's facts there.

use super::http::{Ctx, respond};
use super::simple::redirect;
use crate::directory::Index;
use crate::error::{Error, Result};
use crate::index::details::Digests;
use crate::missing;
use crate::names::ProjectName;
use crate::packaging::filename::encode_segment;
use crate::packaging::metadata::Metadata;
use crate::packaging::page::{CoreMetadata, File, Page};
use crate::packaging::releases::FilesByVersion;
use crate::packaging::version::{Version, parse};
use crate::words::{FileKind, ProjectStatus};
use axum::response::Response;
use http::{HeaderName, HeaderValue, StatusCode};
use serde_json::{Map, Value, json};

/// The project, or with `{version}` one release of it.
pub async fn get(ctx: Ctx) -> Result<Response> {
    let text = ctx.param("project");
    let name = ProjectName::new(text).ok_or_else(|| missing!("Not Found"))?;
    if text != name.as_str() {
        return moved(&ctx, &name);
    }
    let index = ctx.index()?;
    let views = &ctx.app.indexes.views;
    let mut page = views.page(&ctx.directory, index, &name, &ctx.who).await?;
    page.files.retain(|file| file.filename.version().is_some());
    let releases = FilesByVersion::of(&page);
    let asked = ctx.param("version");
    let version = match asked {
        "" => latest(&page, &releases).ok_or_else(|| missing!("{name} has no release"))?,
        text => {
            let same = |known: &String| parse(known) == parse(text);
            page.versions()
                .into_iter()
                .find(same)
                .filter(|_| parse(text).is_some())
                .ok_or_else(|| missing!("Not Found"))?
        }
    };
    let metadata = views.metadata(&ctx.directory, index, &page, &version, &ctx.who).await?;
    let digests = views.digests(&ctx.directory, index, &name).await?;
    let base = format!("{}/", ctx.root());
    let files = |version: &str| -> Vec<Value> {
        let offered = releases.files(version).iter().filter(|_| page.status != ProjectStatus::Quarantined);
        offered.map(|file| file_json(file, &base, &digests)).collect()
    };
    let mut body = json!({
        "info": info(&page, releases.files(&version), &version, &metadata, &base, index),
        "last_serial": page.serial.unwrap_or_default(),
        "urls": files(&version),
        "vulnerabilities": [],
        "ownership": {"organization": null, "roles": []},
    });
    if asked.is_empty()
        && let Some(body) = body.as_object_mut()
    {
        let mut versions = page.versions();
        versions.dedup_by(|a, b| parse(a).is_some() && parse(a) == parse(b));
        let releases: Map<String, Value> =
            versions.into_iter().map(|version| (version.clone(), files(&version).into())).collect();
        body.insert("releases".into(), releases.into());
    }
    let text = serde_json::to_vec(&body).map_err(Error::internal)?;
    let mut response = respond::bytes(&ctx.headers, text, HeaderValue::from_static("application/json"))?;
    if let Some(serial) = page.serial {
        response.headers_mut().insert(HeaderName::from_static("x-pypi-last-serial"), serial.into());
    }
    Ok(response)
}

/// The highest that is neither yanked nor a pre-release, else the highest not yanked, else the highest.
fn latest(page: &Page, releases: &FilesByVersion<'_>) -> Option<String> {
    let versions = page.versions();
    let rank = |version: &&String| -> (bool, bool, Option<Version>) {
        let parsed = parse(version);
        let stable = parsed.as_ref().is_some_and(|version| !version.any_prerelease());
        (!releases.is_yanked(version), stable, parsed)
    };
    versions.iter().max_by_key(rank).cloned()
}

fn file_json(file: &File, base: &str, known: &Digests) -> Value {
    let wheel = file.filename.kind() == FileKind::Wheel;
    let python = file.filename.rsplit('-').nth(2).filter(|_| wheel).unwrap_or("source");
    let time = file.uploaded.map(|time| time.to_string()).unwrap_or_default();
    let url = file.href(base).to_string();
    let mut digests = Map::new();
    if let Some(sha256) = &file.hashes.sha256 {
        let (md5, blake2) = known.get(sha256).cloned().unwrap_or_default();
        let all = [("blake2b_256", blake2), ("md5", md5), ("sha256", Some(sha256.clone()))];
        digests.extend(all.into_iter().filter_map(|(name, hex)| Some((name.to_owned(), hex?.into()))));
    }
    json!({
        "comment_text": "",
        "core-metadata": match &file.core_metadata {
            CoreMetadata::No => Value::Bool(false),
            CoreMetadata::Yes => Value::Bool(true),
            CoreMetadata::Sha256(hex) => json!({"sha256": hex}),
        },
        "digests": digests,
        "downloads": -1,
        "filename": file.filename,
        "has_sig": false,
        "md5_digest": digests.get("md5"),
        "packagetype": if wheel { FileKind::Wheel } else { FileKind::Sdist },
        "python_version": python,
        "requires_python": file.requires_python,
        "size": file.size,
        "upload_time": time.split(['.', 'Z']).next(),
        "upload_time_iso_8601": file.uploaded,
        "url": url,
        "yanked": file.yanked.is_yanked(),
        "yanked_reason": reason(file),
    })
}

fn reason(file: &File) -> Option<&str> {
    file.yanked.why().filter(|why| !why.is_empty())
}

fn info(
    page: &Page,
    files: &[&File],
    version: &str,
    metadata: &Metadata,
    base: &str,
    index: &Index,
) -> Value {
    let text = |field: &Option<String>| field.clone().unwrap_or_default();
    let list = |field: &[String]| if field.is_empty() { Value::Null } else { json!(field) };
    let project_url = format!("{base}{}/{}", index.name, page.name);
    let urls: Map<String, Value> =
        metadata.labelled_urls().map(|(label, url)| (label.to_owned(), url.into())).collect();
    let yanked = !files.is_empty() && files.iter().all(|file| file.yanked.is_yanked());
    let first = files.first();
    let name = if metadata.name.is_empty() { page.name.as_str() } else { &metadata.name };
    json!({
        "author": text(&metadata.author), "author_email": text(&metadata.author_email),
        "bugtrack_url": null, "classifiers": metadata.classifiers,
        "description": text(&metadata.description),
        "description_content_type": metadata.description_content_type,
        "docs_url": null, "download_url": text(&metadata.download_url),
        "downloads": {"last_day": -1, "last_month": -1, "last_week": -1},
        "dynamic": list(&metadata.dynamic), "home_page": text(&metadata.home_page),
        "keywords": text(&metadata.keywords), "license": text(&metadata.license),
        "license_expression": metadata.license_expression, "license_files": list(&metadata.license_files),
        "maintainer": text(&metadata.maintainer), "maintainer_email": text(&metadata.maintainer_email),
        "name": name, "package_url": project_url, "platform": metadata.platforms.join(","),
        "project_url": project_url, "project_urls": if urls.is_empty() { Value::Null } else { urls.into() },
        "provides_extra": list(&metadata.provides_extra), "release_url": format!("{project_url}/{version}"),
        "requires_dist": list(&metadata.requires_dist),
        "requires_python": metadata.requires_python.clone().or_else(|| first?.requires_python.clone()),
        "summary": text(&metadata.summary), "version": version, "yanked": yanked,
        "yanked_reason": first.and_then(|file| reason(file)).filter(|_| yanked),
    })
}

/// To the same under the normalised name. The place is relative, so that it holds behind any proxy.
fn moved(ctx: &Ctx, name: &ProjectName) -> Result<Response> {
    let slash = if ctx.uri.path().ends_with('/') { "/" } else { "" };
    let (up, rest) = match ctx.param("version") {
        "" => ("../", "json".to_owned()),
        version => ("../../", format!("{}/json", encode_segment(version))),
    };
    let up = if slash.is_empty() { up.to_owned() } else { format!("../{up}") };
    redirect(ctx, StatusCode::MOVED_PERMANENTLY, format!("{up}{name}/{rest}{slash}"))
}
