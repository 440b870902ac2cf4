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
        let curable = |release: &&ExaminedRelease| {
            !release.target.is_empty() && release.troubles.iter().any(|trouble| trouble.trouble.is_curable())
        };
        for release in found.releases.iter().filter(curable) {
            let pin = format!("{}=={}", release.project, release.version);
            let place = (&self.at.index, release.target.as_str());
            if release.troubles.iter().any(|trouble| trouble.trouble == LockTrouble::NotApproved) {
                let said = match server.request_release(place.0, &pin, place.1).await {
                    Ok(request) => format!("request {} is {}", request.id, request.state),
                    Err(error) => format!("not asked for: {error}"),
                };
                progress.say(&format!("{pin} for {}: {said}", release.target));
                continue;
            }
            let said = match server.look_for_release(place, &pin, false).await {
                Ok(view) => match (view.build, view.cause()) {
                    (_, Some(cause)) => cause,
                    (Some(build), None) => format!("build {build} was asked for"),
                    (None, None) => view.state.to_string(),
                },
                Err(error) => format!("not asked for: {error}"),
            };
            progress.say(&format!("{pin} for {}: {said}", release.target));
        }
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
