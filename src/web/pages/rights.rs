//! `I/+access`: who may do what with an index, and for one person: why.

use super::{Frame, Visit, answer, index_href};
use crate::access::grants::AccessView;
use crate::directory::Index;
use crate::error::Result;
use askama::Template;
use axum::response::Response;

/// Lines that the page shows; JSON has all.
const MOST_SHOWN: usize = 500;

#[derive(Template)]
#[template(path = "rights.html")]
pub struct RightsPage {
    pub frame: Frame,
    pub index: String,
    pub index_href: String,
    /// One person with the reasons, or everybody without.
    pub one: Option<AccessView>,
    pub people: Vec<AccessView>,
    /// Lines that are not shown.
    pub more: usize,
}

/// Shows it.
pub fn show(ctx: &Visit, index: &Index, is_one: bool, mut views: Vec<AccessView>) -> Result<Response> {
    let one = if is_one { views.pop() } else { None };
    let more = views.len().saturating_sub(MOST_SHOWN);
    views.truncate(MOST_SHOWN);
    let page = RightsPage {
        frame: Frame::of(ctx, &[index.name.user(), index.name.name(), "+access"]),
        index: index.name.to_string(),
        index_href: index_href(&index.name),
        one,
        people: views,
        more,
    };
    answer(ctx, &page)
}
