//! `/+builds/{id}`: one build, its steps, why it failed, its log while it runs, its evidence.

mod log;
mod standing;

pub use log::{LogSection, ShownLine, ShownLog};
pub use standing::{BuildStanding, StepLine, standing};

use super::act::build::BuildDeeds;
use super::builds::told;
use super::call::ScriptCall;
use super::facts::{Fact, FactItem, FactList};
use super::{Frame, Visit, answer, assets, index_href, terminal, words};
use crate::access;
use crate::build::parties::Parties;
use crate::build::queue::LogMark;
use crate::build::view::{BuildView, NeedView};
use crate::db::builds::Build;
use crate::db::built::{Publication, WheelRefusal};
use crate::error::Result;
use crate::names::{BuildContext, IndexName, ProjectName};
use crate::words::{BuildState, Evidence, Isolation, Moment};
use askama::Template;
use axum::response::Response;

/// Bytes of the log's end in which the first error is looked for; the whole log is text of its own.
const READ: u64 = 1 << 20;

/// The page.
#[derive(Template)]
#[template(path = "build.html")]
pub struct BuildPage {
    pub frame: Frame,
    pub view: BuildView,
    /// Of the project on the index that owns the source; empty where that is none's, or not the asker's.
    pub href: String,
    pub standing: BuildStanding,
    pub ended: bool,
    /// Of the script that follows a build.
    pub script: &'static str,
    /// What that script asks, from the root.
    pub follow: String,
    pub wheel_size: String,
    /// Indexes that refused the wheel, and why.
    pub unpublished: Vec<WheelRefusal>,
    pub indexes: Vec<BuildIndex>,
    pub needs: Vec<NeedView>,
    pub log: ShownLog,
    pub log_is_cut: bool,
    pub facts: Vec<Fact>,
    pub evidence: Vec<Fact>,
    /// What is doubtful about the wheel.
    pub doubts: Vec<String>,
    /// Whether the asker would be let run it again, or end it.
    pub may_retry: bool,
    pub may_cancel: bool,
    /// What a script sends instead of pressing these.
    pub rebuild: ScriptCall,
    pub cancel: ScriptCall,
    pub deeds: BuildDeeds,
}

/// An index that gets the wheel, or got it.
pub struct BuildIndex {
    pub name: String,
    pub href: String,
    pub published: bool,
}

/// Shows a build that is the asker's to see, by what they may know of it.
pub async fn show(ctx: &Visit, build: &Build, parties: &Parties, mut view: BuildView) -> Result<Response> {
    let (log, mark) = log_of(ctx, build).await?;
    if let Some(failure) = &mut view.failure {
        for text in [&mut failure.hint].into_iter().chain(&mut failure.line) {
            *text = terminal::plain(text.as_bytes());
        }
    }
    let page = BuildPage {
        frame: Frame::of(ctx, &["+builds", &build.id.to_string()]),
        href: project_href(ctx, build),
        standing: standing(&view),
        ended: view.state.has_ended(),
        script: &assets::FOLLOW.href,
        follow: mark.map_or_else(
            || format!("+builds/{}/events", build.id),
            |mark| format!("+builds/{}/events?after={mark}", build.id),
        ),
        wheel_size: view.wheel.as_ref().map(|wheel| words::size(wheel.size)).unwrap_or_default(),
        unpublished: unpublished(ctx, build).await?,
        indexes: places(ctx, build, parties).await?,
        needs: view.needs.iter().filter(|need| !need.requirement.is_empty()).cloned().collect(),
        log_is_cut: log.left_out > 0 || view.log_size > READ,
        log,
        facts: facts(&view),
        evidence: view.evidence.as_ref().map(evidence).unwrap_or_default(),
        doubts: view.evidence.as_ref().map(|evidence| evidence.doubts.clone()).unwrap_or_default(),
        may_retry: may_retry(ctx, build, parties),
        may_cancel: may_cancel(ctx, build, parties),
        rebuild: call(build, "rebuild"),
        cancel: call(build, "cancel"),
        deeds: BuildDeeds::of(ctx, build, &view),
        view,
    };
    answer(ctx, &page)
}

fn call(build: &Build, what: &str) -> ScriptCall {
    ScriptCall::new("POST", format!("/+builds/{}/{what}", build.id))
}

/// The log of its last run as the page shows it, and the place behind that.
async fn log_of(ctx: &Visit, build: &Build) -> Result<(ShownLog, Option<LogMark>)> {
    if build.started_at.is_none() && !build.state.has_ended() {
        // What is kept until it runs again is of a run that is lost: lines that come later are none of it.
        return Ok((log::shown("", None, true), None));
    }
    let (from, bytes) = ctx.app.queue.log_end(build, READ).await?;
    let end = match build.state.has_ended() {
        true => bytes.len(),
        // The rest of a line comes with what follows.
        false => bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1),
    };
    let begin = match from {
        0 => 0,
        _ => bytes.iter().position(|byte| *byte == b'\n').map_or(0, |at| at + 1).min(end),
    };
    let text = terminal::plain(bytes.get(begin..end).unwrap_or_default());
    let error = build.failure.as_ref().and_then(|failure| failure.line.as_deref());
    let mark = build.started_at.map(|run| LogMark { run, at: from + end as u64 });
    Ok((log::shown(&text, error, from == 0), mark))
}

/// Lines of a log as text that does nothing.
pub fn plain(log: &[u8]) -> String {
    terminal::plain(log)
}

