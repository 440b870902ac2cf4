//! Asking for builds: the source is found, its key worked out, and the build joined or started.

use super::plan::{Plan, key};
use super::{Build, BuildId, Builds, Priority, no_build, row};
use crate::access::Who;
use crate::build::failure::{Cause, Class};
use crate::build::job::{Purpose, Source};
use crate::build::promise::MAY_HAVE_PASSED;
use crate::build::promise::keep::passes;
use crate::build::recipe::Recipe;
use crate::build::target::{self, Target};
use crate::build::tools::tools_for;
use crate::conflict;
use crate::db::builds::{FailedBuild, StoredBuild};
use crate::db::events::NewEvent;
use crate::db::{Tx, now};
use crate::error::{Error, Result};
use crate::names::IndexName;
use crate::names::ProjectName;
use crate::packaging::page::File;
use crate::packaging::requirement::Requirement;
use crate::packaging::version::{self, Version};
use crate::words::EventKind;

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
    /// The indexes that were asked together, in their order: the context of what no index lists. Empty:
    /// `index` alone.
    pub set: Vec<IndexName>,
}

#[derive(Clone, Debug)]
pub enum Wanted {
    /// The newest source that fits, from the index's page.
    Requirement(Requirement),
    /// This very file of the index's page.
    File { project: ProjectName, filename: String },
    /// This file of an index's page, whose bytes are here.
    Stored {
        project: ProjectName,
        version: Version,
        file: Box<File>,
        sha256: String,
        platform_expected: bool,
    },
    /// `git+https://…@v1#subdirectory=lib`
    /// `inside`: private hosts may be asked that an administrator named.
    Repository { url: String, project: Option<ProjectName>, inside: bool },
    /// Uploaded before.
    Upload(Upload),
}

/// A source that is a blob already.
#[derive(Clone, Debug, Default)]
pub struct Upload {
    pub sha256: String,
    pub source: Source,
}

impl Builds {
    /// Joins or starts the builds of what is wanted, one for each target.
    ///
    /// # Errors
    /// `Missing` for targets nobody offers and for requirements without a source; `Bad` for what
    /// cannot be built at all.
    pub async fn ask(&self, who: &Who, ask: &Ask) -> Result<Vec<BuildId>> {
        if let (Wanted::Repository { .. }, Some(asker)) = (&ask.wanted, who.asker()) {
            self.may_keep(&asker).await?;
        }
        let targets = self.chosen_targets(&ask.targets).await?;
        let mut builds = Vec::with_capacity(targets.len());
        for target in &targets {
            let plan = self.plan(who, ask, target).await?;
            builds.push(self.join_or_start(who, ask, plan, target).await?);
        }
        self.prompt();
        Ok(builds)
    }

    /// Joins or starts the build of what is wanted for one target, whatever the ask names.
    ///
    /// # Errors
    /// As [`Builds::ask`].
    pub async fn ask_for(&self, who: &Who, ask: &Ask, target: &Target) -> Result<BuildId> {
        if let Some(known) = self.known(who, ask, target).await?
            && known.state.has_ended()
            && !ask.rebuild
            && !known.failure.as_ref().is_some_and(|failure| failure.class == Class::Cancelled)
            && !passes(&known)
        {
            return Ok(known.id);
        }
        let plan = self.plan(who, ask, target).await?;
        let id = self.join_or_start(who, ask, plan, target).await?;
        self.prompt();
        Ok(id)
    }

