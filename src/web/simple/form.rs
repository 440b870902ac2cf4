//! Which form of a page a client gets (PEP 691). Pure.

use crate::error::{Error, Result};
use crate::index::view::PageForm;
use crate::web::http::negotiate::{self, NamedBy};
use http::{HeaderMap, header};

/// What can be asked for by name, in the order that decides ties.
const OFFERS: [(&str, PageForm); 5] = [
    ("application/vnd.pypi.simple.v1+json", PageForm::Json),
    ("application/vnd.pypi.simple.latest+json", PageForm::Json),
    ("application/vnd.pypi.simple.v1+html", PageForm::V1Html),
    ("application/vnd.pypi.simple.latest+html", PageForm::V1Html),
    ("text/html", PageForm::Html),
];

/// The form of a page for these headers; `format` (of the query) overrides `Accept`.
///
/// # Errors
/// `NotAcceptable` if there is no form that the client takes.
pub fn form(headers: &HeaderMap, format: Option<&str>) -> Result<PageForm> {
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

fn best(headers: &HeaderMap) -> Option<PageForm> {
    let mut ranges = negotiate::preferences(headers, &header::ACCEPT).peekable();
    if ranges.peek().is_none()
        && negotiate::values(headers, &header::ACCEPT).all(|value| value.trim().is_empty())
    {
        return Some(PageForm::Html);
    }
    let ranges: Vec<(&str, u16)> = ranges.collect();
    let mut best: Option<(Rank, PageForm)> = None;
    for (at, (name, form)) in OFFERS.iter().enumerate() {
        let Some((quality, how)) = negotiate::quality_of(name, &ranges).filter(|(quality, _)| *quality > 0)
        else {
            continue;
        };
        // Of what only a wildcard names, people's form comes first, unless it is `application/*`.
        let order = match how {
            NamedBy::Itself | NamedBy::Type if *form != PageForm::Html => OFFERS.len() - at,
            NamedBy::Itself => 0,
            NamedBy::Type | NamedBy::Anything => at + 1,
        };
        let rank = (quality, u8::from(how == NamedBy::Itself), order);
        if best.as_ref().is_none_or(|(known, _)| rank > *known) {
            best = Some((rank, *form));
        }
    }
    best.map(|(_, form)| form)
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderName;

    fn headers(name: HeaderName, values: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(name.clone(), value.parse().unwrap());
        }
        headers
    }

    fn accept(values: &[&str]) -> Option<PageForm> {
        form(&headers(header::ACCEPT, values), None).ok()
    }

    const JSON: &str = "application/vnd.pypi.simple.v1+json";
    const HTML: &str = "application/vnd.pypi.simple.v1+html";

    #[test]
    fn what_installers_send_gets_what_they_expect() {
        let cases: &[(&str, PageForm)] = &[
            (
                "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html; q=0.1, text/html; q=0.01",
                PageForm::Json,
            ),
            (
                "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.01",
                PageForm::Json,
            ),
            ("application/vnd.pypi.simple.v1+json, */*;q=0.1", PageForm::Json),
            ("text/html", PageForm::Html),
            ("*/*", PageForm::Html),
            ("", PageForm::Html),
            ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", PageForm::Html),
            ("application/*", PageForm::Json),
            ("text/*", PageForm::Html),
            ("application/vnd.pypi.simple.v1+html", PageForm::V1Html),
            ("application/vnd.pypi.simple.latest+json", PageForm::Json),
            ("application/vnd.pypi.simple.latest+html", PageForm::V1Html),
            ("Application/VND.pypi.Simple.v1+JSON", PageForm::Json),
            ("application/vnd.pypi.simple.v1+json ; q = 0.5 , text/html ; q=0.4", PageForm::Json),
            ("application/vnd.pypi.simple.v1+json;q=nonsense, text/html;q=0.9", PageForm::Json),
            ("application/vnd.pypi.simple.v1+json;q=0, */*", PageForm::Html),
            ("text/html, application/vnd.pypi.simple.v1+json", PageForm::Json),
            ("text/html, application/vnd.pypi.simple.v1+html", PageForm::V1Html),
            ("*/*, application/vnd.pypi.simple.v1+json;q=0.9", PageForm::Html),
            ("*/*, application/vnd.pypi.simple.v1+json", PageForm::Json),
            ("*/*, application/vnd.pypi.simple.v1+html", PageForm::V1Html),
            ("garbage, text/html", PageForm::Html),
            ("application/vnd.pypi.simple.v1+json;version=1;q=1.000, text/html;q=0.999", PageForm::Json),
        ];
        for (line, expected) in cases {
            assert_eq!(accept(&[line]), Some(*expected), "{line}");
        }
        assert_eq!(accept(&[]), Some(PageForm::Html));
        assert_eq!(accept(&["text/html;q=0.1", JSON]), Some(PageForm::Json), "several fields are one list");
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
            (JSON, Some(PageForm::Json)),
            ("application/vnd.pypi.simple.v1 json", Some(PageForm::Json)),
            ("application/vnd.pypi.simple.latest+html", Some(PageForm::V1Html)),
            ("text/html", Some(PageForm::Html)),
            ("application/json", None),
            ("", None),
        ] {
            assert_eq!(form(&headers, Some(format)).ok(), expected, "{format}");
        }
    }
}
