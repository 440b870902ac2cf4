//! Asking for builds: the source is found, its key worked out, and the build joined or started.

use super::source::{Place, owner_of};
use super::{BuildId, Builds, Priority, no_build};
use crate::access::Who;
use crate::bad;
use crate::build::choose;
use crate::build::job::{Purpose, Source, SourceKind};
use crate::build::recipe::Recipe;
use crate::build::target::{self, Target};
use crate::build::tools::tools_for;
use crate::db::Tx;
use crate::db::builds::StoredBuild;
use crate::db::events::NewEvent;
use crate::error::{Error, Result};
use crate::index::directory::IndexName;
use crate::packaging::name::ProjectName;
use crate::packaging::page::Page;
use crate::packaging::requirement::Requirement;
use crate::packaging::version;
use crate::{conflict, missing};
use sha2::{Digest, Sha256};

/// What somebody wants built.
#[derive(Clone, Debug)]
pub struct Ask {
    pub wanted: Wanted,
    pub purpose: Purpose,
    /// Names, whole or abbreviated; empty: all that are offered.
    pub targets: Vec<String>,
    /// On whose page a requirement is looked for; the context of what no index lists.
    pub index: IndexName,
    /// Gets the wheel when it is built.
    pub publish: Option<IndexName>,
    pub priority: Priority,
    /// What failed before runs again.
    pub rebuild: bool,
}

#[derive(Clone, Debug)]
pub enum Wanted {
    /// The newest source that fits, from the index's page.
    Requirement(Requirement),
    /// This very file of the index's page.
    File { project: ProjectName, filename: String },
    /// `git+https://…@v1#subdirectory=lib`
    Repository { url: String, project: Option<ProjectName> },
    /// Uploaded before.
    Upload(Upload),
}

/// A source that is a blob already.
#[derive(Clone, Debug, Default)]
pub struct Upload {
    pub sha256: String,
    pub source: Source,
}

/// A repository as a source; a URL that nobody can fetch is refused at once. Credentials stay out of
/// what is shown.
fn repository(url: &str) -> Result<Source> {
    let shown = crate::git::Address::parse(url)?.to_string();
    Ok(Source { kind: SourceKind::Tree, filename: shown.clone(), origin: shown, ..Source::default() })
}

/// A build that is to be: all that its key is made of, and what else is known of it.
struct Plan {
    context: IndexName,
    given: bool,
    project: Option<String>,
    version: Option<String>,
    source: Source,
    source_sha256: Option<String>,
    place: Option<Place>,
    platform_expected: bool,
}

impl Builds {
    /// Joins or starts the builds of what is wanted, one for each target.
    ///
    /// # Errors
    /// `Missing` for targets nobody offers and for requirements without a source; `Bad` for what
    /// cannot be built at all.
    pub async fn ask(&self, who: &Who, ask: &Ask) -> Result<Vec<BuildId>> {
        let targets = self.chosen_targets(&ask.targets).await?;
        let mut builds = Vec::with_capacity(targets.len());
        for target in &targets {
            let plan = self.plan(who, ask, target).await?;
            builds.push(self.join_or_start(who, ask, plan, target).await?);
        }
        self.prompt();
        Ok(builds)
    }

    async fn chosen_targets(&self, asked: &[String]) -> Result<Vec<Target>> {
        let offered = self.targets().await?;
        if asked.is_empty() {
            return match offered.is_empty() {
                true => Err(Error::Unavailable(
                    "no worker offers a target at present: ask again, or start one with `wheelwright worker`"
                        .into(),
                )),
                false => Ok(offered),
            };
        }
        let mut chosen: Vec<Target> = Vec::new();
        for name in asked {
            let found = match target::find(name, &offered) {
                Ok(found) => found.into_iter().cloned().collect(),
                // A worker that is away just now may come back.
                Err(error) => vec![self.target(name).await?.ok_or(error)?],
            };
            for target in found {
                if !chosen.iter().any(|known| known.name == target.name) {
                    chosen.push(target);
                }
            }
        }
        Ok(chosen)
    }

    async fn plan(&self, who: &Who, ask: &Ask, target: &Target) -> Result<Plan> {
        match &ask.wanted {
            Wanted::Requirement(requirement) => {
                let page = self.page(who, &ask.index, &requirement.name).await?;
                let found = choose::sdist(&page, &requirement.specifiers, target)
                    .map_err(|why| missing!("nothing to build for {}: {why}", target.name))?;
                listed(&page, &found)
            }
            Wanted::File { project, filename } => {
                let page = self.page(who, &ask.index, project).await?;
                let file = page.files.iter().find(|file| file.filename == *filename);
                let file = file.ok_or_else(|| missing!("{} lists no file {filename}", ask.index))?;
                let name = crate::packaging::filename::SdistFilename::parse_for(project, filename)?;
                listed(&page, &choose::Found { file: file.clone(), version: name.version })
            }
            Wanted::Repository { url, project } => Ok(Plan {
                context: ask.index.clone(),
                given: true,
                project: project.as_ref().map(ToString::to_string),
                version: None,
                source: repository(url)?,
                source_sha256: None,
                place: Some(Place::Repository { url: url.clone() }),
                platform_expected: false,
            }),
            Wanted::Upload(upload) => Ok(uploaded(&ask.index, upload)),
        }
    }

