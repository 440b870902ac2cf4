//! Requirements on demand: a file of them is pinned (`compile`), and pins become wheels (`resolve`).
//! What is missing is fetched, cloned and built while the asker waits.
//!
//! A door reads the request and writes the answer; everything in between is here.

mod compile;
mod failures;
mod resolve;
mod uniform;
mod url_line;
mod uv_program;

pub use compile::ResolverInput;
pub use uniform::Uniform;

use super::promise::ForTarget;
use super::queue::Builds;
use super::target::Target;
use crate::access::Who;
use crate::access::quota::Quota;
use crate::config::Config;
use crate::directory::{Directory, Index};
use crate::error::Result;
use crate::index::view::Amend as _;
use crate::names::{IndexName, ProjectName};
use crate::packaging::page::Page;
use std::sync::Arc;

/// Who demands something, of which indexes, and for which target.
pub struct Demand<'a> {
    pub config: &'a Config,
    pub builds: &'a Builds,
    pub quota: &'a Quota,
    pub directory: &'a Arc<Directory>,
    pub who: &'a Who,
    /// In the order in which they are asked.
    pub indexes: Vec<&'a Index>,
    pub target: ForTarget,
    /// Where the asker sees this server's root, without a slash at its end.
    pub root: String,
    /// `/v1/{indexes}/{target}/` as it was asked for, absolute.
    pub url: String,
}

impl Demand<'_> {
    fn target(&self) -> &Target {
        &self.target.offered.target
    }

    /// Whom it counts for.
    fn asker(&self) -> String {
        self.who.asker().unwrap_or_default()
    }

    /// The names of the indexes: all of them give a build of this demand what it needs.
    fn context(&self) -> Vec<IndexName> {
        self.indexes.iter().map(|index| index.name.clone()).collect()
    }

    /// The page of the first index that has the project, with what is promised to the target.
    ///
    /// # Errors
    /// `Missing` if none has it.
    async fn page(&self, project: &ProjectName) -> Result<Page> {
        let views = &self.builds.indexes().views;
        let (_, mut page) = views.first(self.directory, &self.indexes, project, self.who).await?;
        self.target.amend(&mut page, self.directory).await?;
        Ok(page)
    }
}
