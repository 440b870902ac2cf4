//! `wheelwright index`: indexes and their options.

use super::place::{CommandPlace, Explained};
use super::table;
use crate::access::accounts::check_name;
use crate::bad;
use crate::build::view::LeftOutView;
use crate::directory::options::Options;
use crate::error::Result;
use crate::names::{IndexName, ProjectName};
use serde_json::json;
use std::process::ExitCode;

#[derive(clap::Subcommand, Debug)]
pub enum IndexCommand {
    /// Create an index: wheelwright index create alice/dev --bases root/pypi
    Create {
        #[arg(value_name = "USER/INDEX", value_parser = parse_new)]
        name: IndexName,
        /// Indexes it inherits from, in order, with commas
        #[arg(long)]
        bases: Option<String>,
        /// Options: type=mirror mirror_url=https://… acl_upload=alice,:team volatile=false …
        #[arg(value_name = "KEY=VALUE")]
        options: Vec<String>,
        #[arg(long)]
        json: bool,
    },
    /// List all indexes
    List {
        #[arg(long)]
        json: bool,
    },
    /// Show an index and its options; credentials of upstreams are masked
    Show {
        #[arg(value_name = "USER/INDEX", value_parser = parse)]
        name: IndexName,
        #[arg(long)]
        json: bool,
    },
    /// Change options: key=value, key+=value, key-=value; key-= restores the default
    Modify {
        #[arg(value_name = "USER/INDEX", value_parser = parse)]
        name: IndexName,
        #[arg(value_name = "CHANGE", required = true)]
        changes: Vec<String>,
        #[arg(long)]
        json: bool,
    },
    /// Show where each file of a project comes from, and why one is hidden
    Explain {
        #[arg(value_name = "USER/INDEX", value_parser = parse)]
        name: IndexName,
        project: String,
        #[arg(long)]
        json: bool,
    },
    /// Delete a volatile index with everything in it
    Delete {
        #[arg(value_name = "USER/INDEX", value_parser = parse)]
        name: IndexName,
        /// Delete its files too
        #[arg(long)]
        force: bool,
        #[arg(long)]
        json: bool,
    },
}

pub(super) fn parse(name: &str) -> Result<IndexName> {
    IndexName::parse(name).ok_or_else(|| bad!("'{name}' is not a valid index name: write user/index"))
}

/// The same for an index that is yet to be made.
fn parse_new(name: &str) -> Result<IndexName> {
    let parsed = parse(name)?;
    check_name("username", parsed.user())?;
    check_name("indexname", parsed.name())?;
    Ok(parsed)
}

impl IndexCommand {
    pub async fn run(self, at: &CommandPlace) -> Result<ExitCode> {
        match self {
            Self::Create { name, bases, options, json } => {
                let made = at.create_index(&name, &given(bases, &options)?).await?;
                show(&name, &made, json)?;
            }
            Self::List { json } => list(&at.indexes().await?, json)?,
            Self::Show { name, json } => show(&name, &at.index_options(&name).await?, json)?,
            Self::Modify { name, changes, json } => {
                show(&name, &at.modify_index(&name, changes).await?, json)?;
            }
            Self::Explain { name, project, json } => explain(at, &name, &project, json).await?,
            Self::Delete { name, force, json } => {
                at.delete_index(&name, force).await?;
                let said = format!("index {name} deleted");
                table::done(&said, &json!({"name": name.as_str(), "deleted": true}), json)?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn given(bases: Option<String>, pairs: &[String]) -> Result<Options> {
    let mut given = Options::new();
    for pair in pairs {
        let (key, value) =
            pair.split_once('=').ok_or_else(|| bad!("'{pair}' is not an option: write key=value"))?;
        given.insert(key.into(), value.into());
    }
    if let Some(bases) = bases {
        given.insert("bases".into(), bases.into());
    }
    Ok(given)
}

fn show(name: &IndexName, options: &Options, json: bool) -> Result<()> {
    if json {
        let mut all = options.clone();
        all.insert("name".into(), name.as_str().into());
        return table::json(&all);
    }
    table::line(name.as_str())?;
    for (key, value) in options.iter().filter(|(key, _)| *key != "warning") {
        table::line(&format!("  {key}={}", table::plain(value)))?;
    }
    Ok(())
}

fn list(indexes: &Options, json: bool) -> Result<()> {
    if json {
        return table::json(indexes);
    }
    let mut rows = vec![["INDEX", "TYPE", "BASES OR UPSTREAM"].map(str::to_owned).to_vec()];
    for (name, options) in indexes {
        let cell = |key: &str| options.get(key).map(table::plain).unwrap_or_default();
        rows.push(vec![name.clone(), cell("type"), cell("bases") + &cell("mirror_url")]);
    }
    table::rows(&rows)
}

async fn explain(at: &CommandPlace, name: &IndexName, project: &str, json: bool) -> Result<()> {
    let project = ProjectName::new(project).ok_or_else(|| bad!("'{project}' is not a valid project name"))?;
    let explained = at.explain(name, &project).await?;
    if json {
        return table::json(&explained);
    }
    let Explained { why: report, left_out } = explained;
    table::line(&format!("{project} on {name}:"))?;
    for source in &report.sources {
        let shown = if source.shown { "shown" } else { "hidden" };
        table::line(&format!("{} ({}): {shown}: {}", source.index, source.kind, source.because))?;
        for file in &source.files {
            let why = match (file.shown, file.because.as_str()) {
                (true, "") => String::new(),
                (true, because) => format!("  {because}"),
                (false, because) => format!("  hidden: {because}"),
            };
            table::line(&format!("  {}{why}", file.filename))?;
        }
    }
    for LeftOutView { version, target, build, failure, log } in &left_out {
        let version = version.as_deref().unwrap_or("a version");
        let why = failure.as_ref().map(|failure| format!(": {}", failure.in_short())).unwrap_or_default();
        table::line(&format!(
            "left out: {version} for {target}, because build {build} failed{why}. Log: {log}"
        ))?;
    }
    report.notes.iter().try_for_each(|note| table::line(&format!("note: {note}")))
}
