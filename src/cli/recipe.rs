//! `wheelwright recipe`: how projects are built where the plain way fails.

use super::{Resolved, has_database, table};
use crate::app::App;
use crate::bad;
use crate::build::recipe::{Entry, Recipes, folder};
use crate::error::Result;
use serde_json::Value;
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(clap::Subcommand, Debug)]
pub enum Recipe {
    /// List the recipes: those that come with this program, of the recipe folder, given by the API
    List {
        #[arg(long)]
        json: bool,
    },
    /// Check recipe files: exit 1, with file and line, if one is wrong
    Check {
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
        #[arg(long)]
        json: bool,
    },
}

impl Recipe {
    pub async fn run(self, resolved: Resolved) -> Result<ExitCode> {
        match self {
            Self::List { json } => list(&recipes(resolved).await?, json),
            Self::Check { files, json } => check(&files, json),
        }
    }
}

/// Those of the installation; where there is none yet, of the program and the folder.
async fn recipes(resolved: Resolved) -> Result<Recipes> {
    if has_database(&resolved.config) {
        let app = App::open(resolved.config).await?;
        return Ok(Recipes::clone(&*app.recipes.recipes().await?));
    }
    Recipes::load(Some(&folder(&resolved.config)), &[])
}

fn list(recipes: &Recipes, json: bool) -> Result<ExitCode> {
    let values: Vec<Value> = recipes.entries().map(Entry::shown).collect();
    if json {
        table::json(&values.into())?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut rows = vec![["NAME", "PROJECT", "VERSIONS", "FROM", "ERROR"].map(str::to_owned).to_vec()];
    for value in &values {
        let cell = |name: &str| value.get(name).map(table::plain).unwrap_or_default();
        rows.push(["name", "project", "versions", "from", "error"].map(cell).to_vec());
    }
    table::rows(&rows)?;
    Ok(ExitCode::SUCCESS)
}

fn check(files: &[PathBuf], json: bool) -> Result<ExitCode> {
    let entries: Vec<Entry> = files.iter().map(|file| Entry::from_file(file)).collect::<Result<_>>()?;
    if json {
        table::json(&entries.iter().map(Entry::shown).collect::<Vec<_>>().into())?;
    }
    let wrong: Vec<&str> =
        entries.iter().filter_map(|entry| entry.file.as_ref().err()).map(String::as_str).collect();
    if !wrong.is_empty() {
        return Err(bad!("{}", wrong.join("\nerror: ")));
    }
    if !json {
        let what = if entries.len() == 1 { "recipe is" } else { "recipes are" };
        table::line(&format!("{} {what} fine", entries.len()))?;
    }
    Ok(ExitCode::SUCCESS)
}
