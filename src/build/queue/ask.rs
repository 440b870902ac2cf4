//! Asking for builds: the source is found, its key worked out, and the build joined or started.

use super::again::{may_go_well_now, tried_again};
use super::plan::BuildPlan;
use super::wanted::{Ask, Priority, Wanted};
use super::{Queue, no_build};
use crate::access::Who;
use crate::build::recipe::Recipe;
use crate::build::target::{self, Target};
use crate::db::Tx;
use crate::db::builds::{Build, BuildId};
use crate::db::events::NewEvent;
use crate::error::Result;
use crate::names::ProjectName;
use crate::packaging::version;
use crate::unavailable;
use crate::words::{BuildState, Class, EventKind, Purpose};

impl Queue {
    /// Joins or starts the builds of what is wanted, one for each target.
    ///
    /// # Errors
    /// `Missing` for targets nobody offers and for requirements without a source; `Bad` for what
    /// cannot be built at all.
    pub async fn ask(&self, who: &Who, ask: &Ask) -> Result<Vec<BuildId>> {
        if let (Wanted::Repository { .. } | Wanted::Tag { .. }, Some(asker)) = (&ask.wanted, who.asker()) {
            self.may_keep(&asker).await?;
        }
        let targets = self.chosen_targets(&ask.targets).await?;
        let mut builds = Vec::with_capacity(targets.len());
        for target in &targets {
            let plan = Box::pin(self.plan(who, ask, target)).await?;
            builds.push(Box::pin(self.join_or_start(who, ask, plan, target)).await?);
        }
        self.prompt();
        Ok(builds)
    }

    /// Joins or starts the build of what is wanted for one target, whatever the ask names.
    ///
    /// # Errors
    /// As [`Queue::ask`].
    pub async fn ask_for(&self, who: &Who, ask: &Ask, target: &Target) -> Result<BuildId> {
        if let Some(known) = self.known(who, ask, target).await?
            && known.state.has_ended()
            && !ask.rebuild
            && known.failure.as_ref().is_none_or(|failure| failure.class != Class::Cancelled)
            && !may_go_well_now(&known)
        {
            return Ok(known.id);
        }
        let plan = Box::pin(self.plan(who, ask, target)).await?;
        let id = Box::pin(self.join_or_start(who, ask, plan, target)).await?;
        self.prompt();
        Ok(id)
    }

    /// The build that asking would join, if there is one: nothing is started.
    ///
    /// # Errors
    /// As [`Queue::ask`].
    pub async fn known(&self, who: &Who, ask: &Ask, target: &Target) -> Result<Option<Build>> {
        let plan = self.plan(who, ask, target).await?;
        let row = self.row(who, ask, plan, target).await?;
        self.0.db.build_by_key(&row.key).await
    }

    pub(super) async fn chosen_targets(&self, asked: &[String]) -> Result<Vec<Target>> {
        if asked.is_empty() {
            let offered = self.0.targets.offered().await?;
            return match offered.is_empty() {
                true => Err(unavailable!(
                    "no worker offers a target now: try again, or start one with `wheelwright worker`"
                )),
                false => Ok(offered),
            };
        }
        let offered = self.0.targets.with_cross().await?;
        let mut chosen: Vec<Target> = Vec::new();
        for name in asked {
            let found = match target::find(name, &offered) {
                Ok(found) => found.into_iter().cloned().collect(),
                // A worker that is away just now may come back.
                Err(error) => vec![self.0.targets.named(name).await?.ok_or(error)?],
            };
            for target in found {
                if !chosen.iter().any(|known| known.name == target.name) {
                    chosen.push(target);
                }
            }
        }
        Ok(chosen)
    }

    async fn join_or_start(&self, who: &Who, ask: &Ask, plan: BuildPlan, target: &Target) -> Result<BuildId> {
        let new = self.row(who, ask, plan, target).await?;
        self.enter(who, ask, new).await
    }

    /// Joins the build that has the key of `new`, or starts it.
    pub(super) async fn enter(&self, who: &Who, ask: &Ask, new: Build) -> Result<BuildId> {
        let index = ask.publish.as_ref();
        if let Some(known) = self.0.db.build_by_key(&new.key).await? {
            return self.join(who, ask, known).await;
        }
        let one_by_one = self.0.entrance.lock().await;
        if let Some(known) = self.0.db.build_by_key(&new.key).await? {
            drop(one_by_one);
            return self.join(who, ask, known).await;
        }
        self.may_wait(who, 1).await?;
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
            Purpose::Wheel | Purpose::Test => EventKind::BuildAsked,
            Purpose::Metadata => EventKind::MetadataAsked,
        };
        let detail =
            format!("{id} {} for {}", new.project.as_ref().map_or("a tree", ProjectName::as_str), new.target);
        tx.commit(NewEvent::of_build(&who.label, what, new.project.as_ref(), &detail)).await?;
        // The line has the id of the request, too: a build is found by it.
        tracing::info!(build = id, detail, who = who.label, "a build was asked for");
        Ok(id)
    }

    async fn join(&self, who: &Who, ask: &Ask, known: Build) -> Result<BuildId> {
        let (id, priority) = (known.id, ask.priority.number());
        let index = ask.publish.as_ref();
        self.0.db.join_build(id, priority, wish(who, ask), index).await?;
        if let Some(asker) = who.asker() {
            self.0.db.build_is_wanted_by(id, &asker).await?;
        }
        self.hurry(id, priority).await?;
        // Who builds ahead of requests leaves alone what somebody ended.
        let cancelled = known.failure.as_ref().is_some_and(|failure| failure.class == Class::Cancelled)
            && ask.priority != Priority::Ahead;
        match known.state {
            BuildState::Failed if ask.rebuild || cancelled => return self.rebuild(who, id).await,
            BuildState::Failed if tried_again(&known, ask) && !self.lacks_for_good(id).await? => {
                return self.rebuild(who, id).await;
            }
            BuildState::Built if index.is_some() => self.publish(id).await,
            _ => {}
        }
        Ok(id)
    }

    /// What a build waits for is as urgent as the build.
    pub(super) async fn hurry(&self, id: BuildId, priority: i64) -> Result<()> {
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
    pub(super) async fn follow_recipe(&self, row: &mut Build, target: &Target) -> Result<()> {
        let Some(project) = &row.project else { return Ok(()) };
        let version = row.version.as_deref().and_then(version::parse);
        let mut recipe = self.0.recipes.recipe_for(project, version.as_ref(), target).await?;
        if let Some(pin) = &row.because {
            recipe.get_or_insert_default().build.constraints.push(pin.clone());
        }
        row.recipe_sha256 = recipe.as_ref().map(Recipe::sha256).transpose()?;
        row.recipe = recipe.as_ref().map(Recipe::canonical).transpose()?;
        Ok(())
    }
}

/// The wish that an ask leaves; nobody waits for what is built ahead of requests.
fn wish<'a>(who: &'a Who, ask: &Ask) -> Option<&'a str> {
    (ask.priority != Priority::Ahead).then(|| who.wisher())
}
