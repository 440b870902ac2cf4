//! Request paths made canonical before routing: one pure function that decides what is one path.

use std::borrow::Cow;

/// Why a path is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// 400: nothing that a client in its right mind sends (`..`, control characters, bad escapes).
    Bad,
    /// 404: an encoded slash or backslash names nothing here.
    NoSuchThing,
}

/// The canonical spelling of `path`: repeated slashes collapsed, `%2B` as `+`, `prefix` (the path
/// of the public URL, such as `/python`, or empty) taken off. Nothing else is decoded, so what was
/// encoded twice stays literal. Borrows, without allocating, what is canonical already.
///
/// # Errors
/// `.` and `..` segments, control characters and text that is no UTF-8, raw or encoded; encoded
/// slashes; backslashes.
pub fn canonical<'a>(path: &'a str, prefix: &str) -> Result<Cow<'a, str>, Refusal> {
    let plain = is_plain(path.as_bytes());
    let path = if plain { Cow::Borrowed(path) } else { Cow::Owned(rewrite(path)?) };
    Ok(match path {
        Cow::Borrowed(text) => Cow::Borrowed(strip(text, prefix)),
        Cow::Owned(text) if strip(&text, prefix).len() == text.len() => Cow::Owned(text),
        Cow::Owned(text) => Cow::Owned(strip(&text, prefix).to_owned()),
    })
}

/// Whether nothing is to be rewritten, and nothing can have to be refused.
fn is_plain(bytes: &[u8]) -> bool {
    let mut before = 0;
    for &byte in bytes {
        let odd = byte == b'%' || byte == b'\\' || byte <= b' ' || byte >= 0x7f;
        if odd || before == b'/' && matches!(byte, b'/' | b'.') {
            return false;
        }
        before = byte;
    }
    bytes.first() == Some(&b'/')
}

/// Where the path is that has one slash where this one has several: relative, so that it holds
/// behind any proxy. `None` if there is nothing to collapse.
pub fn collapsed(path: &str) -> Option<String> {
    if !path.contains("//") {
        return None;
    }
    let up = path.matches('/').count().saturating_sub(1);
    if up > 64 {
        return None;
    }
    let segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
    let end = if path.ends_with('/') && !segments.is_empty() { "/" } else { "" };
    Some("../".repeat(up) + &segments.join("/") + end)
}

fn strip<'a>(path: &'a str, prefix: &str) -> &'a str {
    match path.strip_prefix(prefix.trim_end_matches('/')) {
        Some("") => "/",
        Some(rest) if rest.starts_with('/') => rest,
        _ => path,
    }
}

/// Collapses slashes and `%2B`, segment by segment.
fn rewrite(path: &str) -> Result<String, Refusal> {
    let mut out = String::with_capacity(path.len());
    for segment in path.split('/').filter(|segment| !segment.is_empty()) {
        check(segment)?;
        out.push('/');
        out.push_str(&segment.replace("%2B", "+").replace("%2b", "+"));
    }
    if out.is_empty() || path.ends_with('/') {
        out.push('/');
    }
    Ok(out)
}

