//! Pinned requirements in, one URL a line out.

use super::Demand;
use super::failures::{LineFailures, NoWheel};
use super::url_line::{self, LineWheel};
use crate::bad;
use crate::build::promise::{self, Pinned, Promise, PromiseOutcome};
use crate::build::target::Target;
use crate::error::Result;
use crate::names::IndexName;
use crate::packaging::lines::{self, Asks, Hashed, LogicalLine};
use crate::packaging::page::{File, FilePlace, Page};
use crate::packaging::version::{self, Version, VersionSpecifiers};
use crate::words::FileKind;
use futures::{FutureExt, StreamExt};
use std::collections::{BTreeSet, HashSet};
use std::time::Duration;

/// The most lines of one request.
const MOST_LINES: usize = 5000;
/// The most lines that are looked up at once.
const AT_ONCE: usize = 16;

/// What one line becomes.
enum Step {
    /// Is done: a line of the answer.
    Done(String),
    /// For another target, or said before.
    Nothing,
    Promised(Box<Promise>),
    /// A URL that must become a wheel.
    Place,
    Trouble(NoWheel),
}

impl Demand<'_> {
    /// Answers a file of pinned requirements with one URL a line.
    ///
    /// # Errors
    /// Names every line that has no wheel: `Conflict` if all of them are still being built, else `Bad`.
    pub async fn resolve(&self, text: &str) -> Result<String> {
        let lines = lines::read(text)?;
        if lines.len() > MOST_LINES {
            return Err(bad!("too many lines: the limit is {MOST_LINES}"));
        }
        for line in &lines {
            check(line)?;
        }
        // All builds are asked for before any is waited for.
        let mut first = Vec::with_capacity(lines.len());
        for line in &lines {
            first.push(first_step(self, line).boxed());
        }
        let asked: Vec<Result<Step>> = futures::stream::iter(first).buffered(AT_ONCE).collect().await;
        let asked: Vec<Step> = asked.into_iter().collect::<Result<_>>()?;
        let mut last = Vec::with_capacity(lines.len());
        for (line, step) in lines.iter().zip(asked) {
            last.push(last_step(self, line, step).boxed());
        }
        let (mut answer, mut seen, mut failures) = (String::new(), HashSet::new(), LineFailures::default());
        for (line, step) in lines.iter().zip(futures::future::join_all(last).await) {
            match step? {
                Step::Done(text) if seen.insert(text.clone()) => answer.extend([text.as_str(), "\n"]),
                Step::Trouble(why) => failures.add(line.number, &line.text, why),
                _ => {}
            }
        }
        match failures.is_empty() {
            true => Ok(answer),
            false => Err(failures.into_error(self, lines.len()).await),
        }
    }
}

/// Waits for what was asked for.
async fn last_step(demand: &Demand<'_>, line: &LogicalLine, step: Step) -> Result<Step> {
    match (step, &line.asks) {
        (Step::Promised(promise), _) => promised(demand, &promise).await,
        (Step::Place, Asks::Place(place)) => {
            let made = url_line::wheel(demand, line, place).await?;
            Ok(made.map_or_else(Step::Trouble, |made| Step::Done(with_hash(demand, &made))))
        }
        (step, _) => Ok(step),
    }
}

/// Refuses what no line of a pinned file may be, before anything is done.
fn check(line: &LogicalLine) -> Result<()> {
    let (number, text) = (line.number, &line.text);
    match &line.asks {
        Asks::Project(hashed) if hashed.pin().is_none() => Err(bad!(
            "line {number}: {text} is not pinned: write {}==VERSION (+compile/ does)",
            hashed.requirement.name
        )),
        Asks::Place(place) => match (&place.name, &place.version) {
            (Some(_), Some(_)) => Ok(()),
            // A wheel's name says it.
            (Some(_), None) if place.filename().is_some_and(|name| name.ends_with(".whl")) => Ok(()),
            (name, _) => {
                let name = name.as_ref().map_or_else(|| "NAME".to_owned(), ToString::to_string);
                let plain = place.without_egg();
                let divider = if plain.contains('#') { '&' } else { '#' };
                Err(bad!(
                    "line {number}: {text} does not name a project and version: write \
                     {plain}{divider}egg={name}==VERSION"
                ))
            }
        },
        _ => Ok(()),
    }
}

/// Finds what exists, and asks for what does not.
async fn first_step(demand: &Demand<'_>, line: &LogicalLine) -> Result<Step> {
    let offered = &demand.target.offered;
    let hashed = match &line.asks {
        Asks::Local | Asks::Setting => return Ok(Step::Done(line.text.clone())),
        Asks::Place(place) if !url_line::applies(place, &offered.target) => return Ok(Step::Nothing),
        Asks::Place(_) => return Ok(Step::Place),
        Asks::Project(hashed) => hashed,
    };
    if !hashed.requirement.applies(&offered.target.markers, &BTreeSet::new()) {
        return Ok(Step::Nothing);
    }
    let page = match demand.page(&hashed.requirement.name).await {
        Ok(page) => page,
        Err(error) if error.is_withheld() => {
            return Ok(Step::Trouble(NoWheel::Text(error.to_string())));
        }
        Err(error) => return Err(error),
    };
    let file = match wanted(&page, hashed, demand.target()) {
        Ok(Wanted::File(file)) => file,
        Ok(Wanted::Built(..)) if !offered.open => {
            let name = &offered.target.name;
            let why = format!("it must be built, but no worker builds for {name} now: start one");
            return Ok(Step::Trouble(NoWheel::Text(why)));
        }
        Ok(Wanted::Built(index, filename)) => {
            let name = &offered.target.name;
            let promise = demand.promises().find(demand.who, &index, name, &filename).await?;
            return asked(demand, promise).await;
        }
        Err(why) => return Ok(Step::Trouble(why)),
    };
    let FilePlace::Promised(index, name) = &file.place else {
        let url = file.href("").to_string();
        return Ok(Step::Done(link(demand, &url, file.hashes.sha256.as_deref())));
    };
    let promise = demand.promises().find(demand.who, index, name, &file.filename).await?;
    asked(demand, promise).await
}

