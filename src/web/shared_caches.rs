//! What caches between us and the asker may keep: the one place that has the last word.
//!
//! A handler may say `public` of an answer; that holds only where strangers read what was asked for.
//! All else is for the one who asked, and says so, whatever its handler forgot.

use axum::response::Response;
use http::{HeaderMap, HeaderName, HeaderValue, header};

/// By which headers an asker says who they are.
const BY_ASKER: [&str; 3] = ["Authorization", "Cookie", "X-Devpi-Auth"];

/// What a browser may do with an answer that sets no policy of its own: show it, and nothing else.
const POLICY: &str = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

/// Sets who may keep an answer. `open`: anonymous askers get what was asked for.
pub(super) fn seal(response: &mut Response, open: bool) {
    let headers = response.headers_mut();
    let said = text(headers, &header::CACHE_CONTROL);
    let has = |word: &str| said.split(',').any(|part| part.trim().eq_ignore_ascii_case(word));
    let public = open && has("public") && !has("private");
    if !public && !has("no-store") {
        let rest = said.split(',').map(str::trim).filter(|part| {
            !part.is_empty() && !["public", "private"].iter().any(|word| part.eq_ignore_ascii_case(word))
        });
        let rest: Vec<&str> = rest.collect();
        let rest = if rest.is_empty() { "no-cache".to_owned() } else { rest.join(", ") };
        if let Ok(value) = HeaderValue::try_from(format!("private, {rest}")) {
            headers.insert(header::CACHE_CONTROL, value);
        }
    }
    // The same bytes for everybody, for ever: nothing to tell apart.
    if !(public && has("immutable")) {
        vary(headers);
    }
    let fixed = [
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY)),
    ];
    for (name, value) in fixed {
        headers.entry(name).or_insert(value);
    }
}

fn text(headers: &HeaderMap, name: &HeaderName) -> String {
    let all = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    all.collect::<Vec<_>>().join(", ")
}

/// Adds the asker to what the answer varies by; on one line, which every cache reads.
fn vary(headers: &mut HeaderMap) {
    let mut all = text(headers, &header::VARY);
    if all.contains('*') {
        return;
    }
    for name in BY_ASKER {
        if !all.split(',').any(|known| known.trim().eq_ignore_ascii_case(name)) {
            all.push_str(if all.is_empty() { "" } else { ", " });
            all.push_str(name);
        }
    }
    if let Ok(value) = HeaderValue::try_from(all) {
        headers.insert(header::VARY, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Body;

    fn sealed(cache: &str, vary: &str, open: bool) -> (String, String) {
        let mut response = Response::new(Body::empty());
        for (name, value) in [(header::CACHE_CONTROL, cache), (header::VARY, vary)] {
            if !value.is_empty() {
                response.headers_mut().insert(name, value.parse().unwrap());
            }
        }
        seal(&mut response, open);
        let headers = response.headers();
        assert_eq!(headers["x-content-type-options"], "nosniff");
        assert!(headers.contains_key("content-security-policy"));
        (text(headers, &header::CACHE_CONTROL), text(headers, &header::VARY))
    }

    #[test]
    fn only_what_strangers_read_is_for_shared_caches() {
        let asker = "Authorization, Cookie, X-Devpi-Auth";
        for (cache, open, expected) in [
            ("", true, "private, no-cache"),
            ("", false, "private, no-cache"),
            ("no-cache", true, "private, no-cache"),
            ("no-store", false, "no-store"),
            ("private, no-store", false, "private, no-store"),
            ("max-age=60", false, "private, max-age=60"),
            ("public, max-age=60", true, "public, max-age=60"),
            ("public, max-age=60", false, "private, max-age=60"),
            ("public, max-age=9, immutable", false, "private, max-age=9, immutable"),
        ] {
            assert_eq!(sealed(cache, "", open), (expected.to_owned(), asker.to_owned()), "{cache} {open}");
        }
        assert_eq!(sealed("public, max-age=9, immutable", "Accept", true).1, "Accept");
        assert_eq!(
            sealed("", "Accept, authorization", true).1,
            "Accept, authorization, Cookie, X-Devpi-Auth"
        );
    }
}
