//! `/+builds/{id}`: one build, its steps, why it failed, its log while it runs, its evidence.

use super::builds::{class_name, mood, took};
use super::facts::{Fact, Facts, Item};
use super::{Frame, Visit, answer, index_href, terminal, words};
use crate::access;
use crate::build::evidence::Evidence;
use crate::build::job::Step;
use crate::build::parties::Parties;
use crate::build::queue::{Build, State};
use crate::db::built::Publication;
use crate::error::Result;
use crate::names::IndexName;
use askama::Template;
use axum::response::Response;

/// Bytes of the log's end that the page shows; the whole log is text of its own.
const TAIL: u64 = 48 << 10;

/// The page.
#[derive(Template)]
#[template(path = "build.html")]
pub struct BuildPage {
    pub frame: Frame,
    pub id: i64,
    pub title: String,
    /// Of the project on the index that owns the source; empty where that is none's, or not the asker's.
    pub href: String,
    pub target: String,
    pub state: &'static str,
    pub mood: &'static str,
    pub ended: bool,
    pub failure: Option<Shown>,
    pub steps: Vec<StepLine>,
    pub wheel: Option<Wheel>,
    /// Indexes that refused the wheel, and why.
    pub unpublished: Vec<(String, String)>,
    pub indexes: Vec<Place>,
    pub needs: Vec<Need>,
    pub log: String,
    pub log_is_cut: bool,
    pub facts: Vec<Fact>,
    pub evidence: Vec<Fact>,
    /// Whether the asker would be let run it again, or end it.
    pub may_retry: bool,
    pub may_cancel: bool,
}

/// A failure in words.
pub struct Shown {
    pub class: String,
    pub step: &'static str,
    pub hint: String,
    pub line: String,
}

/// A step, and how far it came: `done`, `now`, `failed` or `open`.
pub struct StepLine {
    pub name: &'static str,
    pub came: &'static str,
    pub took: String,
}

pub struct Wheel {
    pub filename: String,
    pub size: String,
    pub sha256: String,
}

/// An index that gets the wheel, or got it.
pub struct Place {
    pub name: String,
    pub href: String,
    pub published: bool,
}

/// A build that this one waits for.
pub struct Need {
    pub id: i64,
    pub requirement: String,
}

/// Shows a build that is the asker's to see.
pub async fn show(ctx: &Visit, build: &Build) -> Result<Response> {
    let needs = ctx.app.db.build_needs(build.id).await?;
    let needs = needs.into_iter().filter(|edge| !edge.requirement.is_empty());
    let needs = needs.map(|edge| Need { id: edge.needs, requirement: edge.requirement }).collect();
    let tail = ctx.app.builds.log_tail(build, TAIL).await?;
    let ended = build.state.has_ended();
    let parties = ctx.app.builds.parties(build).await?;
    let wheel = build.wheel.as_ref().filter(|_| build.state == State::Built).map(|wheel| Wheel {
        filename: wheel.filename.clone(),
        size: words::size(wheel.size),
        sha256: wheel.sha256.clone(),
    });
    let page = BuildPage {
        frame: Frame::of(ctx, &["+builds", &build.id.to_string()]),
        id: build.id,
        title: build.title(),
        href: project_href(ctx, build),
        target: build.target.clone(),
        state: build.state.name(),
        mood: mood(build.state),
        ended,
        failure: build.failure.as_ref().map(|failure| Shown {
            class: class_name(failure.class),
            step: failure.step.name(),
            hint: terminal::plain(failure.hint.as_bytes()),
            line: terminal::plain(failure.line.as_deref().unwrap_or_default().as_bytes()),
        }),
        steps: steps(build),
        wheel,
        unpublished: unpublished(ctx, build).await?,
        indexes: places(ctx, build).await?,
        needs,
        log: terminal::plain(&tail),
        log_is_cut: build.log_size > TAIL,
        facts: facts(ctx, build, &parties),
        evidence: build.evidence.as_ref().map(evidence).unwrap_or_default(),
        may_retry: may_retry(ctx, build, &parties),
        may_cancel: may_cancel(ctx, build, &parties),
    };
    answer(ctx, &page)
}

/// The project's page, for those who may read its index.
fn project_href(ctx: &Visit, build: &Build) -> String {
    let index = IndexName::parse(&build.context).filter(|index| super::may_read(ctx, index));
    match (index, &build.project) {
        (Some(index), Some(project)) if !build.given => format!("{}/{project}", index_href(&index)),
        _ => String::new(),
    }
}

/// Where the wheel is now, and where it is to get. Who refused it is told of apart.
async fn places(ctx: &Visit, build: &Build) -> Result<Vec<Place>> {
    let known = ctx.app.db.places_of_build(build.id).await?;
    let mut places: Vec<(String, bool)> = known.into_iter().map(|name| (name, true)).collect();
    for (index, stands) in ctx.app.db.build_indexes(build.id).await? {
        if stands == Publication::Refused {
            places.retain(|(name, _)| *name != index);
        } else if !places.iter().any(|(name, _)| *name == index) {
            places.push((index, stands != Publication::Open));
        }
    }
    let readable = places.into_iter().filter_map(|(name, published)| {
        let index = IndexName::parse(&name).filter(|index| super::may_read(ctx, index))?;
        let project = build.project.as_deref().filter(|_| published);
        let project = project.map(|project| format!("/{project}")).unwrap_or_default();
        Some(Place { href: format!("{}{project}", index_href(&index)), name, published })
    });
    Ok(readable.collect())
}

