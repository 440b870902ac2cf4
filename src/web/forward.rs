//! What a replica hands on to its primary: every change, all that is about builds, and reads that it cannot answer.

use super::http::Route;
use super::http::origin;
use super::http::whence::{self, RequestSender};
use crate::access::methods::proxy;
use crate::build::targets::fit;
use crate::config::Config;
use crate::error::{Error, Result};
use crate::replica::Replica;
use crate::tools::hops::end_to_end;
use crate::{timed_out, unavailable};
use axum::body::Body;
use axum::response::Response;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use hyper::ext::ReasonPhrase;
use std::time::Duration;

/// Paths that a replica keeps nothing of.
const AT_PRIMARY: [&str; 24] = [
    "/+builds",
    "/+targets",
    "/+workers",
    "/+recipes",
    "/+tokens",
    "/+account",
    "/+device",
    "/+webhooks",
    "/+publishers",
    "/+watches",
    "/+locks",
    "/+requests",
    "/_/oidc",
    "/+login/{name}",
    "/v1/{indexes}/{target}/+compile",
    "/v1/{indexes}/{target}/+resolve",
    "/{user}/{index}/+webhooks",
    "/{user}/{index}/+learned",
    "/{user}/{index}/+matrix",
    "/{user}/{index}/+publishers",
    "/{user}/{index}/+rules",
    "/{user}/{index}/+rebuild",
    "/{user}/{index}/+ready",
    "/{user}/{index}/+w/",
];

/// How long a read waits for the primary before it is answered from here.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long the head of an answer may take that waits for a build.
const LONGEST: Duration = Duration::from_secs(120);

/// How long a change waits until this replica has it, too.
const SETTLE: Duration = Duration::from_secs(10);

/// Headers that tell who asks whom: they are written anew.
const WRITTEN_ANEW: [&str; 6] =
    ["host", "forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-outside-url"];

/// Who answers a request to a replica.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answerer {
    /// The replica; the primary where the replica has nothing.
    Replica,
    Primary,
    /// The primary while it answers: it may promise wheels, which the replica cannot build.
    PrimaryFirst,
}

impl Answerer {
    pub fn of(route: Route, method: &Method, headers: &HeaderMap) -> Self {
        if origin::changes(method) || AT_PRIMARY.iter().any(|path| route.path.starts_with(path)) {
            return Self::Primary;
        }
        let agent = headers.get(header::USER_AGENT).and_then(|agent| agent.to_str().ok());
        let tells = agent.is_some_and(fit::tells) || route.path.starts_with("/v1/");
        match route.path.ends_with("simple/{project}/") && tells {
            true => Self::PrimaryFirst,
            false => Self::Replica,
        }
    }
}

/// A request as it is handed on.
pub struct Forward {
    replica: Replica,
    method: Method,
    path: String,
    headers: HeaderMap,
    /// The path of this server's public URL.
    prefix: String,
}

