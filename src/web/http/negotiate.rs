//! Content negotiation, content codings, and conditional requests. Pure.

use http::{HeaderMap, HeaderName, HeaderValue, header};

/// How a client names a media type.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum NamedBy {
    /// `*/*`
    Anything,
    /// `text/*`
    Type,
    Itself,
}

/// The quality the most specific range gives to a media type.
pub fn quality_of(name: &str, ranges: &[(&str, u16)]) -> Option<(u16, NamedBy)> {
    let mut found: Option<(u16, NamedBy)> = None;
    for (range, quality) in ranges {
        let how = if range.eq_ignore_ascii_case(name) {
            NamedBy::Itself
        } else if *range == "*/*" {
            NamedBy::Anything
        } else {
            let of_type = range.strip_suffix("/*").zip(name.split_once('/'));
            match of_type {
                Some((wanted, (main, _))) if wanted.eq_ignore_ascii_case(main) => NamedBy::Type,
                _ => continue,
            }
        };
        if found.is_none_or(|(_, known)| how > known) {
            found = Some((*quality, how));
        }
    }
    found
}

pub fn values<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a str> {
    headers.get_all(name).iter().filter_map(|value| value.to_str().ok())
}

/// The elements of a header such as `Accept`: names with their quality in thousandths.
pub fn preferences<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = (&'a str, u16)> {
    values(headers, name).flat_map(|value| value.split(',')).filter_map(|element| {
        let mut parts = element.split(';');
        let name = parts.next().unwrap_or_default().trim();
        let mut quality = 1000;
        for parameter in parts {
            let (key, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            if key.trim().eq_ignore_ascii_case("q") {
                quality = thousandths(value.trim()).unwrap_or(1000);
            }
        }
        (!name.is_empty() && !name.contains(char::is_whitespace)).then_some((name, quality))
    })
}

/// `0.25` as 250; `None` if it is no quality.
fn thousandths(text: &str) -> Option<u16> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    if fraction.len() > 3 || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let digits = fraction.bytes().chain(std::iter::repeat(b'0')).take(3);
    let fraction = digits.fold(0, |sum, digit| sum * 10 + u16::from(digit - b'0'));
    match whole {
        "0" => Some(fraction),
        "1" if fraction == 0 => Some(1000),
        _ => None,
    }
}

/// Whether the client takes gzip; identity is what it gets otherwise.
pub fn takes_gzip(headers: &HeaderMap) -> bool {
    let mut named = None;
    let mut identity = 1;
    for (coding, quality) in preferences(headers, &header::ACCEPT_ENCODING) {
        if coding.eq_ignore_ascii_case("gzip") || coding.eq_ignore_ascii_case("x-gzip") {
            named = Some(quality);
        } else if coding == "*" {
            named = named.or(Some(quality));
        } else if coding.eq_ignore_ascii_case("identity") {
            identity = quality;
        }
    }
    // Someone who names identity above gzip wants to read the bytes as they are.
    named.is_some_and(|quality| quality > 0 && (identity <= 1 || quality >= identity))
}

/// Whether `If-None-Match` names this (strong) ETag; weak comparison, as RFC 9110 wants.
pub fn none_match(headers: &HeaderMap, etag: &HeaderValue) -> bool {
    let etag = etag.to_str().unwrap_or_default();
    let mut named = values(headers, &header::IF_NONE_MATCH).flat_map(|value| value.split(','));
    named.any(|tag| {
        let tag = tag.trim();
        tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == etag
    })
}

/// Whether the client wants to know what is true now. pip says `max-age=0` on every page, so only
/// `no-cache` counts.
pub fn wants_fresh(headers: &HeaderMap) -> bool {
    values(headers, &header::CACHE_CONTROL).any(|value| value.to_ascii_lowercase().contains("no-cache"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: HeaderName, values: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(name.clone(), value.parse().unwrap());
        }
        headers
    }

    #[test]
    fn gzip_is_sent_only_to_who_takes_it() {
        for (line, expected) in [
            ("gzip, deflate", true),
            ("gzip, deflate, zstd", true),
            ("zstd,gzip,deflate", true),
            ("GZIP", true),
            ("*", true),
            ("identity;q=0, gzip", true),
            ("gzip;q=0.5, identity;q=0.5", true),
            ("identity", false),
            ("gzip;q=0", false),
            ("gzip;q=0, *", false),
            ("*;q=0", false),
            ("br", false),
            ("gzip;q=0.2, identity", false),
            ("", false),
        ] {
            assert_eq!(takes_gzip(&headers(header::ACCEPT_ENCODING, &[line])), expected, "{line}");
        }
        assert!(!takes_gzip(&HeaderMap::new()));
    }

    #[test]
    fn an_etag_matches_in_lists_weakly_and_by_star() {
        let etag = HeaderValue::from_static("\"abc\"");
        for (line, expected) in [
            ("\"abc\"", true),
            ("W/\"abc\"", true),
            ("\"x\", \"abc\"", true),
            ("*", true),
            ("\"ab\"", false),
            ("abc", false),
            ("", false),
        ] {
            assert_eq!(none_match(&headers(header::IF_NONE_MATCH, &[line]), &etag), expected, "{line}");
        }
        assert!(!none_match(&HeaderMap::new(), &etag));
    }

    #[test]
    fn only_no_cache_asks_the_upstream() {
        assert!(wants_fresh(&headers(header::CACHE_CONTROL, &["No-Cache"])));
        assert!(!wants_fresh(&headers(header::CACHE_CONTROL, &["max-age=0"])));
    }
}
