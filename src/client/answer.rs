//! What the answers of a wheelwright mean: one map from status to error, one reader of JSON.

use crate::bad_upstream;
use crate::error::{Error, Result};
use crate::upstream::client::{failure, shown};
use http::{StatusCode, header};
use reqwest::Response;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// What helps somebody whom a server does not know.
pub(super) const ADVICE: &str =
    "Run wheelwright login, or give a token with --token, WHEELWRIGHT_TOKEN or ~/.netrc";

/// An answer that is no success.
pub(super) struct RefusedAnswer {
    pub error: Error,
    pub status: StatusCode,
    /// The server itself said it; else something between did.
    pub in_own_words: bool,
}

/// Reads it; of our `own` server, whoever may not ask is told how to.
pub(super) async fn refusal(response: Response, own: bool) -> RefusedAnswer {
    let (status, url) = (response.status(), response.url().clone());
    let kind = response.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    let is_text = kind.is_some_and(|kind| kind.starts_with("text/plain"));
    let body = response.bytes().await.unwrap_or_default();
    let said = words(&body, is_text);
    let in_own_words = said.is_some();
    let said = said.unwrap_or_else(|| format!("{} answered {status}", shown(&url)));
    let error = match status.as_u16() {
        401 if own => Error::Unauthenticated(format!("{said}. {ADVICE}")),
        401 => Error::Unauthenticated(said),
        403 => Error::Forbidden(said),
        404 => Error::Missing(said),
        409 => Error::Conflict(said),
        410 => Error::Gone(said),
        413 => Error::TooLarge(said),
        429 | 503 => Error::Unavailable(said),
        504 => Error::Timeout(said),
        507 => Error::Full(said),
        500.. => Error::BadUpstream(said),
        _ => Error::Bad(said),
    };
    RefusedAnswer { error, status, in_own_words }
}

/// What a body says: devpi's have a `message`, problems a `detail`.
fn words(body: &[u8], is_text: bool) -> Option<String> {
    let json: Value = serde_json::from_slice(body).unwrap_or_default();
    let said = ["message", "detail"].iter().find_map(|key| json.get(key)?.as_str()).map(str::to_owned);
    let text =
        || Some(String::from_utf8_lossy(body).trim().to_owned()).filter(|text| is_text && !text.is_empty());
    said.or_else(text)
}

/// Reads a JSON body.
pub(super) async fn json<T: DeserializeOwned>(response: Response) -> Result<T> {
    let url = response.url().clone();
    let bytes = response.bytes().await.map_err(|error| failure(&url, &error))?;
    serde_json::from_slice(&bytes).map_err(|error| {
        bad_upstream!("{} is not a wheelwright server, or runs another version: {error}", shown(&url))
    })
}