impl Forward {
    /// The parts are of the request as it was routed.
    pub fn new(
        replica: &Replica,
        config: &Config,
        parts: &http::request::Parts,
        seen: &RequestSender,
    ) -> Self {
        let mut headers = end_to_end(&parts.headers);
        for name in WRITTEN_ANEW {
            headers.remove(name);
        }
        let told = seen.outside.as_deref().and_then(|root| url::Url::parse(root).ok());
        let outside = told.as_ref().or(config.public_url.as_ref());
        let scheme = outside.map_or(config.scheme(), |root| root.scheme());
        let written = whence::written_host(&parts.headers, &parts.uri).map(str::to_owned);
        let host = outside.map(|root| root[url::Position::BeforeHost..url::Position::AfterPort].to_owned());
        let mut tell = |name: &str, value: &str| {
            if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::from_str(value)) {
                headers.insert(name, value);
            }
        };
        tell("x-forwarded-for", &seen.client.ip().to_string());
        tell("x-forwarded-proto", scheme);
        if let Some(host) = host.or(written) {
            tell("x-forwarded-host", &host);
        }
        tell(proxy::HANDED_ON.as_str(), "1");
        let path = parts.uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
        let prefix = config.public_url.as_ref().map(|url| url.path().trim_end_matches('/').to_owned());
        let prefix = prefix.unwrap_or_default();
        Self { replica: replica.clone(), method: parts.method.clone(), path, headers, prefix }
    }

    /// The primary's answer, as it is. After a change, once the replica has it.
    ///
    /// # Errors
    /// `Unavailable` if the primary does not answer.
    pub async fn send(&self, body: Body) -> Result<Response> {
        let primary = self.replica.primary();
        let request = primary.request(self.method.clone(), &self.path)?.headers(self.headers.clone());
        let request = match http_body::Body::is_end_stream(&body) {
            true => request,
            false => request.body(reqwest::Body::wrap_stream(body.into_data_stream())),
        };
        let answer = primary.send(request).await.map_err(|error| match error {
            Error::Unavailable(why) => Error::Unavailable(format!(
                "{why}. What is stored here can be read; for all else, try again later, or ask {}",
                primary.shown()
            )),
            other => other,
        })?;
        if origin::changes(&self.method) && answer.status().is_success() {
            self.settle(answer.headers()).await;
        }
        Ok(self.passed(answer))
    }

    /// The same of a read that this replica can answer, too: it is not waited for long, and an error of the primary's,
    /// or of a proxy before it, is no answer.
    pub async fn read(&self) -> Result<Response> {
        let answer = tokio::time::timeout(PATIENCE, self.send(Body::empty())).await;
        let answer = answer.unwrap_or_else(|_| Err(timed_out!("the primary is slow")))?;
        match answer.status() {
            status if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS => {
                Err(unavailable!("the primary answers {status}"))
            }
            _ => Ok(answer),
        }
    }

    /// Of a read that only the primary can answer: nobody waits for one that is away.
    pub async fn read_there(&self) -> Result<Response> {
        let primary = self.replica.primary();
        let away = || {
            unavailable!("the primary of this replica, {}, does not answer: try again later", primary.shown())
        };
        if !primary.is_reachable() {
            return Err(away());
        }
        tokio::time::timeout(LONGEST, self.send(Body::empty())).await.unwrap_or_else(|_| Err(away()))
    }

    /// Whoever changed something sees it here, too.
    async fn settle(&self, headers: &HeaderMap) {
        let serial = headers.get("x-devpi-serial").and_then(|value| value.to_str().ok()?.parse().ok());
        if let Some(serial) = serial
            && tokio::time::timeout(SETTLE, self.replica.wait_for(serial)).await.is_err()
        {
            tracing::warn!(serial, "a change is not here yet");
        }
    }

    fn passed(&self, answer: reqwest::Response) -> Response {
        let (status, reason) = (answer.status(), answer.extensions().get::<ReasonPhrase>().cloned());
        let root = self.replica.primary().shown();
        let mut headers = end_to_end(answer.headers());
        let place = headers.get(header::LOCATION).and_then(|place| place.to_str().ok()?.strip_prefix(&root));
        let place = place.and_then(|path| HeaderValue::try_from(format!("{}{path}", self.prefix)).ok());
        headers.extend(place.map(|place| (header::LOCATION, place)));
        let mut response = Response::new(Body::from_stream(answer.bytes_stream()));
        *response.status_mut() = status;
        if let Some(reason) = reason {
            response.extensions_mut().insert(reason);
        }
        *response.headers_mut() = headers;
        response
    }
}

/// Whether an answer of the replica means that it has not what was asked for, so that the primary may know more: it
/// changed a moment ago, or bytes were lost here.
pub fn asks_for_more(answer: &Result<Response>) -> bool {
    match answer {
        Err(error) => {
            matches!(
                error,
                Error::Missing(_)
                    | Error::Unauthenticated(_)
                    | Error::Forbidden(_)
                    | Error::Unapproved(_)
                    | Error::Lost(_)
            )
        }
        Ok(response) => matches!(
            response.status(),
            StatusCode::NOT_FOUND | StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::Need;

    fn of(method: Method, path: &'static str, agent: &str) -> Answerer {
        let route = Route { methods: &["GET"], path, need: Need::Read };
        let mut headers = HeaderMap::new();
        headers.insert(header::USER_AGENT, HeaderValue::from_str(agent).unwrap());
        Answerer::of(route, &method, &headers)
    }

    #[test]
    fn changes_and_builds_are_the_primarys_and_files_the_replicas_own() {
        assert_eq!(of(Method::PUT, "/{user}/{index}/", ""), Answerer::Primary);
        assert_eq!(of(Method::GET, "/+builds/{id}", ""), Answerer::Primary);
        assert_eq!(of(Method::GET, "/{user}/{index}/+f/{head}/{tail}/{filename}", ""), Answerer::Replica);
        assert_eq!(of(Method::GET, "/simple/{project}/", "curl/8"), Answerer::Replica);
        let pip = r#"pip/26.3 {"cpu":"x86_64","implementation":{"name":"CPython","version":"3.12.1"},"python":"3.12.1","system":{"name":"Linux","release":"6"},"distro":{"libc":{"lib":"glibc","version":"2.36"}}}"#;
        assert_eq!(of(Method::GET, "/simple/{project}/", pip), Answerer::PrimaryFirst);
        assert_eq!(of(Method::GET, "/simple/", pip), Answerer::Replica);
    }
}
