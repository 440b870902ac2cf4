//! Content negotiation of the simple API (PEP 691), content codings, and conditional requests. Pure.

use crate::error::{Error, Result};
use crate::index::view::Form;
use http::{HeaderMap, HeaderName, HeaderValue, header};

/// What can be asked for by name, in the order that decides ties.
const OFFERS: [(&str, Form); 5] = [
    ("application/vnd.pypi.simple.v1+json", Form::Json),
    ("application/vnd.pypi.simple.latest+json", Form::Json),
    ("application/vnd.pypi.simple.v1+html", Form::V1Html),
    ("application/vnd.pypi.simple.latest+html", Form::V1Html),
    ("text/html", Form::Html),
];

/// The form of a page for these headers; `format` (of the query) overrides `Accept`.
///
/// # Errors
/// `NotAcceptable` if there is no form that the client takes.
pub fn form(headers: &HeaderMap, format: Option<&str>) -> Result<Form> {
    let none = || {
        let known: Vec<&str> =
            OFFERS.iter().map(|(name, _)| *name).filter(|n| !n.contains("latest")).collect();
        Error::NotAcceptable(format!("this page is available as {}", known.join(", ")))
    };
    if let Some(format) = format {
        // A `+` that was not escaped in the query arrives as a blank.
        let wanted = format.replace(' ', "+");
        return OFFERS.iter().find(|(name, _)| *name == wanted).map(|(_, form)| *form).ok_or_else(none);
    }
    best(headers).ok_or_else(none)
}

/// How well an offer is matched: quality in thousandths, then how it was named, then our order.
type Rank = (u16, u8, usize);

fn best(headers: &HeaderMap) -> Option<Form> {
    let mut ranges = Ranges::of(headers, &header::ACCEPT).peekable();
    if ranges.peek().is_none() && values(headers, &header::ACCEPT).all(|value| value.trim().is_empty()) {
        return Some(Form::Html);
    }
    let ranges: Vec<(&str, u16)> = ranges.collect();
    let mut best: Option<(Rank, Form)> = None;
    for (at, (name, form)) in OFFERS.iter().enumerate() {
        let Some((quality, how)) = quality_of(name, &ranges).filter(|(quality, _)| *quality > 0) else {
            continue;
        };
        // Of what only a wildcard names, people's form comes first, unless it is `application/*`.
        let order = match how {
            Named::Exactly | Named::Type if *form != Form::Html => OFFERS.len() - at,
            Named::Exactly => 0,
            Named::Type | Named::Anything => at + 1,
        };
        let rank = (quality, u8::from(how == Named::Exactly), order);
        if best.as_ref().is_none_or(|(known, _)| rank > *known) {
            best = Some((rank, *form));
        }
    }
    best.map(|(_, form)| form)
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Named {
    Anything,
    Type,
    Exactly,
}

/// The quality the most specific range gives to a media type.
fn quality_of(name: &str, ranges: &[(&str, u16)]) -> Option<(u16, Named)> {
    let mut found: Option<(u16, Named)> = None;
    for (range, quality) in ranges {
        let how = if range.eq_ignore_ascii_case(name) {
            Named::Exactly
        } else if *range == "*/*" {
            Named::Anything
        } else {
            let of_type = range.strip_suffix("/*").zip(name.split_once('/'));
            match of_type {
                Some((wanted, (main, _))) if wanted.eq_ignore_ascii_case(main) => Named::Type,
                _ => continue,
            }
        };
        if found.is_none_or(|(_, known)| how > known) {
            found = Some((*quality, how));
        }
    }
    found
}

fn values<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a str> {
    headers.get_all(name).iter().filter_map(|value| value.to_str().ok())
}

/// The elements of a header such as `Accept`: names with their quality in thousandths.
struct Ranges;

impl Ranges {
    fn of<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = (&'a str, u16)> {
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
}

/// `0.25` as 250; `None` if it is no quality.
fn thousandths(text: &str) -> Option<u16> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = fraction.len() <= 3 && fraction.bytes().all(|b| b.is_ascii_digit());
    let fraction: u16 = if digits { format!("{fraction:0<3}").parse().ok()? } else { return None };
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
    for (coding, quality) in Ranges::of(headers, &header::ACCEPT_ENCODING) {
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

    fn accept(values: &[&str]) -> Option<Form> {
        form(&headers(header::ACCEPT, values), None).ok()
    }

    const JSON: &str = "application/vnd.pypi.simple.v1+json";
    const HTML: &str = "application/vnd.pypi.simple.v1+html";

    #[test]
    fn what_installers_send_gets_what_they_expect() {
        let cases: &[(&str, Form)] = &[
            (
                "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html; q=0.1, text/html; q=0.01",
                Form::Json,
            ),
            (
                "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.01",
                Form::Json,
            ),
            ("application/vnd.pypi.simple.v1+json, */*;q=0.1", Form::Json),
            ("text/html", Form::Html),
            ("*/*", Form::Html),
            ("", Form::Html),
            ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", Form::Html),
            ("application/*", Form::Json),
            ("text/*", Form::Html),
            ("application/vnd.pypi.simple.v1+html", Form::V1Html),
            ("application/vnd.pypi.simple.latest+json", Form::Json),
            ("application/vnd.pypi.simple.latest+html", Form::V1Html),
            ("Application/VND.pypi.Simple.v1+JSON", Form::Json),
            ("application/vnd.pypi.simple.v1+json ; q = 0.5 , text/html ; q=0.4", Form::Json),
            ("application/vnd.pypi.simple.v1+json;q=nonsense, text/html;q=0.9", Form::Json),
            ("application/vnd.pypi.simple.v1+json;q=0, */*", Form::Html),
            ("text/html, application/vnd.pypi.simple.v1+json", Form::Json),
            ("text/html, application/vnd.pypi.simple.v1+html", Form::V1Html),
            ("*/*, application/vnd.pypi.simple.v1+json;q=0.9", Form::Html),
            ("*/*, application/vnd.pypi.simple.v1+json", Form::Json),
            ("*/*, application/vnd.pypi.simple.v1+html", Form::V1Html),
            ("garbage, text/html", Form::Html),
            ("application/vnd.pypi.simple.v1+json;version=1;q=1.000, text/html;q=0.999", Form::Json),
        ];
        for (line, expected) in cases {
            assert_eq!(accept(&[line]), Some(*expected), "{line}");
        }
        assert_eq!(accept(&[]), Some(Form::Html));
        assert_eq!(accept(&["text/html;q=0.1", JSON]), Some(Form::Json), "several fields are one list");
    }

    #[test]
    fn what_no_form_satisfies_is_not_acceptable() {
        for line in ["application/json", "image/png", "text/html;q=0", "*/*;q=0", "text/html;q=0.000"] {
            assert_eq!(accept(&[line]), None, "{line}");
        }
        let Err(error) = form(&headers(header::ACCEPT, &["application/json"]), None) else { panic!() };
        for name in [JSON, HTML, "text/html"] {
            assert!(error.to_string().contains(name));
        }
    }

    #[test]
    fn the_query_overrides_the_header() {
        let headers = headers(header::ACCEPT, &["text/html"]);
        for (format, expected) in [
            (JSON, Some(Form::Json)),
            ("application/vnd.pypi.simple.v1 json", Some(Form::Json)),
            ("application/vnd.pypi.simple.latest+html", Some(Form::V1Html)),
            ("text/html", Some(Form::Html)),
            ("application/json", None),
            ("", None),
        ] {
            assert_eq!(form(&headers, Some(format)).ok(), expected, "{format}");
        }
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
