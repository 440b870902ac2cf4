//! Promised wheels are kept: a wheel that is there is copied under the promised name, else built first.
//!
//! The copy has exactly the tags that were promised, and the metadata that was served. Its hash is
//! in the database before anybody gets a byte of it.

use super::copy::{self, Copied};
use super::original::built_here;
use super::shared::{End, Teller, key};
use super::{Frozen, Held, MAY_HAVE_PASSED, Promise};
use crate::access::Who;
use crate::build::failure::Cause;
use crate::build::job::Purpose;
use crate::build::queue::{Ask, Build, BuildId, Builds, Priority, State, Wanted};
use crate::db::built::BuiltFile;
use crate::db::now;
use crate::db::promises::{Change, StoredPromise};
use crate::directory::{Directory, Kind};
use crate::error::{Error, Result};
use crate::index::files;
use crate::names::IndexName;
use crate::names::ProjectName;
use crate::{conflict, missing};
use std::time::Duration;

/// Attempts at a copy; each fails only because its metadata was settled meanwhile.
const ATTEMPTS: usize = 4;

/// A wheel that a promise can be kept with.
struct Natural {
    build: Option<BuildId>,
    filename: String,
    sha256: String,
}

/// What is served of the promise, waited for at most for `longest`. Who asks first starts the work,
/// which goes on when all have left.
///
/// # Errors
/// `Missing` and others if the source cannot be had; `Conflict` if it must be asked again.
pub async fn file(builds: &Builds, who: &Who, promise: &Promise, longest: Duration) -> Result<Held<Frozen>> {
    let key = key(promise.index.as_str(), &promise.target.name, &promise.filename);
    let work = |tell| {
        let (builds, who, promise) = (builds.clone(), who.clone(), promise.clone());
        async move { keep(&builds, &who, &promise, &tell).await }
    };
    builds.keeping().files.hold(builds, &key, longest, work).await
}

/// The row of a promise, made up if nobody asked for it yet.
pub(super) async fn row(builds: &Builds, promise: &Promise) -> Result<StoredPromise> {
    let (index, target) = (promise.index.as_str(), promise.target.name.as_str());
    if let Some(row) = builds.db().promise(index, target, &promise.filename).await? {
        return Ok(row);
    }
    Ok(StoredPromise {
        index: index.to_owned(),
        target: target.to_owned(),
        filename: promise.filename.clone(),
        project: promise.project.to_string(),
        version: promise.version.to_string(),
        source_filename: promise.source.filename.to_string(),
        source_sha256: promise.source.hashes.sha256.clone(),
        ..StoredPromise::default()
    })
}

/// Notes what became of a promise; pages that list it are made anew.
pub(super) async fn note(
    builds: &Builds,
    who: &Who,
    row: &StoredPromise,
    change: Change<'_>,
) -> Result<StoredPromise> {
    let changed = builds.db().change_promise(&who.label, row, change).await?;
    if let Some(project) = ProjectName::new(&row.project) {
        builds.indexes().changed(&row.index, &project);
    }
    Ok(changed)
}

/// What a row says is served.
pub fn frozen(row: &StoredPromise) -> Option<Frozen> {
    Some(Frozen {
        sha256: row.sha256.clone()?,
        size: row.size?,
        metadata_sha256: row.metadata_sha256.clone()?,
    })
}

/// Whether what was served once may still be: its source is not deleted, and no policy refuses it.
///
/// # Errors
/// `Gone` or `Forbidden` with the reason.
pub async fn permit(builds: &Builds, directory: &Directory, row: &StoredPromise) -> Result<()> {
    let index = IndexName::parse(&row.index).and_then(|name| directory.indexes.get(&name));
    let index = index.ok_or_else(|| missing!("there is no index {}", row.index))?;
    match (&index.kind, ProjectName::new(&row.project)) {
        (Kind::Mirror(mirror), Some(project)) => {
            files::permit_ageless(mirror, &project, &row.source_filename)
        }
        (Kind::Mirror(_), None) => Ok(()),
        (Kind::Stage(_), _) => {
            let source = builds.db().file(&row.index, &row.source_filename).await?;
            match source.is_some_and(|source| source.deleted_at.is_none()) {
                true => Ok(()),
                false => Err(Error::Gone(format!("{} was deleted from {}", row.source_filename, row.index))),
            }
        }
    }
}

