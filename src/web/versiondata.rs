//! Projects and releases as devpi's client reads them: `projectconfig` and `versiondata`.

use super::http::{Ctx, respond};
use crate::db::files::StoredFile;
use crate::error::{Error, Result};
use crate::missing;
use crate::names::ProjectName;
use crate::packaging::metadata::Metadata;
use crate::packaging::page::{File, FilePlace, Page};
use crate::packaging::releases::FilesByVersion;
use crate::packaging::version;
use crate::tools::time::Micros;
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
        versions.insert(known.clone(), project.versiondata(known, releases.files(known), &metadata));
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
    let data = project.versiondata(known, releases.files(known), &metadata);
    respond::devpi(StatusCode::OK, "versiondata", data, None)
}

/// What both resources are told from.
struct ProjectVersions {
    project: ProjectName,
    page: Page,
    /// Files of exactly this index, by name.
    own: BTreeMap<String, StoredFile>,
    /// Of this server, without a slash at its end.
    base: String,
}

impl ProjectVersions {
    async fn load(ctx: Ctx) -> Result<(Ctx<()>, Self)> {
        let text = ctx.param("project");
        let project = ProjectName::new(text).ok_or_else(|| missing!("no project '{text}'"))?;
        let base = ctx.root();
        let ctx = ctx.without_body();
        let index = ctx.index()?;
        let files = ctx.app.db.project_files(&index.name, &project).await?;
        let own: BTreeMap<_, _> = files.into_iter().map(|file| (file.filename.clone(), file)).collect();
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
        Ok((ctx, Self { project, page, own, base }))
    }

    /// What the files of this index say of their releases.
    async fn own_metadata(&self, ctx: &Ctx<()>) -> Result<BTreeMap<String, Metadata>> {
        let releases = ctx.app.db.releases(&ctx.index()?.name, &self.project).await?;
        let read = |json: &str| serde_json::from_str(json).map_err(Error::internal);
        releases.into_iter().map(|release| Ok((release.version, read(&release.metadata)?))).collect()
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
        let mut data = fields(metadata);
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
        data.insert("+links".into(), files.iter().map(|file| self.link(file)).collect());
        data.into()
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
            let (who, when) = (&own.uploader, moment(own.uploaded_at));
            link["log"] = json!([{"what": "upload", "who": who, "when": when, "dst": own.index}]);
        }
        link
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

/// Metadata under the names that upload forms use, all keys always there.
fn fields(metadata: &Metadata) -> Map<String, Value> {
    let singles = [
        ("summary", &metadata.summary),
        ("home_page", &metadata.home_page),
        ("author", &metadata.author),
        ("author_email", &metadata.author_email),
        ("maintainer", &metadata.maintainer),
        ("maintainer_email", &metadata.maintainer_email),
        ("license", &metadata.license),
        ("license_expression", &metadata.license_expression),
        ("description", &metadata.description),
        ("description_content_type", &metadata.description_content_type),
        ("keywords", &metadata.keywords),
        ("download_url", &metadata.download_url),
        ("requires_python", &metadata.requires_python),
    ];
    let lists = [
        ("platform", &metadata.platforms),
        ("supported_platform", &metadata.supported_platforms),
        ("classifiers", &metadata.classifiers),
        ("provides", &metadata.provides),
        ("requires", &metadata.requires),
        ("obsoletes", &metadata.obsoletes),
        ("project_urls", &metadata.project_urls),
        ("provides_dist", &metadata.provides_dist),
        ("obsoletes_dist", &metadata.obsoletes_dist),
        ("requires_dist", &metadata.requires_dist),
        ("requires_external", &metadata.requires_external),
        ("provides_extras", &metadata.provides_extra),
        ("dynamic", &metadata.dynamic),
        ("license_file", &metadata.license_files),
    ];
    let mut fields = Map::new();
    fields.insert("metadata_version".into(), metadata.metadata_version.as_str().into());
    fields.insert("name".into(), metadata.name.as_str().into());
    fields.extend(singles.map(|(key, value)| (key.to_owned(), value.clone().unwrap_or_default().into())));
    fields.extend(lists.map(|(key, values)| (key.to_owned(), json!(values))));
    fields
}
