//! `wheelwright doctor`: what is wrong with a lock file on an index, for each target.

use super::progress::Progress;
use super::remote::RemoteIndex;
use super::table;
use crate::bad;
use crate::build::doctor::{Diagnosis, ExaminedRelease, LockToExamine};
use crate::client::ServerClient;
use crate::error::Result;
use crate::words::LockTrouble;
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::ExitCode;

/// Check that an index has all that a lock file names, and show what is wrong with it.
///
/// One line for each release and target: missing, only source, yanked, young, vulnerable, refused, not here, wrong hash.
/// The exit code is 1 if anything is wrong.
#[derive(clap::Args, Debug)]
pub struct DoctorCommand {
    /// uv.lock, pylock.toml, poetry.lock, or a file of pinned requirements
    #[arg(value_name = "LOCKFILE")]
    file: PathBuf,
    /// A target, like cp313; may be repeated [default: all that workers build for]
    #[arg(long, value_name = "NAME")]
    target: Vec<String>,
    /// Ask the server for what is missing: builds of what is there as source only, approval of what is not approved
    #[arg(long)]
    fix: bool,
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    at: RemoteIndex,
}

impl DoctorCommand {
    pub async fn run(self) -> Result<ExitCode> {
        let shown = self.file.display();
        let text =
            std::fs::read_to_string(&self.file).map_err(|error| bad!("cannot read {shown}: {error}"))?;
        let file = self.file.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
        let server = self.at.open()?;
        let lock = LockToExamine { file, text, targets: self.target.clone() };
        let found = server.examine(&self.at.index, &lock).await?;
        match self.json {
            true => table::json(&found)?,
            false => show(&found)?,
        }
        if self.fix {
            self.fix(&server, &found).await;
        }
        Ok(if found.ok { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    /// Asks for whatever may help; what does not is said, and holds up nothing else.
    async fn fix(&self, server: &ServerClient, found: &Diagnosis) {
        let progress = Progress::new();
        let curable =
            |release: &&ExaminedRelease| release.troubles.iter().any(|trouble| trouble.trouble.is_curable());
        for release in found.releases.iter().filter(curable) {
            let pin = format!("{}=={}", release.project, release.version);
            let said = self.ask_for(server, release, &pin).await;
            let said = said.unwrap_or_else(|error| format!("not asked for: {error}"));
            let target = &release.target;
            progress.say(&match target.is_empty() {
                true => format!("{pin}: {said}"),
                false => format!("{pin} for {target}: {said}"),
            });
        }
    }

    /// Asks for a release: for its approval, or for a build. What came of it.
    async fn ask_for(&self, server: &ServerClient, release: &ExaminedRelease, pin: &str) -> Result<String> {
        let (index, target) = (&self.at.index, release.target.as_str());
        if release.troubles.iter().any(|trouble| trouble.trouble == LockTrouble::NotApproved) {
            let request = server.request_release(index, pin, target).await?;
            return Ok(format!("request {} is {}", request.id, request.state));
        }
        if target.is_empty() {
            return Err(bad!("no worker offers a target to build for: start a worker, then use --fix again"));
        }
        let view = server.look_for_release((index, target), pin, false).await?;
        Ok(match (view.build, view.cause()) {
            (_, Some(cause)) => cause,
            (Some(build), None) => format!("build {build} was asked for"),
            (None, None) => view.state.to_string(),
        })
    }
}

fn show(found: &Diagnosis) -> Result<()> {
    for note in &found.notes {
        table::line(&format!("note: {note}"))?;
    }
    for place in &found.elsewhere {
        table::line(&format!("note: {place} does not come from an index: left out"))?;
    }
    let mut rows = vec![["PROJECT", "VERSION", "TARGET", "TROUBLE", "WHY"].map(str::to_owned).to_vec()];
    for release in &found.releases {
        for trouble in &release.troubles {
            let project = release.project.to_string();
            let (version, target) = (release.version.clone(), release.target.clone());
            let why = trouble.why.lines().next().unwrap_or_default().to_owned();
            rows.push(vec![project, version, target, trouble.trouble.in_words().to_owned(), why]);
        }
    }
    if rows.len() > 1 {
        table::rows(&rows)?;
    }
    let sick: BTreeSet<_> = found
        .releases
        .iter()
        .filter(|release| !release.troubles.is_empty())
        .map(|release| (&release.project, &release.version))
        .collect();
    let all: BTreeSet<_> =
        found.releases.iter().map(|release| (&release.project, &release.version)).collect();
    table::line(&format!(
        "{} of {} releases are in order on {}",
        all.len() - sick.len(),
        all.len(),
        found.index
    ))
}
