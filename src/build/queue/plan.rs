//! What an ask comes to: the source on its page, and the row that the build would have.

use super::Queue;
use super::wanted::{Ask, Upload, Wanted};
use crate::access::Who;
use crate::build::target::Target;
use crate::build::tools::tools_for;
use crate::db::builds::Build;
use crate::error::{Error, Result};
use crate::names::{BuildContext, IndexName, ProjectName};
use crate::packaging::choose::{self, FoundFile};
use crate::packaging::page::{File, Page};
use crate::packaging::upload_time::UploadTime;
use crate::packaging::version::{self, Version};
use crate::tools::hex;
use crate::words::{BuildSource, BuildState, FetchPlace, SourceKind};
use crate::{bad, missing};
use sha2::{Digest, Sha256};

/// A build that is to be: all that its key is made of, and what else is known of it.
pub(super) struct BuildPlan {
    context: BuildContext,
    given: bool,
    project: Option<ProjectName>,
    version: Option<String>,
    source: BuildSource,
    source_sha256: Option<String>,
    place: Option<FetchPlace>,
    platform_expected: bool,
}

impl Queue {
    pub(super) async fn plan(&self, who: &Who, ask: &Ask, target: &Target) -> Result<BuildPlan> {
        match &ask.wanted {
            Wanted::Requirement(requirement) => {
                let page = self.page(who, &ask.index, &requirement.name).await?;
                let found = target
                    .chooser()
                    .sdist(&page, &requirement.specifiers)
                    .map_err(|why| missing!("nothing to build for {}: {why}", target.name))?;
                listed(&page, &found)
            }
            Wanted::File { project, filename } => {
                let page = self.page(who, &ask.index, project).await?;
                let file = page.files.iter().find(|file| file.filename == *filename);
                let file = file.ok_or_else(|| missing!("{} has no file {filename}", ask.index))?;
                let name = crate::packaging::filename::SdistFilename::parse_for(project, filename)?;
                listed(&page, &FoundFile { file, version: name.version })
            }
            Wanted::Stored { project, version, file, sha256, platform_expected } => Ok(BuildPlan {
                source_sha256: Some(sha256.clone()),
                place: None,
                ..listed_file(project, version, file, *platform_expected)?
            }),
            Wanted::Repository { url, project, inside } => {
                let place = FetchPlace::Repository { url: url.clone(), inside: *inside };
                cloned(context(ask), url, project.as_ref(), place)
            }
            Wanted::Tag { url, project, watch, commit } => {
                let place = FetchPlace::Tag { url: url.clone(), watch: *watch, commit: commit.clone() };
                cloned(context(ask), url, project.as_ref(), place)
            }
            Wanted::Upload(upload) => Ok(uploaded(context(ask), upload)),
        }
    }

    /// The page of the first index of a context that has the project, and the index.
    pub(super) async fn context_page(
        &self,
        who: &Who,
        context: &BuildContext,
        project: &ProjectName,
    ) -> Result<(IndexName, Page)> {
        let directory = self.0.indexes.directory();
        let mut set = Vec::new();
        for name in context.indexes() {
            let known = directory.indexes.get(name).ok_or_else(|| missing!("index {name} does not exist"))?;
            set.push(known);
        }
        Box::pin(self.0.indexes.views.first(&directory, &set, project, who)).await
    }

    /// A project's page, as `who` sees it.
    pub(in crate::build) async fn page(
        &self,
        who: &Who,
        index: &IndexName,
        project: &ProjectName,
    ) -> Result<Page> {
        let directory = self.0.indexes.directory();
        let known = directory.indexes.get(index).ok_or_else(|| missing!("index {index} does not exist"))?;
        Box::pin(self.0.indexes.views.page(&directory, known, project, who)).await
    }

    pub(super) async fn row(&self, who: &Who, ask: &Ask, plan: BuildPlan, target: &Target) -> Result<Build> {
        let mut row = Build {
            purpose: ask.purpose,
            given: plan.given,
            claim: claim(plan.project.as_ref(), plan.version.as_deref()),
            project: plan.project,
            version: plan.version,
            source_sha256: plan.source_sha256,
            place: plan.place,
            target: target.name.clone(),
            tools: tools_for(target).name(),
            platform_expected: plan.platform_expected,
            priority: ask.priority.number(),
            asked_by: who.label.clone(),
            ..Build::new(plan.context, plan.source)
        };
        self.follow_recipe(&mut row, target).await?;
        row.key = key(&row)?;
        // Its bytes may be here already; whoever fetches sees to it.
        if row.place.is_some() {
            row.state = BuildState::Fetching;
            row.source_sha256 = None;
        }
        Ok(row)
    }
}

/// From where a source that no index lists gets what its build needs: all that was asked, in its order.
fn context(ask: &Ask) -> BuildContext {
    BuildContext::of(&ask.set).unwrap_or_else(|| ask.index.clone().into())
}

/// What a source is asked as. A wheel of anything else is refused, so that it is part of the key.
fn claim(project: Option<&ProjectName>, version: Option<&str>) -> String {
    match (project, version) {
        (None, _) => String::new(),
        (Some(project), None) => project.to_string(),
        (Some(project), Some(version)) => format!("{project}=={version}"),
    }
}

