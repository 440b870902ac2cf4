//! What is seen of builds that somebody waits for.

use crate::db::builds::{Build, BuildId};
use crate::error::Result;
use parking_lot::{Mutex, MutexGuard};
use std::collections::HashMap;
use tokio::sync::watch;
use tokio::time::Instant;

/// What is seen of a build: `None` until its row was read for the first time.
pub(super) type SeenBuild = Option<Result<Build, std::sync::Arc<crate::error::Error>>>;

/// The builds that somebody waits for.
#[derive(Default)]
pub(super) struct Watched(Mutex<HashMap<BuildId, watch::Receiver<SeenBuild>>>);

impl Watched {
    pub(super) fn lock(&self) -> MutexGuard<'_, HashMap<BuildId, watch::Receiver<SeenBuild>>> {
        self.0.lock()
    }
}

/// One who watches a build.
pub struct Watching(pub(super) watch::Receiver<SeenBuild>);

impl Watching {
    /// Resolves when the build is in another state than `known`, or says what it is in if nothing
    /// is known yet; at `until` at the latest, with what was seen last.
    ///
    /// # Errors
    /// `Missing` if there is no such build; what the database says.
    pub async fn other_than(&mut self, known: Option<&Build>, until: Instant) -> Result<Option<Build>> {
        let differs = |seen: &SeenBuild| match (seen, known) {
            (None, _) => false,
            (Some(Ok(build)), Some(known)) => !alike(build, known),
            (Some(_), _) => true,
        };
        // The task that looks went away without an end only if it panicked.
        let _ = tokio::time::timeout_at(until, self.0.wait_for(differs)).await;
        match &*self.0.borrow() {
            None => Ok(None),
            Some(Ok(build)) => Ok(Some(build.clone())),
            Some(Err(error)) => Err(error.again()),
        }
    }
}

/// Whether nothing happened that somebody waits for.
pub(super) fn alike(one: &Build, other: &Build) -> bool {
    let of = |build: &Build| (build.state, build.fence, build.started_at, build.ended_at);
    of(one) == of(other)
}
