//! `I/+rebuild/{id}`: wheels that are built again and published together: what fails and why, what waits, what is built.

use super::progress::{BarPart, Group, Stand, Thing, ThingLine, bar, groups};
use super::{Frame, Visit, answer, index_href, words};
use crate::build::rebuild::{RebuildView, RebuiltView};
use crate::error::Result;
use crate::packaging::filename::encode_segment;
use crate::words::{BuildState, Failure, Moment, SetState};
use askama::Template;
use axum::response::Response;

#[derive(Template)]
#[template(path = "rebuild.html")]
pub struct RebuildPage {
    pub frame: Frame,
    pub index: String,
    pub index_href: String,
    pub because: String,
    pub keep_going: bool,
    pub state: SetState,
    pub created: Option<Moment>,
    /// When it was published or withheld.
    pub ended: Option<Moment>,
    pub total: String,
    pub published: String,
    /// How many builds did not go well.
    pub failed: usize,
    /// What the bar shows, for those who do not see it.
    pub label: String,
    pub parts: Vec<BarPart>,
    pub groups: Vec<Group>,
}

/// How a build of a set stands, in the order of the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rebuilt {
    Failed,
    Waits,
    Running,
    /// Its wheel is not published.
    Built,
    Published,
}

/// In the order in which the bar fills.
const BAR: [Rebuilt; 5] =
    [Rebuilt::Published, Rebuilt::Built, Rebuilt::Failed, Rebuilt::Running, Rebuilt::Waits];

impl Stand for Rebuilt {
    const FAILED: Self = Self::Failed;

    fn name(self) -> &'static str {
        match self {
            Self::Failed => "fails",
            Self::Waits => "waits",
            Self::Running => "running",
            Self::Built => "built, not published",
            Self::Published => "published",
        }
    }

    fn mood(self) -> &'static str {
        match self {
            Self::Failed => "bad",
            Self::Running => "warn",
            Self::Waits | Self::Built => "",
            Self::Published => "good",
        }
    }
}

/// Shows how far a set is.
pub fn show(ctx: &Visit, id: i64, view: RebuildView) -> Result<Response> {
    let href = index_href(&view.index);
    let count = |stand: Rebuilt| view.members.iter().filter(|member| member.stand() == stand).count();
    let (total, published) = (view.members.len(), count(Rebuilt::Published));
    let page = RebuildPage {
        frame: Frame::of(ctx, &[view.index.user(), view.index.name(), "+rebuild", &id.to_string()]),
        label: format!("{published} of {total} are published"),
        total: words::count(total),
        published: words::count(published),
        failed: count(Rebuilt::Failed),
        parts: bar(BAR.map(|stand| (stand, count(stand)))),
        index: view.index.to_string(),
        because: view.because,
        keep_going: view.keep_going,
        state: view.state.unwrap_or(SetState::Open),
        created: view.created,
        ended: view.ended,
        groups: groups(view.members, &href),
        index_href: href,
    };
    answer(ctx, &page)
}

impl Thing for RebuiltView {
    type Stand = Rebuilt;

    fn stand(&self) -> Rebuilt {
        match self.state {
            _ if self.published => Rebuilt::Published,
            _ if self.trouble.is_some() => Rebuilt::Failed,
            Some(BuildState::Built) => Rebuilt::Built,
            Some(BuildState::Running) => Rebuilt::Running,
            _ => Rebuilt::Waits,
        }
    }

    fn failure(&self) -> Option<&Failure> {
        self.failure.as_ref()
    }

    fn trouble(&self) -> Option<&str> {
        self.trouble.as_deref()
    }

    fn line(self, index: &str) -> ThingLine {
        let project = self.project.as_ref().map(ToString::to_string).unwrap_or_default();
        let version = self.version.unwrap_or_default();
        let now =
            self.against.as_deref().and_then(|pin| pin.split_once("==")).map_or("", |(_, version)| version);
        ThingLine {
            href: format!("{index}/{project}/{}", encode_segment(&version)),
            title: format!("{project} {version}"),
            target: self.target,
            build: self.build,
            beside: format!("against {now}, before against {}", self.was),
            replaces: Some(self.replaces),
            ..ThingLine::default()
        }
    }
}
