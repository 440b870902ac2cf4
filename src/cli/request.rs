//! `wheelwright request`: what was asked of curated indexes, and what is decided.

use super::place::CommandPlace;
use super::table;
use crate::bad;
use crate::error::Result;
use crate::index::requests::{RequestView, RuleTrial, Ruling, time};
use crate::names::IndexName;
use crate::words::RequestState;
use serde_json::json;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

#[derive(clap::Subcommand, Debug)]
pub enum CurationCommand {
    /// List requests
    List {
        /// Show only those of this index
        #[arg(value_name = "USER/INDEX", value_parser = super::index::parse)]
        index: Option<IndexName>,
        /// open, approved or refused [default: open]
        #[arg(long, value_name = "STATE", value_parser = state)]
        state: Option<RequestState>,
        /// Show requests in all states
        #[arg(long, conflicts_with = "state")]
        all: bool,
        #[arg(long)]
        json: bool,
    },
    /// Show a request, and what its installation needs
    Show {
        id: i64,
        #[arg(long)]
        json: bool,
    },
    /// Ask for a release that no installer asks for by itself
    Add {
        #[arg(value_name = "USER/INDEX", value_parser = super::index::parse)]
        index: IndexName,
        /// PROJECT==VERSION, or PROJECT for any version
        requirement: String,
        /// The target it is for, like cp312
        #[arg(long, value_name = "NAME", default_value = "")]
        target: String,
        #[arg(long)]
        json: bool,
    },
    /// Approve what a request asks for
    Approve {
        id: i64,
        /// Why
        #[arg(long, value_name = "TEXT", default_value = "")]
        reason: String,
        /// The time after which it is not approved any more, like 90d [default: never]
        #[arg(long, value_name = "TIME", value_parser = time)]
        expires: Option<u64>,
        /// Also approve all releases that its installation needs
        #[arg(long)]
        with_closure: bool,
        /// Approve these versions of the project instead, like '>=2,<3'
        #[arg(long, value_name = "VERSIONS")]
        specifier: Option<String>,
        #[arg(long)]
        json: bool,
    },
    /// Refuse what a request asks for; installers show the reason
    Refuse {
        id: i64,
        /// Why
        #[arg(long, value_name = "TEXT")]
        reason: String,
        /// The time after which it is not refused any more, like 90d [default: never]
        #[arg(long, value_name = "TIME", value_parser = time)]
        expires: Option<u64>,
        /// Refuse these versions of the project instead, like '<2'
        #[arg(long, value_name = "VERSIONS")]
        specifier: Option<String>,
        #[arg(long)]
        json: bool,
    },
    /// Show the rules that decide requests of an index, or replace them
    Rules {
        #[arg(value_name = "USER/INDEX", value_parser = super::index::parse)]
        index: IndexName,
        /// The new rules
        #[arg(long, value_name = "FILE")]
        file: Option<PathBuf>,
        /// Names of projects, one a line, the most popular first: what the condition popular is about
        #[arg(long, value_name = "FILE", requires = "file")]
        popular: Option<PathBuf>,
        /// Only show what they would have done with the requests and downloads of the last month
        #[arg(long, requires = "file")]
        dry_run: bool,
        #[arg(long)]
        json: bool,
    },
}

fn state(text: &str) -> Result<RequestState> {
    RequestState::parse(text).ok_or_else(|| bad!("'{text}' is none of open, approved and refused"))
}

