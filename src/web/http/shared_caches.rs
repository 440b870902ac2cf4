//! What caches between us and the asker may keep: the one place that has the last word.
//!
//! A handler may say `public` of an answer; that holds only where strangers read what was asked for.
//! All else is for the one who asked, and says so, whatever its handler forgot.

use axum::response::Response;
use http::{HeaderMap, HeaderName, HeaderValue, header};
use std::borrow::Cow;

/// What answers that are asked for often say themselves in `Vary`, at its end.
pub const ASKER: &str = "Authorization, Cookie, X-Devpi-Auth";

/// By which headers an asker says who they are.
const BY_ASKER: [&str; 3] = ["Authorization", "Cookie", "X-Devpi-Auth"];

/// What a browser may do with an answer that sets no policy of its own: show it, and nothing else.
const POLICY: &str = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

/// Sets who may keep an answer. `open`: anonymous askers get what was asked for.
pub fn seal(response: &mut Response, open: bool) {
    let headers = response.headers_mut();
    let said = line(headers, &header::CACHE_CONTROL);
    let public = open && has(&said, "public") && !has(&said, "private");
    let cache = if public { None } else { private(&said) };
    // The same bytes for everybody, for ever: nothing to tell apart.
    let for_ever = public && has(&said, "immutable");
    let vary = if for_ever { None } else { by_asker(&line(headers, &header::VARY)) };
    let changed = [(header::CACHE_CONTROL, cache), (header::VARY, vary)];
    for (name, value) in changed.into_iter().filter_map(|(name, value)| Some((name, value?))) {
        headers.insert(name, value);
    }
    let fixed = [
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY)),
    ];
    for (name, value) in fixed {
        headers.entry(name).or_insert(value);
    }
}

/// All values of a header as one line; of the usual single one, that.
fn line<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Cow<'a, str> {
    let mut all = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    match (all.next(), all.next()) {
        (None, _) => Cow::Borrowed(""),
        (Some(one), None) => Cow::Borrowed(one),
        (Some(first), Some(second)) => {
            let parts = [first, second].into_iter().chain(all);
            Cow::Owned(parts.collect::<Vec<_>>().join(", "))
        }
    }
}

fn has(line: &str, word: &str) -> bool {
    line.split(',').any(|part| part.trim().eq_ignore_ascii_case(word))
}

/// What to say instead, so that only the asker keeps it; `None` if that is said already.
fn private(said: &str) -> Option<HeaderValue> {
    if has(said, "no-store") || has(said, "private") && !has(said, "public") {
        return None;
    }
    let told = |part: &&str| {
        !part.is_empty() && !["public", "private"].iter().any(|word| part.eq_ignore_ascii_case(word))
    };
    let rest: Vec<&str> = said.split(',').map(str::trim).filter(told).collect();
    if rest.is_empty() {
        return Some(HeaderValue::from_static("private, no-cache"));
    }
    HeaderValue::try_from(format!("private, {}", rest.join(", "))).ok()
}

/// The asker added to what an answer varies by; on one line, which every cache reads. `None` if it
/// is there already.
fn by_asker(said: &str) -> Option<HeaderValue> {
    if said.is_empty() {
        return Some(HeaderValue::from_static(ASKER));
    }
    if said.ends_with(ASKER) {
        return None;
    }
    let missing = |name: &&&str| !has(said, name);
    if said.contains('*') || BY_ASKER.iter().all(|name| !missing(&name)) {
        return None;
    }
    let all: Vec<&str> = [said].into_iter().chain(BY_ASKER.iter().filter(missing).copied()).collect();
    HeaderValue::try_from(all.join(", ")).ok()
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
        (line(headers, &header::CACHE_CONTROL).into_owned(), line(headers, &header::VARY).into_owned())
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
