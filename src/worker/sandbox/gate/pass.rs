//! One request at the gate: whether it may pass, and the way to the server and back.

use super::pages;
use crate::bad;
use crate::client::ServerClient;
use crate::error::Result;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::Response;
use futures::StreamExt as _;
use parking_lot::Mutex;
use std::collections::HashSet;
use std::sync::Arc;
use tokio::sync::Semaphore;

/// Requests under way at once; more wait.
const REQUESTS: usize = 16;
/// Bytes of one page.
const PAGE: usize = 64 << 20;
/// Redirects of one request.
const REDIRECTS: usize = 5;
const ASKED: [HeaderName; 4] = [header::ACCEPT, header::RANGE, header::IF_NONE_MATCH, header::IF_RANGE];
const ANSWERED: [HeaderName; 6] = [
    header::CONTENT_TYPE,
    header::CONTENT_LENGTH,
    header::CONTENT_RANGE,
    header::ACCEPT_RANGES,
    header::ETAG,
    header::LAST_MODIFIED,
];

/// Which index a gate leads to, and as whom.
#[derive(Clone, Debug)]
pub struct GateDestination {
    /// As whoever may read the index.
    pub server: ServerClient,
    /// `user/index`
    pub context: String,
    /// As the index was then: the date of `/{context}/+at/{date}/+simple/`.
    pub at: Option<String>,
}

/// What a gate knows.
#[derive(Debug)]
pub(super) struct Pass {
    server: ServerClient,
    /// `/{context}/+simple/`, or that as of a date.
    pages: String,
    places: Semaphore,
    /// Paths of files that pages led to.
    known: Mutex<HashSet<String>>,
}

impl Pass {
    pub fn new(to: GateDestination) -> Result<Self> {
        let at = to.at.map(|date| format!("+at/{date}/")).unwrap_or_default();
        let pages = format!("{}{}/{at}+simple/", to.server.base().path(), to.context.trim_matches('/'));
        let odd = |c: char| c.is_control() || "?#%\\ ".contains(c);
        let parts: Vec<&str> = to.context.trim_matches('/').split('/').collect();
        let is_index = matches!(parts[..], [_, _] | ["v1", _, "auto"])
            && parts.iter().all(|part| !part.is_empty() && *part != "..");
        if pages.contains(odd) || pages.contains("/../") || !is_index {
            return Err(bad!("{pages:?} is not an index that a build can use"));
        }
        Ok(Self { server: to.server, pages, places: Semaphore::new(REQUESTS), known: Mutex::default() })
    }

    /// A page's project part: `demo/`; empty for the list.
    fn is_page(&self, path: &str) -> bool {
        path.strip_prefix(&self.pages).is_some_and(|project| {
            let name = project.strip_suffix('/').unwrap_or(project);
            name.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c)) && !name.starts_with('.')
        })
    }

    fn is_known(&self, path: &str) -> bool {
        let path = pages::spelling(path);
        let file = path.strip_suffix(".metadata").unwrap_or(&path);
        let known = self.known.lock();
        known.contains(&path) || known.contains(file)
    }

    /// Asks the server, going where it sends us as long as that is on itself.
    async fn ask(
        &self,
        method: Method,
        path: &str,
        asked: &HeaderMap,
    ) -> Result<reqwest::Response, Response> {
        let mut headers = HeaderMap::new();
        for name in ASKED {
            headers.extend(asked.get(&name).map(|value| (name, value.clone())));
        }
        let mut url = self.server.url(path).map_err(|_| refused())?;
        for _ in 0..REDIRECTS {
            let answer = self.server.forward(method.clone(), url.clone(), headers.clone()).await;
            let answer = answer.map_err(|error| {
                tracing::warn!(%error, "the server does not answer a sandbox");
                plain(StatusCode::BAD_GATEWAY, "the index does not answer")
            })?;
            let place = answer.headers().get(header::LOCATION).and_then(|value| value.to_str().ok());
            let next = match (answer.status().is_redirection(), place) {
                (true, Some(place)) => url.join(place).ok(),
                _ => return Ok(answer),
            };
            match next.filter(|next| self.server.owns(next)) {
                Some(next) => url = next,
                None => return Err(plain(StatusCode::BAD_GATEWAY, "the index redirects to another server")),
            }
        }
        Err(plain(StatusCode::BAD_GATEWAY, "the index redirects too often"))
    }

    async fn page(&self, method: Method, path: &str, asked: &HeaderMap) -> Result<Response, Response> {
        let answer = self.ask(method.clone(), path, asked).await?;
        let (status, url) = (answer.status(), answer.url().clone());
        let kind = answer.headers().get(header::CONTENT_TYPE).cloned();
        let mut body = Vec::new();
        let mut pieces = answer.bytes_stream();
        while let Some(piece) = pieces.next().await {
            body.extend_from_slice(
                &piece.map_err(|_| plain(StatusCode::BAD_GATEWAY, "the page ended early"))?,
            );
            if body.len() > PAGE {
                return Err(plain(StatusCode::BAD_GATEWAY, "the page is too large"));
            }
        }
        let body = String::from_utf8_lossy(&body).into_owned();
        if status == StatusCode::OK {
            let links = pages::links(&body, &url);
            self.known.lock().extend(links);
        }
        let body =
            if method == Method::HEAD { String::new() } else { pages::rooted(body, self.server.base()) };
        let mut response = plain(status, body);
        if let Some(kind) = kind {
            response.headers_mut().insert(header::CONTENT_TYPE, kind);
        }
        Ok(response)
    }
}

/// Answers everything that comes from inside.
pub(super) async fn answer(State(pass): State<Arc<Pass>>, request: Request) -> Response {
    match pass_on(&pass, request).await {
        Ok(response) | Err(response) => response,
    }
}

async fn pass_on(pass: &Arc<Pass>, request: Request) -> Result<Response, Response> {
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    if !matches!(method, Method::GET | Method::HEAD) || request.uri().query().is_some() {
        return Err(refused());
    }
    if let Some(rest) = path.strip_prefix("/simple/") {
        let place = format!("{}{rest}", pass.pages);
        if !pass.is_page(&place) {
            return Err(refused());
        }
        let mut response = plain(StatusCode::FOUND, "");
        let place = HeaderValue::from_str(&place).map_err(|_| refused())?;
        response.headers_mut().insert(header::LOCATION, place);
        return Ok(response);
    }
    // Never closed.
    let _place = pass.places.acquire().await.map_err(|_| refused())?;
    if pass.is_page(&path) {
        return pass.page(method, &path, request.headers()).await;
    }
    if !pass.is_known(&path) {
        return Err(refused());
    }
    let answer = pass.ask(method, &path, request.headers()).await?;
    Ok(file(answer))
}

/// The file's bytes as they come.
fn file(answer: reqwest::Response) -> Response {
    let (status, headers) = (answer.status(), answer.headers().clone());
    let mut response = Response::new(Body::from_stream(answer.bytes_stream()));
    *response.status_mut() = status;
    for name in ANSWERED {
        if let Some(value) = headers.get(&name) {
            response.headers_mut().insert(name, value.clone());
        }
    }
    response
}

fn refused() -> Response {
    plain(StatusCode::FORBIDDEN, "a build can reach only the pages and files of its own index")
}

fn plain(status: StatusCode, text: impl Into<Body>) -> Response {
    let mut response = Response::new(text.into());
    *response.status_mut() = status;
    response
}
