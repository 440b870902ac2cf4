//! `wheelwright gc`: removes bytes that no file, build or index needs any more.

use crate::config::load::ResolvedConfig;
use crate::config::units;
use crate::db::Db;
use crate::error::{Error, Result};
use crate::index::gc::{Collected, Evicted, ExpiredRelease, collect};
use crate::store::Store;
use crate::{bad, missing};
use std::io::Write;
use std::process::ExitCode;

/// May run beside servers: what is younger than the grace is left alone.
#[derive(clap::Args, Debug)]
pub struct GcCommand {
    /// Show what would be removed, but remove nothing
    #[arg(long)]
    dry_run: bool,
    /// Keep what is younger than this, like 2h or 7d [default: the setting gc.grace]
    #[arg(long, value_name = "TIME")]
    grace: Option<String>,
    /// Print the report as JSON
    #[arg(long)]
    json: bool,
}

impl GcCommand {
    pub async fn run(self, resolved: ResolvedConfig) -> Result<ExitCode> {
        let config = resolved.config;
        if !super::installation::has_database(&config)? {
            return Err(missing!(
                "{} has no data to clean up: choose the data folder with --data",
                config.data.display()
            ));
        }
        let mut config = config;
        if let Some(text) = &self.grace {
            config.gc.grace = units::seconds(text).ok_or_else(|| {
                bad!("--grace {text} is not a valid time: write it like 90s, 10m, 2h or 7d")
            })?;
        }
        let db = Db::open(&config.database_url()).await?;
        let store = Store::open(&config).await?;
        let collected = collect(&db, &store, &config, self.dry_run).await?;
        let text = match self.json {
            true => serde_json::to_string_pretty(&collected).map_err(Error::internal)?,
            false => told(&collected),
        };
        writeln!(std::io::stdout(), "{text}")?;
        Ok(ExitCode::SUCCESS)
    }
}

/// The report for people.
fn told(collected: &Collected) -> String {
    let Collected { dry_run, blobs, bytes, young, held, rows, audit, expired, evicted } = collected;
    let done = if *dry_run { "would be removed" } else { "removed" };
    let mut text = format!(
        "{done}: {blobs} blobs ({bytes} bytes), {} sources, {} builds, {} names that an upstream does not have",
        rows.sources, rows.builds, rows.absent
    );
    for release in expired {
        let ExpiredRelease { index, project, version, why } = release;
        text.push_str(&format!("\n{done}: {project} {version} of {index} ({why})"));
    }
    if evicted.files > 0 {
        let Evicted { files, bytes } = evicted;
        text.push_str(&format!("\n{done}: {files} copies of mirrors ({bytes} bytes) that exceed cache_size"));
    }
    if *audit > 0 {
        text.push_str(&format!("\n{done}: {audit} entries of the audit log"));
    }
    if *young > 0 {
        text.push_str(&format!("\nkept: {young} unused blobs that are younger than the grace time"));
    }
    if *held > 0 {
        text.push_str(&format!("\nkept: {held} unused blobs, because a backup is running"));
    }
    text
}
