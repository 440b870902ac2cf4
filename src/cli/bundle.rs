//! `wheelwright bundle`: releases that cross a gap between networks, in a signed file.

mod closure;
mod create;
mod evidence;
mod fetch;
mod import;
mod inspect;
mod near;
mod parts;
mod request;
mod show;
mod wanted;

use super::build::local;
use crate::config::load::ResolvedConfig;
use crate::error::Result;
use std::process::ExitCode;

#[derive(clap::Subcommand, Debug)]
pub enum BundleCommand {
    /// Put releases with all that they need into a signed file
    Create(Box<create::CreateCommand>),
    /// Show what is in a bundle
    Inspect(inspect::InspectCommand),
    /// Check signatures and hashes of a bundle, with nothing but the file and the keys
    Verify(inspect::VerifyCommand),
    /// Import a bundle into an index: all of it, or nothing
    Import(import::ImportBundleCommand),
    /// List the bundles that an index got
    List(import::ListCommand),
    /// Write down what an index lacks, for the other side
    Request(request::RequestCommand),
}

impl BundleCommand {
    /// The settings of this command: a log would run through what it shows.
    pub fn flags(&self) -> Vec<(&'static str, String)> {
        local::log_filter().map(|filter| ("log.filter", filter)).into_iter().collect()
    }

    pub async fn run(self, resolved: ResolvedConfig) -> Result<ExitCode> {
        match self {
            Self::Create(create) => create.run(resolved).await,
            Self::Inspect(inspect) => inspect.run(resolved).await,
            Self::Verify(verify) => verify.run(&resolved.config).await,
            Self::Import(import) => import.run(resolved).await,
            Self::List(list) => list.run(resolved).await,
            Self::Request(request) => request.run(resolved).await,
        }
    }
}
