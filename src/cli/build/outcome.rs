//! What came of one project for one target: a wheel on its way, or why there is none.

use super::house::Wheel;
use super::report::WheelOutcome;
use crate::build::target::Target;
use crate::cli::requirements::WantedBy;
use crate::error::Error;
use crate::names::ProjectName;
use crate::packaging::version;
use crate::words::Failure;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

/// A wheel on its way into the wheelhouse.
pub struct Got {
    pub wheel: Wheel,
    pub outcome: WheelOutcome,
    /// Where its bytes are now; `None`: in the wheelhouse already.
    pub path: Option<PathBuf>,
    pub build: Option<i64>,
    /// What it was made of, for people.
    pub source: String,
    pub seconds: f64,
    /// Seconds of the build's run.
    pub ran: Option<f64>,
    /// What is to be said besides.
    pub message: Option<String>,
}

impl Got {
    pub fn new(wheel: Wheel, outcome: WheelOutcome, path: Option<PathBuf>) -> Self {
        let source = String::new();
        Self { wheel, outcome, path, build: None, source, seconds: 0.0, ran: None, message: None }
    }
}

/// The wheel of a source that was named; no other version may take its place.
pub struct BuiltSource {
    pub got: Got,
    /// Those that are wanted of it.
    pub extras: BTreeSet<ProjectName>,
}

impl BuiltSource {
    /// What it requires of others on a target.
    pub fn requires(&self, target: &Target) -> Vec<WantedBy> {
        let wheel = &self.got.wheel;
        let needed = wheel.requires.iter().filter(|needed| needed.applies(&target.markers, &self.extras));
        let needed = needed.filter_map(|needed| needed.for_extras(&self.extras));
        let by = format!("{} {}", wheel.project, wheel.version);
        needed.map(|requirement| WantedBy { requirement, by: by.clone() }).collect()
    }
}

/// Named sources whose version does not suit somebody, with whom.
pub fn broken_by(
    target: &Target,
    sources: &BTreeMap<ProjectName, BuiltSource>,
    wants: Vec<WantedBy>,
    got: &[Got],
) -> BTreeMap<ProjectName, WantedBy> {
    let nobody = BTreeSet::new();
    let of_got = got.iter().flat_map(|got| {
        let by = format!("{} {}", got.wheel.project, got.wheel.version);
        got.wheel.requires.iter().map(move |needed| WantedBy { requirement: needed.clone(), by: by.clone() })
    });
    let all =
        wants.into_iter().chain(of_got.filter(|want| want.requirement.applies(&target.markers, &nobody)));
    let broken = all.filter(|want| {
        let source = sources.get(&want.requirement.name);
        let version = source.map(|source| &source.got.wheel.version);
        version.is_some_and(|version| !version::satisfies(&want.requirement.specifiers, version))
    });
    broken.map(|want| (want.requirement.name.clone(), want)).collect()
}

/// Where the logs of a failed build are.
#[derive(Clone, Debug, Default)]
pub struct FailedLogs {
    /// Its own.
    pub log: Option<String>,
    /// Of the builds of its requirements that failed.
    pub needs: Vec<String>,
}

/// Why there is no wheel.
pub struct Failed {
    pub build: Option<i64>,
    pub failure: Option<Failure>,
    pub message: Option<String>,
    pub version: Option<String>,
    pub logs: FailedLogs,
    pub seconds: f64,
    /// Seconds of the build's run.
    pub ran: Option<f64>,
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        let message = Some(error.to_string());
        let logs = FailedLogs::default();
        Self { build: None, failure: None, message, version: None, logs, seconds: 0.0, ran: None }
    }
}
