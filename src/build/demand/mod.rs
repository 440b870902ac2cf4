//! Requirements files on demand: `compile` pins their lines, `resolve` turns pins into wheels. The server
//! fetches, clones and builds what is missing while the asker waits.
//!
//! `web/proxy` reads the request and writes the answer; everything in between is here.

mod compile;
mod failures;
mod older;
mod pin;
mod resolve;
mod uniform;
mod url_line;
mod uv_program;

pub use compile::ResolverInput;
pub use uniform::Uniform;

use super::promise::{ForTarget, Promises};
use super::queue::Queue;
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

/// A request for wheels or pins: who sends it, for which indexes and which target.
pub struct Demand<'a> {
    pub config: &'a Config,
    pub queue: &'a Queue,
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

    fn promises(&self) -> &Promises {
        &self.target.promises
    }

    /// The account or network that this demand counts for.
    fn asker(&self) -> String {
        self.who.asker().unwrap_or_default()
    }

    /// The indexes that a build of this demand takes its requirements from.
    fn context(&self) -> Vec<IndexName> {
        self.indexes.iter().map(|index| index.name.clone()).collect()
    }

    /// The page of the first index that has the project, with what is promised to the target.
    ///
    /// # Errors
    /// `Missing` if none has it.
    async fn page(&self, project: &ProjectName) -> Result<Page> {
        let views = &self.queue.indexes().views;
        let (_, mut page) = views.first(self.directory, &self.indexes, project, self.who).await?;
        self.target.amend(&mut page, self.directory).await?;
        Ok(page)
    }
}
