//! Environments: an interpreter with exact packages, made once by its last pip and then only read.
//!
//! One is known by what is in it: interpreter, context, and the names, versions and RECORDs of its
//! packages. Which one a list of requirements comes to is remembered for a day. Everything that
//! runs while one is made is pip, from a wheel of the same index; what it installs are wheels, so
//! no code of theirs runs before the environment is used, read-only, by a build.

mod cache;
mod install;
mod layout;
mod request;
#[cfg(test)]
mod tests;

use super::room::{Room, Stop, ours};
pub use cache::{Environments, HeldEnvironment};
use install::{install, refused};
pub use request::EnvironmentRequest;

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
        let key = request.key().map_err(|error| refused(&error, request.step))?;
        if let Some(held) = self.remembered(&key, request.interpreter) {
            return Ok(held);
        }
        let _one = self.making.lock(key.clone()).await;
        match self.remembered(&key, request.interpreter) {
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
        let made = install(self, room, request).await?;
        let kept = self.keep(request, key, made).map_err(|error| ours(&error, request.step))?;
        self.evict();
        Ok(kept)
    }
}
