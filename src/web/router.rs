//! A route table in which authorization is a column: no route exists without saying what it needs.

use super::admission;
use super::forward::{self, Answerer, Forward};
use super::http::origin;
use super::http::path;
use super::http::slow::Paced;
use super::http::slow_requests::{SlowRequest, SlowRequests};
use super::http::whence::{self, RequestSender};
use super::http::{ActingFor, Ctx, Params, PartOfAnother, Peer, Route, drain, respond, shared_caches};
use super::places::{Places, Unrouted};
use super::refusal::RefusalStyle;
use crate::access::{Need, Who};
use crate::app::App;
use crate::counters::{self, Histogram};
use crate::db::Caller;
use crate::error::Result;
use crate::names::IndexName;
use crate::replica::Replica;
use crate::tools::panics;
use crate::tools::request_id::{self, RequestId};
use crate::{bad, forbidden, missing};
use axum::body::Body;
use axum::response::Response;
use futures::StreamExt;
use futures::future::BoxFuture;
use http::{HeaderValue, Method, Request, StatusCode, Uri, header};
use hyper::body::{Body as _, Incoming};
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tracing::Instrument as _;

/// Where people begin and end a session, on a server that shows a backup, too.
const SESSIONS: [&str; 2] = ["/+login", "/+logout"];

/// Answers that take longer are remembered for `/+status`.
const NOTED: Duration = Duration::from_secs(1);

type Handler = Arc<dyn Fn(Ctx, &Arc<Router>) -> BoxFuture<'static, Result<Response>> + Send + Sync>;

/// A row with what answers it and how often it did.
pub struct Row {
    pub route: Route,
    handler: Handler,
    /// Requests answered, by the first digit of the status (0: none of 1 to 5).
    pub requests: [AtomicU64; 6],
    /// Time until their answers' heads.
    pub time: Histogram,
}

/// Collects rows and builds the router from them.
#[derive(Default)]
pub struct Table {
    pub rows: Vec<Route>,
    handlers: Vec<Handler>,
}

impl Table {
    /// Adds a row. `methods` share one handler; GET answers HEAD too. A path that ends in `/?` is
    /// known without the slash and with it.
    pub fn on<H, F>(
        self,
        methods: &'static [&'static str],
        path: &'static str,
        need: Need,
        handler: H,
    ) -> Self
    where
        H: Fn(Ctx) -> F + Send + Sync + 'static,
        F: Future<Output = Result<Response>> + Send + 'static,
    {
        self.add(Route { methods, path, need }, Arc::new(move |ctx, _| Box::pin(handler(ctx))))
    }

    /// The same for a handler that tells what the router counts, or asks it again.
    pub fn on_router<H, F>(
        self,
        methods: &'static [&'static str],
        path: &'static str,
        need: Need,
        handler: H,
    ) -> Self
    where
        H: Fn(Ctx, Arc<Router>) -> F + Send + Sync + 'static,
        F: Future<Output = Result<Response>> + Send + 'static,
    {
        let handler = move |ctx, router: &Arc<Router>| -> BoxFuture<'static, _> {
            Box::pin(handler(ctx, router.clone()))
        };
        self.add(Route { methods, path, need }, Arc::new(handler))
    }

    fn add(mut self, route: Route, handler: Handler) -> Self {
        for route in route.spelled_out() {
            self.rows.push(route);
            self.handlers.push(handler.clone());
        }
        self
    }

    /// The router; unknown paths are 404, known paths with other methods 405.
    ///
    /// # Panics
    /// If two paths of the table contradict each other: a mistake in the table, found at the
    /// first start.
    pub fn into_router(self, app: App) -> Router {
        let places = Places::of(&self.rows);
        let rows = self.rows.into_iter().zip(self.handlers);
        let rows = rows.map(|(route, handler)| Row {
            route,
            handler,
            requests: Default::default(),
            time: Histogram::default(),
        });
        let rows: Vec<Row> = rows.collect();
        let prefix = app.config.public_url.as_ref().map(|url| url.path().to_owned()).unwrap_or_default();
        let uuid = HeaderValue::from_str(app.indexes.uuid()).unwrap_or(HeaderValue::from_static(""));
        let slow = Duration::from_secs(app.config.log.slow);
        Router { app, rows, places, prefix, slow, slow_requests: SlowRequests::default(), uuid }
    }
}

/// Finds the row of a request, lets its permission decide, runs its handler, counts and logs.
pub struct Router {
    app: App,
    rows: Vec<Row>,
    places: Places,
    /// The path of the public URL.
    prefix: String,
    /// Answers that take longer are logged.
    slow: Duration,
    /// The newest of them.
    slow_requests: SlowRequests,
    /// Of this installation.
    uuid: HeaderValue,
}

