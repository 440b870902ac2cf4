//! `wheelwright target`: what wheels can be built for.

mod explain;

use super::table;
use crate::config::load::ResolvedConfig;
use crate::error::{Error, Result};
use crate::worker::interpreters::{self, Interpreter};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::ExitCode;

#[derive(clap::Subcommand, Debug)]
pub enum TargetCommand {
    /// List the interpreters of this machine with their targets
    List {
        /// A list of objects, with wheel tags and environment markers
        #[arg(long)]
        json: bool,
    },
    /// Show which target an installer gets, by its User-Agent, and why
    ///
    /// The targets are those of this installation's workers. Without an installation they are those of this
    /// machine's interpreters.
    Explain {
        /// The whole header, as an installer sends it
        #[arg(value_name = "USER-AGENT")]
        agent: String,
        /// One object
        #[arg(long)]
        json: bool,
    },
}

impl TargetCommand {
    pub async fn run(self, resolved: ResolvedConfig) -> Result<ExitCode> {
        match self {
            Self::List { json } => list(&resolved, json).await,
            Self::Explain { agent, json } => explain::run(resolved, &agent, json).await,
        }
    }
}

async fn list(resolved: &ResolvedConfig, json: bool) -> Result<ExitCode> {
    let found = interpreters::discover(&resolved.config.build).await?;
    if json {
        table::json(&found.iter().map(one).collect::<Result<Vec<Value>>>()?)?;
    } else if found.is_empty() {
        table::line(
            "no Python found on the PATH, in pyenv, in uv or in /opt/python: name one with the setting \
             build.interpreters",
        )?;
    } else {
        let head = ["TARGET", "PYTHON", "SYSTEM", "HEADERS", "PROGRAM"].map(str::to_owned).to_vec();
        let rows: Vec<Vec<String>> = [head].into_iter().chain(found.iter().map(row)).collect();
        table::rows(&rows)?;
        let systems: BTreeSet<&str> =
            found.iter().flat_map(|one| &one.cross).map(|target| target.halves().1).collect();
        if !systems.is_empty() {
            let systems: Vec<&str> = systems.into_iter().collect();
            table::line(&format!("CPython also builds, on request and by zig, for {}", systems.join(", ")))?;
        }
        for (target, program) in found.iter().flat_map(Interpreter::tested) {
            table::line(&format!("Wheels for {target} are tested with {}", program.display()))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn row(one: &Interpreter) -> Vec<String> {
    let marker = |name: &str| one.target.markers.get(name).cloned().unwrap_or_default();
    vec![
        one.target.name.clone(),
        format!("{} {}", marker("platform_python_implementation"), one.target.version),
        Some(one.target.distribution.clone())
            .filter(|name| !name.is_empty())
            .unwrap_or_else(|| marker("platform_system")),
        if one.include.is_some() { "yes" } else { "no" }.to_owned(),
        one.executable.display().to_string(),
    ]
}

fn one(one: &Interpreter) -> Result<Value> {
    let mut value = serde_json::to_value(&one.target).map_err(Error::internal)?;
    if let Some(object) = value.as_object_mut() {
        object.insert("executable".into(), json!(one.executable));
        object.insert("prefix".into(), json!(one.prefix));
        object.insert("headers".into(), json!(one.include));
        let cross: Vec<&str> = one.cross.iter().map(|target| target.name.as_str()).collect();
        object.insert("cross".into(), json!(cross));
        let tested: BTreeMap<&str, &Path> = one.tested().into_iter().collect();
        object.insert("tested_with".into(), json!(tested));
    }
    Ok(value)
}
