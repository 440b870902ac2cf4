//! What the old server gets, and its answer on the way back: both as they are.

use super::headers::{MARK, for_the_new, for_the_old};
use super::login::{self, LARGEST_LOGIN};
use super::observed::{Observed, ObservedHead, Observer, WatchedBody};
use super::proxy::{ShadowInner, below};
use crate::bad;
use crate::error::Result;
use crate::tools::hops::end_to_end;
use crate::upstream::client::failure;
use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};
use http_body::Body as _;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::oneshot;
use url::Url;

type Failure = Box<dyn std::error::Error + Send + Sync>;
/// The body of an answer to a client.
pub type ShadowBody = UnsyncBoxBody<Bytes, Failure>;

impl ShadowInner {
    /// Answers with what the old server says.
    pub async fn answer(self: Arc<Self>, request: Request<Incoming>, peer: IpAddr) -> Response<ShadowBody> {
        let began = Instant::now();
        let (parts, body) = request.into_parts();
        if parts.headers.contains_key(MARK) {
            return said(StatusCode::LOOP_DETECTED, "a server of this shadow is the shadow itself");
        }
        self.ledger.request();
        let told = self.compared(&parts, peer, began);
        let forwarded = match is_login(&parts, &body) {
            true => self.forward_login(&parts, peer, body).await,
            false => self.forward(&parts, body, told, began).await,
        };
        forwarded.unwrap_or_else(|error| {
            self.ledger.fail("old", error.to_string());
            said(StatusCode::BAD_GATEWAY, &format!("the old server gave no answer: {error}"))
        })
    }

    async fn forward(
        &self,
        parts: &Parts,
        body: Incoming,
        told: Option<oneshot::Sender<Observed>>,
        began: Instant,
    ) -> Result<Response<ShadowBody>> {
        let mut request = self.to_old(parts)?;
        if !body.is_end_stream() {
            request = request.body(reqwest::Body::wrap(body));
        }
        let response = sent(request).await?;
        let head = ObservedHead::new(response.status(), response.headers(), began.elapsed());
        let told = told.map(|told| (Observer::new(head), told));
        let (head, body) = Response::<reqwest::Body>::from(response).into_parts();
        let body = WatchedBody::new(body, told).map_err(Failure::from);
        Ok(response_of(&head, body.boxed_unsync()))
    }

    /// A login, of which the new server gets a copy: it holds nothing but who somebody is.
    async fn forward_login(
        &self,
        parts: &Parts,
        peer: IpAddr,
        body: Incoming,
    ) -> Result<Response<ShadowBody>> {
        let body = body.collect().await.map_err(|error| bad!("the login was cut off: {error}"))?.to_bytes();
        let response = sent(self.to_old(parts)?.body(body.clone())).await?;
        let is_small = response.content_length().is_some_and(|length| length <= LARGEST_LOGIN);
        let (head, answer) = Response::<reqwest::Body>::from(response).into_parts();
        if !is_small {
            return Ok(response_of(&head, answer.map_err(Failure::from).boxed_unsync()));
        }
        let answer = answer.collect().await.map_err(|error| failure(&self.primary, &error))?.to_bytes();
        if head.status.is_success()
            && let Some(old) = login::session_in(&answer)
        {
            let request = self.to_new(parts).map(|url| {
                self.to_server.request(parts.method.clone(), url).headers(for_the_new(&parts.headers, peer))
            });
            self.sessions.insert(&old, async move { login::log_in(request.ok()?, body).await });
        }
        Ok(response_of(&head, full(answer)))
    }

    fn to_old(&self, parts: &Parts) -> Result<reqwest::RequestBuilder> {
        let request = self.to_primary.request(parts.method.clone(), below(&self.primary, parts)?);
        Ok(request.headers(for_the_old(&parts.headers)))
    }

    /// The same on the new server.
    pub fn to_new(&self, parts: &Parts) -> Result<Url> {
        below(&self.server, parts)
    }
}

async fn sent(request: reqwest::RequestBuilder) -> Result<reqwest::Response> {
    let (http, request) = request.build_split();
    let request = request.map_err(|error| bad!("the request cannot be forwarded: {error}"))?;
    let url = request.url().clone();
    http.execute(request).await.map_err(|error| failure(&url, &error))
}

fn is_login(parts: &Parts, body: &Incoming) -> bool {
    let small = body.size_hint().exact().is_some_and(|length| length <= LARGEST_LOGIN);
    parts.method == Method::POST && parts.uri.path().ends_with("/+login") && small
}

fn response_of(head: &http::response::Parts, body: ShadowBody) -> Response<ShadowBody> {
    // Its version is that of the other connection.
    let mut response = Response::new(body);
    *response.status_mut() = head.status;
    *response.headers_mut() = end_to_end(&head.headers);
    response
}

fn full(bytes: impl Into<Bytes>) -> ShadowBody {
    Full::new(bytes.into()).map_err(|never| match never {}).boxed_unsync()
}

fn said(status: StatusCode, text: &str) -> Response<ShadowBody> {
    let mut response = Response::new(full(format!("{text}\n")));
    *response.status_mut() = status;
    let plain = HeaderValue::from_static("text/plain; charset=utf-8");
    *response.headers_mut() = HeaderMap::from_iter([(header::CONTENT_TYPE, plain)]);
    response
}
