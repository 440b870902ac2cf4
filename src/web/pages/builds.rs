//! `/+builds`: what is being built and was built, by state, project, target and kind of failure.

use super::{Frame, Visit, answer, words};
use crate::build::view::BuildView;
use crate::error::Result;
use crate::words::{BuildState, Moment};
use askama::Template;
use axum::response::Response;

/// Builds of one page, and of one answer.
pub const PAGE: usize = 100;

/// Seconds of waiting that are shown in a list.
const NOTABLE: f64 = 1.0;

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
    pub build: BuildView,
    pub mood: &'static str,
    /// Of a failure, in brief.
    pub hint: String,
    /// When it ended, else began, else was asked for.
    pub at: Moment,
    pub ran: String,
    pub waited: String,
}

impl From<BuildView> for BuildLine {
    fn from(build: BuildView) -> Self {
        let failure = build.failure.as_ref();
        Self {
            mood: mood(build.state),
            hint: failure.map(|failure| words::brief(&failure.hint, 160)).unwrap_or_default(),
            at: build.ended.or(build.started).unwrap_or(build.created),
            ran: told(build.ran),
            waited: told(build.waited.filter(|waited| *waited >= NOTABLE)),
            build,
        }
    }
}

/// How a state is coloured: `good`, `bad`, `warn`, or nothing.
pub fn mood(state: BuildState) -> &'static str {
    match state {
        BuildState::Built => "good",
        BuildState::Failed => "bad",
        BuildState::Running => "warn",
        BuildState::Fetching | BuildState::Queued | BuildState::Blocked => "",
    }
}

/// A time in words; empty for one that nobody knows yet.
pub fn told(seconds: Option<f64>) -> String {
    seconds.map(words::seconds).unwrap_or_default()
}

/// Shows `builds`, which fit the query and are the asker's to see.
pub fn show(ctx: &Visit, builds: Vec<BuildView>) -> Result<Response> {
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
        builds: builds.into_iter().map(BuildLine::from).collect(),
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
