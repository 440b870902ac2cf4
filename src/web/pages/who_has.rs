//! `/+who-has`: who fetched a release or a file, and which lock files name it.

use super::{Frame, Visit, answer};
use crate::error::Result;
use crate::index::who_has::WhoHas;
use askama::Template;
use axum::response::Response;

/// Lines that the page shows; JSON has all.
const MOST_SHOWN: usize = 500;

#[derive(Template)]
#[template(path = "who_has.html")]
pub struct WhoHasPage {
    pub frame: Frame,
    /// What was asked for, as typed.
    pub what: String,
    /// `None`: nothing was asked for yet.
    pub found: Option<WhoHas>,
}

/// Shows who has something.
pub fn show(ctx: &Visit, what: &str, mut found: Option<WhoHas>) -> Result<Response> {
    if let Some(found) = &mut found {
        found.fetched.truncate(MOST_SHOWN);
        found.locks.truncate(MOST_SHOWN);
    }
    answer(ctx, &WhoHasPage { frame: Frame::of(ctx, &["+who-has"]), what: what.to_owned(), found })
}