impl Router {
    /// All rows with their counts, in the table's order.
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// The newest answers that were slow, the newest first.
    pub fn slow_requests(&self) -> Vec<SlowRequest> {
        self.slow_requests.newest()
    }

    /// Answers one request; never fails. `peer` is the other end of the connection.
    pub async fn answer(self: Arc<Self>, request: Request<Incoming>, peer: &Peer) -> Response {
        // Logs and the audit log are joined by it, so no client chooses it.
        let given = request.headers().get(request_id::HEADER).and_then(|id| id.to_str().ok());
        let given = given.filter(|_| whence::is_trusted(&self.app.config, peer.address.ip()));
        let id = RequestId::of(given);
        let span = tracing::info_span!("request", %id);
        let mut response = id.clone().within(self.answered(request, peer)).instrument(span).await;
        if let Ok(id) = HeaderValue::from_str(id.as_str()) {
            response.headers_mut().insert(request_id::HEADER, id);
        }
        response
    }

    async fn answered(self: Arc<Self>, request: Request<Incoming>, peer: &Peer) -> Response {
        let started = Instant::now();
        let (mut parts, body) = request.into_parts();
        let body = match body.is_end_stream() {
            true => Body::empty(),
            false => Body::new(Paced::new(body, self.app.config.limits.pace())),
        };
        whence::drop_untrusted(&self.app.config, &mut parts.headers, peer.address.ip());
        let asked = parts.uri.path().strip_prefix(&*self.prefix).unwrap_or(parts.uri.path());
        let buttons = self.app.providers.buttons();
        let refused = RefusalStyle::of(&parts.method, &parts.headers, asked, buttons);
        let seen = whence::seen(&self.app.config, &parts.headers, &parts.uri, peer.address);
        let client = seen.client.ip();
        let head = parts.method == Method::HEAD;
        // The links of a page are relative: under repeated slashes they would lead elsewhere.
        let reads = matches!(parts.method, Method::GET | Method::HEAD);
        let collapsed = path::collapsed(parts.uri.path()).filter(|_| reads);
        let found = self.places.find(&mut parts, &self.prefix);
        let mut open = false;
        let mut response = match found {
            Ok(_) if collapsed.is_some() => respond::moved(collapsed, parts.uri.query()),
            Ok((row, params)) => {
                let uri = parts.uri.clone();
                let who = peer.stranger(client);
                let routed = Routed { row, params, parts, body, seen, who };
                let running = self.run(routed, &mut open);
                let response = panics::caught(running).await;
                let response = response.unwrap_or_else(|error| refused.error(&error));
                self.account(row, &uri, client, response.status(), started.elapsed());
                response
            }
            Err(Unrouted::Method(allow)) => refused.method(allow),
            Err(Unrouted::Error(error)) => refused.error(&error),
        };
        if head {
            response = without_body(response);
        }
        shared_caches::seal(&mut response, open);
        let serial = self.app.replica.as_ref().map_or_else(|| self.app.indexes.serial(), Replica::serial);
        respond::common(&mut response, serial, &self.uuid);
        response
    }

    /// Whether `ctx` would be let in with its method at another path; an error as [`Router::answer`] would tell it, but
    /// `Missing` where there is no such path.
    pub async fn would_admit<B>(&self, ctx: &Ctx<B>, path: &str) -> Result<()> {
        let mut parts =
            Request::builder().method(ctx.method.clone()).uri(path).body(()).map(|r| r.into_parts().0);
        let parts = parts.as_mut().map_err(|_| bad!("the path of this URL is not valid"))?;
        let (row, params) =
            self.places.find(parts, &self.prefix).map_err(|_| missing!("this page does not exist"))?;
        let row = self.rows.get(row).ok_or_else(|| missing!("this page does not exist"))?;
        let mut asked = Ctx {
            app: ctx.app.clone(),
            who: Arc::new(Who::default()),
            directory: ctx.directory.clone(),
            method: ctx.method.clone(),
            uri: parts.uri.clone(),
            headers: ctx.headers.clone(),
            peer: ctx.peer,
            outside: ctx.outside.clone(),
            is_part: false,
            acting: None,
            named: index_of(row.route, &params, &ctx.app),
            several: Vec::new(),
            params,
            body: Body::empty(),
        };
        admission::admit(row.route, &mut asked).await
    }

