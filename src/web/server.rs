//! The accept loop: connections, TLS, limits, graceful shutdown.

use super::closures;
use super::http::Peer;
use super::http::connections::{ConnectionSlots, descriptors};
use super::http::not_yet;
use super::http::slow::Taken;
use super::router::{Router, Table};
use super::routes;
use crate::app::App;
use crate::bad;
use crate::config::TlsSettings;
use crate::error::{Error, Result};
use crate::tools::pace::Pace;
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Weak};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

/// What one server bears.
#[derive(Clone, Copy, Debug)]
pub struct ServerLimits {
    /// Connections served at once; more wait in the listener's queue.
    pub connections: usize,
    /// A client that takes longer to say what it wants is cut off.
    pub header: Duration,
    /// Requests that run longer than this after the signal to stop are cut off.
    pub drain: Duration,
}

impl Default for ServerLimits {
    fn default() -> Self {
        let half_a_minute = Duration::from_secs(30);
        Self { connections: 8192, header: half_a_minute, drain: half_a_minute }
    }
}

/// Serves until `stop` resolves, then lets running requests finish.
pub async fn serve(app: App, listener: TcpListener, stop: impl Future<Output = ()>) -> Result<()> {
    serve_within(ServerLimits::default(), app, listener, stop).await
}

/// The same within other limits.
pub async fn serve_within(
    limits: ServerLimits,
    app: App,
    listener: TcpListener,
    stop: impl Future<Output = ()>,
) -> Result<()> {
    serve_table(limits, routes::table(), app, listener, stop).await
}

/// The same with other routes.
pub async fn serve_table(
    limits: ServerLimits,
    table: Table,
    app: App,
    listener: TcpListener,
    stop: impl Future<Output = ()>,
) -> Result<()> {
    let tls = acceptor(&app.config.tls)?;
    match &app.replica {
        // Builds and messages are the primary's.
        Some(replica) => replica.tend(),
        // Whoever serves looks after the queue, too, and tells others what happened.
        None => {
            app.queue.tend();
            app.webhooks.tend();
            app.watches.tend();
            app.wheelhouses.tend();
        }
    }
    accept_all(limits, (tls, table), app, listener, stop).await
}

/// The same without TLS, for what stays on this machine; somebody else serves those outside.
pub async fn serve_plainly(app: App, listener: TcpListener, stop: impl Future<Output = ()>) -> Result<()> {
    accept_all(ServerLimits::default(), (None, routes::table()), app, listener, stop).await
}

async fn accept_all(
    limits: ServerLimits,
    (tls, table): (Option<TlsAcceptor>, Table),
    app: App,
    listener: TcpListener,
    stop: impl Future<Output = ()>,
) -> Result<()> {
    let queue = app.queue.clone();
    let (configured, pace) = (app.config.limits.connections, app.config.limits.pace());
    let proxies = app.config.trusted_proxies.clone();
    let configured = usize::try_from(configured).unwrap_or(usize::MAX);
    let router = Arc::new(table.into_router(app.clone()));
    tokio::spawn(closures::run(app, Arc::downgrade(&router)));
    let answering = Answering::Routes(router);
    let graceful = Arc::new(GracefulShutdown::new());
    let slots = ConnectionSlots::new(limits.connections.min(configured), descriptors());
    tokio::pin!(stop);
    loop {
        let (stream, peer, permit) = tokio::select! {
            accepted = accept(&listener, &slots) => accepted,
            () = &mut stop => break,
        };
        // A proxy speaks for many.
        let is_proxy = proxies.iter().any(|network| network.contains(peer.ip()));
        let slot = if is_proxy { None } else { slots.slot(peer.ip()) };
        if slot.is_none() && !is_proxy {
            slots.turn_away(stream, tls.is_none());
            continue;
        }
        let (answering, tls) = (answering.clone(), tls.clone());
        let graceful = Arc::downgrade(&graceful);
        tokio::spawn(async move {
            converse((stream, tls), (peer, limits.header, pace), answering, graceful).await;
            drop((slot, permit));
        });
    }
    drop(listener);
    queue.close();
    drain(graceful, limits.drain).await;
    Ok(())
}

/// Who answers what a connection asks.
#[derive(Clone)]
pub(super) enum Answering {
    Routes(Arc<Router>),
    /// Nobody: the server starts.
    NotYet,
}

/// One connection, from its first byte to its end.
pub(super) async fn converse(
    (stream, tls): (TcpStream, Option<TlsAcceptor>),
    limits: (SocketAddr, Duration, Pace),
    answering: Answering,
    graceful: Weak<GracefulShutdown>,
) {
    let Some(upgraded) = timeout(limits.1, greet(stream, tls)).await.ok().flatten() else { return };
    let Some(watcher) = graceful.upgrade().map(|graceful| graceful.watcher()) else { return };
    match upgraded {
        Greeted::Plain(stream, version) => talk(stream, version, limits, answering, watcher).await,
        Greeted::Tls(stream, version) => talk(*stream, version, limits, answering, watcher).await,
    }
}

