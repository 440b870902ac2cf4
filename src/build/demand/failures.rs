//! The lines of a requirements file that got no wheel, explained to people: each with its failure class,
//! its hint and the URL of its log.

use super::Demand;
use super::pin::Pin;
use crate::db::builds::{Build, BuildId, Filter};
use crate::error::{Error, Result};
use crate::names::ProjectName;
use crate::packaging::version::{self, Version};
use crate::words::BuildState;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

/// The most failed builds that one answer names.
pub const NAMED: usize = 20;

/// The most failed builds of a target that are searched, newest first.
const LOOKED_AT: u32 = 2000;

/// The reason why a line has no wheel.
#[derive(Debug)]
pub enum NoWheel {
    Failed(Box<Build>),
    /// It is still on its way.
    Runs(Option<BuildId>),
    Text(String),
}

/// All lines without a wheel.
#[derive(Debug, Default)]
pub struct LineFailures(Vec<(usize, String, NoWheel)>);

impl LineFailures {
    pub fn add(&mut self, number: usize, line: &str, why: NoWheel) {
        self.0.push((number, line.to_owned(), why));
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The answer: `Conflict` if every missing wheel is still being built, else `Bad`.
    pub async fn into_error(self, demand: &Demand<'_>, of: usize) -> Error {
        let target = &demand.target().name;
        let only_runs = self.0.iter().all(|(_, _, why)| matches!(why, NoWheel::Runs(_)));
        let count = self.0.len();
        let mut text = match only_runs {
            true => format!("{count} of {of} lines are not built for {target} yet: try again\n"),
            false => format!("{count} of {of} lines have no wheel for {target}\n"),
        };
        for (number, line, why) in &self.0 {
            // A String can be written to.
            let _ = write!(text, "\nline {number}: {}\n{}", short(line), why.to_text(demand).await);
        }
        if only_runs { Error::Conflict(text) } else { Error::Bad(text) }
    }
}

/// The line without its hashes, which would hide the rest.
fn short(line: &str) -> &str {
    line.split_once(" --hash").map_or(line, |(head, _)| head).trim_end()
}

impl NoWheel {
    async fn to_text(&self, demand: &Demand<'_>) -> String {
        match self {
            Self::Text(text) => format!("  {}\n", text.replace('\n', "\n  ")),
            Self::Runs(None) => "  its build is running\n".to_owned(),
            Self::Runs(Some(id)) => format!("  build {id} is not finished: {}/+builds/{id}\n", demand.root),
            Self::Failed(build) if build.given => failed(demand, build).await,
            Self::Failed(build) => {
                format!("  {} exists as source\n{}", build.title(), failed(demand, build).await)
            }
        }
    }
}

/// Class, hint, first error, and the log where the asker may see it.
pub async fn failed(demand: &Demand<'_>, build: &Build) -> String {
    let mut text = format!("  build {} failed", build.id);
    if let Some(failure) = &build.failure {
        let _ = write!(text, ": {}: {}", failure.class, failure.hint);
        if let Some(line) = &failure.line {
            let _ = write!(text, "\n  first error: {line}");
        }
    }
    if demand.queue.sees(demand.directory, demand.who, build).await.unwrap_or(false) {
        let _ = write!(text, "\n  log: {}/+builds/{}/log", demand.root, build.id);
    }
    text + "\n"
}

/// What is known of builds that failed, for the projects that an explanation names; empty if nothing is.
pub async fn of_explanation(demand: &Demand<'_>, explanation: &str) -> Result<String> {
    let named = named(explanation);
    let mut text = String::new();
    let of = failed_builds(demand, |project| named.contains(project)).await?;
    for build in of.iter().take(NAMED) {
        let _ = write!(text, "\n{}\n{}", build.title(), failed(demand, build).await);
    }
    Ok(if text.is_empty() { text } else { format!("\n\nFailed builds on this server:\n{text}") })
}

/// A newer version of a pinned project that was not chosen, and whose build failed.
#[derive(Debug)]
pub struct PassedOver {
    pub build: Build,
    pub project: ProjectName,
    pub version: Version,
    /// The version that was chosen.
    pub pin: Version,
}

impl PassedOver {
    /// In one line.
    pub fn line(&self, demand: &Demand<'_>) -> String {
        let (title, id) = (self.build.title(), self.build.id);
        let short = self.build.failure.as_ref().map(|failure| failure.in_short().replace(['\n', '\r'], " "));
        let why = short.map(|short| format!(": {short}")).unwrap_or_default();
        format!("Left out: {title}, because build {id} failed{why}. Log: {}/+builds/{id}/log", demand.root)
    }
}

/// The newer versions of pinned projects whose build failed.
pub async fn passed_over(demand: &Demand<'_>, pins: &BTreeMap<ProjectName, Pin>) -> Result<Vec<PassedOver>> {
    let builds = failed_builds(demand, |project| pins.contains_key(project)).await?;
    let newer = builds.into_iter().filter_map(|build| {
        let project = build.project.clone()?;
        let (pin, version) =
            (pins.get(&project)?.version.clone(), version::parse(build.version.as_deref()?)?);
        (version > pin).then_some(PassedOver { build, project, version, pin })
    });
    Ok(newer.collect())
}

/// The newest builds of listed sources that failed for a target, of the projects that `wanted` names,
/// as far as the asker may see them.
async fn failed_builds(
    demand: &Demand<'_>,
    wanted: impl Fn(&ProjectName) -> bool + Send + Sync,
) -> Result<Vec<Build>> {
    let filter = Filter {
        state: Some(BuildState::Failed),
        target: Some(demand.target().name.clone()),
        limit: LOOKED_AT,
        ..Filter::default()
    };
    let wanted = |build: &Build| !build.given && build.project.as_ref().is_some_and(&wanted);
    demand.queue.newest(demand.directory, demand.who, &filter, wanted).await
}

/// Every name in an explanation that could be a project's. Its sentences change from one resolver to the
/// next; that it names the projects that it could not use does not.
fn named(explanation: &str) -> BTreeSet<ProjectName> {
    let apart = |c: char| !(c.is_ascii_alphanumeric() || "-_.".contains(c));
    explanation.split(apart).filter_map(|word| ProjectName::new(word.trim_matches(['.', '-', '_']))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_explanation_names_its_projects_whatever_its_sentences_are() {
        for text in [
            "Because all versions of docopt have no usable wheels and markupsafe<=2.0.1 has no usable wheels, …",
            "Because only docopt==0.6.2 is available and MarkupSafe==2.0.1 cannot be used, we can conclude …",
            "no candidate: `docopt`, (markupsafe[extra]>=2).",
        ] {
            let names = named(text);
            let has = |name: &str| names.iter().any(|known| known.as_str() == name);
            assert!(has("docopt") && has("markupsafe"), "{text}: {names:?}");
        }
    }
}
