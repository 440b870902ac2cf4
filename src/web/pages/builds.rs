//! `/+builds`: what is being built and was built, by state, project, target and kind of failure.

use super::{Frame, Visit, answer, words};
use crate::access::builds::reads;
use crate::db::builds::Build;
use crate::error::Result;
use crate::words::BuildState;
use askama::Template;
use axum::response::Response;

/// Builds of one page, as `web::builds` lists them.
const PAGE: usize = 100;

/// The page.
#[derive(Template)]
#[template(path = "builds.html")]
pub struct BuildsPage {
    pub frame: Frame,
    pub states: Vec<Choice>,
    pub project: String,
    pub target: String,
    pub class: String,
    pub filtered: bool,
    pub builds: Vec<BuildLine>,
    /// The query of the next page; empty on the last.
    pub next: String,
}

/// An entry of a list to choose from.
pub struct Choice {
    pub name: &'static str,
    pub chosen: bool,
}

/// A build in a list.
pub struct BuildLine {
    pub id: i64,
    pub title: String,
    pub target: String,
    pub state: &'static str,
    /// How its state is coloured: `good`, `bad`, `warn`, or nothing.
    pub mood: &'static str,
    pub class: &'static str,
    pub hint: String,
    pub context: String,
    pub time: String,
    pub date: String,
    pub took: String,
}

impl BuildLine {
    pub fn new(ctx: &Visit, build: &Build) -> Self {
        let at = build.ended_at.or(build.started_at).unwrap_or(build.created_at);
        let time = words::time(at);
        let failure = build.failure.as_ref();
        Self {
            id: build.id,
            title: build.title(),
            target: build.target.clone(),
            state: build.state.name(),
            mood: mood(build.state),
            class: failure.map(|failure| failure.class.name()).unwrap_or_default(),
            hint: failure.map(|failure| words::brief(&failure.hint, 160)).unwrap_or_default(),
            context: match reads(&ctx.directory, &ctx.who, build.context.indexes()) {
                true => build.context.to_string(),
                false => String::new(),
            },
            date: time.get(..16).unwrap_or_default().replace('T', " "),
            time,
            took: took(build),
        }
    }
}

pub fn mood(state: BuildState) -> &'static str {
    match state {
        BuildState::Built => "good",
        BuildState::Failed => "bad",
        BuildState::Running => "warn",
        BuildState::Fetching | BuildState::Queued | BuildState::Blocked => "",
    }
}

/// From its start to its end, in words; empty while it has none.
pub fn took(build: &Build) -> String {
    match (build.started_at, build.ended_at) {
        (Some(start), Some(end)) if end >= start => words::seconds((end - start) as f64 / 1e6),
        _ => String::new(),
    }
}

/// Shows `builds`, which fit the query and are the asker's to see.
pub fn show(ctx: &Visit, builds: &[Build]) -> Result<Response> {
    let asked = |name: &str| ctx.query(name).unwrap_or_default();
    let state = asked("state");
    let next = builds.last().filter(|_| builds.len() >= PAGE).map(|last| next(ctx, last.id));
    let page = BuildsPage {
        frame: Frame::of(ctx, &["+builds"]),
        states: BuildState::ALL
            .iter()
            .map(|one| Choice { name: one.name(), chosen: one.name() == state })
            .collect(),
        project: asked("project"),
        target: asked("target"),
        class: asked("class"),
        filtered: ctx.uri.query().is_some_and(|query| !query.is_empty()),
        builds: builds.iter().map(|build| BuildLine::new(ctx, build)).collect(),
        next: next.unwrap_or_default(),
    };
    answer(ctx, &page)
}

/// The same query about what is older.
fn next(ctx: &Visit, last: i64) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::from("?"));
    for name in ["state", "project", "version", "target", "class", "context", "purpose"] {
        if let Some(value) = ctx.query(name).filter(|value| !value.is_empty()) {
            query.append_pair(name, &value);
        }
    }
    query.append_pair("before", &last.to_string()).finish()
}
