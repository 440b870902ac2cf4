//! What went wrong with the lines of a requirements file, told for people: each line with its class,
//! its hint, and where the log is.

use super::compile;
use crate::build::promise::ForTarget;
use crate::build::queue::{Build, BuildId};
use crate::db::builds::Filter;
use crate::error::{Error, Result};
use crate::web::builds::sees;
use crate::web::router::Ctx;
use crate::web::whence;
use std::fmt::Write as _;

/// Projects of an explanation that are looked up.
const NAMED: usize = 20;

/// Why a line has no wheel.
#[derive(Debug)]
pub enum Why {
    Failed(Box<Build>),
    /// It is still on its way.
    Runs(Option<BuildId>),
    Text(String),
}

/// All lines without a wheel.
#[derive(Debug, Default)]
pub struct Troubles(Vec<(usize, String, Why)>);

impl Troubles {
    pub fn add(&mut self, number: usize, line: &str, why: Why) {
        self.0.push((number, line.to_owned(), why));
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// As an answer: `Conflict` if everything that is missing is still on its way.
    pub async fn told(&self, ctx: &Ctx<()>, target: &str, of: usize) -> Error {
        let only_runs = self.0.iter().all(|(_, _, why)| matches!(why, Why::Runs(_)));
        let count = self.0.len();
        let mut text = match only_runs {
            true => format!("{count} of {of} lines are not built for {target} yet: ask again\n"),
            false => format!("{count} of {of} lines have no wheel for {target}\n"),
        };
        for (number, line, why) in &self.0 {
            // A String can be written to.
            let _ = write!(text, "\nline {number}: {}\n{}", short(line), told(ctx, why).await);
        }
        if only_runs { Error::Conflict(text) } else { Error::Bad(text) }
    }
}

/// Hashes of a line would hide the rest.
fn short(line: &str) -> &str {
    line.split_once(" --hash").map_or(line, |(head, _)| head).trim_end()
}

async fn told(ctx: &Ctx<()>, why: &Why) -> String {
    match why {
        Why::Text(text) => format!("  {}\n", text.replace('\n', "\n  ")),
        Why::Runs(None) => "  it is being built\n".to_owned(),
        Why::Runs(Some(id)) => format!("  build {id} has not ended: {}/+builds/{id}\n", whence::root(ctx)),
        Why::Failed(build) => failed(ctx, build).await,
    }
}

/// Class, hint, first error, and the log where the asker may see it.
async fn failed(ctx: &Ctx<()>, build: &Build) -> String {
    let mut text = format!("  build {} failed", build.id);
    if let Some(failure) = &build.failure {
        let class = serde_json::to_value(failure.class).ok();
        let class = class.as_ref().and_then(|class| class.as_str()).unwrap_or("other");
        let _ = write!(text, ": {class}: {}", failure.hint);
        if let Some(line) = &failure.line {
            let _ = write!(text, "\n  first error: {line}");
        }
    }
    if sees(&ctx.app, &ctx.directory, &ctx.who, build).await.unwrap_or(false) {
        let _ = write!(text, "\n  log: {}/+builds/{}/log", whence::root(ctx), build.id);
    }
    text + "\n"
}

/// What is known of builds that failed, for the projects of which an explanation says that nothing of
/// them can be used; empty if nothing is known.
pub async fn of_explanation(ctx: &Ctx<()>, target: &ForTarget, explanation: &str) -> Result<String> {
    let mut text = String::new();
    for project in compile::without_wheels(explanation).iter().take(NAMED) {
        let filter = Filter {
            state: Some("failed".into()),
            project: Some(project.to_string()),
            target: Some(target.offered.target.name.clone()),
            limit: 3,
            ..Filter::default()
        };
        for build in ctx.app.builds.list(&filter).await? {
            if sees(&ctx.app, &ctx.directory, &ctx.who, &build).await? {
                let _ = write!(text, "\n{}\n{}", build.title(), failed(ctx, &build).await);
            }
        }
    }
    Ok(if text.is_empty() { text } else { format!("\n\nWhat could not be built here:\n{text}") })
}
