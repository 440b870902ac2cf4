//! A route table in which authorization is a column: no route exists without saying what it needs.

use super::audience::Audience;
use super::respond;
use crate::access::{self, Decision, Need, Who};
use crate::app::App;
use crate::error::{Error, Result};
use crate::index::directory::{Directory, Index, IndexName};
use crate::{bad, forbidden, missing};
use axum::body::Body;
use axum::extract::{RawPathParams, Request, State};
use axum::response::Response;
use axum::routing::{MethodFilter, MethodRouter, on};
use http::{HeaderMap, Method, Uri};
use std::collections::BTreeMap;
use std::sync::Arc;

/// One row: the tests walk these with every kind of credential.
#[derive(Clone, Copy, Debug)]
pub struct Route {
    pub methods: &'static [&'static str],
    pub path: &'static str,
    pub need: Need,
}

/// What a handler is given: the request, taken apart once, after the permission was granted.
pub struct Ctx {
    pub app: App,
    pub who: Arc<Who>,
    pub directory: Arc<Directory>,
    pub method: Method,
    /// As routed: normalised, without the public path prefix.
    pub uri: Uri,
    pub headers: HeaderMap,
    params: Vec<(String, String)>,
    index: Option<IndexName>,
    pub body: Body,
}

impl Ctx {
    /// A path parameter, percent-decoded; empty if the route has none of that name.
    pub fn param(&self, name: &str) -> &str {
        param(&self.params, name).unwrap_or_default()
    }

    /// The index of the path, or the default one of routes without (`/simple/`, `/legacy/`).
    pub fn index(&self) -> Result<&Index> {
        let name = self.index.as_ref().ok_or_else(|| missing!("this page belongs to no index"))?;
        self.directory.indexes.get(name).ok_or_else(|| no_index(name))
    }

    /// For whom the answer is; see [`Audience`].
    pub fn audience(&self) -> Audience {
        Audience::of(&self.headers)
    }

    /// Whether the client takes this media type by name (`application/json`).
    pub fn accepts(&self, media_type: &str) -> bool {
        let accept = self.headers.get_all(http::header::ACCEPT);
        accept.iter().filter_map(|v| v.to_str().ok()).any(|v| v.contains(media_type))
    }

    /// A parameter of the query string, decoded; `Some("")` for a bare `?force`.
    pub fn query(&self, name: &str) -> Option<String> {
        let query = self.uri.query()?;
        url::form_urlencoded::parse(query.as_bytes()).find(|(k, _)| k == name).map(|(_, v)| v.into_owned())
    }

    /// The body as JSON, at most 1 MiB.
    pub async fn json<T: serde::de::DeserializeOwned>(&mut self) -> Result<T> {
        let body = std::mem::take(&mut self.body);
        let bytes = axum::body::to_bytes(body, 1 << 20)
            .await
            .map_err(|_| Error::TooLarge("the JSON body is larger than 1 MiB".into()))?;
        serde_json::from_slice(&bytes).map_err(|e| bad!("Bad request: could not decode json: {e}"))
    }
}

fn param<'a>(params: &'a [(String, String)], name: &str) -> Option<&'a str> {
    params.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
}

pub fn no_index(name: &IndexName) -> Error {
    missing!("The stage {name} could not be found.")
}

/// Collects rows and builds the axum router from them.
#[derive(Default)]
pub struct Table {
    pub rows: Vec<Route>,
    routers: BTreeMap<&'static str, MethodRouter<App>>,
}

impl Table {
    /// Adds a row. `methods` share one handler; GET answers HEAD too.
    pub fn on<H, F>(
        mut self,
        methods: &'static [&'static str],
        path: &'static str,
        need: Need,
        handler: H,
    ) -> Self
    where
        H: Fn(Ctx) -> F + Clone + Send + Sync + 'static,
        F: Future<Output = Result<Response>> + Send,
    {
        let route = Route { methods, path, need };
        self.rows.push(route);
        let guarded = move |State(app): State<App>, params: RawPathParams, request: Request| {
            guard(route, handler.clone(), app, params, request)
        };
        let mut filter: Option<MethodFilter> = None;
        for method in methods {
            let Some(this) =
                Method::from_bytes(method.as_bytes()).ok().and_then(|m| MethodFilter::try_from(m).ok())
            else {
                continue;
            };
            filter = Some(filter.map_or(this, |f| f.or(this)));
        }
        if let Some(filter) = filter {
            let known = self.routers.remove(path).unwrap_or_default();
            self.routers.insert(path, known.merge(on(filter, guarded)));
        }
        self
    }

    /// The router; unknown paths are 404, known paths with other methods 405.
    pub fn into_router(self, app: App) -> axum::Router {
        let mut router = axum::Router::new();
        for (path, methods) in self.routers {
            router = router.route(path, methods.fallback(respond::wrong_method));
        }
        router.fallback(respond::no_such_page).with_state(app)
    }
}

async fn guard<H, F>(route: Route, handler: H, app: App, params: RawPathParams, request: Request) -> Response
where
    H: Fn(Ctx) -> F,
    F: Future<Output = Result<Response>>,
{
    let (parts, body) = request.into_parts();
    let wants = respond::Wants::of(&parts.headers);
    let head = parts.method == Method::HEAD;
    let params = params.iter().map(|(k, v)| (k.to_owned(), v.to_owned())).collect();
    let mut ctx = Ctx {
        who: Arc::default(),
        directory: app.indexes.directory(),
        index: index_of(route, &params, &app),
        app,
        method: parts.method,
        uri: parts.uri,
        headers: parts.headers,
        params,
        body,
    };
    let result = match admit(route, &mut ctx).await {
        Ok(()) => handler(ctx).await,
        Err(error) => Err(error),
    };
    let _ = head;
    result.unwrap_or_else(|error| respond::error(&error, wants))
}

/// Which index a request is about: named by the path, else the default of its kind.
fn index_of(route: Route, params: &Vec<(String, String)>, app: &App) -> Option<IndexName> {
    if let (Some(user), Some(index)) = (param(params, "user"), param(params, "index")) {
        return IndexName::parse(&format!("{user}/{index}"));
    }
    match route.need {
        Need::Upload => app.config.default_upload_index.as_deref().and_then(IndexName::parse),
        Need::Read | Need::Manage => IndexName::parse(&app.config.default_index),
        _ => None,
    }
}

/// Who is it, and may they? A refusal is given only after catching up with other processes.
async fn admit(route: Route, ctx: &mut Ctx) -> Result<()> {
    ctx.who = ctx.app.people.who(&ctx.headers).await?;
    if decision(route, ctx) != Decision::Allowed {
        ctx.app.indexes.refresh().await?;
        ctx.directory = ctx.app.indexes.directory();
    }
    match decision(route, ctx) {
        Decision::Allowed => Ok(()),
        Decision::AskCredential => Err(Error::Unauthenticated("log in, or send a token, to do this".into())),
        Decision::Refused => Err(forbidden!("{} is not allowed to do this", ctx.who.label)),
        Decision::Hidden => Err(match &ctx.index {
            Some(index) => no_index(index),
            None => missing!("there is no such page"),
        }),
    }
}

fn decision(route: Route, ctx: &Ctx) -> Decision {
    let project = param(&ctx.params, "project");
    let user = param(&ctx.params, "user");
    access::decide(&ctx.directory, &ctx.who, route.need, ctx.index.as_ref(), project, user)
}