async fn keep(builds: &Builds, who: &Who, promise: &Promise, tell: &Teller<Frozen>) -> Result<End<Frozen>> {
    let mut passed_over = false;
    for _ in 0..ATTEMPTS {
        let known = row(builds, promise).await?;
        if let Some(frozen) = frozen(&known) {
            return Ok(End::Ready(frozen));
        }
        if let Some(why) = known.broken {
            return Ok(End::Broken(why));
        }
        let there = if passed_over { None } else { built_here(builds, promise).await? };
        let own = there.is_none();
        let natural = match there {
            Some(BuiltFile { build, filename, sha256, .. }) => {
                Natural { build: Some(build), filename, sha256 }
            }
            None => match built(builds, who, promise, tell).await? {
                Ok(natural) => natural,
                Err(build) => return Ok(End::Failed(build)),
            },
        };
        // Its metadata may have been served since.
        let known = row(builds, promise).await?;
        let from = (natural.filename.as_str(), natural.sha256.as_str());
        match copy::copy(builds, promise, &known, from).await? {
            Ok(copied) => {
                if let Some(end) = freeze(builds, who, &known, &natural, &copied).await? {
                    return Ok(end);
                }
            }
            Err(why) if own => return broken(builds, who, &known, &natural, &why).await,
            // What was built for another interpreter may differ from what this one's build gives.
            Err(_) => passed_over = true,
        }
    }
    Err(conflict!("{} changed while it was made: ask again", promise.filename))
}

/// The wheel of a build, which is started if need be; the build if it failed.
async fn built(
    builds: &Builds,
    who: &Who,
    promise: &Promise,
    tell: &Teller<Frozen>,
) -> Result<Result<Natural, Box<Build>>> {
    let mut ask = Ask {
        wanted: Wanted::File {
            project: promise.project.clone(),
            filename: promise.source.filename.to_string(),
        },
        purpose: Purpose::Wheel,
        targets: vec![promise.target.name.clone()],
        index: promise.index.clone(),
        publish: None,
        priority: Priority::Waiting,
        rebuild: false,
        set: Vec::new(),
    };
    let mut build = asked(builds, who, &ask, tell).await?;
    if passes(&build) {
        ask.rebuild = true;
        build = asked(builds, who, &ask, tell).await?;
    }
    match build.wheel.clone().filter(|_| build.state == State::Built) {
        Some(wheel) => {
            Ok(Ok(Natural { build: Some(build.id), filename: wheel.filename, sha256: wheel.sha256 }))
        }
        None => Ok(Err(Box::new(build))),
    }
}

async fn asked(builds: &Builds, who: &Who, ask: &Ask, tell: &Teller<Frozen>) -> Result<Build> {
    let id = builds.ask(who, ask).await?.first().copied();
    let id = id.ok_or_else(|| Error::Unavailable("no worker takes this build at present".into()))?;
    tell.follow(builds, id).await
}

/// Whether a build failed some time ago for a reason that lies outside of it.
pub fn passes(build: &Build) -> bool {
    build.state == State::Failed
        && build.failure.as_ref().is_some_and(|failure| failure.cause() == Cause::Surroundings)
        && build.ended_at.is_some_and(|ended| now() - ended > MAY_HAVE_PASSED)
}

/// From now on this copy is served. `None`: others were faster, look again.
async fn freeze(
    builds: &Builds,
    who: &Who,
    known: &StoredPromise,
    natural: &Natural,
    copied: &Copied,
) -> Result<Option<End<Frozen>>> {
    let Copied { sha256, size, metadata_sha256 } = copied;
    let change = Change::File { sha256, size: *size, metadata_sha256, build: natural.build };
    let row = note(builds, who, known, change).await?;
    Ok(frozen(&row).map(End::Ready))
}

async fn broken(
    builds: &Builds,
    who: &Who,
    known: &StoredPromise,
    natural: &Natural,
    why: &str,
) -> Result<End<Frozen>> {
    let by = natural.build.map(|build| format!(" (build {build})")).unwrap_or_default();
    let why = format!("{why}{by}");
    tracing::warn!(index = known.index, filename = known.filename, why, "a promise is broken");
    let row = note(builds, who, known, Change::Broken { why: &why }).await?;
    Ok(frozen(&row).map_or(End::Broken(why), End::Ready))
}