/// Which indexes refused the wheel, as far as the asker may know of them.
async fn unpublished(ctx: &Visit, build: &Build) -> Result<Vec<(String, String)>> {
    let mut all = ctx.app.db.why_unpublished(build.id).await?;
    all.retain(|(name, _)| IndexName::parse(name).is_some_and(|index| super::may_read(ctx, &index)));
    Ok(all)
}

fn steps(build: &Build) -> Vec<StepLine> {
    let failed = build.failure.as_ref().map(|failure| failure.step);
    let at = failed.or(build.step).and_then(|at| Step::ALL.iter().position(|step| *step == at));
    let durations = build.evidence.as_ref().map(|evidence| &evidence.durations);
    let came = |place: usize| match (build.state, at) {
        (State::Built, _) => "done",
        (_, Some(at)) if place < at => "done",
        (State::Failed, Some(at)) if place == at => "failed",
        (State::Running, Some(at)) if place == at => "now",
        _ => "open",
    };
    let line = |(place, step): (usize, &Step)| StepLine {
        name: step.name(),
        came: came(place),
        took: durations
            .and_then(|all| all.get(step.name()))
            .map(|took| words::seconds(*took))
            .unwrap_or_default(),
    };
    Step::ALL.iter().enumerate().map(line).collect()
}

/// Whether there is to be a button that lets it run again; who presses it is asked once more.
fn may_retry(ctx: &Visit, build: &Build, parties: &Parties) -> bool {
    let (sight, project) = (parties.sight(build), build.project.as_deref());
    match build.state {
        State::Failed => access::builds::may_retry(&ctx.directory, &ctx.who, sight, project),
        State::Built => access::builds::may_replace(&ctx.directory, &ctx.who, sight, project),
        _ => false,
    }
}

fn may_cancel(ctx: &Visit, build: &Build, parties: &Parties) -> bool {
    let asked = parties.askers.iter().any(|name| Some(name) == ctx.who.user.as_ref());
    let (sight, project) = (parties.sight(build), build.project.as_deref());
    !build.state.has_ended() && (asked || access::builds::may_end(&ctx.directory, &ctx.who, sight, project))
}

fn facts(ctx: &Visit, build: &Build, parties: &Parties) -> Vec<Fact> {
    let mut facts = Facts::default();
    let asker = parties.asker(&ctx.directory, &ctx.who, build);
    let reads = access::builds::reads(&ctx.directory, &ctx.who, &build.context);
    facts.exact("Source", Some(&build.source.filename));
    let told = |origin: &&str| {
        (reads || *origin != build.context) && (asker.is_some() || !origin.starts_with("uploaded by "))
    };
    facts.text("From", Some(build.source.origin.as_str()).filter(told));
    facts.text("Below", Some(&build.source.subdirectory));
    facts.exact("Commit", build.source.commit.as_deref());
    facts.exact("Source's sha256", build.source_sha256.as_deref());
    facts.text("Build requirements from", Some(build.context.as_str()).filter(|_| reads));
    facts.text("Tools", Some(&build.tools));
    facts.exact("Recipe's sha256", build.recipe_sha256.as_deref());
    facts.text("Worker", build.worker.as_deref());
    facts.text("First asked for by", asker.as_deref());
    facts.text("Asked for", Some(&words::time(build.created_at)));
    facts.text("Started", build.started_at.map(words::time).as_deref());
    facts.text("Ended", build.ended_at.map(words::time).as_deref());
    facts.text("Took", Some(&took(build)));
    facts.0
}

/// What is recorded beside the wheel.
fn evidence(evidence: &Evidence) -> Vec<Fact> {
    let mut facts = Facts::default();
    facts.text("Interpreter", Some(&evidence.interpreter));
    facts.text("Strategy", Some(&evidence.strategy));
    let isolation = match evidence.sandbox.as_str() {
        "none" => "none: it ran with the worker's own rights",
        other => other,
    };
    facts.text("Sandbox", Some(isolation));
    let pairs = |(name, version): (&String, &String)| Item::exact(format!("{name}=={version}"));
    facts.add("Build requirements", evidence.requirements.iter().map(pairs));
    facts.add("Tools", evidence.tools.iter().map(|(name, version)| Item::text(format!("{name} {version}"))));
    facts.add("Checked", evidence.checked.iter().map(Item::text));
    let grafted = evidence.grafted.iter().map(|library| {
        let package = library.package.as_deref().unwrap_or("no known package");
        let version = library.version.as_deref().unwrap_or_default();
        Item::text(format!("{} of {package} {version}, sha256 {}", library.library, library.sha256))
    });
    facts.add("Libraries copied into it", grafted);
    let reproducible = evidence.reproducible.map(|same| match same {
        true => "yes: built twice, alike in every bit",
        false => "no: built twice, and not alike",
    });
    facts.text("Reproducible", reproducible);
    facts.exact("Wheel's sha256", Some(&evidence.wheel_sha256));
    facts.exact("Log's sha256", Some(&evidence.log_sha256));
    facts.0
}
