//! How an answer is told: the only place that knows statuses, reason phrases and error bodies.
//!
//! Installers print the reason phrase (twine, pip) or a JSON body (uv, devpi), so a refusal says
//! the same in all three.

use super::negotiate;
use crate::error::{Error, Result};
use crate::store::Blob;
use crate::tools::request_id::RequestId;
use crate::tools::{gzip, hex};
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use hyper::ext::ReasonPhrase;
use std::time::Duration;

/// How the asker wants errors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wants {
    Text,
    Json,
    /// A page, this many folders below the root.
    Html {
        up: usize,
    },
}

impl Wants {
    pub fn of(headers: &HeaderMap) -> Self {
        let accept = headers.get(header::ACCEPT).and_then(|v| v.to_str().ok()).unwrap_or_default();
        if accept.contains("json") {
            Self::Json
        } else if accept.contains("text/html") && accept.contains("application/xhtml+xml") {
            Self::Html { up: 0 }
        } else {
            Self::Text
        }
    }

    /// The same, asked for at `path` (below the public prefix), from which a page's links lead.
    pub fn at(self, path: &str) -> Self {
        match self {
            Self::Html { .. } => Self::Html { up: path.matches('/').count().saturating_sub(1) },
            other => other,
        }
    }
}

pub fn status(error: &Error) -> StatusCode {
    match error {
        Error::Bad(_) | Error::Usage(_) => StatusCode::BAD_REQUEST,
        Error::Unauthenticated(_) => StatusCode::UNAUTHORIZED,
        Error::Forbidden(_) | Error::Unapproved(_) => StatusCode::FORBIDDEN,
        Error::Missing(_) => StatusCode::NOT_FOUND,
        Error::Method(_) => StatusCode::METHOD_NOT_ALLOWED,
        Error::NotAcceptable(_) => StatusCode::NOT_ACCEPTABLE,
        Error::Conflict(_) => StatusCode::CONFLICT,
        Error::Gone(_) => StatusCode::GONE,
        Error::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
        Error::WrongType(_) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        Error::Slow(_) => StatusCode::REQUEST_TIMEOUT,
        Error::Busy(_) => StatusCode::TOO_MANY_REQUESTS,
        Error::BadUpstream(_) => StatusCode::BAD_GATEWAY,
        Error::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
        Error::Timeout(_) | Error::Offline(_) => StatusCode::GATEWAY_TIMEOUT,
        Error::Loop(_) => StatusCode::LOOP_DETECTED,
        Error::Full(_) => StatusCode::INSUFFICIENT_STORAGE,
        Error::Lost(_) | Error::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// Marks an answer that stays the same however often one asks.
#[derive(Clone, Copy, Debug)]
pub struct Final;

/// Writes the page by which people see an error: its status, its message, and how many folders below
/// the root it is shown.
pub type ErrorPageWriter = fn(StatusCode, &str, usize) -> String;

const HTML: &str = "text/html; charset=utf-8";

/// The answer for an error, in reason phrase and body.
pub fn error(error: &Error, wants: Wants, page: ErrorPageWriter) -> Response {
    let status = status(error);
    let message = match error {
        Error::Internal(chain) => {
            tracing::error!(error = format!("{chain:#}"), "internal error");
            "internal error: see the server's log".to_owned()
        }
        other => other.to_string(),
    };
    let title = status.canonical_reason().unwrap_or("Error");
    let (content_type, body) = match wants {
        // devpi's client compares the type with `==`: no charset.
        Wants::Json => ("application/json", {
            let mut body = serde_json::json!({
                "message": message, "code": format!("{} {message}", status.as_u16()),
                "title": title, "detail": message, "status": status.as_u16(),
            });
            // Of what is the server's fault the log says more, under this id.
            if let (true, Some(id)) = (status.is_server_error(), RequestId::current()) {
                body["request_id"] = id.as_str().into();
            }
            body.to_string()
        }),
        Wants::Html { up } => (HTML, page(status, &message, up)),
        Wants::Text => ("text/plain; charset=utf-8", format!("{} {message}\n", status.as_u16())),
    };
    let mut response = refusal(status, &message, content_type, body);
    if matches!(error, Error::Offline(_)) {
        response.extensions_mut().insert(Final);
    }
    let headers = response.headers_mut();
    match error {
        Error::Unauthenticated(_) => {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Basic realm=\"pypi\""));
        }
        Error::Unavailable(_) | Error::BadUpstream(_) | Error::Timeout(_) => {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
        }
        Error::Busy(_) => {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static("60"));
        }
        Error::Method(allow) => {
            headers.insert(header::ALLOW, HeaderValue::from_static(allow));
        }
        _ => {}
    }
    response
}

/// What prevents an answer, where there is more to say than an error says.
#[derive(Clone, Debug)]
pub struct Problem {
    pub status: StatusCode,
    /// Of its kind; uv prints it.
    pub title: String,
    /// One line, which pip prints.
    pub reason: String,
    /// What to do; uv prints it too.
    pub detail: String,
    /// Where more is to be seen: an absolute URL.
    pub see: Option<String>,
    pub retry_after: Option<Duration>,
}

