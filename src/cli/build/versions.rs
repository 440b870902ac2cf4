//! Which versions a target gets: those of the wheelhouse if they are enough, else what the server's resolver says.

use super::demand::{TargetDemand, VersionChoice};
use super::outcome::Failed;
use super::work::Work;
use crate::bad;
use crate::cli::requirements::WantedBy;
use crate::client::{WheelsProxy, builds_in};
use crate::error::{Error, Result};
use crate::packaging::reqfile;
use crate::packaging::requirement::Requirement;
use crate::words::OlderVersions;
use std::slice;

impl Work {
    /// Versions of all that is wanted and of what that requires. What cannot be satisfied is noted as failed, and the
    /// rest goes on without it.
    pub(super) async fn versions(&self, demand: &TargetDemand<'_>) -> Vec<VersionChoice> {
        if !self.deep {
            return demand.flat();
        }
        if demand.wants.is_empty() {
            return Vec::new();
        }
        if let Some(held) = self.held(demand) {
            return held;
        }
        match self.compile(demand, &demand.wants).await {
            Ok(choices) => choices,
            Err(error @ Error::Bad(_)) => self.without_impossible(demand, error).await,
            Err(error) => {
                self.note_failed(demand.target, "requirements", error.into());
                Vec::new()
            }
        }
    }

    /// What the wheelhouse has, if that is all of it: then nobody has to be asked.
    fn held(&self, demand: &TargetDemand<'_>) -> Option<Vec<VersionChoice>> {
        let house = self.house.as_ref().filter(|_| !self.rebuild)?;
        let wanted: Vec<Requirement> = demand.wants.iter().map(|want| want.requirement.clone()).collect();
        house.lock().complete(&wanted, &demand.limits, demand.target).map(|wheels| {
            let pins = wheels
                .into_iter()
                .filter_map(|wheel| VersionChoice::of_pin(&format!("{}=={}", wheel.project, wheel.version)));
            pins.collect()
        })
    }

    async fn compile(&self, demand: &TargetDemand<'_>, wants: &[WantedBy]) -> Result<Vec<VersionChoice>> {
        let Ok(_turn) = self.resolutions.acquire().await else { return Err(bad!("the command is stopping")) };
        let wanted: Vec<String> = wants.iter().map(|want| want.requirement.to_string()).collect();
        let held = self.house.as_ref().map(|house| house.lock().newest(demand.target)).unwrap_or_default();
        let proxy = WheelsProxy::of(&self.server, &self.index, &demand.target.name);
        let text = proxy.compile(&wanted, &held, &demand.limits, OlderVersions::Accept).await?;
        for left_out in crate::client::left_out(&text) {
            self.warn(&format!("left out: {left_out}"));
        }
        Ok(reqfile::pins(&text).iter().filter_map(|line| VersionChoice::of_pin(line)).collect())
    }

    /// There is no solution for all: finds out for which there is none either alone.
    async fn without_impossible(&self, demand: &TargetDemand<'_>, error: Error) -> Vec<VersionChoice> {
        let TargetDemand { target, wants, .. } = demand;
        let mut possible = Vec::new();
        for want in wants {
            let alone = match wants.len() {
                1 => Err(error.again()),
                _ => self.compile(demand, slice::from_ref(want)).await,
            };
            match alone {
                Ok(_) => possible.push(want.clone()),
                Err(error) => {
                    self.note_failed(target, want.requirement.name.as_str(), self.unsolved(&error).await);
                }
            }
        }
        let together = match possible.len() {
            0 => return Vec::new(),
            all if all == wants.len() => Err(error),
            _ => self.compile(demand, &possible).await,
        };
        match together {
            Ok(choices) => choices,
            Err(error) => {
                let mut failed = self.unsolved(&error).await;
                let why = failed.message.unwrap_or_default();
                failed.message = Some(format!("{}\n{why}", demand.describe()));
                self.note_failed(target, "requirements", failed);
                Vec::new()
            }
        }
    }

    /// The resolver's explanation, with the build that failed if it was for that.
    async fn unsolved(&self, error: &Error) -> Failed {
        let text = error.to_string();
        let why = text.split("\n\nFailed builds on this server:").next().unwrap_or_default().trim_end();
        let mut failed = Failed::from(bad!("{why}"));
        let Some(id) = builds_in(&text).first().copied() else { return failed };
        if let Ok(build) = self.server.build(id).await {
            failed.logs = self.failed_logs(&build).await;
            let ran = build.ran;
            failed =
                Failed { build: Some(id), failure: build.failure, version: build.version, ran, ..failed };
        }
        failed
    }
}
