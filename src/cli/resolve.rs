//! `wheelwright resolve`: a wheel for each pinned requirement, built where there is none yet.

use super::client::{self, Input, Shown, Through};
use super::progress::Progress;
use super::table;
use crate::error::Result;
use crate::packaging::pylock;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::ExitCode;

/// Find a wheel for each pinned requirement; the server builds what does not exist yet.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  wheelwright resolve
  wheelwright resolve requirements.txt pylock.toml --server http://host:3141 --target cp312-linux")]
pub struct ResolveCommand {
    /// Pinned requirements, or -
    #[arg(value_name = "REQUIREMENTS.TXT", default_value = "requirements.txt")]
    input: PathBuf,
    /// The output; named pylock.toml it has names, hashes and sizes; or -
    #[arg(value_name = "REQUIREMENTS.URLS", default_value = "requirements.urls")]
    output: PathBuf,
    /// One JSON document: what was written, and the builds
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    through: Through,
}

impl ResolveCommand {
    pub async fn run(self) -> Result<ExitCode> {
        let progress = Progress::new();
        let mut failed = Vec::new();
        let done = self.resolve(&progress, &mut failed).await;
        table::ended(done, &failed, self.json)
    }

    async fn resolve(&self, progress: &Progress, failed: &mut Vec<Value>) -> Result<(String, Value)> {
        client::refuse_overwriting(&self.input, &self.output)?;
        let input = Input::read(&self.input, &BTreeSet::new(), &[])?;
        input.warnings.iter().for_each(|warning| progress.say(&format!("warning: {warning}")));
        let proxy = self.through.open().await?;
        let shown = Shown::new(&proxy, progress);
        let mut lines = match shown.resolve(&input.pinned()).await {
            Ok(lines) => lines,
            Err(error) => {
                *failed = client::failed_builds(&proxy, &error.to_string()).await;
                return Err(error);
            }
        };
        let builds = shown.into_seen();
        lines.extend(input.locals.iter().filter_map(|local| local.line.clone()));
        let is_lock = self.output.file_name().and_then(|name| name.to_str()).is_some_and(pylock::is_name);
        let text = match is_lock {
            true => client::lock(&proxy, &lines).await?.to_text()?,
            false => lines.join("\n") + "\n",
        };
        client::write(&self.output, &text)?;
        let file = self.output.display().to_string();
        let said = format!("{} wheels in {file}, {} built for it", lines.len(), builds.len());
        let value = json!({
            "ok": true, "file": file, "target": proxy.target, "urls": lines,
            "builds": builds, "warnings": input.warnings,
        });
        Ok((said, value))
    }
}
