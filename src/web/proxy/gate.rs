//! The door through which a resolver on this machine sees one index, as its asker would.
//!
//! It listens on loopback while the resolver runs, under a path that nobody can guess, and hands each
//! request to the router with the credentials of the request that it works for. So the resolver has
//! its asker's rights and no other, and no credential is ever given to it.

use crate::error::{Error, Result};
use crate::store::{Blob, Store};
use crate::tools::hex;
use crate::web::http::{Ctx, respond::Final};
use crate::web::router::Router;
use axum::body::Body;
use axum::response::Response;
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, header};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::task::{JoinHandle, JoinSet};

/// What tells who asks.
const CREDENTIALS: [&str; 3] = ["authorization", "x-devpi-auth", "host"];

/// Wheels that are on no page, by the path at which they are served.
pub type Extra = Vec<(String, String)>;

/// Open until it is dropped.
pub struct Gate {
    root: String,
    task: JoinHandle<()>,
}

struct Shared {
    router: Arc<Router>,
    store: Store,
    peer: SocketAddr,
    credentials: HeaderMap,
    /// `/{secret}`
    prefix: String,
    /// Path below the prefix and the blob's sha256.
    extra: Extra,
}

impl Gate {
    /// Opens it for whoever sent `ctx`.
    pub async fn open(ctx: &Ctx<()>, router: Arc<Router>, extra: Extra) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let prefix = format!("/{}", hex::encode(rand::random::<[u8; 24]>()));
        let root = format!("http://{}{prefix}", listener.local_addr()?);
        let mut credentials = HeaderMap::new();
        for name in CREDENTIALS {
            if let Some(value) = ctx.headers.get(name) {
                credentials.insert(name, value.clone());
            }
        }
        let store = ctx.app.store.clone();
        let shared = Shared { router, store, peer: ctx.peer, credentials, prefix, extra };
        Ok(Self { root, task: tokio::spawn(accept(listener, Arc::new(shared))) })
    }

    /// Where the server's root is seen, without a slash at its end.
    pub fn root(&self) -> &str {
        &self.root
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    // They end with this task.
    let mut connections = JoinSet::new();
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        while connections.try_join_next().is_some() {}
        let shared = shared.clone();
        connections.spawn(async move {
            let service = service_fn(move |request| {
                let shared = shared.clone();
                async move { Ok::<_, Infallible>(shared.answer(request).await) }
            });
            let mut builder = http1::Builder::new();
            builder.timer(TokioTimer::new()).header_read_timeout(Duration::from_secs(30));
            let _ = builder.serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

impl Shared {
    async fn answer(&self, mut request: Request<Incoming>) -> Response {
        let reads = matches!(*request.method(), Method::GET | Method::HEAD);
        let path = request.uri().path().strip_prefix(&*self.prefix).filter(|path| path.starts_with('/'));
        let Some(path) = path.filter(|_| reads).map(str::to_owned) else {
            return empty(StatusCode::NOT_FOUND);
        };
        if let Some((_, sha256)) = self.extra.iter().find(|(at, _)| *at == path) {
            return self.extra(sha256).await.unwrap_or_else(|_| empty(StatusCode::NOT_FOUND));
        }
        let query = request.uri().query().map(|query| format!("?{query}")).unwrap_or_default();
        let Ok(uri) = format!("{path}{query}").parse() else { return empty(StatusCode::NOT_FOUND) };
        *request.uri_mut() = uri;
        for name in CREDENTIALS {
            request.headers_mut().remove(name);
        }
        request.headers_mut().extend(self.credentials.clone());
        let response = self.router.clone().answer(request, self.peer).await;
        // uv would ask again for minutes for what an offline server does not have.
        match response.extensions().get::<Final>() {
            Some(Final) => empty(StatusCode::NOT_FOUND),
            None => response,
        }
    }

    async fn extra(&self, sha256: &str) -> Result<Response> {
        let blob = self.store.get(sha256, None).await?;
        let blob = blob.ok_or_else(|| Error::Lost(format!("the bytes of {sha256} are lost")))?;
        let body = match blob {
            Blob::Bytes(bytes) => Body::from(bytes),
            Blob::Stream { stream, .. } => Body::from_stream(stream),
        };
        let mut response = Response::new(body);
        let kind = HeaderValue::from_static("application/octet-stream");
        response.headers_mut().insert(header::CONTENT_TYPE, kind);
        Ok(response)
    }
}

fn empty(status: StatusCode) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}
