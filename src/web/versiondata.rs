//! Projects and releases as devpi's client reads them: `projectconfig` and `versiondata`.

use super::http::{Ctx, respond};
use crate::access::may_read;
use crate::db::attachments::Attachment;
use crate::db::files::{ReleaseRow, StoredFile};
use crate::directory::{Directory, Index, inheritance};
use crate::error::{Error, Result};
use crate::index::beside;
use crate::index::policy;
use crate::index::stage;
use crate::missing;
use crate::names::{IndexName, ProjectName};
use crate::packaging::metadata::{Metadata, form_fields};
use crate::packaging::page::{File, FilePlace, Page};
use crate::packaging::releases::FilesByVersion;
use crate::packaging::version;
use crate::tools::time::Micros;
use crate::words::{History, Passage, PassageKind};
use axum::response::Response;
use http::StatusCode;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// `I/{project}`: every version with its files; `?ignore_bases` leaves out what is inherited.
pub async fn project(ctx: Ctx) -> Result<Response> {
    let (ctx, project) = ProjectVersions::load(ctx).await?;
    let own = project.own_metadata(&ctx).await?;
    let (mut versions, releases) = (Map::new(), FilesByVersion::of(&project.page));
    for known in project.versions(&own).iter().rev() {
        let metadata = own.get(known).cloned().unwrap_or_default();
        let mut data = project.versiondata(known, releases.files(known), &metadata);
        project.add_shadowed(known, &mut data);
        versions.insert(known.clone(), data);
    }
    if versions.is_empty() {
        return Err(missing!("no project '{}'", project.project));
    }
    respond::devpi(StatusCode::OK, "projectconfig", versions.into(), None)
}

/// `I/{project}/{version}`
pub async fn release(ctx: Ctx) -> Result<Response> {
    let asked = ctx.param("version").to_owned();
    let (ctx, project) = ProjectVersions::load(ctx).await?;
    let own = project.own_metadata(&ctx).await?;
    let versions = project.versions(&own);
    let Some(known) = versions.iter().find(|known| version::same(known, &asked)) else {
        return Err(missing!("The version {asked} of project {} does not exist.", project.project));
    };
    let metadata = match own.get(known) {
        Some(metadata) => metadata.clone(),
        None => {
            let views = &ctx.app.indexes.views;
            views.metadata(&ctx.directory, ctx.index()?, &project.page, known, &ctx.who).await?
        }
    };
    let releases = FilesByVersion::of(&project.page);
    let mut data = project.versiondata(known, releases.files(known), &metadata);
    project.add_shadowed(known, &mut data);
    respond::devpi(StatusCode::OK, "versiondata", data, None)
}

/// What both resources are told from.
struct ProjectVersions {
    project: ProjectName,
    page: Page,
    /// Files of exactly this index, by name.
    own: BTreeMap<String, StoredFile>,
    /// What stands beside the files of exactly this index.
    beside: Vec<Attachment>,
    /// Of this server, without a slash at its end.
    base: String,
    /// The same of the stages below, each by itself, with what their files say of their releases.
    below: Vec<(ProjectVersions, BTreeMap<String, Metadata>)>,
}

impl ProjectVersions {
    async fn load(ctx: Ctx) -> Result<(Ctx<()>, Self)> {
        let text = ctx.param("project");
        let project = ProjectName::new(text).ok_or_else(|| missing!("no project '{text}'"))?;
        let base = ctx.root();
        let ctx = ctx.without_body();
        let index = ctx.index()?;
        let is_free = |version: &str| is_free(&ctx.directory, &[&index.name], &project, version);
        let files = ctx.app.db.project_files(&index.name, &project).await?;
        let files = files.into_iter().filter(|file| is_free(&file.version));
        let own: BTreeMap<_, _> = files.map(|file| (file.filename.clone(), file)).collect();
        let mut beside = ctx.app.db.attachments(&index.name, &project).await?;
        beside.retain(|known| is_free(&known.version));
        let mut page = ctx.app.indexes.views.page(&ctx.directory, index, &project, &ctx.who).await?;
        if ctx.query("ignore_bases").is_some() {
            let ours = |file: &File| {
                let known = own.get(file.filename.as_str());
                file.place == FilePlace::Hosted(index.name.clone())
                    && known.is_some_and(|known| file.hashes.sha256.as_ref() == Some(&known.sha256))
            };
            page.files.retain(ours);
            page.more_versions.clear();
        }
        let below = match ctx.query("ignore_bases") {
            None if !own.is_empty() => Self::below(&ctx, index, &project, &base).await?,
            _ => Vec::new(),
        };
        Ok((ctx, Self { project, page, own, beside, base, below }))
    }

