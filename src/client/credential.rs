//! The one credential of a request: a token, what its URL holds, what a login kept, or what `~/.netrc` has for the host.

use super::logins::Logins;
use super::netrc;
use crate::error::Result;
use crate::upstream::client::{authorization, basic};
use http::HeaderValue;
use url::Url;

/// The `Authorization` for a server: the token, what the URL holds, what `wheelwright login` kept for this very server,
/// or what `~/.netrc` has for its host.
pub(super) fn of(url: &Url, token: Option<&str>) -> Result<Option<HeaderValue>> {
    if let Some(token) = token {
        return Ok(basic_token(token));
    }
    if let Some(own) = authorization(url) {
        return Ok(Some(own));
    }
    if let Some(kept) = Logins::load()?.of(url) {
        return Ok(basic_token(&kept.token));
    }
    let login = url.host_str().and_then(netrc::login);
    Ok(login.and_then(|login| basic(login.user, login.password)))
}

/// The `Authorization` of who has an API token.
pub(super) fn basic_token(token: &str) -> Option<HeaderValue> {
    basic("__token__", token)
}

pub(super) fn bearer(secret: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(&format!("Bearer {secret}")).ok()?;
    value.set_sensitive(true);
    Some(value)
}
