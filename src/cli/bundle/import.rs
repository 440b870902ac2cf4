//! `wheelwright bundle import` and `list`: a bundle becomes files of an index, and who brought what.

use super::inspect::Signers;
use super::show;
use crate::app::App;
use crate::bad;
use crate::cli::progress::Progress;
use crate::cli::{installation, table};
use crate::config::load::ResolvedConfig;
use crate::error::Result;
use crate::names::IndexName;
use crate::transfer::Destination;
use crate::transfer::bundle::{BundleCheck, CheckOrder, extract, import};
use crate::words::Moment;
use serde_json::{Value, json};
use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;

/// Import a bundle into an index: all of it, or nothing.
///
/// Signatures, hashes and archives are checked before anything is written. The server may run meanwhile.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  wheelwright bundle import drop.wwb --into secure/base --public-key me.key.pub
  wheelwright bundle import drop.wwb.* --into secure/base --dry-run")]
pub struct ImportBundleCommand {
    /// The bundle, or all its volumes in any order
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// The index that takes it
    #[arg(long, value_name = "USER/INDEX", value_parser = crate::cli::index::parse)]
    into: IndexName,
    #[command(flatten)]
    signers: Signers,
    /// The folder for files that no index takes
    #[arg(long, value_name = "DIR")]
    others: Option<PathBuf>,
    /// Show what would be imported, but change nothing
    #[arg(long)]
    dry_run: bool,
    /// Ask no question
    #[arg(long)]
    yes: bool,
    #[arg(long)]
    json: bool,
}

impl ImportBundleCommand {
    pub async fn run(self, resolved: ResolvedConfig) -> Result<ExitCode> {
        let trust = self.signers.needed(&resolved.config)?;
        let app = installation::own(resolved).await?;
        let to = destination(&app);
        let order = CheckOrder { files: self.files.clone(), into: self.into.clone(), trust };
        let progress = Progress::new();
        let line = progress.begin("bundle", "check");
        let check =
            BundleCheck::run(to, order, &|name, at, of| line.said(&format!("{at} of {of}: {name}"))).await?;
        line.end("checked");
        let diff = &check.diff;
        if diff.already {
            if let Some(folder) = self.others.as_deref().filter(|_| !self.dry_run) {
                let line = progress.begin("bundle", "extract");
                let watch = |name: &str, at: u64, of: u64| line.said(&format!("{at} of {of}: {name}"));
                extract(&check, folder, &watch).await?;
                line.end("extracted");
            }
            let said = format!("bundle {} is already imported into {}", diff.bundle, diff.index);
            table::done(&said, &json!({"ok": true, "imported": false, "diff": diff}), self.json)?;
            return Ok(ExitCode::SUCCESS);
        }
        let is_whole = diff.refused.is_empty();
        if !self.json {
            show::diff(diff)?;
        }
        let goes_on = is_whole && !self.dry_run && self.is_confirmed()?;
        if goes_on {
            let line = progress.begin("bundle", "import");
            let watch = |name: &str, at: u64, of: u64| line.said(&format!("{at} of {of}: {name}"));
            import(to, &check, &user(), self.others.as_deref(), &watch).await?;
            line.end("imported");
        }
        if self.json {
            table::json(&json!({"ok": is_whole, "imported": goes_on, "diff": diff}))?;
        } else if goes_on {
            table::line(&format!("imported into {}", diff.index))?;
        } else if !is_whole {
            table::line("nothing was imported: the index cannot take the whole bundle")?;
        }
        Ok(if is_whole { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    /// Whether somebody at a terminal agrees; elsewhere nobody can be asked.
    fn is_confirmed(&self) -> Result<bool> {
        if self.yes || self.json || !std::io::stdin().is_terminal() {
            return Ok(true);
        }
        print!("Import? [y/N] ");
        std::io::stdout().flush()?;
        let mut answer = String::new();
        std::io::stdin().read_line(&mut answer)?;
        match answer.trim().to_ascii_lowercase().as_str() {
            "y" | "yes" => Ok(true),
            _ => Err(bad!("nothing was imported")),
        }
    }
}

fn destination(app: &App) -> Destination<'_> {
    Destination { config: &app.config, db: &app.db, store: &app.store, indexes: &app.indexes, dry_run: false }
}

/// Who runs this command, as this machine knows them.
fn user() -> String {
    let named = ["SUDO_USER", "USER", "LOGNAME"].into_iter().find_map(|name| std::env::var(name).ok());
    let plain = |c: &char| c.is_ascii_alphanumeric() || "-_.@".contains(*c);
    let named = named.map(|name| name.chars().filter(plain).take(64).collect::<String>());
    named
        .filter(|name| !name.is_empty())
        .unwrap_or_else(|| format!("uid {}", rustix::process::getuid().as_raw()))
}

/// List the bundles that an index got.
#[derive(clap::Args, Debug)]
pub struct ListCommand {
    #[arg(value_name = "USER/INDEX", value_parser = crate::cli::index::parse)]
    index: IndexName,
    #[arg(long)]
    json: bool,
}

impl ListCommand {
    pub async fn run(self, resolved: ResolvedConfig) -> Result<ExitCode> {
        let app = installation::existing(resolved).await?;
        let bundles = app.db.imported_bundles(&self.index).await?;
        if self.json {
            let all: Vec<Value> = bundles
                .iter()
                .map(|one| {
                    json!({
                        "bundle": one.manifest_sha256, "from": one.origin_index, "installation": one.installation,
                        "created": Moment(one.created_at), "signers": one.signers.split(',').collect::<Vec<_>>(),
                        "files": one.files, "by": one.who, "imported": Moment(one.imported_at),
                    })
                })
                .collect();
            table::json(&all)?;
            return Ok(ExitCode::SUCCESS);
        }
        let mut rows =
            vec![["IMPORTED", "BY", "FILES", "FROM", "SIGNED BY", "BUNDLE"].map(str::to_owned).to_vec()];
        for one in bundles {
            let (imported, files) = (Moment(one.imported_at).second(), one.files.to_string());
            rows.push(vec![imported, one.who, files, one.origin_index, one.signers, one.manifest_sha256]);
        }
        table::rows(&rows)?;
        Ok(ExitCode::SUCCESS)
    }
}
