//! `wheelwright recipe`: how projects are built where the plain way fails.

mod learned;
mod trial;

use super::build::local;
use super::installation::has_database;
use super::table;
use crate::app::App;
use crate::bad;
use crate::build::recipe::{RecipeEntry, Recipes, folder};
use crate::build::target;
use crate::config::load::ResolvedConfig;
use crate::error::Result;
use crate::names::ProjectName;
use crate::packaging::version;
use crate::worker::interpreters;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

#[derive(clap::Subcommand, Debug)]
pub enum RecipeCommand {
    /// List the recipes: shipped with wheelwright, in the recipe folder, and stored through the API
    List {
        #[arg(long)]
        json: bool,
    },
    /// Show the recipe of one release and one target after all layers
    Show {
        /// docopt, or docopt==0.6.2
        #[arg(value_name = "PROJECT[==VERSION]")]
        release: String,
        /// A target of this machine: cp312, or a name from `target list`
        #[arg(long, value_name = "NAME")]
        target: String,
        /// One object, with the sha256 of the recipe
        #[arg(long)]
        json: bool,
    },
    /// Check recipe files; exits with 1, and names file and line, if one is invalid
    Check {
        #[arg(required = true, value_name = "FILE|FOLDER")]
        files: Vec<PathBuf>,
        #[arg(long)]
        json: bool,
    },
    /// Show what builds found beside sources and recipes, print it as a recipe, or forget it
    Learned(learned::LearnedCommand),
    /// Print a recipe for a failed build, filled in as far as the failure tells
    Draft(trial::DraftCommand),
    /// Build the source of a failed build with a recipe; no index gets the wheel
    ///
    /// The recipe holds for this one build. With --store it is stored on the server once the wheel is
    /// built, and the failed build runs again.
    Try(trial::TryCommand),
}

impl RecipeCommand {
    /// Builds without `--server` are those of `wheelwright build`.
    pub fn flags(&self) -> Vec<(&'static str, String)> {
        let is_local = match self {
            Self::List { .. } | Self::Show { .. } | Self::Check { .. } => false,
            Self::Learned(learned) => learned.at.server.is_none(),
            Self::Draft(draft) => draft.at.server.is_none(),
            Self::Try(tried) => tried.at.server.is_none(),
        };
        if is_local { local::flags() } else { Vec::new() }
    }

    pub async fn run(self, resolved: ResolvedConfig) -> Result<ExitCode> {
        match self {
            Self::List { json } => list(&recipes(resolved).await?, json),
            Self::Show { release, target, json } => show(resolved, &release, &target, json).await,
            Self::Check { files, json } => check(&files, json),
            Self::Learned(learned) => learned.run(resolved).await,
            Self::Draft(draft) => draft.run(resolved).await,
            Self::Try(tried) => tried.run(resolved).await,
        }
    }
}

/// Those of the installation; where there is none yet, of the program and the folder.
async fn recipes(resolved: ResolvedConfig) -> Result<Recipes> {
    if has_database(&resolved.config)? {
        let app = App::open(resolved.config).await?;
        return Ok(Recipes::clone(&*app.recipes.recipes().await?));
    }
    Recipes::load(Some(&folder(&resolved.config)), &[])
}

fn list(recipes: &Recipes, json: bool) -> Result<ExitCode> {
    let values: Vec<Value> = recipes.entries().map(RecipeEntry::to_json).collect();
    if json {
        table::json(&values)?;
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

async fn show(resolved: ResolvedConfig, release: &str, target: &str, as_json: bool) -> Result<ExitCode> {
    let (project, version) = release.split_once("==").unwrap_or((release, ""));
    let name =
        ProjectName::new(project.trim()).ok_or_else(|| bad!("{project:?} is not a valid project name"))?;
    let wanted = version::parse(version.trim());
    if wanted.is_none() && !version.is_empty() {
        return Err(bad!("{version:?} is not a valid version"));
    }
    let offered = interpreters::discover(&resolved.config.build).await?;
    let offered: Vec<_> = offered.iter().flat_map(|one| one.targets().cloned()).collect();
    let recipes = recipes(resolved).await?;
    let target = target::find(target, &offered)?.into_iter().next();
    let target = target.ok_or_else(|| {
        bad!("this machine has no target: install a Python, or name one with build.interpreters")
    })?;
    let Some(recipe) = recipes.recipe_for(&name, wanted.as_ref(), target)? else {
        let said = format!("{release} has no recipe for {}: wheelwright builds it without one", target.name);
        table::done(&said, &Value::Null, as_json)?;
        return Ok(ExitCode::SUCCESS);
    };
    let value = recipe.to_json()?;
    if as_json {
        let sha256 = recipe.sha256()?;
        table::json(&json!({"target": target.name, "sha256": sha256, "recipe": value}))?;
    } else {
        table::json(&value)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The recipes of a folder, by name.
fn of_folder(folder: &Path) -> Result<Vec<RecipeEntry>> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)?.flatten().map(|entry| entry.path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "toml"));
    files.sort();
    if files.is_empty() {
        return Err(bad!("{} does not contain a recipe: name recipes NAME.toml", folder.display()));
    }
    files.iter().map(|file| RecipeEntry::from_file(file)).collect()
}

fn check(files: &[PathBuf], json: bool) -> Result<ExitCode> {
    let mut entries: Vec<RecipeEntry> = Vec::new();
    for file in files {
        match file.is_dir() {
            true => entries.extend(of_folder(file)?),
            false => entries.push(RecipeEntry::from_file(file)?),
        }
    }
    if json {
        table::json(&entries.iter().map(RecipeEntry::to_json).collect::<Vec<_>>())?;
    }
    let wrong: Vec<&str> =
        entries.iter().filter_map(|entry| entry.file.as_ref().err()).map(String::as_str).collect();
    if !wrong.is_empty() {
        return Err(bad!("{}", wrong.join("\nerror: ")));
    }
    if !json {
        let what = if entries.len() == 1 { "recipe is" } else { "recipes are" };
        table::line(&format!("{} {what} valid", entries.len()))?;
    }
    Ok(ExitCode::SUCCESS)
}