fn check(segment: &str) -> Result<(), Refusal> {
    let mut escapes = segment.split('%');
    let _before = escapes.next();
    let hexes = |part: &str| part.len() >= 2 && part.bytes().take(2).all(|b| b.is_ascii_hexdigit());
    if !escapes.all(hexes) {
        return Err(Refusal::Bad);
    }
    let decoded = percent_encoding::percent_decode_str(segment);
    let decoded = decoded.decode_utf8().map_err(|_| Refusal::Bad)?;
    match decoded.as_ref() {
        "." | ".." => Err(Refusal::Bad),
        text if text.chars().any(char::is_control) => Err(Refusal::Bad),
        text if text.contains(['/', '\\']) => Err(Refusal::NoSuchThing),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_plain_path_is_borrowed() {
        for path in ["/", "/simple/six/", "/root/pypi/+simple/six/", "/a/b/1.0!x~y"] {
            assert!(matches!(canonical(path, ""), Ok(Cow::Borrowed(same)) if same == path), "{path}");
        }
    }

    #[test]
    fn spellings_of_one_path_become_one() {
        for (given, expected) in [
            ("/simple//six/", "/simple/six/"),
            ("//simple///six", "/simple/six"),
            ("/root/pypi/%2Bsimple/six/", "/root/pypi/+simple/six/"),
            ("/root/pypi/%2bf/a/b/x-1%2B2.whl", "/root/pypi/+f/a/b/x-1+2.whl"),
            ("/a/1%212.0", "/a/1%212.0"),
            ("/a/%252e%252e/b", "/a/%252e%252e/b"),
            ("/.well-known/x", "/.well-known/x"),
            ("/a/..;/b", "/a/..;/b"),
            ("", "/"),
            ("//", "/"),
        ] {
            assert_eq!(canonical(given, "").as_deref(), Ok(expected), "{given}");
        }
    }

    #[test]
    fn repeated_slashes_lead_to_the_path_with_one() {
        for path in ["/simple//six/", "//simple///six", "/simple/six//", "//", "/root/pypi//%2Bsimple/six/"] {
            let base = url::Url::parse(&format!("http://x.test/prefix{path}")).unwrap();
            let place = base.join(&collapsed(path).unwrap()).unwrap();
            let mut expected = path.to_owned();
            while expected.contains("//") {
                expected = expected.replace("//", "/");
            }
            assert_eq!(place.path(), format!("/prefix{expected}"), "{path}");
        }
        assert_eq!((collapsed("/simple/six/"), collapsed(&"/".repeat(100))), (None, None));
    }

    #[test]
    fn what_could_mean_another_place_is_refused() {
        for path in [
            "/a/../b",
            "/a/./b",
            "/..",
            "/a/%2e%2E/b",
            "/a/.%2e",
            "/a/%00",
            "/a/%0a",
            "/a\u{1}",
            "/a/%7F",
            "/a/%ff",
            "/a/%c0%ae",
            "/a/%zz",
            "/a/%2",
            "/a/%",
        ] {
            assert_eq!(canonical(path, ""), Err(Refusal::Bad), "{path}");
        }
        for path in ["/%2F%2F..%2F..%2Fetc/passwd", "/a%5Cb", "/a\\b", "/simple/a%2fb/"] {
            assert_eq!(canonical(path, ""), Err(Refusal::NoSuchThing), "{path}");
        }
    }

    #[test]
    fn the_public_prefix_is_taken_off_once_and_only_at_a_segment() {
        for (given, expected) in [
            ("/python/simple/", "/simple/"),
            ("/python", "/"),
            ("/python/", "/"),
            ("/pythonic/x", "/pythonic/x"),
            ("/python/python/x", "/python/x"),
            ("/simple/", "/simple/"),
            ("//python//simple/", "/simple/"),
        ] {
            assert_eq!(canonical(given, "/python").as_deref(), Ok(expected), "{given}");
            assert_eq!(canonical(given, "/python/").as_deref(), Ok(expected), "{given}");
        }
    }

    proptest! {
        #[test]
        fn canonical_is_stable_and_has_no_way_up(path in "(/|%2[BbFfEe5]|%00|[.a-c+\\\\]|%25|ü){0,16}") {
            if let Ok(once) = canonical(&path, "") {
                prop_assert_eq!(canonical(&once, ""), Ok(once.clone()));
                prop_assert!(once.starts_with('/') && !once.contains("//") && !once.contains('\\'));
                let decoded = percent_encoding::percent_decode_str(&once).decode_utf8_lossy().into_owned();
                prop_assert!(decoded.split('/').all(|segment| segment != "." && segment != ".."));
                prop_assert_eq!(decoded.matches('/').count(), once.matches('/').count());
            }
        }

        #[test]
        fn the_quick_way_agrees_with_the_thorough_one(path in "(/[a-z.+%2B/]{0,5}){1,4}") {
            if is_plain(path.as_bytes()) {
                prop_assert_eq!(rewrite(&path), Ok(path));
            }
        }
    }
}
