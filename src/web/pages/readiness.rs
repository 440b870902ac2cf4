//! `I/+ready/{target}/`: a burn-down of what lock files name: what fails and why, what is left, what is there.

use super::bar::{self, BarPart};
use super::{Frame, Visit, answer, index_href, words};
use crate::build::readiness::{ReadinessView, ReadyView};
use crate::error::Result;
use crate::packaging::filename::encode_segment;
use crate::words::ReadyState;
use askama::Template;
use axum::response::Response;
use std::collections::BTreeMap;

/// Releases of one group that the page shows; JSON has all.
const MOST_SHOWN: usize = 500;

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
    pub groups: Vec<ReadyGroup>,
}

/// Releases in one state; of those that fail, by one cause.
pub struct ReadyGroup {
    pub title: String,
    pub mood: &'static str,
    pub count: String,
    pub lines: Vec<ReadyLine>,
    /// Releases that are not shown.
    pub more: usize,
}

pub struct ReadyLine {
    pub release: ReadyView,
    /// Of the release's page, from the root.
    pub href: String,
    pub lists: String,
    /// The first error line.
    pub why: String,
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
        parts: bar(&view),
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

fn bar(view: &ReadinessView) -> Vec<BarPart> {
    let count = |state| view.counts.get(&state).copied().unwrap_or_default();
    bar::parts(BAR.map(|state| (name(state), mood(state), count(state))))
}

fn name(state: ReadyState) -> &'static str {
    match state {
        ReadyState::Failed => "fails",
        ReadyState::Doubtful => "built, doubtful",
        ReadyState::UnderWay => "under way",
        ReadyState::NotTried => "not tried",
        ReadyState::Built => "built",
        ReadyState::Wheel => "has a wheel",
    }
}

fn mood(state: ReadyState) -> &'static str {
    match state {
        ReadyState::Failed => "bad",
        ReadyState::Doubtful => "warn",
        ReadyState::UnderWay | ReadyState::NotTried => "",
        ReadyState::Built | ReadyState::Wheel => "good",
    }
}

fn groups(releases: Vec<ReadyView>, index: &str) -> Vec<ReadyGroup> {
    let mut groups: BTreeMap<(ReadyState, String), Vec<ReadyView>> = BTreeMap::new();
    for release in releases {
        groups.entry((release.state, cause(&release))).or_default().push(release);
    }
    let mut groups: Vec<_> = groups.into_iter().collect();
    // The cause that most have comes first.
    groups.sort_by_key(|((state, _), releases)| (*state, std::cmp::Reverse(releases.len())));
    let group = |((state, cause), mut releases): ((ReadyState, String), Vec<ReadyView>)| {
        let count = releases.len();
        releases.truncate(MOST_SHOWN);
        ReadyGroup {
            title: if cause.is_empty() {
                name(state).to_owned()
            } else {
                format!("{}: {cause}", name(state))
            },
            mood: mood(state),
            count: words::count(count),
            lines: releases.into_iter().map(|release| line(release, index)).collect(),
            more: count.saturating_sub(MOST_SHOWN),
        }
    };
    groups.into_iter().map(group).collect()
}

/// The kind of a failure, or why there is nothing; empty for what does not fail.
fn cause(release: &ReadyView) -> String {
    let why = match (&release.failure, &release.why) {
        _ if release.state != ReadyState::Failed => None,
        (Some(failure), _) => Some(failure.class.to_string()),
        (None, why) => why.clone(),
    };
    why.map(|why| words::brief(&why, 100)).unwrap_or_default()
}

fn line(release: ReadyView, index: &str) -> ReadyLine {
    let failure = release.failure.as_ref();
    let why = failure.map(|failure| failure.line.as_deref().unwrap_or(&failure.hint));
    ReadyLine {
        href: format!("{index}/{}/{}", release.project, encode_segment(&release.version)),
        lists: release.lists.join(", "),
        why: why.map(|why| words::brief(why, 300)).unwrap_or_default(),
        release,
    }
}
