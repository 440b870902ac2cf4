//! `wheelwright search`: projects of a server by words.

use super::{remote, table};
use crate::error::Result;
use crate::index::search::MOST_EACH;
use crate::names::IndexName;
use std::process::ExitCode;

/// Find projects by words in their names, summaries and descriptions.
///
/// A project must have all words. The server looks through everything that you may read.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  wheelwright search http client
  wheelwright search numpy --server http://host:3141 --json")]
pub struct SearchCommand {
    #[arg(required = true, value_name = "WORD")]
    words: Vec<String>,
    /// Look through this index and its bases only
    #[arg(long, value_name = "USER/INDEX", value_parser = super::index::parse)]
    index: Option<IndexName>,
    /// Show at most so many
    #[arg(long, value_name = "NUMBER", default_value = "20", value_parser = most)]
    most: usize,
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    at: remote::RemoteServer,
}

fn most(text: &str) -> Result<usize, String> {
    let number = text.parse().ok().filter(|number| (1..=MOST_EACH).contains(number));
    number.ok_or_else(|| format!("write a number from 1 to {MOST_EACH}"))
}

impl SearchCommand {
    pub async fn run(self) -> Result<ExitCode> {
        let server = self.at.open()?;
        let text = self.words.join(" ");
        let found = server.search(&text, self.index.as_ref(), self.most).await?;
        if self.json {
            table::json(&found)?;
            return Ok(ExitCode::SUCCESS);
        }
        if found.results.is_empty() {
            table::line("no project has these words")?;
            return Ok(ExitCode::SUCCESS);
        }
        if found.near {
            table::line("no project has these words; these names are near:")?;
        }
        let mut rows = vec![["PROJECT", "VERSION", "INDEX", "SUMMARY"].map(str::to_owned).to_vec()];
        let shown = found.results.len();
        for one in found.results {
            let version = if one.yanked { format!("{} (yanked)", one.version) } else { one.version };
            let summary = one.summary.split_whitespace().collect::<Vec<_>>().join(" ");
            rows.push(vec![one.name, version, one.index.to_string(), summary]);
        }
        table::rows(&rows)?;
        if found.total > shown {
            let more = if found.more { "more than " } else { "" };
            table::line(&format!("{shown} of {more}{} projects", found.total))?;
        }
        Ok(ExitCode::SUCCESS)
    }
}