    /// The build that asking would join, if there is one: nothing is started.
    ///
    /// # Errors
    /// As [`Builds::ask`].
    pub async fn known(&self, who: &Who, ask: &Ask, target: &Target) -> Result<Option<Build>> {
        let plan = self.plan(who, ask, target).await?;
        let row = self.row(who, ask, plan, target).await?;
        self.0.db.build_by_key(&row.key).await?.map(Build::read).transpose()
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

    async fn join_or_start(&self, who: &Who, ask: &Ask, plan: Plan, target: &Target) -> Result<BuildId> {
        let index = ask.publish.as_ref().map(IndexName::as_str);
        let new = self.row(who, ask, plan, target).await?;
        if let Some(known) = self.0.db.build_by_key(&new.key).await? {
            return self.join(who, ask, known).await;
        }
        let one_by_one = self.0.entrance.lock().await;
        if let Some(known) = self.0.db.build_by_key(&new.key).await? {
            drop(one_by_one);
            return self.join(who, ask, known).await;
        }
        self.may_wait(who).await?;
        let mut tx = Tx::begin(&self.0.db).await?;
        let id = tx.serial;
        if !tx.create_build(&new, wish(who, ask), index).await? {
            drop((tx, one_by_one));
            // Another process was faster.
            let known = self.0.db.build_by_key(&new.key).await?.ok_or_else(|| no_build(id))?;
            return self.join(who, ask, known).await;
        }
        tx.build_counts_for(id, &who.asker().unwrap_or_default()).await?;
        let what = match ask.purpose {
            Purpose::Wheel => EventKind::BuildAsked,
            Purpose::Metadata => EventKind::MetadataAsked,
        };
        let detail = format!("{id} {} for {}", new.project.as_deref().unwrap_or("a tree"), new.target);
        tx.commit(event(who, what, new.project.as_deref(), &detail)).await?;
        Ok(id)
    }

    async fn join(&self, who: &Who, ask: &Ask, known: StoredBuild) -> Result<BuildId> {
        let (id, priority) = (known.id, ask.priority.number());
        let index = ask.publish.as_ref().map(IndexName::as_str);
        self.0.db.join_build(id, priority, wish(who, ask), index).await?;
        if let Some(asker) = who.asker() {
            self.0.db.build_is_wanted_by(id, &asker).await?;
        }
        self.hurry(id, priority).await?;
        // Who builds ahead of requests leaves alone what somebody ended.
        let cancelled = known.class.as_deref() == Some("cancelled") && ask.priority != Priority::Ahead;
        match known.state.as_str() {
            "failed" if ask.rebuild || cancelled => return self.rebuild(who, id).await,
            "failed" if tried_again(&known, ask) && !self.lacks_for_good(id).await? => {
                return self.rebuild(who, id).await;
            }
            "built" if index.is_some() => self.publish(id).await,
            _ => {}
        }
        Ok(id)
    }

    /// Whether a build failed because one that it needs did, which would fail again.
    async fn lacks_for_good(&self, id: BuildId) -> Result<bool> {
        for edge in self.0.db.build_needs(id).await? {
            let needed = self.0.db.build(edge.needs).await?.filter(|needed| needed.state == "failed");
            let failure = needed.and_then(|row| row::brief(row.class.as_deref(), row.step.as_deref()));
            if failure.is_some_and(|failure| failure.cause() == Cause::Key) {
                return Ok(true);
            }
        }
        Ok(false)
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

    /// Whether a build that failed is what one would get who asks now: by the recipe and with the tools
    /// of now.
    pub async fn would_repeat(
        &self,
        failed: &FailedBuild,
        project: &ProjectName,
        version: &Version,
        target: &Target,
    ) -> Result<bool> {
        let passes = row::brief(failed.class.as_deref(), failed.step.as_deref())
            .is_some_and(|failure| failure.cause() == Cause::Surroundings);
        let long_ago = failed.ended_at.is_some_and(|ended| now() - ended > MAY_HAVE_PASSED);
        if failed.tools != tools_for(target).name() || passes && long_ago {
            return Ok(false);
        }
        let recipe = match self.0.recipes.recipe_for(project, Some(version), target).await {
            // Whoever asks is told that it cannot be read.
            Err(Error::Bad(_)) => return Ok(true),
            recipe => recipe?,
        };
        Ok(failed.recipe_sha256 == recipe.as_ref().map(Recipe::sha256).transpose()?)
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
        if self.0.db.is_source_gone(id).await? {
            return Err(Error::Gone(format!(
                "the source of build {id} is not kept any more (setting gc.sources): ask for it with its source"
            )));
        }
        let mut again = vec![];
        for edge in self.0.db.build_needs(id).await? {
            again.extend(self.0.db.build(edge.needs).await?.filter(|needed| needed.state == "failed"));
        }
        self.renew(&mut known).await?;
        if let Some(other) = self.0.db.build_by_key(&known.key).await?.filter(|other| other.id != id) {
            self.0.db.join_build(other.id, Priority::Asked.number(), Some(wisher(who)), None).await?;
            known = other;
        }
        let mut tx = Tx::begin(&self.0.db).await?;
        let mut reset = tx.reset_build(&known, Priority::Asked.number()).await?;
        for needed in &again {
            reset |= tx.reset_build(needed, Priority::Asked.number()).await?;
        }
        if reset {
            let detail = format!("{} for {}", known.id, known.target);
            let told = event(who, EventKind::BuildAskedAgain, known.project.as_deref(), &detail);
            // Pages promise it again.
            tx.commit(NewEvent { index: Some(&known.context), ..told }).await?;
            self.changed(&known);
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
        row.key = key(row, &source);
        Ok(())
    }
}

/// The wish that an ask leaves; nobody waits for what is built ahead of requests.
fn wish<'a>(who: &'a Who, ask: &Ask) -> Option<&'a str> {
    (ask.priority != Priority::Ahead).then(|| wisher(who))
}

/// Whose wish a build is: an account's, or that of those who have none.
pub(super) fn wisher(who: &Who) -> &str {
    // What a build needs is its own wish, and not that of its context's owner: it ends with the build.
    let own = who.user.as_deref().filter(|_| who.scope.as_ref().is_none_or(|scope| scope.context.is_none()));
    own.unwrap_or(&who.label)
}

/// Whether a build that failed is no answer to this ask: it failed by its surroundings, and a person
/// asks for it now, or whoever waits comes some time later. Nobody tries ahead of requests.
fn tried_again(known: &StoredBuild, ask: &Ask) -> bool {
    let failure = row::brief(known.class.as_deref(), known.step.as_deref());
    let surroundings = failure.is_some_and(|failure| failure.cause() == Cause::Surroundings);
    let long_ago = known.ended_at.is_some_and(|ended| now() - ended > MAY_HAVE_PASSED);
    surroundings
        && match ask.priority {
            Priority::Asked => true,
            Priority::Waiting => long_ago,
            Priority::Ahead => false,
        }
}

fn event<'a>(who: &'a Who, what: EventKind, project: Option<&'a str>, detail: &'a str) -> NewEvent<'a> {
    NewEvent { who: &who.label, what, index: None, project, detail: Some(detail) }
}
