//! The door through which a resolver on this machine sees one index, as its asker would.
//!
//! It listens on loopback while the resolver runs, under a path that nobody can guess, and hands each
//! request to the router with the credentials of the request that it works for. So the resolver has
//! its asker's rights and no other, and no credential is ever given to it.

use crate::access::Who;
use crate::app::App;
use crate::error::Result;
use crate::lost;
use crate::store::Store;
use crate::tools::hex;
use crate::tools::loopback::Loopback;
use crate::web::http::respond::Final;
use crate::web::http::{ActingFor, Ctx, PartOfAnother, Peer};
use crate::web::router::Router;
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, Method, Request, StatusCode, header};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;

/// What tells who asks.
const CREDENTIALS: [&str; 3] = ["authorization", "x-devpi-auth", "host"];

/// Wheels that are on no page: the path at which each is served, and its sha256.
pub type Extra = Vec<(String, String)>;

/// Open until it is dropped.
pub struct Gate {
    root: String,
    _server: Loopback,
}

struct Shared {
    router: Arc<Router>,
    store: Store,
    peer: Peer,
    credentials: HeaderMap,
    acting: Option<ActingFor>,
    /// `/{secret}`
    prefix: String,
    /// Path below the prefix and the blob's sha256.
    extra: Extra,
}

impl Gate {
    /// Opens it for `who`, whom the server stands for by itself.
    pub async fn open_as(app: &App, router: Arc<Router>, who: Who) -> Result<Self> {
        let shared = Shared {
            router,
            store: app.store.clone(),
            peer: Peer::new((Ipv4Addr::LOCALHOST, 0).into()),
            credentials: HeaderMap::new(),
            acting: Some(ActingFor(Arc::new(who))),
            prefix: prefix(),
            extra: Extra::new(),
        };
        Self::listen(shared).await
    }

    /// Opens it for whoever sent `ctx`.
    pub async fn open(ctx: &Ctx<()>, router: Arc<Router>, extra: Extra) -> Result<Self> {
        let mut credentials = HeaderMap::new();
        for name in CREDENTIALS {
            if let Some(value) = ctx.headers.get(name) {
                credentials.insert(name, value.clone());
            }
        }
        let store = ctx.app.store.clone();
        let peer = Peer::new(ctx.peer);
        let shared = Shared { router, store, peer, credentials, acting: None, prefix: prefix(), extra };
        Self::listen(shared).await
    }

    async fn listen(shared: Shared) -> Result<Self> {
        let (prefix, shared) = (shared.prefix.clone(), Arc::new(shared));
        let server = Loopback::open(usize::MAX, move |stream| shared.clone().serve(stream)).await?;
        Ok(Self { root: format!("http://{}{prefix}", server.address), _server: server })
    }

    /// Where the server's root is seen, without a slash at its end.
    pub fn root(&self) -> &str {
        &self.root
    }
}

fn prefix() -> String {
    format!("/{}", hex::encode(rand::random::<[u8; 24]>()))
}

impl Shared {
    async fn serve(self: Arc<Self>, stream: TcpStream) {
        let service = service_fn(move |request| {
            let shared = self.clone();
            async move { Ok::<_, Infallible>(shared.answer(request).await) }
        });
        let mut builder = http1::Builder::new();
        builder.timer(TokioTimer::new()).header_read_timeout(Duration::from_secs(30));
        let _ = builder.serve_connection(TokioIo::new(stream), service).await;
    }

    async fn answer(&self, mut request: Request<Incoming>) -> Response {
        let reads = matches!(*request.method(), Method::GET | Method::HEAD);
        let path = request.uri().path().strip_prefix(&*self.prefix).filter(|path| path.starts_with('/'));
        let Some(path) = path.filter(|_| reads).map(str::to_owned) else {
            return StatusCode::NOT_FOUND.into_response();
        };
        if let Some((_, sha256)) = self.extra.iter().find(|(at, _)| *at == path) {
            return self.extra(sha256).await.unwrap_or_else(|_| StatusCode::NOT_FOUND.into_response());
        }
        let query = request.uri().query().map(|query| format!("?{query}")).unwrap_or_default();
        let Ok(uri) = format!("{path}{query}").parse() else { return StatusCode::NOT_FOUND.into_response() };
        *request.uri_mut() = uri;
        for name in CREDENTIALS {
            request.headers_mut().remove(name);
        }
        request.headers_mut().extend(self.credentials.clone());
        if let Some(acting) = &self.acting {
            request.extensions_mut().insert(acting.clone());
        }
        request.extensions_mut().insert(PartOfAnother);
        let response = self.router.clone().answer(request, &self.peer).await;
        // uv would ask again for minutes for what an offline server does not have.
        match response.extensions().get::<Final>() {
            Some(Final) => StatusCode::NOT_FOUND.into_response(),
            None => response,
        }
    }

    async fn extra(&self, sha256: &str) -> Result<Response> {
        let blob = self.store.get(sha256, None).await?;
        let blob = blob.ok_or_else(|| lost!("the server lost the bytes of {sha256}"))?;
        Ok(([(header::CONTENT_TYPE, "application/octet-stream")], Body::from(blob)).into_response())
    }
}
