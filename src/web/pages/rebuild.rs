//! `I/+rebuild/{id}`: wheels that are built again and published together: what fails and why, what waits, what is built.

use super::bar::{self, BarPart};
use super::{Frame, Visit, answer, index_href, words};
use crate::build::rebuild::{RebuildView, RebuiltView};
use crate::error::Result;
use crate::packaging::filename::encode_segment;
use crate::words::{BuildState, Moment, SetState};
use askama::Template;
use axum::response::Response;
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// Builds of one group that the page shows; JSON has all.
const MOST_SHOWN: usize = 500;

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
    pub groups: Vec<RebuiltGroup>,
}

/// Builds that stand alike; of those that went badly, by one cause.
pub struct RebuiltGroup {
    pub title: String,
    pub mood: &'static str,
    pub count: String,
    pub lines: Vec<RebuiltLine>,
    /// Builds that are not shown.
    pub more: usize,
}

pub struct RebuiltLine {
    pub member: RebuiltView,
    /// Project and version.
    pub title: String,
    /// Of the release's page, from the root.
    pub href: String,
    /// The version of the requirement that it is built against now.
    pub now: String,
    /// The first error line.
    pub why: String,
}

/// How a build of a set stands, in the order of the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Stand {
    Failed,
    Waits,
    Running,
    /// Its wheel is not published.
    Built,
    Published,
}

/// In the order in which the bar fills.
const BAR: [Stand; 5] = [Stand::Published, Stand::Built, Stand::Failed, Stand::Running, Stand::Waits];

impl Stand {
    fn of(member: &RebuiltView) -> Self {
        match member.state {
            _ if member.published => Self::Published,
            _ if member.trouble.is_some() => Self::Failed,
            Some(BuildState::Built) => Self::Built,
            Some(BuildState::Running) => Self::Running,
            _ => Self::Waits,
        }
    }

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
    let count = |stand: Stand| view.members.iter().filter(|member| Stand::of(member) == stand).count();
    let (total, published) = (view.members.len(), count(Stand::Published));
    let page = RebuildPage {
        frame: Frame::of(ctx, &[view.index.user(), view.index.name(), "+rebuild", &id.to_string()]),
        label: format!("{published} of {total} are published"),
        total: words::count(total),
        published: words::count(published),
        failed: count(Stand::Failed),
        parts: bar::parts(BAR.map(|stand| (stand.name(), stand.mood(), count(stand)))),
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

fn groups(members: Vec<RebuiltView>, index: &str) -> Vec<RebuiltGroup> {
    let mut groups: BTreeMap<(Stand, String), Vec<RebuiltView>> = BTreeMap::new();
    for member in members {
        groups.entry((Stand::of(&member), cause(&member))).or_default().push(member);
    }
    let mut groups: Vec<_> = groups.into_iter().collect();
    // The cause that most have comes first.
    groups.sort_by_key(|((stand, _), members)| (*stand, Reverse(members.len())));
    let group = |((stand, cause), mut members): ((Stand, String), Vec<RebuiltView>)| {
        let count = members.len();
        members.truncate(MOST_SHOWN);
        RebuiltGroup {
            title: match cause.is_empty() {
                true => stand.name().to_owned(),
                false => format!("{}: {cause}", stand.name()),
            },
            mood: stand.mood(),
            count: words::count(count),
            lines: members.into_iter().map(|member| line(member, index)).collect(),
            more: count.saturating_sub(MOST_SHOWN),
        }
    };
    groups.into_iter().map(group).collect()
}

/// The kind of a failure, or what else is wrong; empty for what went well, or has not ended.
fn cause(member: &RebuiltView) -> String {
    let why = match (&member.failure, &member.trouble) {
        _ if Stand::of(member) != Stand::Failed => None,
        (Some(failure), _) => Some(failure.class.to_string()),
        (None, why) => why.clone(),
    };
    why.map(|why| words::brief(&why, 100)).unwrap_or_default()
}

fn line(member: RebuiltView, index: &str) -> RebuiltLine {
    let project = member.project.as_ref().map(ToString::to_string).unwrap_or_default();
    let version = member.version.clone().unwrap_or_default();
    let now = member.against.as_deref().and_then(|pin| pin.split_once("=="));
    let failure = member.failure.as_ref();
    let why = failure.map(|failure| failure.line.as_deref().unwrap_or(&failure.hint));
    RebuiltLine {
        href: format!("{index}/{project}/{}", encode_segment(&version)),
        title: format!("{project} {version}"),
        now: now.map_or("", |(_, version)| version).to_owned(),
        why: why.map(|why| words::brief(why, 300)).unwrap_or_default(),
        member,
    }
}
