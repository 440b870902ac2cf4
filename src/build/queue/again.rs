//! Builds that have ended run again: when that may go otherwise, and by the recipe and with the tools
//! of now.

use super::plan::key;
use super::wanted::{Ask, Priority};
use super::{Queue, no_build};
use crate::access::Who;
use crate::build::failure::Cause;
use crate::build::recipe::Recipe;
use crate::build::target::Target;
use crate::build::tools::tools_for;
use crate::conflict;
use crate::db::Tx;
use crate::db::builds::{Build, BuildId, FailedBuild};
use crate::db::events::NewEvent;
use crate::error::{Error, Result};
use crate::names::ProjectName;
use crate::packaging::version::Version;
use crate::tools::time::{Micros, SECOND, now};
use crate::words::{BuildState, EventKind, Failure, Step};

/// After so long a failure that may pass is tried again.
const MAY_HAVE_PASSED: i64 = 300 * SECOND;

/// Whether a build failed some time ago for a reason that lies outside of it.
pub fn may_go_well_now(build: &Build) -> bool {
    lay_outside(build.failure.as_ref()) && is_long_ago(build.ended_at)
}

fn lay_outside(failure: Option<&Failure>) -> bool {
    failure.is_some_and(|failure| failure.cause() == Cause::Surroundings)
}

fn is_long_ago(ended_at: Option<Micros>) -> bool {
    ended_at.is_some_and(|ended| now() - ended > MAY_HAVE_PASSED)
}

/// Whether a build that failed is no answer to this ask: it failed by its surroundings, and a person
/// asks for it now, or whoever waits comes some time later. Nobody tries ahead of requests.
pub(super) fn tried_again(known: &Build, ask: &Ask) -> bool {
    match ask.priority {
        Priority::Asked => lay_outside(known.failure.as_ref()),
        Priority::Waiting => may_go_well_now(known),
        Priority::Ahead => false,
    }
}

impl Queue {
    /// Whether a build failed because one that it needs did, which would fail again.
    pub(super) async fn lacks_for_good(&self, id: BuildId) -> Result<bool> {
        for edge in self.0.db.build_needs(id).await? {
            let failure = self.0.db.build(edge.needs).await?.and_then(|needed| needed.failure);
            if failure.is_some_and(|failure| failure.cause() == Cause::Key) {
                return Ok(true);
            }
        }
        Ok(false)
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
        let step = failed.step.unwrap_or(Step::Fetch);
        let failure = failed.class.map(|class| Failure::new(class, step, ""));
        let passed = lay_outside(failure.as_ref()) && is_long_ago(failed.ended_at);
        if passed || failed.tools != tools_for(target).name() {
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
        if !known.state.has_ended() {
            return Err(conflict!(
                "build {id} is {}: only a build that has ended can run again",
                known.state
            ));
        }
        if self.0.db.is_source_gone(id).await? {
            return Err(Error::Gone(format!(
                "the source of build {id} was removed (setting gc.sources): request a new build with the \
                 source"
            )));
        }
        let mut again = vec![];
        for edge in self.0.db.build_needs(id).await? {
            again.extend(
                self.0.db.build(edge.needs).await?.filter(|needed| needed.state == BuildState::Failed),
            );
        }
        self.renew(&mut known).await?;
        if let Some(other) = self.0.db.build_by_key(&known.key).await?.filter(|other| other.id != id) {
            self.0.db.join_build(other.id, Priority::Asked.number(), Some(who.wisher()), None).await?;
            known = other;
        }
        let mut tx = Tx::begin(&self.0.db).await?;
        let mut reset = tx.reset_build(&known, Priority::Asked.number()).await?;
        for needed in &again {
            reset |= tx.reset_build(needed, Priority::Asked.number()).await?;
        }
        if reset {
            let detail = format!("{} for {}", known.id, known.target);
            let told =
                NewEvent::of_build(&who.label, EventKind::BuildAskedAgain, known.project.as_ref(), &detail);
            // Pages promise it again.
            tx.commit(told.within(&known.context)).await?;
            self.changed(&known);
        }
        self.prompt();
        Ok(known.id)
    }

    /// Recipe, tools and key as they are now.
    async fn renew(&self, row: &mut Build) -> Result<()> {
        let Some(target) = self.0.targets.named(&row.target).await? else { return Ok(()) };
        row.tools = tools_for(&target).name();
        if !row.trial {
            self.follow_recipe(row, &target).await?;
        }
        row.key = key(row)?;
        Ok(())
    }
}
