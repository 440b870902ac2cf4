//! Builds and workers as they are shown: what JSON and pages tell, and the command line reads.

use super::parties::Parties;
use super::queue::{BuildOutlook, Queue};
use super::recipe;
use super::targets::Worker;
use crate::access::Who;
use crate::access::builds::reads;
use crate::db::builds::{Build, BuildId};
use crate::db::built::Publication;
use crate::directory::Directory;
use crate::error::Result;
use crate::names::{BuildContext, IndexName, ProjectName};
use crate::tools::time::{Micros, SECOND};
use crate::words::{BuildSource, BuildState, Evidence, Failure, Isolation, Moment, Purpose, Step};
use serde::{Deserialize, Serialize};
use std::slice;
use std::time::Duration;

/// Builds under way that are looked for; workers have fewer slots.
const MOST_RUNNING: u32 = 500;

/// What somebody may know of a build.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct BuildView {
    pub id: BuildId,
    pub purpose: Purpose,
    pub state: BuildState,
    pub project: Option<ProjectName>,
    pub version: Option<String>,
    pub title: String,
    pub target: String,
    /// For those who may read it.
    pub context: Option<BuildContext>,
    /// Its origin is empty for those who may not know it.
    pub source: BuildSource,
    pub source_sha256: Option<String>,
    pub recipe_sha256: Option<String>,
    pub tools: String,
    pub priority: i64,
    pub worker: Option<String>,
    pub step: Option<Step>,
    pub failure: Option<Failure>,
    /// Of a failed one: a recipe to begin with, as TOML.
    #[serde(default)]
    pub recipe_draft: Option<String>,
    /// By a recipe that is only tried: no index gets its wheel.
    #[serde(default)]
    pub trial: bool,
    /// The requirement that it is pinned to, if it runs because of that: its set decides when indexes get its wheel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub because: Option<String>,
    /// What came out.
    pub wheel: Option<WheelView>,
    pub metadata_sha256: Option<String>,
    pub evidence: Option<Evidence>,
    pub needs: Vec<NeedView>,
    pub indexes: Vec<DestinationView>,
    pub log_size: u64,
    pub log_sha256: Option<String>,
    pub asked_by: Option<String>,
    /// The id of the request that asked for it last, as the log has it; for those who may know who asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<String>,
    /// First.
    pub created: Moment,
    /// Last: what it waited counts from here.
    #[serde(default)]
    pub asked: Option<Moment>,
    pub started: Option<Moment>,
    pub ended: Option<Moment>,
    /// Seconds between being asked for and its run: for a worker, for its source, for what it needs.
    #[serde(default)]
    pub waited: Option<f64>,
    /// Seconds of its run, once that has ended.
    #[serde(default)]
    pub ran: Option<f64>,
    /// Of one that runs or waits for a worker: a guess.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outlook: Option<OutlookView>,
    /// Of one that has not ended: who waits for it, by name for those who may know.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub wanted_by: Vec<String>,
}

/// When a build is likely to begin and to end, going by earlier ones. Times are whole seconds; what is unknown is missing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutlookView {
    /// Among the builds that wait for a worker, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<usize>,
    /// How many wait for a worker.
    pub waiting: usize,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub starts_in: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ends_in: Option<u64>,
    /// From its start to its end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub takes: Option<u64>,
    /// Whether no worker builds for its target at present.
    pub nobody: bool,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct WheelView {
    pub filename: String,
    pub sha256: String,
    /// Bytes.
    pub size: u64,
    /// From the root.
    pub url: String,
}

/// A build that has to be done first.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct NeedView {
    pub build: BuildId,
    /// Empty: both are the same.
    pub requirement: String,
}

/// An index that is to get the wheel.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DestinationView {
    pub index: IndexName,
    /// Since when it has it.
    pub published: Option<Moment>,
    /// Why it refused it.
    pub refused: Option<String>,
}

