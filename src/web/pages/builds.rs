//! `/+builds`: what is being built and was built, by state, project, target and kind of failure.

use super::{Frame, Visit, answer, words};
use crate::access::builds::reads;
use crate::build::queue::{Build, State};
use crate::error::Result;
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
    pub class: String,
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
            class: failure.map(|failure| class_name(failure.class)).unwrap_or_default(),
            hint: failure.map(|failure| words::brief(&failure.hint, 160)).unwrap_or_default(),
            context: Some(&build.context)
                .filter(|name| reads(&ctx.directory, &ctx.who, name))
                .cloned()
                .unwrap_or_default(),
            date: time.get(..16).unwrap_or_default().replace('T', " "),
            time,
            took: took(build),
        }
    }
}

pub fn mood(state: State) -> &'static str {
    match state {
        State::Built => "good",
        State::Failed => "bad",
        State::Running => "warn",
        State::Fetching | State::Queued | State::Blocked => "",
    }
}

pub fn class_name(class: crate::build::failure::Class) -> String {
    serde_json::to_value(class).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
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
    let names = ["fetching", "queued", "blocked", "running", "built", "failed"];
    let next = builds.last().filter(|_| builds.len() >= PAGE).map(|last| next(ctx, last.id));
    let page = BuildsPage {
        frame: Frame::of(ctx, &["+builds"]),
        states: names.into_iter().map(|name| Choice { name, chosen: name == state }).collect(),
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