/// Asks for a wheel, and does not wait for it yet.
async fn asked(demand: &Demand<'_>, promise: Promise) -> Result<Step> {
    match demand.promises().file(demand.who, &promise, Duration::ZERO).await? {
        PromiseOutcome::Later { .. } => Ok(Step::Promised(Box::new(promise))),
        held => Ok(settled(demand, &promise, held)),
    }
}

/// Waits until the promise is kept, or is known not to be.
async fn promised(demand: &Demand<'_>, promise: &Promise) -> Result<Step> {
    let until = tokio::time::Instant::now() + Duration::from_secs(demand.config.proxy.wait);
    loop {
        let left = until.saturating_duration_since(tokio::time::Instant::now());
        let held = demand.promises().file(demand.who, promise, left).await?;
        let over = tokio::time::Instant::now() >= until;
        match held {
            PromiseOutcome::Later { retry_after, .. } if !over => {
                tokio::time::sleep(retry_after.min(Duration::from_secs(1))).await;
            }
            held => return Ok(settled(demand, promise, held)),
        }
    }
}

fn settled(demand: &Demand<'_>, promise: &Promise, held: PromiseOutcome<Pinned>) -> Step {
    match held {
        PromiseOutcome::Ready(pinned) => Step::Done(link(demand, &promise.href(), Some(&pinned.sha256))),
        PromiseOutcome::Later { build, .. } => Step::Trouble(NoWheel::Runs(build)),
        PromiseOutcome::Failed(build) => Step::Trouble(NoWheel::Failed(build)),
        PromiseOutcome::Broken(why) => Step::Trouble(NoWheel::Text(why)),
    }
}

fn link(demand: &Demand<'_>, url: &str, sha256: Option<&str>) -> String {
    let hash = sha256.map(|sha256| format!("#sha256={sha256}")).unwrap_or_default();
    format!("{}/{url}{hash}", demand.root)
}

fn with_hash(demand: &Demand<'_>, made: &LineWheel) -> String {
    let root = if made.url.starts_with('/') { demand.root.as_str() } else { "" };
    format!("{root}{}#sha256={}", made.url, made.sha256)
}

/// What a line means.
enum Wanted {
    /// A file that the target's page lists.
    File(File),
    /// A wheel that it does not list (any more), since it could not be built: its name on that index.
    Built(IndexName, String),
}

/// The wheel that the line means; `1.0` finds `1.0.0`, too.
fn wanted(page: &Page, hashed: &Hashed, target: &Target) -> Result<Wanted, NoWheel> {
    let chooser = target.chooser();
    let (name, specifiers) = (&page.name, &hashed.requirement.specifiers);
    let of_hash = match (hashed.sha256.is_empty(), hashed.others) {
        (true, true) => {
            return Err(NoWheel::Text("it has hashes, but no sha256: add the sha256".into()));
        }
        (true, false) => page.clone(),
        (false, _) => with_hashes(page, hashed),
    };
    if let Some(found) = chooser.wheel(&of_hash, specifiers) {
        return Ok(Wanted::File(found.file.clone()));
    }
    if chooser.wheel(page, specifiers).is_some() {
        let why = format!("no file of {name} for {} has one of the given hashes", target.name);
        return Err(NoWheel::Text(why));
    }
    match chooser.sdist(&of_hash, specifiers) {
        Ok(found) => match found.file.owner() {
            Some(index) => Ok(Wanted::Built(index.clone(), promise::filename(name, &found.version, target))),
            None => Err(NoWheel::Text(format!("{} is not on an index of this server", found.file.filename))),
        },
        Err(why) => Err(NoWheel::Text(format!("{why}{}", newest(page, specifiers)))),
    }
}

/// The page without files that have none of the hashes. A promise counts by its source.
fn with_hashes(page: &Page, hashed: &Hashed) -> Page {
    let has = |file: &File| file.hashes.sha256.as_ref().is_some_and(|hex| hashed.sha256.contains(hex));
    let of_hash = page.files.iter().filter(|file| has(file) && file.filename.kind() == FileKind::Sdist);
    let sources: BTreeSet<&Version> = of_hash.filter_map(|file| file.filename.version()).collect();
    let promised = |file: &File| {
        let version = file.filename.version();
        matches!(file.place, FilePlace::Promised(..)) && version.is_some_and(|one| sources.contains(one))
    };
    let files = page.files.iter().filter(|file| has(file) || promised(file)).cloned().collect();
    Page { files, ..page.clone() }
}

/// Which versions there are, if none is the one that was meant.
fn newest(page: &Page, specifiers: &VersionSpecifiers) -> String {
    let known = page.versions();
    let mut versions = known.iter().filter_map(|text| version::parse(text));
    if versions.any(|known| version::satisfies(specifiers, &known)) {
        return String::new();
    }
    let newest: Vec<&str> = known.iter().rev().take(5).map(String::as_str).collect();
    format!("; this version does not exist: the newest are {}", newest.join(", "))
}