/// The answer for a problem: for programs the JSON of RFC 9457, whatever they accept, as installers
/// do not say that they read it.
pub fn problem(problem: &Problem, wants: Wants, page: ErrorPageWriter) -> Response {
    let (content_type, body) = match wants {
        Wants::Html { up } => (HTML, page(problem.status, &problem.detail, up)),
        Wants::Text | Wants::Json => {
            let body = serde_json::json!({
                "type": problem.see.as_deref().unwrap_or("about:blank"), "title": problem.title,
                "status": problem.status.as_u16(), "detail": problem.detail, "message": problem.reason,
            });
            ("application/problem+json", body.to_string())
        }
    };
    let mut response = refusal(problem.status, &problem.reason, content_type, body);
    if let Some(after) = problem.retry_after {
        // Whole seconds: not every client reads a date.
        response.headers_mut().insert(header::RETRY_AFTER, after.as_secs().max(1).into());
    }
    response
}

/// A page instead of the one that was asked for, such as the login form.
pub fn other_page(status: StatusCode, message: &str, html: String) -> Response {
    refusal(status, message, HTML, html)
}

/// What is no answer to what was asked: nobody keeps it, and its reason stands in the status line too.
fn refusal(status: StatusCode, message: &str, content_type: &'static str, body: String) -> Response {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    if !message.is_empty()
        && let Ok(reason) = ReasonPhrase::try_from(reason(message).into_bytes())
    {
        response.extensions_mut().insert(reason);
    }
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(header::VARY, HeaderValue::from_static("Accept, User-Agent"));
    if content_type == HTML {
        for_people(headers);
    }
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// Nothing but our own style sheet, icon and script is loaded, the script talks to nobody else, nobody frames us.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
                      form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

/// Sets the headers that every page for people has, errors too.
pub fn for_people(headers: &mut HeaderMap) {
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(HTML));
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    headers.insert(header::VARY, HeaderValue::from_static("Accept, Accept-Encoding, User-Agent"));
}

/// Bytes of a reason phrase.
const LONGEST_REASON: usize = 300;

/// A message as a reason phrase: one line of printable ASCII, at most 300 bytes. Of a longer one the
/// middle is left out: what is wrong stands at one of the two ends.
fn reason(message: &str) -> String {
    let plain = message.chars().map(|c| if c == ' ' || c.is_ascii_graphic() { c } else { '?' });
    let plain: String = plain.collect();
    let (head, tail) = (LONGEST_REASON / 3, LONGEST_REASON - LONGEST_REASON / 3 - LEFT_OUT.len());
    match plain.get(..head).zip(plain.get(plain.len().saturating_sub(tail)..)) {
        Some((head, tail)) if plain.len() > LONGEST_REASON => format!("{head}{LEFT_OUT}{tail}"),
        _ => plain,
    }
}

const LEFT_OUT: &str = " ... ";

/// Both parts as one reason phrase, the first cut so that all of the second is in it.
pub fn short(first: &str, last: &str) -> String {
    let room = LONGEST_REASON.saturating_sub(last.chars().count());
    let first = first.split_whitespace().collect::<Vec<_>>().join(" ");
    match first.chars().count() > room {
        true => first.chars().take(room.saturating_sub(4)).chain(" ...".chars()).collect::<String>() + last,
        false => first + last,
    }
}

/// devpi's envelope: `{"result": …, "type": …, "message": …}`.
pub fn devpi(
    status: StatusCode,
    kind: &str,
    result: serde_json::Value,
    message: Option<&str>,
) -> Result<Response> {
    let mut body = serde_json::Map::new();
    if !result.is_null() {
        body.insert("result".into(), result);
    }
    if !kind.is_empty() {
        body.insert("type".into(), kind.into());
    }
    if let Some(message) = message {
        body.insert("message".into(), message.into());
    }
    let mut text = serde_json::to_string_pretty(&body).map_err(Error::internal)?;
    text.push('\n');
    Ok((status, [(header::CONTENT_TYPE, "application/json")], text).into_response())
}

/// What was done, in devpi's envelope.
pub fn done(message: &str) -> Result<Response> {
    devpi(StatusCode::OK, "", serde_json::Value::Null, Some(message))
}

/// Plain JSON, 200.
pub fn json(value: &impl serde::Serialize) -> Result<Response> {
    let text = serde_json::to_string(value).map_err(Error::internal)?;
    Ok(([(header::CONTENT_TYPE, "application/json")], text).into_response())
}

