//! The one credential of a request: a token, what its URL holds, or what `~/.netrc` has for the host.

use super::netrc;
use crate::upstream::client::{authorization, basic};
use http::HeaderValue;
use url::Url;

/// The `Authorization` for a server.
pub(super) fn of(url: &Url, token: Option<&str>) -> Option<HeaderValue> {
    match token {
        Some(token) => basic("__token__", token),
        None => authorization(url).or_else(|| {
            let login = url.host_str().and_then(netrc::login)?;
            basic(login.user, login.password)
        }),
    }
}

pub(super) fn bearer(secret: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(&format!("Bearer {secret}")).ok()?;
    value.set_sensitive(true);
    Some(value)
}
