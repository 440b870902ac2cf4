//! `wheelwright quarantine`: takes a project or some of its versions off all pages, and gives them back.

use super::place::CommandPlace;
use super::table;
use crate::bad;
use crate::error::Result;
use crate::index::quarantine::{NewQuarantine, QuarantineView};
use crate::names::IndexName;
use serde_json::json;
use std::process::ExitCode;

#[derive(clap::Args, Debug)]
pub struct QuarantineCommand {
    /// A project, or some of its versions: demo, demo==1.0, 'demo<2'
    #[arg(value_name = "REQUIREMENT", required_unless_present = "list")]
    what: Option<String>,
    /// The reason: whoever is refused reads it
    #[arg(long, value_name = "TEXT", required_unless_present_any = ["release", "list"])]
    why: Option<String>,
    /// Only on this index, and where it is a base [default: all indexes]
    #[arg(long, value_name = "USER/INDEX", value_parser = super::index::parse)]
    index: Option<IndexName>,
    /// Give back what was quarantined in these words
    #[arg(long, conflicts_with_all = ["why", "list"])]
    release: bool,
    /// List what is quarantined
    #[arg(long, conflicts_with_all = ["what", "why"])]
    list: bool,
    #[arg(long)]
    json: bool,
}

impl QuarantineCommand {
    pub async fn run(self, at: &CommandPlace) -> Result<ExitCode> {
        if self.list {
            list(&at.quarantines().await?, self.json)?;
            return Ok(ExitCode::SUCCESS);
        }
        let what =
            self.what.ok_or_else(|| bad!("name a project, or list what is quarantined with --list"))?;
        let everywhere = self.index.as_ref().map_or("all indexes".to_owned(), ToString::to_string);
        if self.release {
            let released = at.release(&what, self.index.as_ref()).await?;
            let said = format!("{} is no longer quarantined on {everywhere}", released.what);
            table::done(&said, &json!(released), self.json)?;
            return Ok(ExitCode::SUCCESS);
        }
        let why = self.why.unwrap_or_default();
        let new = NewQuarantine { what, why, index: self.index };
        let placed = at.quarantine(&new).await?;
        table::done(&format!("{} is quarantined on {everywhere}", placed.what), &json!(placed), self.json)?;
        if !self.json {
            table::line(&format!("To see who fetched it: wheelwright who-has '{}'", placed.what))?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn list(held: &[QuarantineView], json: bool) -> Result<()> {
    if json {
        return table::json(&held);
    }
    let mut rows = vec![["NUMBER", "WHAT", "WHERE", "SINCE", "BY", "WHY"].map(str::to_owned).to_vec()];
    for one in held {
        let index = one.index.as_ref().map_or("all indexes".to_owned(), ToString::to_string);
        let (id, what, why) = (one.id.clone(), one.what.clone(), one.why.clone());
        rows.push(vec![id, what, index, one.at.second(), one.by.clone(), why]);
    }
    table::rows(&rows)
}