    /// A project's page, as `who` sees it.
    pub(super) async fn page(&self, who: &Who, index: &IndexName, project: &ProjectName) -> Result<Page> {
        let directory = self.0.indexes.directory();
        let known = directory.indexes.get(index).ok_or_else(|| missing!("there is no index {index}"))?;
        self.0.indexes.views.page(&directory, known, project, who).await
    }

    async fn join_or_start(&self, who: &Who, ask: &Ask, plan: Plan, target: &Target) -> Result<BuildId> {
        let index = ask.publish.as_ref().map(IndexName::as_str);
        let new = self.row(who, ask, plan, target).await?;
        if let Some(known) = self.0.db.build_by_key(&new.key).await? {
            return self.join(who, ask, known).await;
        }
        let mut tx = Tx::begin(&self.0.db).await?;
        let id = tx.serial;
        if !tx.create_build(&new, who.user.as_deref(), index).await? {
            drop(tx);
            // Somebody else was faster.
            let known = self.0.db.build_by_key(&new.key).await?.ok_or_else(|| no_build(id))?;
            return self.join(who, ask, known).await;
        }
        let what = match ask.purpose {
            Purpose::Wheel => "build asked",
            Purpose::Metadata => "metadata asked",
        };
        let detail = format!("{id} {} for {}", new.project.as_deref().unwrap_or("a tree"), new.target);
        tx.commit(event(who, what, new.project.as_deref(), &detail)).await?;
        Ok(id)
    }

    async fn join(&self, who: &Who, ask: &Ask, known: StoredBuild) -> Result<BuildId> {
        let (id, priority) = (known.id, ask.priority.number());
        let index = ask.publish.as_ref().map(IndexName::as_str);
        self.0.db.join_build(id, priority, who.user.as_deref(), index).await?;
        self.hurry(id, priority).await?;
        match known.state.as_str() {
            "failed" if ask.rebuild => return self.rebuild(who, id).await,
            "built" if index.is_some() => self.publish(id).await,
            _ => {}
        }
        Ok(id)
    }

    /// What a build waits for is as urgent as the build.
    async fn hurry(&self, id: BuildId, priority: i64) -> Result<()> {
        let mut open = vec![id];
        let mut seen = std::collections::BTreeSet::from([id]);
        while let Some(build) = open.pop() {
            for edge in self.0.db.build_needs(build).await? {
                if seen.insert(edge.needs) {
                    self.0.db.join_build(edge.needs, priority, None, None).await?;
                    open.push(edge.needs);
                }
            }
        }
        Ok(())
    }

    /// Notes the recipe that holds for the build now.
    pub(super) async fn follow_recipe(&self, row: &mut StoredBuild, target: &Target) -> Result<()> {
        let Some(project) = row.project.as_deref().and_then(ProjectName::new) else { return Ok(()) };
        let version = row.version.as_deref().and_then(version::parse);
        let recipe = self.0.recipes.recipe_for(&project, version.as_ref(), target).await?;
        row.recipe_sha256 = recipe.as_ref().map(Recipe::sha256).transpose()?;
        row.recipe = recipe.as_ref().map(Recipe::canonical).transpose()?;
        Ok(())
    }

    /// A build that has ended runs again, by the recipe and with the tools of now; so does what it
    /// needed and what failed. The build that runs: another one if there is one with that recipe.
    ///
    /// # Errors
    /// `Missing` if there is no such build, `Conflict` if it has not ended.
    pub async fn rebuild(&self, who: &Who, id: BuildId) -> Result<BuildId> {
        let mut known = self.0.db.build(id).await?.ok_or_else(|| no_build(id))?;
        if !matches!(known.state.as_str(), "failed" | "built") {
            return Err(conflict!("build {id} is {}: what has ended can run again", known.state));
        }
        let mut again = vec![];
        for edge in self.0.db.build_needs(id).await? {
            again.extend(self.0.db.build(edge.needs).await?.filter(|needed| needed.state == "failed"));
        }
        self.renew(&mut known).await?;
        if let Some(other) = self.0.db.build_by_key(&known.key).await?.filter(|other| other.id != id) {
            self.0.db.join_build(other.id, Priority::Asked.number(), who.user.as_deref(), None).await?;
            known = other;
        }
        let mut tx = Tx::begin(&self.0.db).await?;
        let mut reset = tx.reset_build(&known, Priority::Asked.number()).await?;
        for needed in &again {
            reset |= tx.reset_build(needed, Priority::Asked.number()).await?;
        }
        if reset {
            let detail = format!("{} for {}", known.id, known.target);
            tx.commit(event(who, "build asked again", known.project.as_deref(), &detail)).await?;
        }
        self.prompt();
        Ok(known.id)
    }