impl CurationCommand {
    pub async fn run(self, at: &CommandPlace) -> Result<ExitCode> {
        match self {
            Self::List { index, state, all, json } => {
                let state = if all { None } else { state.or(Some(RequestState::Open)) };
                list(&at.requests(index.as_ref(), state).await?, json)?;
            }
            Self::Show { id, json } => show(&at.request(id).await?, json)?,
            Self::Add { index, requirement, target, json } => {
                let id = at.ask_for(&index, &requirement, &target).await?;
                let said = match id {
                    Some(id) => format!("request {id} added"),
                    None => format!("{requirement} is approved already"),
                };
                table::done(&said, &json!({"id": id}), json)?;
            }
            Self::Approve { id, reason, expires, with_closure, specifier, json } => {
                let ruling =
                    Ruling { approves: true, reason, expires, with_closure, specifier, if_open: false };
                decided(&at.decide(id, &ruling).await?, json)?;
            }
            Self::Refuse { id, reason, expires, specifier, json } => {
                let ruling = Ruling { reason, expires, specifier, ..Ruling::default() };
                decided(&at.decide(id, &ruling).await?, json)?;
            }
            Self::Rules { index, file: None, json, .. } => {
                let rules = at.rules(&index).await?;
                table::done(rules.trim_end(), &json!({"index": index, "rules": rules}), json)?;
            }
            Self::Rules { index, file: Some(file), popular, dry_run, json } => {
                let text = document(&file, popular.as_deref())?;
                if dry_run {
                    return trials(&at.try_rules(&index, &text).await?, json);
                }
                let decided = at.set_rules(&index, &text).await?;
                let said = format!("rules of {index} changed: {decided} open requests decided");
                table::done(&said, &json!({"index": index, "decided": decided}), json)?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// The rules, with the list of popular projects before them.
fn document(file: &Path, popular: Option<&Path>) -> Result<String> {
    let read = |path: &Path| {
        std::fs::read_to_string(path).map_err(|error| bad!("cannot read {}: {error}", path.display()))
    };
    let rules = read(file)?;
    let Some(popular) = popular.map(read).transpose()? else { return Ok(rules) };
    let names = popular.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let names: Vec<String> = names.map(|name| json!(name).to_string()).collect();
    Ok(format!("popular = [{}]\n{rules}", names.join(", ")))
}

fn trials(trials: &[RuleTrial], json: bool) -> Result<ExitCode> {
    if json {
        table::json(&trials)?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut rows =
        vec![["RELEASE", "DOWNLOADS", "REQUEST", "STATE", "RULES SAY", "RULE"].map(str::to_owned).to_vec()];
    for trial in trials {
        rows.push(vec![
            trial.release.clone(),
            trial.downloads.to_string(),
            trial.request.map(|id| id.to_string()).unwrap_or_default(),
            trial.state.map(|state| state.to_string()).unwrap_or_default(),
            trial.decide.map_or("nothing".to_owned(), |state| state.to_string()),
            trial.rule.clone().unwrap_or_default(),
        ]);
    }
    table::rows(&rows)?;
    Ok(ExitCode::SUCCESS)
}

fn decided(request: &RequestView, json: bool) -> Result<()> {
    let said = format!("request {} is {}", request.id, request.state);
    table::done(&said, &json!(request), json)
}

fn list(requests: &[RequestView], json: bool) -> Result<()> {
    if json {
        return table::json(&requests);
    }
    let mut rows =
        vec![["ID", "INDEX", "RELEASE", "TARGET", "STATE", "ASKED", "LAST"].map(str::to_owned).to_vec()];
    for request in requests {
        rows.push(vec![
            request.id.to_string(),
            request.index.to_string(),
            request.title(),
            request.target.clone().unwrap_or_default(),
            request.state.to_string(),
            request.asked.to_string(),
            request.last.second(),
        ]);
    }
    table::rows(&rows)
}

fn show(request: &RequestView, json: bool) -> Result<()> {
    if json {
        return table::json(request);
    }
    let (id, title, index, state) = (request.id, request.title(), &request.index, request.state);
    table::line(&format!("request {id}: {title} on {index}, {state}"))?;
    let target = request.target.as_deref().map(|target| format!(" for {target}")).unwrap_or_default();
    table::line(&format!("asked {} times{target}, last {}", request.asked, request.last.second()))?;
    if let Some(askers) = request.askers.as_ref().filter(|askers| !askers.is_empty()) {
        table::line(&format!("asked by {}", askers.join(", ")))?;
    }
    if let Some(reason) = &request.reason {
        table::line(&format!(
            "decided by {}: {reason}",
            request.decided_by.as_deref().unwrap_or("the server")
        ))?;
    }
    match &request.closure {
        None => table::line("needs: not resolved yet (a running server does that)"),
        Some(closure) => {
            if let Some(error) = &closure.error {
                return table::line(&format!("needs: no solution for {}: {error}", closure.target));
            }
            table::line(&format!("needs for {}:", closure.target))?;
            closure
                .releases
                .iter()
                .try_for_each(|one| table::line(&format!("  {}=={}", one.project, one.version)))
        }
    }
}