pub(super) async fn drain(graceful: Arc<GracefulShutdown>, longest: Duration) {
    // Tasks hold it only for the moment in which they take their watcher.
    let mut shared = graceful;
    let graceful = loop {
        match Arc::try_unwrap(shared) {
            Ok(graceful) => break graceful,
            Err(busy) => shared = busy,
        }
        tokio::task::yield_now().await;
    };
    if timeout(longest, graceful.shutdown()).await.is_err() {
        tracing::warn!("some requests were still running after {longest:?}; the server ended them");
    }
}

async fn accept(
    listener: &TcpListener,
    slots: &ConnectionSlots,
) -> (TcpStream, SocketAddr, Option<tokio::sync::OwnedSemaphorePermit>) {
    let permit = slots.free().await;
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => return (stream, peer, permit),
            // Out of descriptors, or the peer is gone already: neither ends the server.
            Err(error) => {
                tracing::debug!(%error, "accept");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

enum Version {
    Http1,
    Http2,
}

enum Greeted {
    Plain(TcpStream, Version),
    Tls(Box<tokio_rustls::server::TlsStream<TcpStream>>, Version),
}

/// Waits for the client's first bytes and tells the protocol from them, or from ALPN.
async fn greet(stream: TcpStream, tls: Option<TlsAcceptor>) -> Option<Greeted> {
    let _ = stream.set_nodelay(true);
    if let Some(tls) = tls {
        let stream = tls.accept(stream).await.ok()?;
        let version = match stream.get_ref().1.alpn_protocol() {
            Some(b"h2") => Version::Http2,
            _ => Version::Http1,
        };
        return Some(Greeted::Tls(Box::new(stream), version));
    }
    // The preface of HTTP/2 begins with `PRI`; no method of HTTP/1 does.
    let mut first = [0; 3];
    loop {
        let seen = stream.peek(&mut first).await.ok()?;
        let known = first.get(..seen).unwrap_or_default();
        if seen == 0 {
            return None;
        }
        if !b"PRI".starts_with(known) {
            return Some(Greeted::Plain(stream, Version::Http1));
        }
        if known == b"PRI" {
            return Some(Greeted::Plain(stream, Version::Http2));
        }
        // `P` alone: `peek` would return it at once again and again.
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

async fn talk<S>(
    stream: S,
    version: Version,
    (peer, patience, pace): (SocketAddr, Duration, Pace),
    answering: Answering,
    watcher: hyper_util::server::graceful::Watcher,
) where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let connected = Arc::new(Peer::new(peer));
    let service = service_fn(move |request: http::Request<Incoming>| {
        let (answering, peer) = (answering.clone(), connected.clone());
        async move {
            Ok::<_, Infallible>(match answering {
                Answering::Routes(router) => router.answer(request, &peer).await,
                Answering::NotYet => not_yet::answer(request.headers()),
            })
        }
    });
    let stream = TokioIo::new(Taken::new(stream, pace));
    let ended = match version {
        Version::Http1 => {
            let mut builder = http1::Builder::new();
            builder.timer(TokioTimer::new()).header_read_timeout(patience);
            watcher.watch(builder.serve_connection(stream, service)).await
        }
        Version::Http2 => {
            let mut builder = http2::Builder::new(TokioExecutor::new());
            builder.timer(TokioTimer::new()).keep_alive_interval(patience).max_concurrent_streams(256);
            watcher.watch(builder.serve_connection(stream, service)).await
        }
    };
    if let Err(error) = ended {
        // The peer went away or spoke no HTTP: everyday life.
        tracing::debug!(%peer, %error, "connection");
    }
}

/// `None` without a certificate: plain HTTP.
pub(super) fn acceptor(tls: &TlsSettings) -> Result<Option<TlsAcceptor>> {
    use rustls::pki_types::pem::PemObject;
    use rustls::pki_types::{CertificateDer, PrivateKeyDer};
    let (Some(certificate), Some(key)) = (&tls.certificate, &tls.key) else { return Ok(None) };
    let unreadable = |what: &std::path::Path, error: &dyn std::fmt::Display| {
        bad!("tls: cannot use {}: {error}", what.display())
    };
    let chain = CertificateDer::pem_file_iter(certificate)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|e| unreadable(certificate, &e))?;
    let key = PrivateKeyDer::from_pem_file(key).map_err(|e| unreadable(key, &e))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(Error::internal)?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(|e| unreadable(certificate, &e))?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Some(TlsAcceptor::from(Arc::new(config))))
}
