//! `wheelwright serve`: runs the whole system until it is told to stop.

use crate::app::App;
use crate::bad;
use crate::config::load::Resolved;
use crate::error::Result;
use crate::web::{places, server};
use crate::worker::inner::Inner;
use std::io::Write;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::process::ExitCode;
use tokio::net::TcpListener;

#[derive(clap::Args, Debug)]
pub struct Serve {
    /// Address and port; port 0 picks a free one [default: 127.0.0.1:3141]
    #[arg(long, value_name = "ADDR")]
    listen: Option<String>,
    /// The simple index that root/pypi mirrors, kept for later starts [default: the one kept; at
    /// the first start what pip on this machine would use]
    #[arg(long, value_name = "URL")]
    upstream: Option<String>,
    /// Send nothing out: mirrors serve what they have
    #[arg(long)]
    offline: bool,
}

impl Serve {
    pub fn flags(&self) -> Vec<(&'static str, String)> {
        let offline = self.offline.then(|| "true".to_owned());
        let all =
            [("listen", self.listen.clone()), ("upstream", self.upstream.clone()), ("offline", offline)];
        all.into_iter().filter_map(|(key, value)| Some((key, value?))).collect()
    }

    pub async fn run(self, resolved: Resolved) -> Result<ExitCode> {
        // Before anything else, so that a signal during a slow start ends it in order, too.
        let stop = stop_signal()?;
        let descriptors = places::raise_descriptors();
        let listen = resolved.config.listen.clone();
        let app = super::open(resolved).await?;
        let listener = TcpListener::bind(&listen)
            .await
            .map_err(|e| bad!("can not listen on {listen}: {e}; choose another address with --listen"))?;
        let scheme = if app.config.tls.is_some() { "https" } else { "http" };
        let most = app.config.limits.connections;
        if descriptors / 2 < most {
            tracing::info!(
                "{descriptors} descriptors are allowed (ulimit -n): {} connections at once, not {most}",
                descriptors / 2
            );
        }
        let mut out = std::io::stdout();
        writeln!(out, "listening on {scheme}://{}", listener.local_addr()?)?;
        out.flush()?;
        serve_and_build(app, listener, stop).await?;
        tracing::info!("stopped");
        Ok(ExitCode::SUCCESS)
    }
}

/// Serves with a worker beside it, which asks this very server like any other.
async fn serve_and_build(app: App, listener: TcpListener, stop: impl Future<Output = ()>) -> Result<()> {
    let mut own = own_address(listener.local_addr()?);
    let (ended, end) = tokio::sync::oneshot::channel::<()>();
    // Without a certificate to check: what stays on this machine needs no TLS.
    let plain = match app.config.tls.is_some() && app.config.build.enabled {
        true => Some(TcpListener::bind("127.0.0.1:0").await?),
        false => None,
    };
    if let Some(plain) = &plain {
        own = plain.local_addr()?;
    }
    let inner = Inner::start(&app, own);
    let beside = app.clone();
    let plain = async move {
        match plain {
            Some(plain) => {
                let stop = async { drop(end.await) };
                server::serve_plainly(beside, plain, stop).await
            }
            None => Ok(()),
        }
    };
    let stop = async move {
        stop.await;
        tracing::info!("no new connections; running requests finish, builds go back to the queue");
        if let Some(inner) = inner {
            inner.stop().await;
        }
        drop(ended);
    };
    tokio::try_join!(server::serve(app, listener, stop), plain)?;
    Ok(())
}

/// Where this process answers itself.
fn own_address(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        address.set_ip(match address {
            SocketAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            SocketAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        });
    }
    address
}

/// Resolves at SIGTERM or SIGINT.
#[cfg(unix)]
pub(super) fn stop_signal() -> Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut term, mut int) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    Ok(async move {
        tokio::select! {
            _ = term.recv() => {}
            _ = int.recv() => {}
        }
        tracing::info!("stopping");
    })
}

#[cfg(not(unix))]
pub(super) fn stop_signal() -> Result<impl Future<Output = ()>> {
    Ok(async {
        let _ = tokio::signal::ctrl_c().await;
    })
}