    async fn below(
        ctx: &Ctx<()>,
        index: &Index,
        project: &ProjectName,
        base: &str,
    ) -> Result<Vec<(Self, BTreeMap<String, Metadata>)>> {
        let walk = ctx.app.indexes.views.walk(&ctx.directory, &index.name)?;
        let (db, mut below) = (&ctx.app.db, Vec::new());
        for name in walk.order.sources.iter().filter(|name| **name != index.name) {
            let source = ctx.directory.indexes.get(name).filter(|source| source.is_stage());
            let Some(source) = source.filter(|source| may_read(&ctx.directory, &ctx.who, source)) else {
                continue;
            };
            let Some(row) = db.project(&source.name, project).await? else { continue };
            let files = db.project_files(name, project).await?;
            let releases = db.releases(name, project).await?;
            let mut page = stage::page(name, project, &row, &files, &releases, None);
            policy::hide_quarantined(&ctx.directory, &walk.order, name, &mut page);
            let holding = inheritance::holding(&ctx.directory, &walk.order, name, project);
            let is_free = |version: &str| is_free(&ctx.directory, &holding, project, version);
            let own = files.into_iter().filter(|file| is_free(&file.version));
            let own = own.map(|file| (file.filename.clone(), file)).collect();
            let beside = db.attachments(name, project).await?;
            let beside = beside.into_iter().filter(|known| is_free(&known.version)).collect();
            let releases = releases.into_iter().filter(|release| is_free(&release.version)).collect();
            let alone = Self {
                project: project.clone(),
                page,
                own,
                beside,
                base: base.to_owned(),
                below: Vec::new(),
            };
            below.push((alone, metadata_of(releases)?));
        }
        Ok(below)
    }

    /// What the files of this index say of their releases.
    async fn own_metadata(&self, ctx: &Ctx<()>) -> Result<BTreeMap<String, Metadata>> {
        let index = &ctx.index()?.name;
        let mut releases = ctx.app.db.releases(index, &self.project).await?;
        releases.retain(|release| is_free(&ctx.directory, &[index], &self.project, &release.version));
        metadata_of(releases)
    }

    /// The same version in stages below, which this one hides: `+shadowing`.
    fn add_shadowed(&self, version: &str, data: &mut Value) {
        let shadowed = self.below.iter().filter_map(|(below, metadata)| {
            let releases = FilesByVersion::of(&below.page);
            let known = metadata.keys().find(|known| version::same(known, version))?;
            Some(below.versiondata(known, releases.files(known), metadata.get(known)?))
        });
        let shadowed: Vec<Value> = shadowed.collect();
        if !shadowed.is_empty() && self.own.values().any(|file| version::same(&file.version, version)) {
            data["+shadowing"] = shadowed.into();
        }
    }

    /// Versions of files and of releases that have none, in order.
    fn versions(&self, own: &BTreeMap<String, Metadata>) -> Vec<String> {
        let mut versions = self.page.versions();
        for known in own.keys() {
            if !versions.iter().any(|version| version::parse(version) == version::parse(known)) {
                versions.push(known.clone());
            }
        }
        versions.sort_by(|a, b| version::compare(a, b));
        versions
    }

    fn versiondata(&self, version: &str, files: &[&File], metadata: &Metadata) -> Value {
        let mut data = form_fields(metadata);
        if metadata.name.is_empty() {
            data.clear();
            data.insert("name".into(), self.project.as_str().into());
            if let Some(text) = files.first().and_then(|file| file.requires_python.as_ref()) {
                data.insert("requires_python".into(), text.as_str().into());
            }
        }
        data.insert("version".into(), version.into());
        if files.first().is_some_and(|file| file.yanked.is_yanked()) {
            data.insert("yanked".into(), true.into());
        }
        data.insert("+links".into(), self.links(version, files));
        data.into()
    }

