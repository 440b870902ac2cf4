//! `wheelwright restore`: a backup becomes an installation, on this machine or in another database and storage.

use super::backup::BackupChoice;
use super::fsck;
use super::progress::counted;
use super::table;
use crate::config::load::ResolvedConfig;
use crate::error::Result;
use crate::transfer::backup::{RestoreReport, restore};
use serde_json::json;
use std::process::ExitCode;

/// The data folder, the database and the storage must be new or empty. A restore that was killed goes on when you run
/// the same command again.
#[derive(clap::Args, Debug)]
pub struct RestoreCommand {
    #[command(flatten)]
    which: BackupChoice,
    /// Restore what is whole, although files of the backup are missing or damaged
    #[arg(long)]
    partial: bool,
    #[arg(long)]
    json: bool,
}

impl RestoreCommand {
    pub async fn run(self, resolved: ResolvedConfig) -> Result<ExitCode> {
        let backup = self.which.open(&resolved).await?;
        let config = resolved.config;
        let report = restore(&config, &backup, self.partial, &counted()).await?;
        let said = told(&report, &config.data.display().to_string());
        table::done(&said, &json!(report), self.json)?;
        let is_whole = report.faults.is_empty() && report.check.clean();
        Ok(if is_whole { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

fn told(report: &RestoreReport, data: &str) -> String {
    let RestoreReport { backup, rows, blobs, bytes, .. } = report;
    let mut lines = vec![format!(
        "restored the backup {backup} to {data}: {rows} rows, {blobs} files and documents ({bytes} bytes)"
    )];
    if report.configuration {
        lines.push(format!(
            "the configuration of then is in {data}/wheelwright.toml.from-backup: compare it with what this \
             machine needs"
        ));
    }
    lines.extend(report.faults.iter().map(|fault| format!("not restored: {fault}")));
    lines.extend(report.check.faults.iter().map(fsck::fault));
    lines.join("\n")
}
