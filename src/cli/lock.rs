//! `wheelwright lock`: lock files that are watched, so that `who-has` names those who depend on a release.

use super::table;
use crate::access::Who;
use crate::app::App;
use crate::bad;
use crate::error::Result;
use crate::index::locks::{self, LockView, NewLock};
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
    pub async fn run(self, app: &App) -> Result<ExitCode> {
        let who = Who::command_line();
        match self {
            Self::Watch { file, name, index, json } => {
                let shown = file.display();
                let text =
                    std::fs::read_to_string(&file).map_err(|error| bad!("cannot read {shown}: {error}"))?;
                if let Some(index) = &index {
                    app.indexes.directory().index(index)?;
                }
                let kind = file.file_name().and_then(|name| name.to_str()).unwrap_or_default();
                let new = NewLock { name: &name, index: index.as_ref(), file: kind, text: &text };
                let count = locks::watch(&app.db, &who, new).await?;
                let said = format!("watching {kind} as {name}: {count} releases");
                table::done(&said, &json!({"name": name, "releases": count}), json)?;
            }
            Self::List { json } => {
                let known = app.db.lock_watches().await?.into_iter().map(LockView::from);
                list(&known.collect::<Vec<_>>(), json)?;
            }
            Self::Remove { name, json } => {
                locks::remove(&app.db, &who, &name).await?;
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