    /// On a replica, some requests are the primary's to answer.
    async fn run(self: &Arc<Self>, routed: Routed, open: &mut bool) -> Result<Response> {
        if self.app.config.read_only
            && origin::changes(&routed.parts.method)
            && !SESSIONS.contains(&routed.parts.uri.path())
        {
            return Err(forbidden!("this server shows a backup: nothing can be changed here"));
        }
        let (Some(replica), Some(known)) = (&self.app.replica, self.rows.get(routed.row)) else {
            return self.run_here(routed, open).await;
        };
        let parts = &routed.parts;
        let forward = Forward::new(replica, &self.app.config, parts, &routed.seen);
        let reads = !origin::changes(&parts.method);
        match Answerer::of(known.route, &parts.method, &parts.headers) {
            Answerer::Primary if reads && known.route.waits() => {
                return Ok(self.until_it_stops(forward.read_there().await?));
            }
            Answerer::Primary if reads => return forward.read_there().await,
            Answerer::Primary => return forward.send(routed.body).await,
            Answerer::PrimaryFirst if replica.primary().is_reachable() => {
                if let Ok(answer) = forward.read().await {
                    return Ok(answer);
                }
            }
            Answerer::PrimaryFirst | Answerer::Replica => {}
        }
        let answer = self.run_here(routed, open).await;
        if reads && forward::asks_for_more(&answer) && replica.primary().is_reachable() {
            *open = false;
            return forward.read().await.or(answer);
        }
        answer
    }

    /// An answer of the primary's that may go on for minutes: who follows a build comes again, to another server.
    fn until_it_stops(&self, answer: Response) -> Response {
        let stops = self.app.queue.closed();
        answer.map(|body| Body::from_stream(body.into_data_stream().take_until(Box::pin(stops))))
    }

    async fn run_here(self: &Arc<Self>, routed: Routed, open: &mut bool) -> Result<Response> {
        let caller = Caller::new(routed.seen.client.ip(), RequestId::current().map(|id| id.to_string()));
        caller.during(self.admit_and_handle(routed, open)).await
    }

    async fn admit_and_handle(self: &Arc<Self>, routed: Routed, open: &mut bool) -> Result<Response> {
        let Routed { row, params, parts, body, seen, who } = routed;
        let row = self.rows.get(row).ok_or_else(|| missing!("this page does not exist"))?;
        let app = self.app.clone();
        let is_part = parts.extensions.get::<PartOfAnother>().is_some();
        let acting = parts.extensions.get::<ActingFor>().cloned();
        let mut ctx = Ctx {
            who,
            directory: app.indexes.directory(),
            named: index_of(row.route, &params, &app),
            several: Vec::new(),
            app,
            method: parts.method,
            uri: parts.uri,
            headers: parts.headers,
            peer: seen.client,
            outside: seen.outside,
            is_part,
            acting,
            params,
            body,
        };
        if let Err(error) = admission::admit(row.route, &mut ctx).await {
            if !ctx.body.is_end_stream() {
                drain::behind_the_answer(&ctx.headers, ctx.body.into_data_stream());
            }
            return Err(error);
        }
        *open = admission::strangers_read(row.route, &ctx);
        (row.handler)(ctx, self).await
    }

    /// Counts and logs. What goes well and fast is silent unless someone debugs.
    fn account(&self, row: usize, uri: &Uri, client: IpAddr, status: StatusCode, took: Duration) {
        let Some(row) = self.rows.get(row) else { return };
        let class = usize::from(status.as_u16() / 100);
        if let Some(count) = row.requests.get(class).or(row.requests.first()) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        row.time.observe(took);
        let waits = row.route.waits();
        if !waits {
            counters::REQUESTS.one();
            counters::REQUEST_MICROS.add(u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
        }
        if status.is_server_error() {
            counters::REQUESTS_FAILED.one();
        }
        if !waits && took >= NOTED {
            self.slow_requests.note(row.route, uri.path(), status, took);
        }
        let (path, status, ms) = (uri.path(), status.as_u16(), took.as_millis());
        if status >= 500 {
            tracing::warn!(path, status, ms, %client, "request failed");
        } else if took >= self.slow && !waits {
            tracing::info!(path, status, ms, %client, "slow request");
        } else {
            tracing::debug!(path, status, ms, %client, "request");
        }
    }
}

/// A request with its row.
struct Routed {
    row: usize,
    params: Params,
    /// With the path made canonical.
    parts: http::request::Parts,
    body: Body,
    seen: RequestSender,
    /// A stranger, until a credential proves more.
    who: Arc<Who>,
}

/// The headers of the answer to GET, with the length the body would have.
fn without_body(response: Response) -> Response {
    let (mut parts, body) = response.into_parts();
    if let Some(length) = body.size_hint().exact()
        && !parts.headers.contains_key(header::CONTENT_LENGTH)
    {
        parts.headers.insert(header::CONTENT_LENGTH, length.into());
    }
    Response::from_parts(parts, Body::empty())
}

/// Which index a request is about: named by the path, else the default of its kind.
fn index_of(route: Route, params: &Params, app: &App) -> Option<IndexName> {
    if let (Some(user), Some(index)) = (params.get("user"), params.get("index")) {
        return IndexName::of(user, index);
    }
    match route.need {
        Need::Upload => app.config.default_upload_index.as_deref().and_then(IndexName::parse),
        Need::Read | Need::Manage => IndexName::parse(&app.config.default_index),
        _ => None,
    }
}
