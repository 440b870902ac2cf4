//! The proxy: two servers, its bounds, and its connections.

use super::ledger::Ledger;
use super::login::Sessions;
use super::report::ShadowReport;
use crate::bad;
use crate::config::secret_url::{SecretUrl, masked};
use crate::error::{Error, Result};
use http::Request;
use http::request::Parts;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::time::timeout;
use url::Url;

/// A kept connection of a client may be idle for so long, as at devpi.
const IDLE: Duration = Duration::from_secs(120);
/// Our own connections are given up before the old server does it: a request must not meet a closed one.
const KEPT_OPEN: Duration = Duration::from_secs(10);
/// Files that were compared whole; the new server is asked for their head alone after that.
const FILES: u64 = 100_000;

/// How much is done at once.
#[derive(Clone, Copy, Debug)]
pub struct ShadowBounds {
    pub connections: usize,
    /// Requests beyond these go to the old server alone.
    pub comparisons: usize,
    /// Requests and comparisons that run longer than this after the signal to stop are cut off.
    pub drain: Duration,
}

impl Default for ShadowBounds {
    fn default() -> Self {
        Self { connections: 1024, comparisons: 16, drain: Duration::from_secs(10) }
    }
}

/// A shadow. Cheap to clone.
#[derive(Clone)]
pub struct Shadow(Arc<ShadowInner>);

/// What all requests share.
pub struct ShadowInner {
    pub primary: Url,
    pub server: Url,
    pub to_primary: reqwest::Client,
    pub to_server: reqwest::Client,
    bounds: ShadowBounds,
    pub turns: Arc<Semaphore>,
    pub ledger: Ledger,
    pub sessions: Sessions,
    /// Files that were compared whole.
    pub files: moka::sync::Cache<String, ()>,
    /// Is told of each difference that was never seen before, as a line.
    pub tell: Box<dyn Fn(String) + Send + Sync>,
}

impl Shadow {
    /// Stands before `primary` and asks `server` the same.
    ///
    /// # Errors
    /// `Bad` for what is not the address of a server, or the same one twice.
    pub fn new(
        primary: &str,
        server: &str,
        bounds: ShadowBounds,
        tell: impl Fn(String) + Send + Sync + 'static,
    ) -> Result<Self> {
        let (primary, server) = (address("--primary", primary)?, address("--server", server)?);
        if primary == server {
            return Err(bad!("--primary and --server are the same server: name the old one and the new one"));
        }
        Ok(Self(Arc::new(ShadowInner {
            to_primary: connections(Duration::from_secs(20))?,
            to_server: connections(Duration::from_secs(5))?,
            primary,
            server,
            bounds,
            turns: Arc::new(Semaphore::new(bounds.comparisons)),
            ledger: Ledger::default(),
            sessions: Sessions::default(),
            files: moka::sync::Cache::new(FILES),
            tell: Box::new(tell),
        })))
    }

    /// What is known until now.
    pub fn report(&self) -> ShadowReport {
        self.0.ledger.report(self.0.primary.as_str(), self.0.server.as_str())
    }

    /// Serves until `stop` resolves, then waits a moment for what is under way.
    pub async fn serve(&self, listener: TcpListener, stop: impl Future<Output = ()>) {
        let slots = Arc::new(Semaphore::new(self.0.bounds.connections));
        let graceful = GracefulShutdown::new();
        tokio::pin!(stop);
        loop {
            let accepted = async {
                let slot = slots.clone().acquire_owned().await;
                (listener.accept().await, slot)
            };
            let (stream, peer, slot) = tokio::select! {
                (Ok((stream, peer)), slot) = accepted => (stream, peer.ip(), slot),
                () = &mut stop => break,
                // Out of descriptors, or the client is gone already.
                () = tokio::time::sleep(Duration::from_millis(500)) => continue,
            };
            let _ = stream.set_nodelay(true);
            let inner = self.0.clone();
            let service = service_fn(move |request: Request<Incoming>| {
                let inner = inner.clone();
                async move { Ok::<_, Infallible>(inner.answer(request, peer).await) }
            });
            let mut builder = http1::Builder::new();
            builder.timer(TokioTimer::new()).header_read_timeout(IDLE);
            let talk = graceful.watch(builder.serve_connection(TokioIo::new(stream), service));
            tokio::spawn(async move {
                if let Err(error) = talk.await {
                    tracing::debug!(%error, "connection");
                }
                drop(slot);
            });
        }
        drop(listener);
        let _ = timeout(self.0.bounds.drain, graceful.shutdown()).await;
        let all = u32::try_from(self.0.bounds.comparisons).unwrap_or(u32::MAX);
        let _ = timeout(self.0.bounds.drain, self.0.turns.acquire_many(all)).await;
    }
}

/// The address of a server, without credentials: each client sends its own.
fn address(option: &str, text: &str) -> Result<Url> {
    let wrong = || {
        bad!("{option} must be the address of a server, such as http://devpi:3141, not {:?}", masked(text))
    };
    let url: SecretUrl = text.parse().map_err(|_| wrong())?;
    if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
        return Err(wrong());
    }
    let mut plain = url.plain();
    plain.set_path(plain.path().trim_end_matches('/').to_owned().as_str());
    Ok(plain)
}

/// Straight to the servers, without a proxy, and redirects as they come.
fn connections(connect: Duration) -> Result<reqwest::Client> {
    // The first to come decides; everybody wants the same one.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let builder = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).no_proxy();
    let builder = builder.http1_only().connect_timeout(connect).pool_idle_timeout(KEPT_OPEN);
    builder.build().map_err(Error::internal)
}

/// The same path and query on another server.
pub fn below(base: &Url, parts: &Parts) -> Result<Url> {
    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
    let url = format!("{}{path}", base.as_str().trim_end_matches('/'));
    url.parse().map_err(|error| bad!("the path is not valid: {error}"))
}
