//! `wheelwright worker`: builds wheels for a server elsewhere.

use super::signal::stop_signal;
use crate::client::WorkerClient;
use crate::config::load::ResolvedConfig;
use crate::error::Result;
use crate::worker::begin::{begin, default_folder};
use crate::worker::claim::{Post, work};
use std::collections::BTreeSet;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use tokio::sync::watch;

#[derive(clap::Args, Debug)]
pub struct WorkerCommand {
    /// The server to build for: http://wheels.example.org
    #[arg(long, value_name = "URL")]
    server: String,
    /// A token created with --action build, of root or a user with the role builder
    #[arg(long, value_name = "TOKEN", env = "WHEELWRIGHT_TOKEN", hide_env_values = true)]
    token: String,
    /// Build only for this target: cp312, cp27-linux …; may be repeated [default: all found here]
    #[arg(long = "target", value_name = "NAME")]
    targets: Vec<String>,
    /// Builds at once [default: half of the processors]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1024))]
    slots: Option<u32>,
    /// The worker's name on the server [default: this machine's name]
    #[arg(long)]
    name: Option<String>,
    /// The folder for builds and environments [default: wheelwright/worker in the user's cache]
    #[arg(long, value_name = "DIR")]
    folder: Option<PathBuf>,
}

impl WorkerCommand {
    pub async fn run(self, resolved: &ResolvedConfig) -> Result<ExitCode> {
        let signal = stop_signal()?;
        let link = WorkerClient::new(&self.server, &self.token)?;
        let mut settings = resolved.config.build.clone();
        if !self.targets.is_empty() {
            settings.targets = self.targets;
        }
        if let Some(slots) = self.slots {
            settings.slots = Some(slots.into());
        }
        let folder = std::path::absolute(self.folder.unwrap_or_else(default_folder))?;
        let mut ready = begin(&settings, resolved.config.offline, &folder).await?;
        let name = self.name.unwrap_or_else(machine);
        let post = Post { link, name, description: ready.description.clone() };
        say(&post)?;
        let (stop, stopped) = watch::channel(false);
        let worker = ready.worker.take().map(Arc::new);
        let working = work(post, worker, stopped);
        tokio::pin!(working);
        tokio::select! {
            ended = &mut working => ended?,
            () = signal => {
                let _ = stop.send(true);
                working.await?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn say(post: &Post) -> Result<()> {
    let (cross, own): (Vec<_>, Vec<_>) =
        post.description.targets.iter().partition(|target| target.is_cross());
    let own: Vec<&str> = own.into_iter().map(|target| target.name.as_str()).collect();
    let systems: BTreeSet<&str> = cross.into_iter().map(|target| target.halves().1).collect();
    let mut out = std::io::stdout();
    writeln!(out, "worker {} builds for {}", post.name, own.join(", "))?;
    if !systems.is_empty() {
        let systems: Vec<&str> = systems.into_iter().collect();
        writeln!(out, "on request it also builds for {}", systems.join(", "))?;
    }
    if let Some(why) = &post.description.off {
        writeln!(out, "the worker does not build: {why}")?;
    }
    Ok(out.flush()?)
}

/// The machine's name as a worker's, and a few digits that tell two on one machine apart.
fn machine() -> String {
    let told = ["HOSTNAME", "COMPUTERNAME"].iter().find_map(|name| std::env::var(name).ok());
    let name = told.or_else(|| std::fs::read_to_string("/etc/hostname").ok()).unwrap_or_default();
    let plain: String =
        name.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '.')).take(60).collect();
    format!("{}-{:04x}", if plain.is_empty() { "worker" } else { &plain }, rand::random::<u16>())
}
