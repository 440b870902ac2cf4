//! Promised wheels are kept. What is *known* of a promise leads to its *original*, a wheel that was
//! found here or is built for it; a copy of that is *pinned* to the promised name.
//!
//! The copy has exactly the tags that were promised, and the metadata that was served. Its hash is
//! in the database before anybody gets a byte of it.

use super::copy::copy;
use super::shared::{PromiseOutcome, PromiseProgress};
use super::{Pinned, Promise, Promises};
use crate::access::Who;
use crate::build::queue::{Ask, Priority, Wanted, may_go_well_now};
use crate::db::builds::{Build, BuildId};
use crate::db::promises::{Change, StoredPromise};
use crate::error::Result;
use crate::{conflict, unavailable};
use std::time::Duration;

/// Attempts at a copy; each fails only because its metadata was settled meanwhile.
const ATTEMPTS: usize = 4;

/// The wheel that a promise is kept with.
struct Original {
    build: BuildId,
    filename: String,
    sha256: String,
    /// For this target, and not found here.
    is_own: bool,
    /// Why it is doubtful; empty: it is not.
    doubts: Vec<String>,
}

/// What became of pinning a copy of the original.
enum Pinning {
    Done(Pinned),
    /// Others were faster.
    Overtaken,
    /// It is not what was promised; why, in one line.
    Unfit(String),
}

impl Promises {
    /// What is served of the promise, waited for at most for `longest`. Who asks first starts the work,
    /// which goes on when all have left.
    ///
    /// # Errors
    /// `Missing` and others if the source cannot be had; `Conflict` if it must be asked again.
    pub async fn file(
        &self,
        who: &Who,
        promise: &Promise,
        longest: Duration,
    ) -> Result<PromiseOutcome<Pinned>> {
        let work = |progress| {
            let (promises, who, promise) = (self.clone(), who.clone(), promise.clone());
            async move { promises.keep(&who, &promise, &progress).await }
        };
        self.0.files.hold(self.queue(), &promise.key(), longest, work).await
    }

    async fn keep(
        &self,
        who: &Who,
        promise: &Promise,
        progress: &PromiseProgress<Pinned>,
    ) -> Result<PromiseOutcome<Pinned>> {
        let mut found_is_unfit = false;
        for _ in 0..ATTEMPTS {
            if let Some(outcome) = settled(self.known(promise).await?) {
                return Ok(outcome);
            }
            let found = if found_is_unfit { None } else { self.found(promise).await? };
            let original = match found {
                Some(found) => found,
                None => match self.built(who, promise, progress).await? {
                    Ok(built) => built,
                    Err(failed) => return Ok(PromiseOutcome::Failed(failed)),
                },
            };
            if let Some(why) = self.refusal(promise, &original) {
                return Ok(PromiseOutcome::Broken(why));
            }
            match self.pin(who, promise, &original).await? {
                Pinning::Done(pinned) => return Ok(PromiseOutcome::Ready(pinned)),
                Pinning::Overtaken => {}
                Pinning::Unfit(why) if original.is_own => {
                    return self.broken(who, promise, &original, &why).await;
                }
                // What was built for another interpreter may differ from what this one's build gives.
                Pinning::Unfit(_) => found_is_unfit = true,
            }
        }
        Err(conflict!("{} changed while the server made it: try again", promise.filename))
    }

    /// The row of a promise, made up if nobody asked for it yet.
    async fn known(&self, promise: &Promise) -> Result<StoredPromise> {
        let known = self.db().promise(&promise.index, &promise.target.name, &promise.filename).await?;
        Ok(known.unwrap_or_else(|| promise.row()))
    }

    async fn found(&self, promise: &Promise) -> Result<Option<Original>> {
        let found = self.built_here(promise).await?;
        Ok(found.map(|file| Original {
            build: file.build,
            filename: file.filename,
            sha256: file.sha256,
            is_own: false,
            doubts: file.doubts,
        }))
    }

