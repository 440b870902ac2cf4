//! `I/+wishes`: what installers asked for in vain, and where each wish stands.

use super::{Frame, Visit, answer, index_href};
use crate::error::Result;
use crate::index::wishes::{WishView, WishesView};
use askama::Template;
use axum::response::Response;

/// Lines that the page shows; JSON has all.
const MOST_SHOWN: usize = 500;

#[derive(Template)]
#[template(path = "wishes.html")]
pub struct WishesPage {
    pub frame: Frame,
    pub index: String,
    pub index_href: String,
    pub wishes: Vec<WishView>,
    /// Lines that are not shown.
    pub more: usize,
}

/// Shows the wishes of an index.
pub fn show(ctx: &Visit, view: WishesView) -> Result<Response> {
    let count = view.wishes.len();
    let page = WishesPage {
        frame: Frame::of(ctx, &[view.index.user(), view.index.name(), "+wishes"]),
        index: view.index.to_string(),
        index_href: index_href(&view.index),
        wishes: view.wishes.into_iter().take(MOST_SHOWN).collect(),
        more: count.saturating_sub(MOST_SHOWN),
    };
    answer(ctx, &page)
}
