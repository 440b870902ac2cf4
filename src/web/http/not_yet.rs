//! What a server answers that has just begun: not yet.

use super::respond::{self, Wants};
use crate::unavailable;
use axum::response::Response;
use http::{HeaderMap, HeaderValue, header};

/// 503 to everything: `/+health`, too.
pub fn answer(headers: &HeaderMap) -> Response {
    let wants = match Wants::of(headers) {
        // The page of an error belongs to an installation, which is not open.
        Wants::Html { .. } => Wants::Text,
        wants => wants,
    };
    let error = unavailable!("not yet: the server is opening its database. Try again in a moment");
    let mut response = respond::error(&error, wants, |_, message, _| message.to_owned());
    let headers = response.headers_mut();
    headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    // What is asked next is for the server that has begun.
    headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}
