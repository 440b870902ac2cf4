//! `wheelwright serve`: runs the whole system until it is told to stop.

use crate::bad;
use crate::config::load::Resolved;
use crate::error::Result;
use crate::web::server;
use std::io::Write;
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
        let listen = resolved.config.listen.clone();
        let app = super::open(resolved).await?;
        let listener = TcpListener::bind(&listen)
            .await
            .map_err(|e| bad!("can not listen on {listen}: {e}; choose another address with --listen"))?;
        let scheme = if app.config.tls.is_some() { "https" } else { "http" };
        let mut out = std::io::stdout();
        writeln!(out, "listening on {scheme}://{}", listener.local_addr()?)?;
        out.flush()?;
        server::serve(app, listener, stop).await?;
        tracing::info!("stopped");
        Ok(ExitCode::SUCCESS)
    }
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
        tracing::info!("stopping: no new connections, running requests finish");
    })
}

#[cfg(not(unix))]
pub(super) fn stop_signal() -> Result<impl Future<Output = ()>> {
    Ok(async {
        let _ = tokio::signal::ctrl_c().await;
    })
}
