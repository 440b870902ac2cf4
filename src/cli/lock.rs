//! `wheelwright lock`: lock files that are watched, so that `who-has` names those who depend on a release.

use super::place::CommandPlace;
use super::table;
use crate::bad;
use crate::error::Result;
use crate::index::locks::{LockView, NewLock};
use crate::names::IndexName;
use serde_json::json;
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(clap::Subcommand, Debug)]
pub enum LockCommand {
    /// Watch a lock file: its releases are named by who-has, and kept by retention
    Watch {
        /// uv.lock, poetry.lock, pylock.toml, or a file of pinned requirements
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// The name of whatever is installed from it; the same name replaces what was watched
        #[arg(long = "as", value_name = "NAME")]
        name: String,
        /// The index that it is installed from
        #[arg(long, value_name = "USER/INDEX", value_parser = super::index::parse)]
        index: Option<IndexName>,
        #[arg(long)]
        json: bool,
    },
    /// List the lock files that are watched
    List {
        #[arg(long)]
        json: bool,
    },
    /// Stop watching a lock file
    Remove {
        name: String,
        #[arg(long)]
        json: bool,
    },
}

impl LockCommand {
    pub async fn run(self, at: &CommandPlace) -> Result<ExitCode> {
        match self {
            Self::Watch { file, name, index, json } => {
                let shown = file.display();
                let text =
                    std::fs::read_to_string(&file).map_err(|error| bad!("cannot read {shown}: {error}"))?;
                let kind = file.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
                let new = NewLock { name, index, file: kind, text };
                let watched = at.watch_lock(&new).await?;
                let said =
                    format!("watching {} as {}: {} releases", new.file, watched.name, watched.releases);
                table::done(&said, &json!(watched), json)?;
            }
            Self::List { json } => list(&at.locks().await?, json)?,
            Self::Remove { name, json } => {
                at.remove_lock(&name).await?;
                table::done(&format!("{name} is no longer watched"), &json!({"name": name}), json)?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn list(known: &[LockView], json: bool) -> Result<()> {
    if json {
        return table::json(&known);
    }
    let mut rows = vec![["NAME", "FILE", "INDEX", "SINCE", "BY"].map(str::to_owned).to_vec()];
    for lock in known {
        let index = lock.index.as_ref().map(ToString::to_string).unwrap_or_default();
        rows.push(vec![lock.name.clone(), lock.file.clone(), index, lock.at.second(), lock.by.clone()]);
    }
    table::rows(&rows)
}
