//! The metadata of a promised wheel, before there is one: from the wheel if it is here, from the sdist
//! where that binds, from the backend's hook in the sandbox, and only then from a build.
//!
//! What was served once is frozen: the promised wheel will contain these very bytes, or is not served.

use super::sdists::SdistFacts;
use super::shared::{PromiseOutcome, PromiseProgress};
use super::{Promise, Promises};
use crate::access::Who;
use crate::build::queue::{Ask, Priority, Wanted, may_go_well_now};
use crate::db::builds::Build;
use crate::db::promises::{Change, StoredPromise};
use crate::error::Result;
use crate::packaging::choose::{self, fits_python};
use crate::words::{BuildState, Class, Purpose};
use std::time::Duration;

impl Promises {
    /// The blob of the promised wheel's METADATA, waiting for it up to `longest`. Resolvers that walk
    /// through versions come here only: nothing is built that can be told otherwise, but the wheel that who
    /// `installs` most likely asks for next. What somebody began to wait for goes on when all have left.
    ///
    /// # Errors
    /// `Missing` and the like if the source cannot be had.
    pub async fn metadata(
        &self,
        who: &Who,
        promise: &Promise,
        installs: bool,
        longest: Duration,
    ) -> Result<PromiseOutcome<String>> {
        let work = |progress| {
            let (promises, who, promise) = (self.clone(), who.clone(), promise.clone());
            async move { promises.find_out(&who, &promise, installs, &progress).await }
        };
        self.0.metadata.hold(self.queue(), &promise.key(), longest, work).await
    }

    async fn find_out(
        &self,
        who: &Who,
        promise: &Promise,
        installs: bool,
        progress: &PromiseProgress<String>,
    ) -> Result<PromiseOutcome<String>> {
        let known = self.db().promise(&promise.index, &promise.target.name, &promise.filename).await?;
        if let Some(outcome) = known.and_then(settled) {
            return Ok(outcome);
        }
        let built = self.built_here(promise).await?;
        if let Some((sha256, source)) =
            built.and_then(|file| Some((file.metadata_sha256?, file.source_sha256)))
        {
            return self.settle(who, promise, &sha256, source).await;
        }
        let (index, project, source) = (&promise.index, &promise.project, &promise.source);
        let sdist = self.0.sdists.of(self.queue(), index, project, source).await;
        let sdist = sdist.map_err(|error| error.again())?;
        if let Some(sha256) = self.binding(promise, &sdist).await? {
            return self.settle(who, promise, &sha256, sdist.sha256.clone()).await;
        }
        let with_wheel = installs && self.takes_wheel(promise, &sdist).await?;
        match self.told(who, promise, (&sdist, with_wheel), progress).await? {
            PromiseOutcome::Ready(sha256) => self.settle(who, promise, &sha256, sdist.sha256.clone()).await,
            other => Ok(other),
        }
    }

    /// The sdist's own metadata, if it holds for the wheel: it binds and no recipe changes the source.
    /// If it excludes the interpreter, no wheel will ever be built of it, and it says why.
    async fn binding(&self, promise: &Promise, sdist: &SdistFacts) -> Result<Option<String>> {
        let Some(info) = &sdist.pkg_info else { return Ok(None) };
        let excludes =
            info.requires_python.as_deref().is_some_and(|text| !fits_python(text, &promise.target.version));
        if !excludes && (!info.is_binding || self.is_changed(promise).await?) {
            return Ok(None);
        }
        self.queue().store().put(info.bytes.clone()).await.map(Some)
    }

    /// Whether a recipe changes the source before it is built.
    async fn is_changed(&self, promise: &Promise) -> Result<bool> {
        let recipes = self.queue().recipes();
        let recipe = recipes.recipe_for(&promise.project, Some(&promise.version), &promise.target).await?;
        Ok(recipe.is_some_and(|recipe| !recipe.build.patches.is_empty() || !recipe.build.before.is_empty()))
    }

    /// Whether an installer is served best by the wheel itself, which tells its metadata too: it asks for that
    /// next, nobody else waits for the worker, and it does not walk through versions.
    async fn takes_wheel(&self, promise: &Promise, sdist: &SdistFacts) -> Result<bool> {
        let key = format!("{} {} {}", promise.index, promise.target.name, promise.project);
        let first = self.0.first.get_with(key, || promise.version.clone());
        Ok(sdist.is_light && first == promise.version && self.queue().is_idle().await?)
    }

