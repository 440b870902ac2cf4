//! The metadata of a promised wheel, before there is one: from the wheel if it is here, from the sdist
//! where that binds, from the backend's hook in the sandbox, and only then from a build.
//!
//! What was served once is frozen: the promised wheel will contain these very bytes, or is not served.

use super::keep::{note, passes};
use super::original::built_here;
use super::said::Said;
use super::shared::{End, Teller, key};
use super::{Held, Promise};
use crate::access::Who;
use crate::build::failure::Class;
use crate::build::job::Purpose;
use crate::build::queue::{Ask, Build, Builds, Priority, State, Wanted};
use crate::db::promises::{Change, StoredPromise};
use crate::error::Result;
use crate::packaging::choose::{self, fits_python};
use std::sync::Arc;
use std::time::Duration;

/// The blob of the promised wheel's METADATA, waiting for it up to `longest`. Resolvers that walk
/// through versions come here only: nothing is built that can be told otherwise. What somebody began
/// to wait for goes on when all have left.
///
/// # Errors
/// `Missing` and the like if the source cannot be had.
pub async fn metadata(
    builds: &Builds,
    who: &Who,
    promise: &Promise,
    longest: Duration,
) -> Result<Held<String>> {
    let key = key(promise.index.as_str(), &promise.target.name, &promise.filename);
    let work = |tell| {
        let (builds, who, promise) = (builds.clone(), who.clone(), promise.clone());
        async move { find_out(&builds, &who, &promise, &tell).await }
    };
    builds.keeping().metadata.hold(builds, &key, longest, work).await
}

async fn find_out(
    builds: &Builds,
    who: &Who,
    promise: &Promise,
    tell: &Teller<String>,
) -> Result<End<String>> {
    let (index, target) = (promise.index.as_str(), promise.target.name.as_str());
    let known = builds.db().promise(index, target, &promise.filename).await?;
    if let Some(told) = known.and_then(settled) {
        return Ok(told);
    }
    let built = built_here(builds, promise).await?;
    if let Some((sha256, source)) = built.and_then(|file| Some((file.metadata_sha256?, file.source_sha256))) {
        return freeze(builds, who, promise, &sha256, Some(source)).await;
    }
    let said = builds.sources().said(builds, promise).await.map_err(|error| error.again())?;
    if let Some(sha256) = binding(builds, promise, &said).await? {
        return freeze(builds, who, promise, &sha256, Some(said.sha256.clone())).await;
    }
    match asked(builds, who, promise, &said, tell).await? {
        End::Ready(sha256) => freeze(builds, who, promise, &sha256, Some(said.sha256.clone())).await,
        other => Ok(other),
    }
}

/// What is settled already.
fn settled(row: StoredPromise) -> Option<End<String>> {
    match (row.broken, row.metadata_sha256) {
        (Some(why), _) => Some(End::Broken(why)),
        (None, sha256) => sha256.map(End::Ready),
    }
}

/// The sdist's own metadata, if it holds for the wheel: it binds and no recipe changes the source.
/// If it excludes the interpreter, no wheel will ever be built of it, and it says why.
async fn binding(builds: &Builds, promise: &Promise, said: &Said) -> Result<Option<String>> {
    let Some(info) = &said.pkg_info else { return Ok(None) };
    let excludes =
        info.requires_python.as_deref().is_some_and(|text| !fits_python(text, &promise.target.version));
    if !excludes && (!info.is_binding || is_changed(builds, promise).await?) {
        return Ok(None);
    }
    builds.store().put(info.bytes.clone()).await.map(Some)
}

/// Whether a recipe changes the source before it is built.
async fn is_changed(builds: &Builds, promise: &Promise) -> Result<bool> {
    let recipe =
        builds.recipes().recipe_for(&promise.project, Some(&promise.version), &promise.target).await?;
    Ok(recipe.is_some_and(|recipe| !recipe.build.patches.is_empty() || !recipe.build.before.is_empty()))
}

/// From a job for metadata, or else from the build of the wheel.
async fn asked(
    builds: &Builds,
    who: &Who,
    promise: &Promise,
    said: &Arc<Said>,
    tell: &Teller<String>,
) -> Result<End<String>> {
    let mut ask = Ask {
        wanted: stored(promise, said, false),
        purpose: Purpose::Wheel,
        targets: Vec::new(),
        index: promise.index.clone(),
        publish: None,
        priority: Priority::Waiting,
        rebuild: false,
        set: Vec::new(),
    };
    // A build that failed, or gave what nobody lists, has told already.
    if let Some(known) = builds.known(who, &ask, &promise.target).await?
        && known.state.has_ended()
        && !passes(&known)
    {
        return Ok(ended(known));
    }
    ask.purpose = Purpose::Metadata;
    let told = wait(builds, who, &ask, promise, tell).await?;
    match told {
        End::Failed(job) if only_building_tells(&job) => {}
        other => return Ok(other),
    }
    let directory = builds.indexes().directory();
    let platform_expected = match directory.indexes.get(&promise.index) {
        Some(index) => {
            let page = builds.indexes().views.page(&directory, index, &promise.project, who).await?;
            choose::has_platform_wheel(&page, &promise.version)
        }
        None => false,
    };
    ask.wanted = stored(promise, said, platform_expected);
    ask.purpose = Purpose::Wheel;
    wait(builds, who, &ask, promise, tell).await
}

fn stored(promise: &Promise, said: &Said, platform_expected: bool) -> Wanted {
    Wanted::Stored {
        project: promise.project.clone(),
        version: promise.version.clone(),
        file: Box::new(promise.source.clone()),
        sha256: said.sha256.clone(),
        platform_expected,
    }
}

async fn wait(
    builds: &Builds,
    who: &Who,
    ask: &Ask,
    promise: &Promise,
    tell: &Teller<String>,
) -> Result<End<String>> {
    let id = builds.ask_for(who, ask, &promise.target).await?;
    let mut build = tell.follow(builds, id).await?;
    if passes(&build) {
        let again = Ask { rebuild: true, ..ask.clone() };
        let id = builds.ask_for(who, &again, &promise.target).await?;
        build = tell.follow(builds, id).await?;
    }
    Ok(ended(build))
}

fn ended(build: Build) -> End<String> {
    match (build.state, &build.metadata_sha256) {
        (State::Built, Some(sha256)) => End::Ready(sha256.clone()),
        _ => End::Failed(Box::new(build)),
    }
}

/// The backend has no hook for metadata, or one that does not work.
fn only_building_tells(job: &Build) -> bool {
    job.failure.as_ref().is_some_and(|why| matches!(why.class, Class::MetadataHook | Class::WrongWheel))
}

/// From now on this is the metadata, unless somebody else was faster.
async fn freeze(
    builds: &Builds,
    who: &Who,
    promise: &Promise,
    sha256: &str,
    source_sha256: Option<String>,
) -> Result<End<String>> {
    let row = StoredPromise {
        index: promise.index.as_str().to_owned(),
        target: promise.target.name.clone(),
        filename: promise.filename.clone(),
        project: promise.project.to_string(),
        version: promise.version.to_string(),
        source_filename: promise.source.filename.to_string(),
        source_sha256,
        ..StoredPromise::default()
    };
    let row = note(builds, who, &row, Change::Metadata { sha256 }).await?;
    Ok(settled(row).unwrap_or_else(|| End::Ready(sha256.to_owned())))
}