impl BuildView {
    /// Whether an index is still to get the wheel.
    pub fn awaits_publication(&self) -> bool {
        self.state == BuildState::Built
            && self.because.is_none()
            && self.indexes.iter().any(|index| index.published.is_none() && index.refused.is_none())
    }
}

impl Queue {
    /// Everything about a build that `who` may know: of indexes, those that they may read.
    pub async fn view(
        &self,
        directory: &Directory,
        who: &Who,
        build: &Build,
        parties: &Parties,
    ) -> Result<BuildView> {
        let asked_by = parties.asker(directory, who, build);
        let context = Some(&build.context).filter(|context| reads(directory, who, context.indexes()));
        let mut source = build.source.clone();
        if context.is_none() && source.origin == build.context.as_str()
            || asked_by.is_none() && source.names_uploader()
        {
            source.origin.clear();
        }
        let mut evidence = build.evidence.clone();
        if let Some(evidence) = evidence.as_mut().filter(|_| context.is_none()) {
            evidence.context.clear();
        }
        let needs = self.db().build_needs(build.id).await?.into_iter();
        let wheel = build.finished_wheel().cloned();
        Ok(BuildView {
            id: build.id,
            purpose: build.purpose,
            state: build.state,
            project: build.project.clone(),
            version: build.version.clone(),
            title: build.title(),
            target: build.target.clone(),
            context: context.cloned(),
            source,
            source_sha256: build.source_sha256.clone(),
            recipe_sha256: build.recipe_sha256.clone(),
            tools: build.tools.clone(),
            priority: build.priority,
            worker: build.worker.clone(),
            step: build.step,
            failure: build.failure.clone(),
            recipe_draft: recipe::draft(build, &self.limits()),
            trial: build.trial,
            because: build.because.clone(),
            wheel: wheel.map(|wheel| WheelView {
                url: format!("/+builds/{}/wheel/{}", build.id, wheel.filename),
                filename: wheel.filename,
                sha256: wheel.sha256,
                size: wheel.size,
            }),
            metadata_sha256: build.metadata_sha256.clone(),
            evidence,
            needs: needs.map(|edge| NeedView { build: edge.needs, requirement: edge.requirement }).collect(),
            indexes: self.destinations(directory, who, build, parties).await?,
            log_size: build.log_size,
            log_sha256: build.log_sha256.clone(),
            asked_by,
            request: build.request.clone().filter(|_| parties.are_known(directory, who, build)),
            created: Moment(build.created_at),
            asked: Some(Moment(build.asked_at)),
            started: build.started_at.map(Moment),
            ended: build.ended_at.map(Moment),
            waited: build.started_at.map(|started| seconds(build.asked_at, started)),
            ran: build.started_at.zip(build.ended_at).map(|(started, ended)| seconds(started, ended)),
            outlook: self.outlook_of(build).await?,
            wanted_by: match build.state.has_ended() {
                true => Vec::new(),
                false => parties.wanted_by(directory, who, build),
            },
        })
    }

    /// The workers that were heard of lately, with the builds that they have under way, as far as `who` may see them.
    pub async fn workers(&self, directory: &Directory, who: &Who) -> Result<Vec<WorkerView>> {
        let mut workers: Vec<WorkerView> =
            self.targets().workers().await?.into_iter().map(WorkerView::from).collect();
        for running in self.db().unfinished_builds(MOST_RUNNING).await? {
            let named = |worker: &&mut WorkerView| running.worker.as_deref() == Some(&worker.name);
            let is_running = running.state == BuildState::Running;
            let Some(worker) = workers.iter_mut().find(named).filter(|_| is_running) else { continue };
            worker.busy += 1;
            let Some(build) = self.db().build(running.id).await? else { continue };
            if self.sees(directory, who, &build).await? {
                let (title, target) = (build.title(), build.target.clone());
                let since = build.started_at.map(Moment);
                worker.building.push(RunningView { build: build.id, title, target, since });
            }
        }
        Ok(workers)
    }

