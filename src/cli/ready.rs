//! `wheelwright ready`: everything that lock files name gets a wheel for a target, and what does not is shown by cause.

pub(super) mod locks;

use self::locks::read;
use super::follow::{BuildFollower, lasted};
use super::progress::Progress;
use super::remote::RemoteIndex;
use super::table;
use crate::bad;
use crate::build::readiness::{ReadinessView, ReadyView};
use crate::build::target::{self, Target};
use crate::client::ServerClient;
use crate::error::{Error, Result};
use crate::words::ReadyState;
use futures::StreamExt;
use serde_json::json;
use std::path::PathBuf;
use std::process::ExitCode;

/// Releases that are looked for, or whose builds are watched, at once.
const AT_ONCE: usize = 16;
/// What a shell says of a command that Ctrl-C ended.
const INTERRUPTED: u8 = 130;

/// Build everything that lock files name for a target, and show what is still missing.
///
/// Each release that has a wheel for the target on the index is left alone; the server builds the others. The server
/// keeps the list and shows it on a page: what is built, what fails and why, what nobody tried. Run the command again
/// after a change: it looks for everything anew.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  wheelwright ready cp313 --lock uv.lock
  wheelwright ready cp313 --lock requirements.txt --list web --server http://host:3141 --index alice/dev")]
pub struct ReadyCommand {
    /// cp315, cp315-linux, or a full name
    #[arg(value_name = "TARGET")]
    target: String,
    /// uv.lock, pylock.toml, poetry.lock, or a file of pinned requirements; may be repeated
    #[arg(long = "lock", required = true, value_name = "FILE", num_args = 1..)]
    locks: Vec<PathBuf>,
    /// The name of your list, if you have several; each run replaces it
    #[arg(long, value_name = "NAME", default_value = "", hide_default_value = true)]
    list: String,
    /// Build what failed before once more
    #[arg(long)]
    rebuild: bool,
    /// One JSON document with every release
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    at: RemoteIndex,
}

impl ReadyCommand {
    pub async fn run(self) -> Result<ExitCode> {
        let server = self.at.open()?;
        let target = match one_target(&self.target, &server.targets().await?) {
            Err(error @ Error::Missing(_)) => {
                eprintln!("error: {error}");
                return Ok(ExitCode::from(2));
            }
            target => target?,
        };
        let named = read(&self.locks, &target)?;
        let progress = Progress::new();
        named.warnings.iter().for_each(|warning| progress.say(&format!("warning: {warning}")));
        let page = server.readiness_url(&self.at.index, &target.name);
        let place = (&self.at.index, target.name.as_str());
        server.list_releases(place, &self.list, &named.releases).await?;
        let stop = super::signal::stop_signal()?;
        tokio::pin!(stop);
        let work = self.look_for_all(&server, &target, &named.releases, &progress);
        tokio::select! {
            () = work => {}
            () = &mut stop => {
                eprintln!("stopped: what was asked for continues, see {page}");
                return Ok(ExitCode::from(INTERRUPTED));
            }
        }
        let view = server.readiness(&self.at.index, &target.name).await?;
        let own = own(view, &named.releases);
        let all_ready = own.ready() == own.releases.len();
        if self.json {
            let warnings = named.warnings;
            table::json(&json!({ "ok": all_ready, "page": page, "readiness": own, "warnings": warnings }))?;
        } else {
            show(&own, &page)?;
        }
        Ok(if all_ready { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    async fn look_for_all(
        &self,
        server: &ServerClient,
        target: &Target,
        releases: &[String],
        progress: &Progress,
    ) {
        let each = releases.iter().map(async |release| {
            let looked = self.look_for(server, target, release, progress).await;
            if let Err(error) = looked {
                progress.say(&format!("{release}: not tried: {error}"));
            }
        });
        futures::stream::iter(each).buffer_unordered(AT_ONCE).collect::<()>().await;
    }

    /// Looks for one release, and watches its build.
    async fn look_for(
        &self,
        server: &ServerClient,
        target: &Target,
        release: &str,
        progress: &Progress,
    ) -> Result<()> {
        let place = (&self.at.index, target.name.as_str());
        let found = server.look_for_release(place, release, self.rebuild).await?;
        let label = format!("{} {} {}", found.project, found.version, target.name);
        if let Some(cause) = found.cause() {
            progress.say(&format!("{label}: fails: {cause}"));
        }
        let Some(id) = found.build.filter(|_| found.state == ReadyState::UnderWay) else { return Ok(()) };
        let line = progress.begin(&label, "build");
        let build = server.build(id).await?;
        let build = BuildFollower { server, progress }.watch(build, &line).await?;
        let lasted = lasted(&build, line.seconds());
        match &build.failure {
            Some(failure) => line.end(&format!("failed {lasted}: {}", failure.in_short())),
            None => line.end(&format!("{} {lasted}", build.state)),
        }
        Ok(())
    }
}

/// The one target that is meant.
fn one_target(asked: &str, offered: &[Target]) -> Result<Target> {
    match target::find(asked, offered)?[..] {
        [one] => Ok(one.clone()),
        ref several => {
            let names: Vec<&str> = several.iter().map(|target| target.name.as_str()).collect();
            Err(bad!("{asked} is ambiguous: use one of {}", names.join(", ")))
        }
    }
}

/// What the lock files of this run name; other lists of the target may name more.
fn own(mut view: ReadinessView, releases: &[String]) -> ReadinessView {
    let is_own =
        |release: &ReadyView| releases.contains(&format!("{}=={}", release.project, release.version));
    view.releases.retain(is_own);
    ReadinessView::of(&view.index, &view.target, view.releases)
}

fn show(view: &ReadinessView, page: &str) -> Result<()> {
    let open: Vec<&ReadyView> = view.releases.iter().filter(|release| !release.state.is_ready()).collect();
    let mut lines: Vec<Vec<String>> = open
        .iter()
        .map(|release| {
            let build = release.build.map(|id| id.to_string()).unwrap_or_default();
            let why = release.cause().unwrap_or_default();
            let first = why.lines().next().unwrap_or_default().to_owned();
            vec![
                release.state.to_string(),
                release.project.to_string(),
                release.version.clone(),
                build,
                first,
            ]
        })
        .collect();
    if !lines.is_empty() {
        lines.sort();
        let head = ["STATE", "PROJECT", "VERSION", "BUILD", "WHY"].map(str::to_owned).to_vec();
        table::rows(&[vec![head], lines].concat())?;
    }
    let counts = view.counts.iter().map(|(state, count)| format!("{count} {state}"));
    table::line(&format!(
        "{} of {} have a wheel for {} on {} ({})",
        view.ready(),
        view.releases.len(),
        view.target,
        view.index,
        counts.collect::<Vec<_>>().join(", ")
    ))?;
    table::line(page)
}
