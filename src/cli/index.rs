//! `wheelwright index`: indexes and their options.

use super::table;
use crate::access::Who;
use crate::access::accounts::check_name;
use crate::app::App;
use crate::build::view::LeftOutView;
use crate::config::base_url::BaseUrl;
use crate::directory::Index as Known;
use crate::directory::options::{self, Options, OptionsChange};
use crate::error::{Error, Result};
use crate::index::admin;
use crate::names::{IndexName, ProjectName};
use crate::{bad, conflict, missing};
use serde_json::{Value, json};
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
    pub async fn run(self, app: &App) -> Result<ExitCode> {
        let directory = app.indexes.directory();
        match self {
            Self::Create { name, bases, options, json } => {
                let given = given(bases, &options)?;
                let made = admin::create(&app.db, &directory, &Who::command_line(), &name, &given).await?;
                let is_mirror = made.contains_key("mirror_url");
                show(&name, &told(app, &name, &made, is_mirror).await?, json)?;
            }
            Self::List { json } => list(directory.indexes.values(), json)?,
            Self::Show { name, json } => {
                let index = directory.indexes.get(&name);
                let index = index
                    .ok_or_else(|| missing!("index {name} does not exist: see wheelwright index list"))?;
                show(&name, &index.options, json)?;
            }
            Self::Modify { name, changes, json } => {
                let change = OptionsChange::Operations(changes);
                let made =
                    admin::modify(&app.db, &directory, &Who::command_line(), &name, &change, false).await?;
                let is_new_url = options::new_url(&change).is_some();
                show(&name, &told(app, &name, &made, is_new_url).await?, json)?;
            }
            Self::Explain { name, project, json } => explain(app, &name, &project, json).await?,
            Self::Delete { name, force, json } => {
                let files = app.db.hosted_files(&name).await?;
                if files > 0 && !force {
                    return Err(conflict!(
                        "index {name} has {files} files: use --force to delete it with them"
                    ));
                }
                admin::delete(&app.db, &Who::command_line(), &name).await?;
                let said = format!("index {name} deleted");
                table::done(&said, &json!({"name": name.as_str(), "deleted": true}), json)?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// The options to show; for a mirror whose URL is new, with a look at what is there.
async fn told(app: &App, name: &IndexName, made: &Options, is_new_url: bool) -> Result<Options> {
    let mut shown = options::shown(made);
    if is_new_url {
        app.indexes.refresh().await?;
        let directory = app.indexes.directory();
        if let Some(index) = directory.indexes.get(name)
            && let Some(doubt) = app.indexes.mirrors.doubt(index).await
        {
            eprintln!("warning: {doubt}");
            shown.insert("warning".into(), doubt.into());
        }
    }
    Ok(shown)
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

fn list<'a>(indexes: impl Iterator<Item = &'a Known>, json: bool) -> Result<()> {
    let mut rows = vec![["INDEX", "TYPE", "BASES OR UPSTREAM"].map(str::to_owned).to_vec()];
    let mut all = serde_json::Map::new();
    for index in indexes {
        let cell = |key: &str| index.options.get(key).map(table::plain).unwrap_or_default();
        rows.push(vec![index.name.to_string(), cell("type"), cell("bases") + &cell("mirror_url")]);
        all.insert(index.name.to_string(), Value::Object(index.options.clone()));
    }
    if json { table::json(&all) } else { table::rows(&rows) }
}

async fn explain(app: &App, name: &IndexName, project: &str, json: bool) -> Result<()> {
    let directory = app.indexes.directory();
    let index = directory.indexes.get(name);
    let index = index.ok_or_else(|| missing!("index {name} does not exist: see wheelwright index list"))?;
    let project = ProjectName::new(project).ok_or_else(|| bad!("'{project}' is not a valid project name"))?;
    let who = Who::command_line();
    let report = app.indexes.views.explain(&directory, index, &project, &who).await?;
    let newest = app.queue.newest_of(&directory, &who, &project).await?;
    let left_out = LeftOutView::of(newest, &BaseUrl::new(&app.config, None, None).root());
    if json {
        let mut report = serde_json::to_value(&report).map_err(Error::internal)?;
        report["left_out"] = json!(left_out);
        return table::json(&report);
    }
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
