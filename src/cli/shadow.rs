//! `wheelwright shadow`: stands before an old devpi-server for a while and tells where this server answers otherwise.

use super::signal::stop_signal;
use super::table;
use crate::bad;
use crate::config::load::ResolvedConfig;
use crate::error::{Error, Result};
use crate::shadow::{Shadow, ShadowBounds, ShadowReport};
use crate::web::http::connections::raise_descriptors;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;
use tokio::net::TcpListener;

/// How often the file with the report is written.
const EVERY: Duration = Duration::from_secs(60);

#[derive(clap::Args, Debug)]
pub struct ShadowCommand {
    /// The old server, which answers every client: http://devpi:3141
    #[arg(long, value_name = "URL")]
    primary: String,
    /// The wheelwright server that is asked the same [default: the one that this configuration describes]
    #[arg(long, value_name = "URL")]
    server: Option<String>,
    /// Where clients ask
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:3142")]
    listen: String,
    /// Comparisons at once; requests beyond these go to the old server alone
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..=1024))]
    comparisons: u16,
    /// Keep the report as JSON in this file
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Print the report as JSON at the end, and nothing before
    #[arg(long)]
    json: bool,
}

impl ShadowCommand {
    pub async fn run(self, resolved: &ResolvedConfig) -> Result<ExitCode> {
        let signal = stop_signal()?;
        raise_descriptors();
        let server = self.server.unwrap_or_else(|| own(resolved));
        let bounds = ShadowBounds { comparisons: self.comparisons.into(), ..ShadowBounds::default() };
        let quiet = self.json;
        let shadow = Shadow::new(&self.primary, &server, bounds, move |line| {
            // A terminal that went away does not end what clients rely on.
            if !quiet {
                let _ = std::io::Write::write_all(&mut std::io::stdout(), format!("{line}\n").as_bytes());
            }
        })?;
        if let Some(path) = &self.report {
            write(path, &shadow.report())?;
        }
        let listen = &self.listen;
        let listener = TcpListener::bind(listen).await.map_err(|error| {
            bad!("cannot listen on {listen}: {error}. Choose another address with --listen")
        })?;
        let address = listener.local_addr()?;
        match self.json {
            true => eprintln!("listening on http://{address}"),
            false => table::line(&format!("listening on http://{address}"))?,
        }
        tokio::select! {
            () = shadow.serve(listener, signal) => {}
            never = keep(self.report.as_deref(), &shadow) => match never {},
        }
        let report = shadow.report();
        if let Some(path) = &self.report {
            write(path, &report)?;
        }
        match self.json {
            true => table::json(&report)?,
            false => report.lines().iter().try_for_each(|line| table::line(line))?,
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// Where the server of this configuration is found on its own machine.
fn own(resolved: &ResolvedConfig) -> String {
    let config = &resolved.config;
    let listen = config.listen.replace("0.0.0.0:", "127.0.0.1:").replace("[::]:", "[::1]:");
    format!("{}://{listen}", config.scheme())
}

/// Writes the report now and then; a full disk ends nothing.
async fn keep(path: Option<&Path>, shadow: &Shadow) -> std::convert::Infallible {
    let Some(path) = path else { return std::future::pending().await };
    loop {
        tokio::time::sleep(EVERY).await;
        if let Err(error) = write(path, &shadow.report()) {
            tracing::warn!("{error}");
        }
    }
}

/// A reader sees the old report or the new one.
fn write(path: &Path, report: &ShadowReport) -> Result<()> {
    let text = serde_json::to_string_pretty(report).map_err(Error::internal)?;
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    let written = std::fs::write(&beside, text + "\n").and_then(|()| std::fs::rename(&beside, path));
    written.map_err(|error| bad!("cannot write the report to {}: {error}", path.display()))
}