    /// The files, each with the results of its tests, and the documentation.
    fn links(&self, version: &str, files: &[&File]) -> Value {
        let mut links = Vec::with_capacity(files.len());
        for file in files {
            let link = self.link(file);
            let tested = self.own.get(file.filename.as_str());
            let results = self.beside.iter().filter(|known| known.about.as_deref() == Some(&file.filename));
            let results = results.map(|known| {
                let mut result = self.link_beside(known, tested);
                result["for_href"] = link["href"].clone();
                result
            });
            let results: Vec<Value> = results.collect();
            links.push(link);
            links.extend(results);
        }
        let docs = self.beside.iter().filter(|known| known.about.is_none() && known.version == version);
        links.extend(docs.map(|known| self.link_beside(known, None)));
        links.into()
    }

    fn link_beside(&self, known: &Attachment, tested: Option<&StoredFile>) -> Value {
        let sha256 = &known.sha256;
        json!({
            "rel": known.kind.name(),
            "href": beside::href(known, tested, &format!("{}/", self.base)),
            "hash_spec": format!("sha256={sha256}"),
            "hashes": {"sha256": sha256},
            "log": log(known.history.as_ref(), known.uploader.as_ref(), known.uploaded_at, &known.index),
        })
    }

    fn link(&self, file: &File) -> Value {
        let href = file.href(&format!("{}/", self.base)).to_string();
        let mut link = json!({"rel": "releasefile", "href": href, "hash_spec": "", "hashes": {}});
        if let Some(sha256) = &file.hashes.sha256 {
            link["hash_spec"] = format!("sha256={sha256}").into();
            link["hashes"] = json!({"sha256": sha256});
        }
        let own = self.own.get(file.filename.as_str()).filter(|own| own.url.is_none());
        if let Some(own) = own.filter(|own| file.hashes.sha256.as_ref() == Some(&own.sha256)) {
            link["log"] = log(own.history.as_ref(), own.uploader.as_ref(), own.uploaded_at, &own.index);
        }
        link
    }
}

/// Whether a release is in no quarantine of these indexes.
fn is_free(directory: &Directory, indexes: &[&IndexName], project: &ProjectName, text: &str) -> bool {
    directory.quarantines.of_any(indexes, project, version::parse(text).as_ref()).is_none()
}

fn metadata_of(releases: Vec<ReleaseRow>) -> Result<BTreeMap<String, Metadata>> {
    let read = |json: &str| serde_json::from_str(json).map_err(Error::internal);
    releases.into_iter().map(|release| Ok((release.version, read(&release.metadata)?))).collect()
}

/// How something came to an index, step by step.
fn log(history: Option<&History>, who: Option<&String>, at: Micros, index: &IndexName) -> Value {
    let step = |passage: &Passage| {
        let mut step = json!({"what": passage.what.name(), "who": passage.who, "when": moment(passage.at)});
        for (key, index) in [("src", &passage.src), ("dst", &passage.dst)] {
            if let Some(index) = index {
                step[key] = json!(index);
            }
        }
        if let Some(count) = passage.count {
            step["count"] = count.into();
        }
        step
    };
    match history {
        Some(history) => history.0.iter().map(step).collect(),
        None => json!([{
            "what": PassageKind::Upload.name(), "who": who, "when": moment(at), "dst": index,
        }]),
    }
}

/// UTC as devpi writes it: year, month, day, hour, minute, second.
fn moment(at: Micros) -> [i16; 6] {
    let time = jiff::Timestamp::from_microsecond(at).unwrap_or_default();
    let time = time.to_zoned(jiff::tz::TimeZone::UTC).datetime();
    let small = i16::from;
    [
        time.year(),
        small(time.month()),
        small(time.day()),
        small(time.hour()),
        small(time.minute()),
        small(time.second()),
    ]
}
