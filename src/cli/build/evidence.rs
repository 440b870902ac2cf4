//! What is kept of builds beside their wheels: evidence and logs, also of those that failed.

use super::house::{RECORD, companions};
use super::outcome::FailedLogs;
use super::report::{Item, WheelOutcome};
use super::work::Work;
use crate::build::view::BuildView;
use crate::error::{Error, Result};
use crate::tools::hex;
use crate::words::BuildState;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Failed builds of requirements whose logs are kept with one failed build.
const MOST_NEEDS: usize = 20;

impl Work {
    /// Keeps the log of a failed build, and those of build requirements that it failed for.
    pub(super) async fn failed_logs(&self, build: &BuildView) -> FailedLogs {
        let mut logs = FailedLogs { log: self.failed_log(build).await, needs: Vec::new() };
        let (mut open, mut seen) = (vec![build.clone()], BTreeSet::from([build.id]));
        while let Some(build) = open.pop() {
            for need in build.needs.iter().filter(|need| !need.requirement.is_empty()) {
                if seen.len() > MOST_NEEDS || !seen.insert(need.build) {
                    continue;
                }
                // One that may not be looked at is told of by the failure.
                let Ok(needed) = self.server.build(need.build).await else { continue };
                if needed.state == BuildState::Failed {
                    logs.needs.extend(self.failed_log(&needed).await);
                    open.push(needed);
                }
            }
        }
        logs
    }

    /// Where the log of a failed build is to be read after this command.
    async fn failed_log(&self, build: &BuildView) -> Option<String> {
        let url = self.server.build_url(build.id);
        let Some(folder) = &self.evidence else { return Some(url) };
        let path = folder.join(format!("{}.failed.log", stem_of(build)));
        if let Err(error) = self.write_log(build.id, &path).await {
            self.warn(&format!("cannot keep the log of build {}: {error}", build.id));
            return (!self.is_local).then_some(url);
        }
        Some(if self.is_local { path.display().to_string() } else { url })
    }

    async fn write_log(&self, id: i64, path: &Path) -> Result<()> {
        let log = self
            .server
            .log(id)
            .await?
            .bytes()
            .await
            .map_err(|error| Error::Unavailable(error.to_string()))?;
        if let Some(folder) = path.parent() {
            make(folder).await?;
        }
        Ok(tokio::fs::write(path, log).await?)
    }

    /// Writes evidence and log of each wheel that was built. Of several builds that gave one wheel, those of
    /// the build whose bytes it has.
    pub(super) async fn keep_evidence(&self) {
        let Some(folder) = &self.evidence else { return };
        let mut by_wheel: BTreeMap<String, Vec<Item>> = BTreeMap::new();
        for item in self.items_so_far() {
            let is_built = matches!(item.outcome, WheelOutcome::Built | WheelOutcome::Unpublished);
            if let Some(wheel) = item.wheel.clone().filter(|_| is_built && item.build.is_some()) {
                by_wheel.entry(wheel).or_default().push(item);
            }
        }
        for (wheel, items) in by_wheel {
            if let Err(error) = self.keep_evidence_of(folder, &wheel, &items).await {
                self.warn(&format!("cannot keep the evidence of {wheel}: {error}"));
            }
        }
    }

    async fn keep_evidence_of(&self, folder: &Path, wheel: &str, items: &[Item]) -> Result<()> {
        let mut builds = Vec::new();
        for item in items {
            builds.push(self.server.build(item.build.unwrap_or_default()).await?);
        }
        let here = self.house.as_ref().map(|house| house.lock().folder.join(wheel));
        let sha256 = here.map(|path| hex::file_sha256(&path)).transpose()?;
        let is_it = |build: &&BuildView| {
            let evidence = build.evidence.as_ref();
            evidence.is_some_and(|evidence| Some(&evidence.wheel_sha256) == sha256.as_ref())
        };
        let Some(build) = builds.iter().find(is_it).or(builds.first()) else { return Ok(()) };
        make(folder).await?;
        let text = serde_json::to_vec_pretty(&build.evidence).map_err(Error::internal)?;
        let [evidence, log] = companions(folder, wheel);
        tokio::fs::write(evidence, text).await?;
        self.write_log(build.id, &log).await?;
        for build in &builds {
            // It goes well by now.
            let _ = tokio::fs::remove_file(folder.join(format!("{}.failed.log", stem_of(build)))).await;
        }
        Ok(())
    }
}

/// Makes a folder, marked as no part of a source that it may lie in.
async fn make(folder: &Path) -> Result<()> {
    tokio::fs::create_dir_all(folder).await?;
    let mark = folder.join(RECORD);
    if !tokio::fs::try_exists(&mark).await? {
        tokio::fs::write(mark, "{}").await?;
    }
    Ok(())
}

/// `demo-1.0-cp313-cp313-linux_x86_64`: what a failed build is of and for, as a file name.
fn stem_of(build: &BuildView) -> String {
    let of = match (&build.project, &build.version) {
        (Some(project), Some(version)) => format!("{project}-{version}"),
        _ => build.source.filename.trim_end_matches(".tar.gz").to_owned(),
    };
    let name = format!("{of}-{}", build.target);
    let plain = |c: char| if c.is_ascii_alphanumeric() || "-_.+!".contains(c) { c } else { '-' };
    let name: String = name.chars().map(plain).take(200).collect();
    name.trim_start_matches(['.', '-']).to_owned()
}