/// One build has one key, whoever asks: a hash over all that decides what comes out. The same bytes
/// under another name are another build, whose failure says nothing of this one.
pub(super) fn key(row: &Build) -> Result<String> {
    let told = match &row.place {
        Some(FetchPlace::Index { sha256, .. }) => sha256.as_ref(),
        _ => None,
    };
    let place = row.place.as_ref().map(serde_json::to_string).transpose().map_err(Error::internal)?;
    let bytes = match row.source_sha256.as_ref().or(told) {
        Some(sha256) => ("sha256", sha256.as_str()),
        None => ("from", place.as_deref().unwrap_or_default()),
    };
    let source = &row.source;
    // An sdist's file name is checked against its content; a tree's only says where it came from.
    let filename = match source.kind {
        SourceKind::Sdist => source.filename.as_str(),
        SourceKind::Tree => "",
    };
    let published = source.published_at.map(|at| at.to_string()).unwrap_or_default();
    let Build { purpose, context, given, claim, target, recipe_sha256, tools, platform_expected, .. } = row;
    let parts = [
        ("claim", claim.as_str()),
        bytes,
        ("filename", filename),
        ("subdirectory", source.subdirectory.as_str()),
        ("published", published.as_str()),
        ("given", if *given { "1" } else { "" }),
        ("platform", if *platform_expected { "1" } else { "" }),
        ("target", target.as_str()),
        ("recipe", recipe_sha256.as_deref().unwrap_or_default()),
        ("tools", tools.as_str()),
        ("context", context.as_str()),
        ("purpose", purpose.name()),
    ];
    let mut hash = Sha256::new();
    // What is only tried is nobody else's; all others have the keys that they always had.
    let tried = row.trial.then_some(("trial", "1"));
    let because = row.because.as_deref().map(|pin| ("because", pin));
    for text in parts.iter().chain(&tried).chain(&because).flat_map(|(name, value)| [name, value]) {
        hash.update((text.len() as u64).to_be_bytes());
        hash.update(text.as_bytes());
    }
    Ok(hex::encode(hash.finalize()))
}

/// The plan for a repository, which is fetched later.
fn cloned(
    context: BuildContext,
    url: &str,
    project: Option<&ProjectName>,
    place: FetchPlace,
) -> Result<BuildPlan> {
    Ok(BuildPlan {
        context,
        given: true,
        project: project.cloned(),
        version: None,
        source: repository(url)?,
        source_sha256: None,
        place: Some(place),
        platform_expected: false,
    })
}

/// A repository as a source; a URL that nobody can fetch is refused at once. Credentials stay out of
/// what is shown.
fn repository(url: &str) -> Result<BuildSource> {
    let shown = crate::git::Address::parse(url)?.to_string();
    Ok(BuildSource {
        kind: SourceKind::Tree,
        filename: shown.clone(),
        origin: shown,
        ..BuildSource::default()
    })
}

/// The plan for a file that a page lists; its context is the index that owns it.
fn listed(page: &Page, found: &FoundFile<'_>) -> Result<BuildPlan> {
    let platform_expected = choose::has_platform_wheel(page, &found.version);
    listed_file(&page.name, &found.version, found.file, platform_expected)
}

fn listed_file(
    project: &ProjectName,
    version: &Version,
    file: &File,
    platform_expected: bool,
) -> Result<BuildPlan> {
    let context = file.owner().ok_or_else(|| bad!("{} is not on an index of this server", file.filename))?;
    let source = BuildSource {
        kind: SourceKind::Sdist,
        filename: file.filename.to_string(),
        origin: context.to_string(),
        published_at: file.uploaded.map(UploadTime::micros),
        ..BuildSource::default()
    };
    Ok(BuildPlan {
        given: false,
        project: Some(project.clone()),
        version: Some(version.to_string()),
        source,
        source_sha256: file.hashes.sha256.clone(),
        place: Some(FetchPlace::Index {
            index: context.clone(),
            project: project.clone(),
            filename: file.filename.to_string(),
            sha256: file.hashes.sha256.clone(),
            url: file.href("").to_string(),
        }),
        platform_expected,
        context: context.clone().into(),
    })
}

fn uploaded(context: BuildContext, upload: &Upload) -> BuildPlan {
    let named = match upload.source.kind {
        SourceKind::Sdist => {
            crate::packaging::filename::candidates(&upload.source.filename).iter().find_map(|name| {
                crate::packaging::filename::SdistFilename::parse_for(name, &upload.source.filename).ok()
            })
        }
        SourceKind::Tree => None,
    };
    BuildPlan {
        context,
        given: true,
        project: named.as_ref().map(|name| name.name.clone()),
        version: named.as_ref().map(|name| version::canonical(&name.version_text).unwrap_or_default()),
        source: upload.source.clone(),
        source_sha256: Some(upload.sha256.clone()),
        place: None,
        platform_expected: false,
    }
}

#[cfg(test)]
mod tests;