    async fn outlook_of(&self, build: &Build) -> Result<Option<OutlookView>> {
        if !matches!(build.state, BuildState::Queued | BuildState::Running) {
            return Ok(None);
        }
        let queue = self.outlook().await?;
        let seconds = |time: Option<Duration>| time.map(|time| time.as_secs());
        // A guess of a moment ago may be of another state.
        let fits = |outlook: &BuildOutlook| outlook.position.is_some() == (build.state == BuildState::Queued);
        Ok(queue.of(build.id).filter(fits).map(|outlook| OutlookView {
            position: outlook.position,
            waiting: queue.waiting,
            starts_in: seconds(outlook.starts_in),
            ends_in: seconds(outlook.ends_in),
            takes: seconds(outlook.takes),
            nobody: outlook.nobody,
        }))
    }

    async fn destinations(
        &self,
        directory: &Directory,
        who: &Who,
        build: &Build,
        parties: &Parties,
    ) -> Result<Vec<DestinationView>> {
        let refused = match parties.stands.contains(&Publication::Refused) {
            true => self.db().why_unpublished(build.id).await?,
            false => Vec::new(),
        };
        let why = |name: &IndexName| refused.iter().find(|one| one.index == *name).map(|one| one.why.clone());
        let all = parties.indexes.iter().zip(&parties.stands);
        let readable = all.filter(|(name, _)| reads(directory, who, slice::from_ref(*name)));
        let view = |(index, stands): (&IndexName, &Publication)| DestinationView {
            index: index.clone(),
            published: match stands {
                Publication::Done(at) => Some(Moment(*at)),
                Publication::Open | Publication::Refused => None,
            },
            refused: why(index).filter(|_| *stands == Publication::Refused),
        };
        Ok(readable.map(view).collect())
    }
}

/// Between two moments; none is before the other where clocks differ.
fn seconds(from: Micros, to: Micros) -> f64 {
    to.saturating_sub(from).max(0) as f64 / SECOND as f64
}

/// A version that pages do not list for a target, because its build failed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct LeftOutView {
    pub version: Option<String>,
    pub target: String,
    pub build: BuildId,
    pub failure: Option<Failure>,
    /// Where its log is.
    pub log: String,
}

impl LeftOutView {
    /// Those of a project, by its newest builds; `root` is the server's address.
    pub fn of(newest: Vec<Build>, root: &str) -> Vec<Self> {
        let failed = newest.into_iter().filter(|build| !build.given && build.failure.is_some());
        let view = |build: Build| Self {
            version: build.version,
            target: build.target,
            build: build.id,
            failure: build.failure,
            log: format!("{root}/+builds/{}/log", build.id),
        };
        failed.map(view).collect()
    }
}

/// A worker that was heard of lately.
#[derive(Clone, Debug, Serialize)]
pub struct WorkerView {
    pub name: String,
    pub owner: String,
    /// Their names.
    pub targets: Vec<String>,
    pub slots: u32,
    pub isolation: Isolation,
    pub version: String,
    /// Why it builds nothing.
    pub off: Option<String>,
    pub seen: Moment,
    /// How many builds it has under way, of [`WorkerView::slots`].
    pub busy: usize,
    /// Those of them that the asker may see.
    pub building: Vec<RunningView>,
}

/// A build that a worker has under way.
#[derive(Clone, Debug, Serialize)]
pub struct RunningView {
    pub build: BuildId,
    pub title: String,
    pub target: String,
    pub since: Option<Moment>,
}

impl From<Worker> for WorkerView {
    fn from(Worker { name, owner, description, seen_at }: Worker) -> Self {
        Self {
            name,
            owner,
            targets: description.targets.into_iter().map(|target| target.name).collect(),
            slots: description.slots,
            isolation: description.isolation,
            version: description.version,
            off: description.off,
            seen: Moment(seen_at),
            busy: 0,
            building: Vec::new(),
        }
    }
}
