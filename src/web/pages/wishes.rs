//! `I/+wishes`: what installers asked for in vain, and where each wish stands.

use super::{Frame, Visit, answer, index_href};
use crate::db::bundles::ImportedBundle;
use crate::error::Result;
use crate::index::wishes::{WishView, WishesView};
use crate::words::Moment;
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
    /// What came across a gap, the newest first.
    pub bundles: Vec<BundleLine>,
}

/// A bundle that was imported.
pub struct BundleLine {
    pub from: String,
    pub signers: String,
    pub files: i64,
    pub who: String,
    pub made: Moment,
    pub imported: Moment,
}

impl From<ImportedBundle> for BundleLine {
    fn from(row: ImportedBundle) -> Self {
        Self {
            from: row.origin_index,
            signers: row.signers,
            files: row.files,
            who: row.who,
            made: Moment(row.created_at),
            imported: Moment(row.imported_at),
        }
    }
}

/// Shows the wishes of an index, and the bundles that answered some.
pub fn show(ctx: &Visit, view: WishesView, bundles: Vec<ImportedBundle>) -> Result<Response> {
    let count = view.wishes.len();
    let page = WishesPage {
        frame: Frame::of(ctx, &[view.index.user(), view.index.name(), "+wishes"]),
        index: view.index.to_string(),
        index_href: index_href(&view.index),
        wishes: view.wishes.into_iter().take(MOST_SHOWN).collect(),
        more: count.saturating_sub(MOST_SHOWN),
        bundles: bundles.into_iter().take(MOST_SHOWN).map(BundleLine::from).collect(),
    };
    answer(ctx, &page)
}
