//! `I/+ready/{target}/`: a burn-down of what lock files name: what fails and why, what is left, what is there.

use super::progress::{BarPart, Group, Stand, Thing, ThingLine, bar, groups};
use super::{Frame, Visit, answer, index_href, words};
use crate::build::readiness::{ReadinessView, ReadyView};
use crate::error::Result;
use crate::packaging::filename::encode_segment;
use crate::words::{Failure, ReadyState};
use askama::Template;
use axum::response::Response;

#[derive(Template)]
#[template(path = "readiness.html")]
pub struct ReadinessPage {
    pub frame: Frame,
    pub index: String,
    pub index_href: String,
    pub target: String,
    pub ready: String,
    pub total: String,
    /// Whether something is still to come.
    pub goes_on: bool,
    /// What the bar shows, for those who do not see it.
    pub label: String,
    pub parts: Vec<BarPart>,
    pub groups: Vec<Group>,
}

/// Shows how far an index is for a target.
pub fn show(ctx: &Visit, view: ReadinessView) -> Result<Response> {
    let href = index_href(&view.index);
    let goes_on = view.counts.contains_key(&ReadyState::UnderWay);
    let page = ReadinessPage {
        frame: Frame::of(ctx, &[view.index.user(), view.index.name(), "+ready", &view.target]),
        ready: words::count(view.ready()),
        total: words::count(view.releases.len()),
        label: format!("{} of {} have a wheel", view.ready(), view.releases.len()),
        parts: bar(BAR.map(|state| (state, view.counts.get(&state).copied().unwrap_or_default()))),
        goes_on,
        index: view.index.to_string(),
        target: view.target.clone(),
        groups: groups(view.releases, &href),
        index_href: href,
    };
    answer(ctx, &page)
}

/// In the order in which a bar fills: what is there comes first.
const BAR: [ReadyState; 6] = [
    ReadyState::Wheel,
    ReadyState::Built,
    ReadyState::Doubtful,
    ReadyState::Failed,
    ReadyState::UnderWay,
    ReadyState::NotTried,
];

impl Stand for ReadyState {
    const FAILED: Self = Self::Failed;

    fn name(self) -> &'static str {
        match self {
            Self::Failed => "fails",
            Self::Doubtful => "built, doubtful",
            Self::UnderWay => "under way",
            Self::NotTried => "not tried",
            Self::Built => "built",
            Self::Wheel => "has a wheel",
        }
    }

    fn mood(self) -> &'static str {
        match self {
            Self::Failed => "bad",
            Self::Doubtful => "warn",
            Self::UnderWay | Self::NotTried => "",
            Self::Built | Self::Wheel => "good",
        }
    }
}

impl Thing for ReadyView {
    type Stand = ReadyState;

    fn stand(&self) -> ReadyState {
        self.state
    }

    fn failure(&self) -> Option<&Failure> {
        self.failure.as_ref()
    }

    fn trouble(&self) -> Option<&str> {
        self.why.as_deref()
    }

    fn line(self, index: &str) -> ThingLine {
        ThingLine {
            href: format!("{index}/{}/{}", self.project, encode_segment(&self.version)),
            title: format!("{} {}", self.project, self.version),
            build: self.build,
            beside: self.lists.join(", "),
            ..ThingLine::default()
        }
    }
}