/// A body of a type that nobody is to guess; `cache` says who may keep it.
pub fn body(content_type: &'static str, cache: &'static str, body: impl Into<Body>) -> Response {
    let headers = [
        (header::CONTENT_TYPE, content_type),
        (header::CACHE_CONTROL, cache),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (headers, body.into()).into_response()
}

/// A text of this moment.
pub fn text(body: impl Into<Body>) -> Response {
    self::body("text/plain; charset=utf-8", "no-store", body)
}

impl From<Blob> for Body {
    fn from(blob: Blob) -> Self {
        match blob {
            Blob::Bytes(bytes) => Self::from(bytes),
            Blob::Stream { stream, .. } => Self::from_stream(stream),
        }
    }
}

/// Sends the client to another place.
pub fn redirect(status: StatusCode, place: &str) -> Result<Response> {
    let place = HeaderValue::try_from(place).map_err(Error::internal)?;
    Ok((status, [(header::LOCATION, place)]).into_response())
}

/// A page made for this request: compressed if wanted, confirmed if known.
pub fn bytes(headers: &HeaderMap, body: Vec<u8>, content_type: HeaderValue) -> Result<Response> {
    let packed = negotiate::takes_gzip(headers);
    let suffix = if packed { "-gz" } else { "" };
    let etag = format!("\"{}{suffix}\"", hex::short_sha256(&body, 32));
    let etag = HeaderValue::try_from(etag).map_err(Error::internal)?;
    let mut response = Response::new(Body::empty());
    if negotiate::none_match(headers, &etag) {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
    } else {
        let sent = response.headers_mut();
        sent.insert(header::CONTENT_TYPE, content_type);
        sent.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        if packed {
            sent.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        *response.body_mut() = Body::from(if packed { gzip::pack(&body, 5)? } else { body });
    }
    let sent = response.headers_mut();
    sent.insert(header::ETAG, etag);
    sent.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    sent.insert(header::VARY, HeaderValue::from_static("Accept-Encoding"));
    Ok(response)
}

/// 301 to a relative place; the query is kept.
pub fn moved(place: Option<String>, query: Option<&str>) -> Response {
    let query = query.map(|query| format!("?{query}")).unwrap_or_default();
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::MOVED_PERMANENTLY;
    if let Ok(place) = HeaderValue::try_from(place.unwrap_or_default() + &query) {
        response.headers_mut().insert(header::LOCATION, place);
    }
    response
}

const API_VERSION: HeaderName = HeaderName::from_static("x-devpi-api-version");
const SERVER_VERSION: HeaderName = HeaderName::from_static("x-devpi-server-version");
const SERIAL: HeaderName = HeaderName::from_static("x-devpi-serial");
/// The last of these is what devpi's newer replicas read, the second what the older do.
const UUIDS: [HeaderName; 3] = [
    HeaderName::from_static("x-devpi-uuid"),
    HeaderName::from_static("x-devpi-master-uuid"),
    HeaderName::from_static("x-devpi-primary-uuid"),
];

/// Headers that every answer has: devpi's client knows by them what it speaks to.
pub fn common(response: &mut Response, serial: i64, uuid: &HeaderValue) {
    let headers = response.headers_mut();
    headers.insert(API_VERSION, HeaderValue::from_static("2"));
    // The version of devpi's server whose protocol this is.
    headers.insert(SERVER_VERSION, HeaderValue::from_static("6.20.3"));
    headers.insert(SERIAL, serial.into());
    for name in UUIDS {
        headers.insert(name, uuid.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bad;

    fn no_page(_: StatusCode, _: &str, _: usize) -> String {
        String::new()
    }

    #[test]
    fn every_error_has_the_status_that_installers_act_on() {
        let text = || "why".to_owned();
        for (given, code, again) in [
            (Error::Bad(text()), 400, None),
            (Error::Unauthenticated(text()), 401, None),
            (Error::Forbidden(text()), 403, None),
            (Error::Missing(text()), 404, None),
            (Error::NotAcceptable(text()), 406, None),
            (Error::Gone(text()), 410, None),
            (Error::TooLarge(text()), 413, None),
            (Error::WrongType(text()), 415, None),
            (Error::Slow(text()), 408, None),
            (Error::Busy(text()), 429, Some("60")),
            (Error::BadUpstream(text()), 502, Some("5")),
            (Error::Unavailable(text()), 503, Some("5")),
            (Error::Timeout(text()), 504, Some("5")),
            (Error::Offline(text()), 504, None),
            (Error::Lost(text()), 500, None),
        ] {
            let response = error(&given, Wants::Text, no_page);
            let header = |name: HeaderName| response.headers().get(name).and_then(|v| v.to_str().ok());
            assert_eq!(response.status().as_u16(), code);
            assert_eq!(header(header::RETRY_AFTER), again, "{code}: seconds, which every client can read");
            assert_eq!(header(header::CACHE_CONTROL), Some("no-store"), "{code}");
            assert_eq!(header(header::WWW_AUTHENTICATE), (code == 401).then_some("Basic realm=\"pypi\""));
        }
    }

    #[test]
    fn a_reason_phrase_is_one_short_line_of_ascii() {
        let response = error(&bad!("na\u{ef}ve\r\nX-Evil: 1 {}", "x".repeat(500)), Wants::Text, no_page);
        let reason = response.extensions().get::<ReasonPhrase>().expect("a reason phrase").as_bytes();
        assert!(reason.starts_with(b"na?ve??X-Evil: 1 xxx") && reason.len() == 300);
    }
}
