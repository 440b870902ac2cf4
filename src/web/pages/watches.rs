//! `/+watches`: repositories whose tags become releases, and what became of each tag.

use super::act::{acts, may};
use super::call::ScriptCall;
use super::{Frame, Visit, answer, index_href};
use crate::access::Need;
use crate::build::watch::{TagView, WatchView};
use crate::directory::Index;
use crate::error::Result;
use crate::words::TagState;
use askama::Template;
use axum::response::Response;
use serde_json::json;

#[derive(Template)]
#[template(path = "watches.html")]
pub struct WatchesPage {
    pub frame: Frame,
    pub watches: Vec<WatchView>,
    /// Indexes for which the reader may add one.
    pub indexes: Vec<String>,
    pub add: ScriptCall,
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
    pub look: ScriptCall,
    pub remove: ScriptCall,
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
    let takes = |index: &&Index| index.is_stage() && may(ctx, Need::Upload, Some(&index.name), None);
    let indexes = ctx.directory.indexes.values().filter(takes);
    let add = json!({"index": "USER/INDEX", "url": "git+https://HOST/REPO"});
    let page = WatchesPage {
        frame: Frame::of(ctx, &["+watches"]),
        watches,
        indexes: indexes.map(|index| index.name.to_string()).collect(),
        add: ScriptCall::with("POST", "/+watches", &add),
    };
    answer(ctx, &page)
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
        look: ScriptCall::new("POST", format!("/+watches/{}/look", watch.id)),
        remove: ScriptCall::new("DELETE", format!("/+watches/{}", watch.id)),
        watch,
        may_change: may_change && acts(ctx),
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
