//! `wheelwright watch`: repositories whose tags become releases of an index.

use super::place::{CommandPlace, MadeWatch, WatchWithTags};
use super::table;
use crate::bad;
use crate::build::watch::{NewWatch, Since, TagView};
use crate::config::units;
use crate::error::Result;
use crate::names::IndexName;
use crate::tools::time::now;
use crate::words::TagState;
use serde_json::json;
use std::process::ExitCode;

#[derive(clap::Subcommand, Debug)]
pub enum WatchCommand {
    /// Watch a git repository: each new tag of a version becomes a release with wheels for every target
    Add {
        /// The index that gets the releases
        #[arg(value_name = "USER/INDEX", value_parser = super::index::parse)]
        index: IndexName,
        /// git+https://HOST/REPO, git+ssh://… or git+file://…; #subdirectory=DIR for a project below its top
        #[arg(value_name = "URL")]
        url: String,
        /// What tags of releases look like [default: v{version}]
        #[arg(long, value_name = "PATTERN")]
        tags: Option<String>,
        /// A target to build for, like cp312; may be repeated [default: all that workers offer]
        #[arg(long, value_name = "NAME")]
        target: Vec<String>,
        /// The time between two looks [default: the setting watch.every]
        #[arg(long, value_name = "TIME", value_parser = time)]
        every: Option<u64>,
        /// Also build tags that are there now: all, or those of this version and later ones
        #[arg(long, value_name = "VERSION|all", value_parser = since)]
        from: Option<Since>,
        #[arg(long)]
        json: bool,
    },
    /// List watches
    List {
        /// Show only those of this index
        #[arg(value_name = "USER/INDEX", value_parser = super::index::parse)]
        index: Option<IndexName>,
        #[arg(long)]
        json: bool,
    },
    /// Show a watch, and what became of each tag
    Show {
        id: i64,
        #[arg(long)]
        json: bool,
    },
    /// Look for new tags now, and retry tags that failed
    Look {
        /// Only this watch [default: all]
        id: Option<i64>,
        #[arg(long)]
        json: bool,
    },
    /// Stop watching a repository; its releases stay
    Remove {
        id: i64,
        #[arg(long)]
        json: bool,
    },
}

fn time(text: &str) -> Result<u64> {
    units::seconds(text).ok_or_else(|| bad!("'{text}' is not a time like 90s, 10m or 7d"))
}

fn since(text: &str) -> Result<Since> {
    Since::parse(text)
        .filter(|since| *since != Since::Now)
        .ok_or_else(|| bad!("'{text}' is neither a version nor the word all"))
}

