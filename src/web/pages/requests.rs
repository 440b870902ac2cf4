//! `/+requests`: what was asked of curated indexes, and where each request stands.

use super::{Frame, Visit, answer, index_href};
use crate::error::Result;
use crate::index::requests::RequestView;
use crate::words::RequestState;
use askama::Template;
use axum::response::Response;

/// Lines that the page shows; JSON has all.
const MOST_SHOWN: usize = 500;

#[derive(Template)]
#[template(path = "requests.html")]
pub struct RequestsPage {
    pub frame: Frame,
    pub requests: Vec<RequestLine>,
}

/// A request in the list.
pub struct RequestLine {
    pub request: RequestView,
    pub title: String,
    pub mood: &'static str,
}

#[derive(Template)]
#[template(path = "request.html")]
pub struct RequestPage {
    pub frame: Frame,
    pub request: RequestView,
    pub title: String,
    pub mood: &'static str,
    pub index_href: String,
    pub may_approve: bool,
}

/// Shows requests.
pub fn list(ctx: &Visit, requests: Vec<RequestView>) -> Result<Response> {
    let requests = requests.into_iter().take(MOST_SHOWN).map(|request| RequestLine {
        title: request.title(),
        mood: mood(request.state),
        request,
    });
    answer(ctx, &RequestsPage { frame: Frame::of(ctx, &["+requests"]), requests: requests.collect() })
}

/// Shows one request.
pub fn show(ctx: &Visit, request: RequestView, may_approve: bool) -> Result<Response> {
    let page = RequestPage {
        frame: Frame::of(ctx, &["+requests", &request.id.to_string()]),
        title: request.title(),
        mood: mood(request.state),
        index_href: index_href(&request.index),
        request,
        may_approve,
    };
    answer(ctx, &page)
}

fn mood(state: RequestState) -> &'static str {
    match state {
        RequestState::Open => "warn",
        RequestState::Approved => "good",
        RequestState::Refused => "bad",
    }
}
