//! `/+requests`: what was asked of curated indexes, and where each request stands.

use super::act::acts;
use super::call::ScriptCall;
use super::{Frame, Visit, answer, index_href, may_read};
use crate::error::Result;
use crate::index::requests::RequestView;
use crate::words::RequestState;
use askama::Template;
use axum::response::Response;
use serde_json::json;

/// Lines that the page shows; JSON has all.
const MOST_SHOWN: usize = 500;

#[derive(Template)]
#[template(path = "requests.html")]
pub struct RequestsPage {
    pub frame: Frame,
    pub requests: Vec<RequestLine>,
    /// Curated indexes that the reader may ask.
    pub curated: Vec<String>,
    pub ask: ScriptCall,
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
    pub approve: ScriptCall,
    pub refuse: ScriptCall,
}

/// Shows requests.
pub fn list(ctx: &Visit, requests: Vec<RequestView>) -> Result<Response> {
    let requests = requests.into_iter().take(MOST_SHOWN).map(|request| RequestLine {
        title: request.title(),
        mood: mood(request.state),
        request,
    });
    let curated =
        ctx.directory.indexes.values().filter(|index| index.is_curated() && may_read(ctx, &index.name));
    let page = RequestsPage {
        frame: Frame::of(ctx, &["+requests"]),
        requests: requests.collect(),
        curated: curated.filter(|_| acts(ctx)).map(|index| index.name.to_string()).collect(),
        ask: ScriptCall::with(
            "POST",
            "/+requests",
            &json!({"index": "USER/INDEX", "requirement": "six==1.16.0"}),
        ),
    };
    answer(ctx, &page)
}

/// Shows one request.
pub fn show(ctx: &Visit, request: RequestView, may_approve: bool) -> Result<Response> {
    let page = RequestPage {
        frame: Frame::of(ctx, &["+requests", &request.id.to_string()]),
        title: request.title(),
        mood: mood(request.state),
        index_href: index_href(&request.index),
        approve: ScriptCall::with(
            "POST",
            format!("/+requests/{}/approve", request.id),
            &json!({"reason": "…"}),
        ),
        refuse: ScriptCall::with(
            "POST",
            format!("/+requests/{}/refuse", request.id),
            &json!({"reason": "…"}),
        ),
        request,
        may_approve: may_approve && acts(ctx),
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