impl WatchCommand {
    pub async fn run(self, at: &CommandPlace) -> Result<ExitCode> {
        match self {
            Self::Add { index, url, tags, target, every, from, json } => {
                let since = from.unwrap_or_default();
                let new = NewWatch { index, url, pattern: tags, targets: target, every, since };
                let made = at.add_watch(new).await?;
                if json {
                    table::json(&made)?;
                } else {
                    let MadeWatch { id, secret, watch } = made;
                    table::line(&format!("watch {id} added: {}", counted(&watch.found)))?;
                    let place = format!("/+watches/{id}/hook");
                    table::line(&format!(
                        "To hear of pushes at once, add a webhook to the repository, with this server's URL and {place} behind it, and \
                         this secret, which is shown only now:"
                    ))?;
                    table::line(&secret)?;
                }
            }
            Self::List { index, json } => list(at, index.as_ref(), json).await?,
            Self::Show { id, json } => show(&at.watch(id).await?, json)?,
            Self::Look { id, json } => return look(at, id, json).await,
            Self::Remove { id, json } => {
                at.remove_watch(id).await?;
                table::done(&format!("watch {id} removed"), &json!({"id": id, "removed": true}), json)?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

async fn list(at: &CommandPlace, index: Option<&IndexName>, json: bool) -> Result<()> {
    let watches = at.watches(index).await?;
    if json {
        return table::json(&watches);
    }
    let mut rows =
        vec![["ID", "INDEX", "URL", "TAGS", "EVERY", "LAST LOOK", "STATE"].map(str::to_owned).to_vec()];
    for watch in watches {
        let state = match watch.error {
            None => "ok".to_owned(),
            Some(_) => format!("{} failed, next look {}", watch.failures, watch.next_look.second()),
        };
        let cells =
            [watch.index.to_string(), watch.url, watch.tags, watch.every, watch.last_look.second(), state];
        rows.push([watch.id.to_string()].into_iter().chain(cells).collect());
    }
    table::rows(&rows)
}

fn show(shown: &WatchWithTags, json: bool) -> Result<()> {
    if json {
        return table::json(shown);
    }
    let watch = &shown.watch;
    table::line(&format!("watch {}: {} for {}", watch.id, watch.url, watch.index))?;
    let targets = if watch.targets.is_empty() { "all targets".to_owned() } else { watch.targets.join(", ") };
    table::line(&format!("tags {} every {} for {targets}", watch.tags, watch.every))?;
    table::line(&format!("last look {}, next look {}", watch.last_look.second(), watch.next_look.second()))?;
    if let Some(error) = &watch.error {
        table::line(&format!("{} looks failed: {error}", watch.failures))?;
    }
    found(&shown.found)
}

fn found(tags: &[TagView]) -> Result<()> {
    let mut rows = vec![["TAG", "VERSION", "STATE", "SINCE", "BUILDS", "REASON"].map(str::to_owned).to_vec()];
    for tag in tags {
        let builds: Vec<String> = tag.builds.iter().map(ToString::to_string).collect();
        rows.push(vec![
            tag.tag.clone(),
            tag.version.clone().unwrap_or_default(),
            tag.state.to_string(),
            tag.at.second(),
            builds.join(","),
            tag.reason.clone().unwrap_or_default(),
        ]);
    }
    table::rows(&rows)
}

/// `3 tags: 1 waiting, 2 older`
fn counted(tags: &[TagView]) -> String {
    let count = |state: TagState| tags.iter().filter(|tag| tag.state == state).count();
    let states = TagState::ALL.iter().map(|state| (count(*state), state)).filter(|(count, _)| *count > 0);
    let states: Vec<String> = states.map(|(count, state)| format!("{count} {state}")).collect();
    match tags.len() {
        0 => "the repository has no tags".to_owned(),
        1 => format!("1 tag: {}", states.join(", ")),
        all => format!("{all} tags: {}", states.join(", ")),
    }
}

/// Beside the data folder this process looks, and a running server builds what was found.
async fn look(at: &CommandPlace, id: Option<i64>, json: bool) -> Result<ExitCode> {
    let ids = match id {
        Some(id) => vec![id],
        None => at.watches(None).await?.iter().map(|watch| watch.id).collect(),
    };
    let began = now();
    let (mut all, mut code) = (Vec::new(), ExitCode::SUCCESS);
    for id in ids {
        let (shown, failed) = at.look(id).await?;
        if let Some(error) = failed {
            code = ExitCode::FAILURE;
            if !json {
                table::line(&format!("watch {id}: {error}"))?;
            }
        }
        all.push(shown);
    }
    if json {
        table::json(&all)?;
        return Ok(code);
    }
    for shown in &all {
        table::line(&format!("watch {}: {}", shown.watch.id, counted(&shown.found)))?;
        let new: Vec<TagView> = shown.found.iter().filter(|tag| tag.at.0 >= began).cloned().collect();
        if !new.is_empty() {
            found(&new)?;
        }
    }
    if all.iter().any(|shown| shown.found.iter().any(|tag| tag.state.is_open())) {
        table::line("The server builds waiting tags while it runs (wheelwright serve).")?;
    }
    Ok(code)
}
