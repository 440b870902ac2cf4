//! `/+quarantine`: what no index lists or serves, and for those who may: more of it, or less.

use super::act::{may, may_release};
use super::call::ScriptCall;
use super::{Frame, Visit, answer};
use crate::access::Need;
use crate::error::Result;
use crate::index::quarantine::QuarantineView;
use askama::Template;
use axum::response::Response;
use serde_json::json;

/// Lines that the page shows; JSON has all.
const MOST_SHOWN: usize = 500;

#[derive(Template)]
#[template(path = "quarantine.html")]
pub struct QuarantinePage {
    pub frame: Frame,
    /// Those that were released instead of those that hold.
    pub released: bool,
    pub lines: Vec<QuarantineLine>,
    /// Indexes on which the reader may place one; root may on all at once.
    pub indexes: Vec<String>,
    pub everywhere: bool,
    pub place: ScriptCall,
}

/// A quarantine in the list.
pub struct QuarantineLine {
    pub held: QuarantineView,
    pub may_release: bool,
    pub release: ScriptCall,
}

/// Shows quarantines.
pub fn show(ctx: &Visit, released: bool, held: Vec<QuarantineView>) -> Result<Response> {
    let everywhere = may(ctx, Need::Operate, None, None);
    let tends = |index: &crate::names::IndexName| may(ctx, Need::ManageIndex, Some(index), None);
    let line = |held: QuarantineView| QuarantineLine {
        may_release: !released && may_release(ctx, held.index.as_ref()),
        release: ScriptCall::new("DELETE", format!("/+quarantine/{}", held.id)),
        held,
    };
    let indexes = ctx.directory.indexes.keys().filter(|name| tends(name));
    let page = QuarantinePage {
        frame: Frame::of(ctx, &["+quarantine"]),
        released,
        indexes: indexes.map(ToString::to_string).take(MOST_SHOWN).collect(),
        lines: held.into_iter().take(MOST_SHOWN).map(line).collect(),
        everywhere,
        place: ScriptCall::with(
            "POST",
            "/+quarantine",
            &json!({"what": "demo<2", "why": "…", "index": "USER/INDEX"}),
        ),
    };
    answer(ctx, &page)
}
