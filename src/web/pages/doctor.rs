//! `I/+doctor`: a form that takes a lock file, and what is wrong with it.

use super::{Frame, Visit, answer, index_href};
use crate::build::doctor::{Diagnosis, ExaminedRelease};
use crate::error::Result;
use askama::Template;
use axum::response::Response;

/// Lines that the page shows; JSON has all.
const MOST_SHOWN: usize = 1000;

#[derive(Template)]
#[template(path = "doctor.html")]
pub struct DoctorPage {
    pub frame: Frame,
    pub index: String,
    pub index_href: String,
    /// Of the file that was sent.
    pub file: String,
    pub notes: Vec<String>,
    /// Those with troubles.
    pub sick: Vec<ExaminedRelease>,
    /// Lines that are not shown.
    pub more: usize,
    /// How many were looked at; 0: none was sent.
    pub all: usize,
}

/// Shows the form, and what was found in the file that was sent.
pub fn show(ctx: &Visit, found: Option<(String, Diagnosis)>) -> Result<Response> {
    let index = &ctx.index()?.name;
    let mut page = DoctorPage {
        frame: Frame::of(ctx, &[index.user(), index.name(), "+doctor"]),
        index: index.to_string(),
        index_href: index_href(index),
        file: String::new(),
        notes: Vec::new(),
        sick: Vec::new(),
        more: 0,
        all: 0,
    };
    if let Some((file, diagnosis)) = found {
        let elsewhere =
            diagnosis.elsewhere.iter().map(|place| format!("{place} does not come from an index: left out"));
        page.notes = diagnosis.notes.into_iter().chain(elsewhere).take(MOST_SHOWN).collect();
        page.all = diagnosis.releases.len();
        page.file = file;
        page.sick = diagnosis.releases.into_iter().filter(|release| !release.troubles.is_empty()).collect();
        page.more = page.sick.len().saturating_sub(MOST_SHOWN);
        page.sick.truncate(MOST_SHOWN);
    }
    answer(ctx, &page)
}
