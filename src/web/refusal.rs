//! The answer to a request that fails: text for installers, JSON for scripts, a page or the login form for
//! people.

use super::http::origin;
use super::http::respond::{self, Wants};
use super::pages;
use crate::access::methods::oidc::LoginButton;
use crate::error::Error;
use axum::response::Response;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use std::sync::Arc;

/// The form of that answer, read from the request.
pub struct RefusalStyle {
    wants: Wants,
    browser: bool,
    /// The page to which a person returns after the login, from the root.
    to: String,
    /// Of the login page.
    buttons: Arc<[LoginButton]>,
}

impl RefusalStyle {
    /// `path` is the one of the request, below the public prefix.
    pub fn of(method: &Method, headers: &HeaderMap, path: &str, buttons: Arc<[LoginButton]>) -> Self {
        let wants = match *method == Method::POST && path.contains("/+f/") {
            // What sends results of tests reads nothing but JSON, and does not say so.
            true => Wants::Json,
            false => Wants::of(headers).at(path),
        };
        let person = matches!(wants, Wants::Html { .. });
        let to = if person && !origin::changes(method) { path.trim_start_matches('/') } else { "" };
        Self { wants, browser: person || origin::is_browser(headers), to: to.to_owned(), buttons }
    }

    /// The answer for an error. A browser gets the login page, and nothing that makes it ask for a
    /// password by itself: it would add that to whatever other sites' pages ask of us.
    pub fn error(&self, error: &Error) -> Response {
        let mut response = match (error, self.wants) {
            (Error::Unauthenticated(message), Wants::Html { up }) => {
                pages::login::show(StatusCode::UNAUTHORIZED, message, &self.to, up, &self.buttons)
            }
            _ => respond::error(error, self.wants, pages::error::render),
        };
        if self.browser {
            response.headers_mut().remove(header::WWW_AUTHENTICATE);
        }
        response
    }

    /// For methods that a known path does not have; `allow` are those it has.
    pub fn method(&self, allow: Option<HeaderValue>) -> Response {
        let mut response = respond::error(&Error::Method("other methods"), self.wants, pages::error::render);
        if let Some(allow) = allow {
            response.headers_mut().insert(header::ALLOW, allow);
        }
        response
    }
}
