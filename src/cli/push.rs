//! `wheelwright push`: gives a release of an index to another index of the same server.

use super::place::CommandPlace;
use super::table;
use crate::error::Result;
use crate::names::{IndexName, ProjectName};
use serde_json::json;
use std::process::ExitCode;

#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  wheelwright push demo==1.0 --from alice/dev --to alice/prod")]
pub struct PushCommand {
    #[arg(value_name = "PROJECT==VERSION", value_parser = super::yank::release)]
    release: (ProjectName, String),
    /// The index that has it
    #[arg(long, value_name = "USER/INDEX", value_parser = super::index::parse)]
    from: IndexName,
    /// The index that gets it
    #[arg(long, value_name = "USER/INDEX", value_parser = super::index::parse)]
    to: IndexName,
    #[arg(long)]
    json: bool,
}

impl PushCommand {
    pub async fn run(self, at: &CommandPlace) -> Result<ExitCode> {
        let (project, version) = &self.release;
        let (from, to) = (&self.from, &self.to);
        let files = at.push(from, to, project, version).await?;
        let said = format!("{project} {version} is on {to}: {}", files.join(", "));
        let value = json!({"project": project, "version": version, "from": from, "to": to, "files": files});
        table::done(said.trim_end_matches(": "), &value, self.json)?;
        Ok(ExitCode::SUCCESS)
    }
}