    /// Recipe, tools and key as they are now.
    async fn renew(&self, row: &mut StoredBuild) -> Result<()> {
        let Some(target) = self.target(&row.target).await? else { return Ok(()) };
        let source: Source = serde_json::from_str(&row.source).map_err(Error::internal)?;
        row.tools = tools_for(&target).name();
        self.follow_recipe(row, &target).await?;
        row.key = key(row, &source.subdirectory);
        Ok(())
    }

    async fn row(&self, who: &Who, ask: &Ask, plan: Plan, target: &Target) -> Result<StoredBuild> {
        let json = |error| Error::internal(anyhow::Error::new(error).context("a build's source"));
        let mut row = StoredBuild {
            purpose: ask.purpose.name().into(),
            context: plan.context.as_str().to_owned(),
            given: plan.given,
            project: plan.project,
            version: plan.version,
            source: serde_json::to_string(&plan.source).map_err(json)?,
            source_sha256: plan.source_sha256,
            fetch: plan.place.as_ref().map(serde_json::to_string).transpose().map_err(json)?,
            target: target.name.clone(),
            tools: tools_for(target).name(),
            platform_expected: plan.platform_expected,
            state: "queued".into(),
            priority: ask.priority.number(),
            asked_by: who.label.clone(),
            ..StoredBuild::default()
        };
        self.follow_recipe(&mut row, target).await?;
        row.key = key(&row, &plan.source.subdirectory);
        // Its bytes may be here already; whoever fetches sees to it.
        if plan.place.is_some() {
            row.state = "fetching".into();
            row.source_sha256 = None;
        }
        Ok(row)
    }
}

/// One build has one key, whoever asks: a hash over all that decides what comes out.
pub(super) fn key(row: &StoredBuild, subdirectory: &str) -> String {
    let mut hash = Sha256::new();
    let place = row.fetch.as_deref().unwrap_or_default();
    let told = match serde_json::from_str(place) {
        Ok(Place::Index { sha256, .. }) => sha256,
        _ => None,
    };
    let source = match row.source_sha256.as_ref().or(told.as_ref()) {
        Some(sha256) => ("sha256", sha256.as_str()),
        None => ("from", place),
    };
    let recipe = row.recipe_sha256.as_deref().unwrap_or_default();
    let wheel = [source.0, source.1, subdirectory, &row.target, recipe, &row.tools, &row.context];
    let other = [row.purpose.as_str()].into_iter().filter(|purpose| !matches!(*purpose, "" | "wheel"));
    for part in wheel.into_iter().chain(other) {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    crate::index::hex(&hash.finalize())
}

fn event<'a>(who: &'a Who, what: &'a str, project: Option<&'a str>, detail: &'a str) -> NewEvent<'a> {
    NewEvent { who: &who.label, what, index: None, project, detail: Some(detail) }
}

/// The plan for a file that a page lists; its context is the index that owns it.
fn listed(page: &Page, found: &choose::Found) -> Result<Plan> {
    let file = &found.file;
    let context = owner_of(file).ok_or_else(|| bad!("{} belongs to no index here", file.filename))?;
    let published = file.upload_time.as_deref().and_then(|text| text.parse::<jiff::Timestamp>().ok());
    let source = Source {
        kind: SourceKind::Sdist,
        filename: file.filename.clone(),
        origin: context.to_string(),
        published_at: published.map(jiff::Timestamp::as_microsecond),
        ..Source::default()
    };
    Ok(Plan {
        given: false,
        project: Some(page.name.to_string()),
        version: Some(found.version.to_string()),
        source,
        source_sha256: file.hashes.sha256.clone(),
        place: Some(Place::of(&context, &page.name, file)),
        platform_expected: choose::has_platform_wheel(page, &found.version),
        context,
    })
}

fn uploaded(context: &IndexName, upload: &Upload) -> Plan {
    let named = match upload.source.kind {
        SourceKind::Sdist => {
            crate::packaging::filename::candidates(&upload.source.filename).iter().find_map(|name| {
                crate::packaging::filename::SdistFilename::parse_for(name, &upload.source.filename).ok()
            })
        }
        SourceKind::Tree => None,
    };
    Plan {
        context: context.clone(),
        given: true,
        project: named.as_ref().map(|name| name.name.to_string()),
        version: named.as_ref().map(|name| version::canonical(&name.version_text).unwrap_or_default()),
        source: upload.source.clone(),
        source_sha256: Some(upload.sha256.clone()),
        place: None,
        platform_expected: false,
    }
}
