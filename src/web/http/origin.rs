//! Requests that a page of another site made a browser send.
//!
//! A browser adds its reader's cookie or stored password to whatever a page asks for, wherever that
//! page comes from. It also says where: by `Sec-Fetch-Site` and `Origin`, which no page can forge.
//! What changes something is refused unless both fit. pip, twine, uv, devpi and curl send neither
//! header, and no credential that they were not told to send.

use super::whence;
use crate::access::people;
use crate::config::Config;
use crate::error::Result;
use crate::forbidden;
use http::{HeaderMap, HeaderName, Method, Uri, header};

const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const FETCH_MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");
const FETCH_DEST: HeaderName = HeaderName::from_static("sec-fetch-dest");

/// Whether a method may change something.
pub fn changes(method: &Method) -> bool {
    !matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}

/// Whether a browser sent this, which alone writes `Sec-Fetch-…`.
pub fn is_browser(headers: &HeaderMap) -> bool {
    [FETCH_SITE, FETCH_MODE, FETCH_DEST].iter().any(|name| headers.contains_key(name))
}

/// Whether another site's page, or nobody knows whose, asks for this change.
///
/// # Errors
/// `Forbidden` with what to do.
pub fn check(
    config: &Config,
    method: &Method,
    headers: &HeaderMap,
    uri: &Uri,
    outside: Option<&str>,
) -> Result<()> {
    let own = |origin: &str| is_own(config, headers, uri, outside, origin);
    let mut origins = headers.get_all(header::ORIGIN).iter().map(|value| value.to_str().unwrap_or("null"));
    if let Some(foreign) = origins.find(|origin| !own(origin)) {
        return Err(forbidden!(
            "a page of another site ({}) sent this request: use a page of this server. If {0} is this \
             server, set public_url to it",
            foreign.chars().take(200).collect::<String>()
        ));
    }
    let site = headers.get(FETCH_SITE).map(|value| value.to_str().unwrap_or("cross-site"));
    let named = headers.contains_key(header::ORIGIN);
    let proven = match site {
        // The reader's own doing (`none`) proves nothing about a page, but no page did it.
        Some("same-origin") => true,
        Some("none") | None => named,
        Some("same-site") if named => true,
        Some(_) => {
            return Err(forbidden!("a page of another site sent this request: use a page of this server"));
        }
    };
    match changes(method) && people::is_ambient(config, headers) && !proven {
        true => Err(forbidden!(
            "a request with a login cookie, or of a user whom a proxy names, needs the header Origin: use a token \
             instead"
        )),
        false => Ok(()),
    }
}

/// Whether `origin` is this server as its operator, a trusted proxy or the request itself names it.
/// The scheme counts only for the first two: a proxy that speaks TLS for us asks us without.
fn is_own(config: &Config, headers: &HeaderMap, uri: &Uri, outside: Option<&str>, origin: &str) -> bool {
    let Ok(asked) = url::Url::parse(origin) else { return false };
    if !matches!(asked.scheme(), "http" | "https") || asked.host_str().is_none() {
        return false;
    }
    let outside = outside.and_then(|root| url::Url::parse(root).ok());
    if config.public_url.iter().chain(&outside).any(|root| root.origin() == asked.origin()) {
        return true;
    }
    let written = whence::written_host(headers, uri);
    let written = written.and_then(|host| url::Url::parse(&format!("{}://{host}", asked.scheme())).ok());
    written.is_some_and(|root| root.origin() == asked.origin())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(lines: &[(&'static str, &str)]) -> bool {
        let public_url = Some("https://wheels.example/prefix/".parse().unwrap());
        let config = Config { public_url, ..Config::default() };
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, value.parse().unwrap());
        }
        let at = Uri::from_static("/alice/dev/");
        check(&config, &Method::POST, &headers, &at, Some("https://outside.example/")).is_ok()
    }

    #[test]
    fn a_client_that_is_no_browser_says_nothing_of_where_it_comes_from() {
        assert!(allowed(&[("host", "wheels.example"), ("authorization", "Basic abc")]));
        assert!(allowed(&[]));
    }

    #[test]
    fn only_our_own_origins_change_something() {
        for own in ["https://wheels.example", "https://outside.example", "http://10.0.0.1:3141"] {
            assert!(allowed(&[("host", "10.0.0.1:3141"), ("origin", own)]), "{own}");
        }
        assert!(allowed(&[("host", "inner.example"), ("origin", "https://inner.example:443")]));
        for foreign in [
            "https://evil.example",
            "http://wheels.example",
            "https://wheels.example:8443",
            "https://wheels.example.evil.example",
            "http://10.0.0.1:3142",
            "null",
            "",
            "file://",
            "chrome-extension://abc",
            "http://10.0.0.1:3141@evil.example",
        ] {
            assert!(!allowed(&[("host", "10.0.0.1:3141"), ("origin", foreign)]), "{foreign}");
            let site = ("sec-fetch-site", "same-origin");
            assert!(!allowed(&[("host", "10.0.0.1:3141"), ("origin", foreign), site]), "{foreign}");
        }
        let twice = [("host", "a"), ("origin", "https://wheels.example"), ("origin", "https://evil.example")];
        assert!(!allowed(&twice));
    }

    #[test]
    fn a_foreign_site_changes_nothing_even_without_an_origin() {
        for site in ["cross-site", "same-site", "Same-Origin", "something new", ""] {
            assert!(!allowed(&[("host", "h"), ("sec-fetch-site", site)]), "{site}");
        }
        assert!(!allowed(&[("host", "h"), ("sec-fetch-site", "cross-site"), ("origin", "http://h")]));
        assert!(allowed(&[("host", "h"), ("sec-fetch-site", "same-site"), ("origin", "http://h")]));
        assert!(allowed(&[("host", "h"), ("sec-fetch-site", "same-origin")]));
        assert!(allowed(&[("host", "h"), ("sec-fetch-site", "none")]));
    }

    #[test]
    fn a_cookie_needs_proof_and_a_header_does_not() {
        let cookie = ("cookie", "a=b; wheelwright_session=ww_x");
        assert!(!allowed(&[("host", "h"), cookie]));
        assert!(!allowed(&[("host", "h"), cookie, ("sec-fetch-site", "none")]));
        assert!(allowed(&[("host", "h"), cookie, ("sec-fetch-site", "same-origin")]));
        assert!(allowed(&[("host", "h"), cookie, ("origin", "http://h")]));
        assert!(allowed(&[("host", "h"), cookie, ("authorization", "Basic abc")]));
    }
}
