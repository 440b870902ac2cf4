//! `/+builds`: what is being built and was built, by state, project, target and kind of failure.

use super::{Frame, Visit, answer, words};
use crate::build::view::BuildView;
use crate::error::Result;
use crate::words::{BuildState, Moment};
use askama::Template;
use axum::response::Response;

/// Builds of one page, and of one answer.
pub const PAGE: usize = 100;

/// In place of a state: all those in which a build did not begin yet.
pub const WAITING: &str = "waiting";

/// Seconds of waiting that are shown in a list.
const NOTABLE: f64 = 1.0;

/// The page.
#[derive(Template)]
#[template(path = "builds.html")]
pub struct BuildsPage {
    pub frame: Frame,
    pub tabs: Vec<BuildTab>,
    pub state: String,
    pub project: String,
    pub target: String,
    pub index: String,
    pub class: String,
    pub filtered: bool,
    pub builds: Vec<BuildLine>,
    /// The query of the next page; empty on the last.
    pub next: String,
}

/// Builds in one state, or in several that belong together.
pub struct BuildTab {
    pub label: &'static str,
    /// The query that shows them, the other choices unchanged.
    pub query: String,
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
    /// Of one that has not ended: what is likely to come.
    pub outlook: String,
    /// Who waits for it.
    pub who: String,
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
            outlook: outlook(&build),
            who: words::brief(&build.wanted_by.join(", "), 120),
            build,
        }
    }
}

/// What is likely to become of a build, in brief.
fn outlook(build: &BuildView) -> String {
    let Some(outlook) = build.outlook else { return String::new() };
    let takes = outlook.takes.map(|takes| format!(", takes {}", words::about(takes))).unwrap_or_default();
    match (outlook.position, outlook.starts_in, outlook.ends_in) {
        (None, _, Some(0)) => "takes longer than usual".to_owned(),
        (None, _, Some(left)) => format!("ends in {}", words::about(left)),
        (None, _, None) => "end unknown".to_owned(),
        (Some(position), ..) if outlook.nobody => {
            format!("position {position}, no worker builds for its target")
        }
        (Some(1), Some(0), _) => format!("position 1, next{takes}"),
        (Some(position), Some(start), _) => {
            format!("position {position}, starts in {}{takes}", words::about(start))
        }
        (Some(position), None, _) => format!("position {position}, start unknown{takes}"),
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

/// The tabs: a word of the query, and what it is called.
const TABS: [(&str, &str); 5] = [
    ("", "All"),
    (WAITING, "Waiting"),
    (BuildState::Running.name(), "Running"),
    (BuildState::Built.name(), "Built"),
    (BuildState::Failed.name(), "Failed"),
];

/// Shows `builds`, which fit the query and are the asker's to see.
pub fn show(ctx: &Visit, builds: Vec<BuildView>) -> Result<Response> {
    let asked = |name: &str| ctx.query(name).unwrap_or_default();
    let state = asked("state");
    let of_tab = match BuildState::parse(&state) {
        Some(BuildState::Fetching | BuildState::Queued | BuildState::Blocked) => WAITING,
        _ => &state,
    };
    let tab = |(word, label): (&'static str, &'static str)| BuildTab {
        label,
        query: query(ctx, &[("state", word)]),
        chosen: of_tab == word,
    };
    let next = builds.last().filter(|_| builds.len() >= PAGE).map(|last| last.id.to_string());
    let next = next.map(|last| query(ctx, &[("state", &state), ("before", &last)]));
    let mut builds: Vec<BuildLine> = builds.into_iter().map(BuildLine::from).collect();
    if of_tab == WAITING {
        builds.sort_by_key(|line| {
            line.build.outlook.and_then(|outlook| outlook.position).unwrap_or(usize::MAX)
        });
    }
    let page = BuildsPage {
        frame: Frame::of(ctx, &["+builds"]),
        tabs: TABS.into_iter().map(tab).collect(),
        project: asked("project"),
        target: asked("target"),
        index: asked("index"),
        class: asked("class"),
        filtered: ctx.uri.query().is_some_and(|query| !query.is_empty()),
        builds,
        next: next.unwrap_or_default(),
        state,
    };
    answer(ctx, &page)
}

/// The query of this page with these parameters in place of its own `state` and `before`.
fn query(ctx: &Visit, other: &[(&str, &str)]) -> String {
    let mut query = url::form_urlencoded::Serializer::for_suffix(String::from("?"), 1);
    for name in ["project", "version", "target", "index", "class", "context", "purpose"] {
        if let Some(value) = ctx.query(name).filter(|value| !value.is_empty()) {
            query.append_pair(name, &value);
        }
    }
    query.extend_pairs(other.iter().filter(|(_, value)| !value.is_empty())).finish()
}
