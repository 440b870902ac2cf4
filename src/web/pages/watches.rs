//! `/+watches`: repositories whose tags become releases, and what became of each tag.

use super::{Frame, Visit, answer, index_href};
use crate::build::watch::{TagView, WatchView};
use crate::error::Result;
use crate::words::TagState;
use askama::Template;
use axum::response::Response;

#[derive(Template)]
#[template(path = "watches.html")]
pub struct WatchesPage {
    pub frame: Frame,
    pub watches: Vec<WatchView>,
}

#[derive(Template)]
#[template(path = "watch.html")]
pub struct WatchPage {
    pub frame: Frame,
    pub watch: WatchView,
    pub index_href: String,
    pub targets: String,
    pub tags: Vec<TagLine>,
    /// A look or a build is to come soon.
    pub is_open: bool,
    pub may_change: bool,
}

/// A tag in the list.
pub struct TagLine {
    pub tag: TagView,
    pub mood: &'static str,
    /// The first digits of its commit.
    pub commit: String,
}

/// Shows watches.
pub fn list(ctx: &Visit, watches: Vec<WatchView>) -> Result<Response> {
    answer(ctx, &WatchesPage { frame: Frame::of(ctx, &["+watches"]), watches })
}

/// Shows one watch.
pub fn show(ctx: &Visit, watch: WatchView, tags: Vec<TagView>, may_change: bool) -> Result<Response> {
    let line =
        |tag: TagView| TagLine { mood: mood(tag.state), commit: tag.commit.chars().take(12).collect(), tag };
    let page = WatchPage {
        frame: Frame::of(ctx, &["+watches", &watch.id.to_string()]),
        index_href: index_href(&watch.index),
        targets: watch.targets.join(", "),
        is_open: tags.iter().any(|tag| tag.state.is_open()),
        tags: tags.into_iter().map(line).collect(),
        watch,
        may_change,
    };
    answer(ctx, &page)
}

fn mood(state: TagState) -> &'static str {
    match state {
        TagState::Published => "good",
        TagState::Failed | TagState::Moved => "bad",
        TagState::Waiting | TagState::Building => "warn",
        TagState::Skipped | TagState::Older => "",
    }
}