/// The project's page, for those who may read its index.
fn project_href(ctx: &Visit, build: &Build) -> String {
    let index = build.context.only().filter(|index| super::may_read(ctx, index));
    match (index, &build.project) {
        (Some(index), Some(project)) if !build.given => format!("{}/{project}", index_href(index)),
        _ => String::new(),
    }
}

/// Where the wheel is now, and where it is to get. Who refused it is told of apart.
async fn places(ctx: &Visit, build: &Build, parties: &Parties) -> Result<Vec<BuildIndex>> {
    let known = ctx.app.db.places_of_build(build.id).await?;
    let mut places: Vec<(IndexName, bool)> = known.into_iter().map(|name| (name, true)).collect();
    for (index, stands) in parties.indexes.iter().zip(&parties.stands) {
        if *stands == Publication::Refused {
            places.retain(|(name, _)| name != index);
        } else if !places.iter().any(|(name, _)| name == index) {
            places.push((index.clone(), *stands != Publication::Open));
        }
    }
    let readable = places.into_iter().filter_map(|(name, published)| {
        let project = build.project.as_ref().filter(|_| published);
        let project = project.map(|project| format!("/{project}")).unwrap_or_default();
        let href = format!("{}{project}", index_href(&name));
        super::may_read(ctx, &name).then(|| BuildIndex { href, name: name.to_string(), published })
    });
    Ok(readable.collect())
}

/// Which indexes refused the wheel, as far as the asker may know of them.
async fn unpublished(ctx: &Visit, build: &Build) -> Result<Vec<WheelRefusal>> {
    let mut all = ctx.app.db.why_unpublished(build.id).await?;
    all.retain(|refusal| super::may_read(ctx, &refusal.index));
    Ok(all)
}

/// Whether there is to be a button that lets it run again; who presses it is asked once more.
fn may_retry(ctx: &Visit, build: &Build, parties: &Parties) -> bool {
    let (sight, project) = (parties.sight(build), build.project.as_ref().map(ProjectName::as_str));
    match build.state {
        BuildState::Failed => access::builds::may_retry(&ctx.directory, &ctx.who, sight, project),
        BuildState::Built => access::builds::may_replace(&ctx.directory, &ctx.who, sight, project),
        _ => false,
    }
}

fn may_cancel(ctx: &Visit, build: &Build, parties: &Parties) -> bool {
    let asked = parties.askers.iter().any(|name| Some(name) == ctx.who.user.as_ref());
    let (sight, project) = (parties.sight(build), build.project.as_ref().map(ProjectName::as_str));
    !build.state.has_ended() && (asked || access::builds::may_end(&ctx.directory, &ctx.who, sight, project))
}

fn facts(build: &BuildView) -> Vec<Fact> {
    let mut facts = FactList::default();
    facts.exact("Source", Some(&build.source.filename));
    facts.text("From", Some(&build.source.origin));
    facts.text("Below", Some(&build.source.subdirectory));
    facts.exact("Commit", build.source.commit.as_deref());
    facts.exact("Source's sha256", build.source_sha256.as_deref());
    facts.text("Build requirements from", build.context.as_ref().map(BuildContext::as_str));
    facts.text("Tools", Some(&build.tools));
    facts.exact("Recipe's sha256", build.recipe_sha256.as_deref());
    facts.text("Worker", build.worker.as_deref());
    facts.text("First requested by", build.asked_by.as_deref());
    facts.exact("Request's id", build.request.as_deref());
    facts.text("Requested", Some(&build.created.exact()));
    let again = build.asked.filter(|asked| *asked != build.created);
    facts.text("Requested again", again.map(Moment::exact).as_deref());
    facts.text("Started", build.started.map(Moment::exact).as_deref());
    facts.text("Ended", build.ended.map(Moment::exact).as_deref());
    facts.text("Waited before it ran", Some(&told(build.waited)));
    facts.text("Ran for", Some(&told(build.ran)));
    facts.0
}

/// What is recorded beside the wheel.
fn evidence(evidence: &Evidence) -> Vec<Fact> {
    let mut facts = FactList::default();
    facts.text("Interpreter", Some(&evidence.interpreter));
    facts.text("Strategy", Some(&evidence.strategy));
    facts.add("Changed in the source", evidence.changed.iter().map(FactItem::text));
    let isolation = match Isolation::parse(&evidence.sandbox) {
        Some(Isolation::None) => "none: the build ran with the permissions of the worker",
        _ => &evidence.sandbox,
    };
    facts.text("Sandbox", Some(isolation));
    let pairs = |(name, version): (&String, &String)| FactItem::exact(format!("{name}=={version}"));
    facts.add("Build requirements", evidence.requirements.iter().map(pairs));
    facts.add(
        "Tools",
        evidence.tools.iter().map(|(name, version)| FactItem::text(format!("{name} {version}"))),
    );
    facts.add("Checked", evidence.checked.iter().map(FactItem::text));
    facts.add("Doubtful", evidence.doubts.iter().map(FactItem::text));
    let grafted = evidence.grafted.iter().map(|library| {
        let package = library.package.as_deref().unwrap_or("no known package");
        let version = library.version.as_deref().unwrap_or_default();
        FactItem::text(format!("{} of {package} {version}, sha256 {}", library.library, library.sha256))
    });
    facts.add("Libraries copied into the wheel", grafted);
    let reproducible = evidence.reproducible.map(|same| match same {
        true => "yes: two builds gave the same bytes",
        false => "no: two builds gave different bytes",
    });
    facts.text("Reproducible", reproducible);
    facts.exact("Wheel's sha256", Some(&evidence.wheel_sha256));
    facts.exact("Log's sha256", Some(&evidence.log_sha256));
    facts.0
}