    /// From a job for metadata, or else from the build of the wheel; from that first if it comes `with_wheel`.
    async fn told(
        &self,
        who: &Who,
        promise: &Promise,
        (sdist, with_wheel): (&SdistFacts, bool),
        progress: &PromiseProgress<String>,
    ) -> Result<PromiseOutcome<String>> {
        let mut ask = Ask::wheels(stored(promise, sdist, false), promise.index.clone(), Priority::Waiting);
        // A build that failed, or gave what nobody lists, has told already.
        if let Some(known) = self.queue().known(who, &ask, &promise.target).await?
            && known.state.has_ended()
            && !may_go_well_now(&known)
        {
            return Ok(ended(known));
        }
        if with_wheel {
            let told = self.told_by_wheel(who, promise, sdist, progress).await?;
            // What a wheel that fails requires may lead a resolver to another version.
            if matches!(told, PromiseOutcome::Ready(_)) {
                return Ok(told);
            }
        }
        ask.purpose = Purpose::Metadata;
        match self.wait_for(who, &ask, promise, progress).await? {
            PromiseOutcome::Failed(job) if only_building_tells(&job) => {}
            other => return Ok(other),
        }
        self.told_by_wheel(who, promise, sdist, progress).await
    }

    async fn told_by_wheel(
        &self,
        who: &Who,
        promise: &Promise,
        sdist: &SdistFacts,
        progress: &PromiseProgress<String>,
    ) -> Result<PromiseOutcome<String>> {
        let directory = self.indexes().directory();
        let platform_expected = match directory.indexes.get(&promise.index) {
            Some(index) => {
                let page = self.indexes().views.page(&directory, index, &promise.project, who).await?;
                choose::has_platform_wheel(&page, &promise.version)
            }
            None => false,
        };
        let wanted = stored(promise, sdist, platform_expected);
        let ask = Ask::wheels(wanted, promise.index.clone(), Priority::Waiting);
        self.wait_for(who, &ask, promise, progress).await
    }

    async fn wait_for(
        &self,
        who: &Who,
        ask: &Ask,
        promise: &Promise,
        progress: &PromiseProgress<String>,
    ) -> Result<PromiseOutcome<String>> {
        let queue = self.queue();
        let id = queue.ask_for(who, ask, &promise.target).await?;
        let mut build = progress.follow(queue, id).await?;
        if may_go_well_now(&build) {
            let again = Ask { rebuild: true, ..ask.clone() };
            let id = queue.ask_for(who, &again, &promise.target).await?;
            build = progress.follow(queue, id).await?;
        }
        Ok(ended(build))
    }

    /// From now on this is the metadata, unless somebody else was faster.
    async fn settle(
        &self,
        who: &Who,
        promise: &Promise,
        sha256: &str,
        source_sha256: String,
    ) -> Result<PromiseOutcome<String>> {
        let row = StoredPromise { source_sha256: Some(source_sha256), ..promise.row() };
        let row = self.note(who, &row, Change::Metadata { sha256 }).await?;
        Ok(settled(row).unwrap_or_else(|| PromiseOutcome::Ready(sha256.to_owned())))
    }
}

/// What is settled already.
fn settled(row: StoredPromise) -> Option<PromiseOutcome<String>> {
    match (row.broken, row.metadata_sha256) {
        (Some(why), _) => Some(PromiseOutcome::Broken(why)),
        (None, sha256) => sha256.map(PromiseOutcome::Ready),
    }
}

fn stored(promise: &Promise, sdist: &SdistFacts, platform_expected: bool) -> Wanted {
    Wanted::Stored {
        project: promise.project.clone(),
        version: promise.version.clone(),
        file: Box::new(promise.source.clone()),
        sha256: sdist.sha256.clone(),
        platform_expected,
    }
}

fn ended(build: Build) -> PromiseOutcome<String> {
    match (build.state, &build.metadata_sha256) {
        (BuildState::Built, Some(sha256)) => PromiseOutcome::Ready(sha256.clone()),
        _ => PromiseOutcome::Failed(Box::new(build)),
    }
}

/// The backend has no hook for metadata, or one that does not work.
fn only_building_tells(job: &Build) -> bool {
    job.failure.as_ref().is_some_and(|why| matches!(why.class, Class::MetadataHook | Class::WrongWheel))
}
