//! What a worker asks of its server, over HTTP.

use std::path::Path;

use crate::build::job::Job;
use crate::error::{Error, Result};
use crate::packaging::name::ProjectName;
use crate::packaging::page::Page;

/// A server's address and the credential for it.
#[derive(Clone, Debug)]
pub struct Link {}

impl Link {
    /// Writes the job's source to the new file `to`. Its hash is the caller's to check.
    ///
    /// # Errors
    /// What the server answered, and `Unavailable` if it does not.
    pub async fn source(&self, job: &Job, to: &Path) -> Result<()> {
        let _ = (job, to);
        Err(unwritten())
    }

    /// A project's page in a context (`user/index`), with absolute URLs; `at` is a view as of a date.
    ///
    /// # Errors
    /// `Missing` if there is no such project there.
    pub async fn page(&self, context: &str, at: Option<&str>, project: &ProjectName) -> Result<Page> {
        let _ = (context, at, project);
        Err(unwritten())
    }

    /// Writes a file that a page of [`Link::page`] lists to the new file `to`.
    ///
    /// # Errors
    /// What the server answered, and `Unavailable` if it does not.
    pub async fn file(&self, url: &str, to: &Path) -> Result<()> {
        let _ = (url, to);
        Err(unwritten())
    }

    /// Hands in the wheel of a job.
    ///
    /// # Errors
    /// `Bad` with the reason why the server does not take it; `Conflict` if the lease is lost.
    pub async fn hand_in(&self, job: &Job, filename: &str, wheel: &Path) -> Result<()> {
        let _ = (job, filename, wheel);
        Err(unwritten())
    }
}

fn unwritten() -> Error {
    Error::Unavailable("the link to the server is not written yet".to_owned())
}