    /// The wheel of a build, which is started if need be; the build if it failed.
    async fn built(
        &self,
        who: &Who,
        promise: &Promise,
        progress: &PromiseProgress<Pinned>,
    ) -> Result<Result<Original, Box<Build>>> {
        let wanted =
            Wanted::File { project: promise.project.clone(), filename: promise.source.filename.to_string() };
        let mut ask = Ask {
            targets: vec![promise.target.name.clone()],
            ..Ask::wheels(wanted, promise.index.clone(), Priority::Waiting)
        };
        let mut build = self.ended(who, &ask, progress).await?;
        if may_go_well_now(&build) {
            ask.rebuild = true;
            build = self.ended(who, &ask, progress).await?;
        }
        match build.finished_wheel() {
            Some(wheel) => Ok(Ok(Original {
                build: build.id,
                filename: wheel.filename.clone(),
                sha256: wheel.sha256.clone(),
                is_own: true,
                doubts: build.evidence.as_ref().map(|known| known.doubts.clone()).unwrap_or_default(),
            })),
            None => Ok(Err(Box::new(build))),
        }
    }

    /// The build that is asked for, once it has ended.
    async fn ended(&self, who: &Who, ask: &Ask, progress: &PromiseProgress<Pinned>) -> Result<Build> {
        let id = self.queue().ask(who, ask).await?.first().copied();
        let id = id.ok_or_else(|| {
            unavailable!("no worker can run this build now: try again, or start a worker for its target")
        })?;
        progress.follow(self.queue(), id).await
    }

    /// Why the index does not want this wheel. Not noted: its options may change.
    fn refusal(&self, promise: &Promise, original: &Original) -> Option<String> {
        let directory = self.indexes().directory();
        let index = directory.indexes.get(&promise.index).filter(|index| !index.doubtful)?;
        (!original.doubts.is_empty()).then(|| {
            format!(
                "the wheel is doubtful, and {} takes no such wheels (doubtful=false): {} (build {})",
                index.name,
                original.doubts.join("; "),
                original.build
            )
        })
    }

    async fn pin(&self, who: &Who, promise: &Promise, original: &Original) -> Result<Pinning> {
        // Its metadata may have been served since.
        let known = self.known(promise).await?;
        let from = (original.filename.as_str(), original.sha256.as_str());
        let copied = match copy(self.queue().store(), promise, &known, from).await? {
            Ok(copied) => copied,
            Err(why) => return Ok(Pinning::Unfit(why)),
        };
        let Pinned { sha256, size, metadata_sha256 } = &copied;
        let change = Change::File { sha256, size: *size, metadata_sha256, build: Some(original.build) };
        let row = self.note(who, &known, change).await?;
        Ok(Pinned::of(&row).map_or(Pinning::Overtaken, Pinning::Done))
    }

    /// Notes what became of a promise; pages that list it are made anew.
    pub(super) async fn note(
        &self,
        who: &Who,
        row: &StoredPromise,
        change: Change<'_>,
    ) -> Result<StoredPromise> {
        let changed = self.db().change_promise(&who.label, row, change).await?;
        self.indexes().changed(&row.index, &row.project);
        Ok(changed)
    }

    async fn broken(
        &self,
        who: &Who,
        promise: &Promise,
        original: &Original,
        why: &str,
    ) -> Result<PromiseOutcome<Pinned>> {
        let why = format!("{why} (build {})", original.build);
        tracing::warn!(
            index = %promise.index,
            filename = promise.filename,
            why,
            "cannot serve a promised wheel"
        );
        let row = self.note(who, &promise.row(), Change::Broken { why: &why }).await?;
        Ok(Pinned::of(&row).map_or(PromiseOutcome::Broken(why), PromiseOutcome::Ready))
    }
}

fn settled(known: StoredPromise) -> Option<PromiseOutcome<Pinned>> {
    match (Pinned::of(&known), known.broken) {
        (Some(pinned), _) => Some(PromiseOutcome::Ready(pinned)),
        (None, why) => why.map(PromiseOutcome::Broken),
    }
}
