//! `wheelwright yank`: installers take a release only where its version is pinned.

use super::place::CommandPlace;
use super::table;
use crate::bad;
use crate::error::Result;
use crate::index::manage::Yank;
use crate::names::{IndexName, ProjectName};
use serde_json::json;
use std::process::ExitCode;

#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  wheelwright yank alice/dev demo==1.0 --why 'broken on Windows'
  wheelwright yank alice/dev demo==1.0 --undo")]
pub struct YankCommand {
    #[arg(value_name = "USER/INDEX", value_parser = super::index::parse)]
    index: IndexName,
    #[arg(value_name = "PROJECT==VERSION", value_parser = release)]
    release: (ProjectName, String),
    /// The reason, which installers show
    #[arg(long, value_name = "TEXT", conflicts_with = "undo")]
    why: Option<String>,
    /// Take it back
    #[arg(long)]
    undo: bool,
    #[arg(long)]
    json: bool,
}

/// Reads `demo==1.0`.
pub(super) fn release(text: &str) -> Result<(ProjectName, String)> {
    let parts = text.split_once("==").map(|(name, version)| (name.trim(), version.trim()));
    let (name, version) = parts
        .filter(|(_, version)| !version.is_empty())
        .ok_or_else(|| bad!("'{text}' is not a release: write PROJECT==VERSION"))?;
    let project = ProjectName::new(name).ok_or_else(|| bad!("'{name}' is not a valid project name"))?;
    Ok((project, version.to_owned()))
}

impl YankCommand {
    pub async fn run(self, at: &CommandPlace) -> Result<ExitCode> {
        let (project, version) = &self.release;
        let why = self.why.as_deref().map(str::trim).filter(|why| !why.is_empty());
        let yank = if self.undo { Yank::No } else { Yank::Yes(why.map(str::to_owned)) };
        at.yank(&self.index, project, version, &yank).await?;
        let said = match self.undo {
            true => format!("{project} {version} is no longer yanked"),
            false => {
                format!("{project} {version} is yanked: installers use it only if its version is pinned")
            }
        };
        let value = json!({
            "index": self.index, "project": project, "version": version, "yanked": !self.undo, "why": why,
        });
        table::done(&said, &value, self.json)?;
        Ok(ExitCode::SUCCESS)
    }
}
