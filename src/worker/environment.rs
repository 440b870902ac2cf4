//! Environments: an interpreter with exact packages, made once by its last pip and then only read.
//!
//! Most are known by their files: interpreter, names and hashes of wheels. What a request comes to is read from
//! its own context's pages, so contexts share an environment only if each leads to the very same bytes. Where
//! only a resolver can tell, one is known by interpreter, context, and the names, versions and RECORDs of its
//! packages. Which one a list of requirements comes to is remembered for a day. Everything that
//! runs while one is made is pip, from a wheel of the same index; what it installs are wheels, so
//! no code of theirs runs before the environment is used, read-only, by a build.

mod cache;
mod exact;
mod install;
mod layout;
mod pip;
mod request;
#[cfg(test)]
mod tests;

use super::room::{Room, Stop, ours};
use crate::words::Class;
use cache::A_DAY;
pub use cache::{Environments, HeldEnvironment};
use exact::ExactFiles;
use install::{install, refused};
pub use request::EnvironmentRequest;
use std::time::Duration;

impl Environments {
    /// An environment with what a request comes to; made if there is none yet.
    ///
    /// # Errors
    /// `Needs` for requirements that have no wheel but a source; else why there is none.
    pub async fn get(
        &self,
        room: &Room<'_>,
        request: &EnvironmentRequest<'_>,
    ) -> Result<HeldEnvironment, Stop> {
        self.of_late(room, request, A_DAY).await
    }

    /// The same for a request that somebody may make later: what it came to long ago is found out anew, before
    /// the day is over.
    ///
    /// # Errors
    /// Like those of [`Environments::get`].
    pub async fn get_ahead(
        &self,
        room: &Room<'_>,
        request: &EnvironmentRequest<'_>,
    ) -> Result<HeldEnvironment, Stop> {
        self.of_late(room, request, A_DAY * 3 / 4).await
    }

    async fn of_late(
        &self,
        room: &Room<'_>,
        request: &EnvironmentRequest<'_>,
        longest: Duration,
    ) -> Result<HeldEnvironment, Stop> {
        let key = request.key().map_err(|error| refused(&error, request.step))?;
        let key = self.since_quarantines(request.context, key);
        if let Some(held) = self.remembered(&key, request.interpreter, longest) {
            return Ok(held);
        }
        let _one = self.making.lock(key.clone()).await;
        match self.remembered(&key, request.interpreter, longest) {
            Some(held) => Ok(held),
            None => self.make(room, request, &key).await,
        }
    }

    async fn make(
        &self,
        room: &Room<'_>,
        request: &EnvironmentRequest<'_>,
        key: &str,
    ) -> Result<HeldEnvironment, Stop> {
        if let Some(files) = ExactFiles::of(room, request).await
            && let Some(held) = self.exact(room, request, key, &files).await?
        {
            return Ok(held);
        }
        let made = install(self, room, request, None).await?;
        let kept = self.keep(request, key, made, None).map_err(|error| ours(&error, request.step))?;
        self.evict();
        Ok(kept)
    }

    /// The environment with just these files; `None` if pip does not take them.
    async fn exact(
        &self,
        room: &Room<'_>,
        request: &EnvironmentRequest<'_>,
        key: &str,
        files: &ExactFiles,
    ) -> Result<Option<HeldEnvironment>, Stop> {
        let fails = |error| ours(&error, request.step);
        let name = files.name(request.interpreter);
        let _one = self.making.lock(name.clone()).await;
        if let Some(held) = self.hold(&name, request.interpreter) {
            self.remember(key, &name).map_err(fails)?;
            return Ok(Some(held));
        }
        if !request.requirements.is_empty() {
            // Without pip in its index nothing else is worth a try.
            self.pip(room, request).await?;
        }
        match install(self, room, request, Some(files)).await {
            Ok(made) => {
                let kept = self.keep(request, key, made, Some(name)).map_err(fails)?;
                self.evict();
                Ok(Some(kept))
            }
            Err(Stop::Failed(failure)) if failure.class != Class::BuildRequirement => Err(failure.into()),
            Err(_) => {
                room.log.note(&format!("pip does not take {}: it chooses itself", files.to_text()));
                Ok(None)
            }
        }
    }
}
