//! What a worker is given and what it gives back: the words of the worker's protocol (JSON).

use super::target::Target;
use crate::config::BuildSettings;
use crate::words::{BuildSource, Evidence, Failure, Isolation, Purpose, Step};
use serde::{Deserialize, Serialize};

/// A build as a worker gets it, with the lease under which it may report.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Job {
    pub build: i64,
    /// To be sent with every report; an older one is refused with 409.
    pub fence: i64,
    #[serde(default)]
    pub purpose: Purpose,
    /// What the wheel must bear; `None` where the source has yet to say it.
    pub project: Option<String>,
    pub version: Option<String>,
    pub source: BuildSource,
    pub source_sha256: String,
    /// The target's name; the worker offered it.
    pub target: String,
    /// `user/index`: all that the build needs comes from here.
    pub context: String,
    /// Changes when anything goes into quarantine there or comes out: what was chosen before holds no longer.
    #[serde(default)]
    pub quarantines: String,
    /// Reads the pages and files of the context, as `Bearer`, for as long as the lease holds.
    pub credential: Option<String>,
    /// JSON of a put-together recipe (`build::recipe::Recipe`).
    pub recipe: Option<serde_json::Value>,
    /// Others have a platform wheel of this release, so one without compiled code is doubtful.
    pub platform_expected: bool,
    pub limits: JobLimits,
    /// Globs of system packages that the worker may add when the build turns out to miss them.
    #[serde(default)]
    pub addable: Vec<String>,
    /// Build requirements that have no wheel, and whose own builds failed.
    #[serde(default)]
    pub unmet: Vec<UnmetRequirement>,
    /// What an earlier build of this project found.
    #[serde(default)]
    pub learned: Option<Learned>,
}

/// A build requirement that cannot be had.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnmetRequirement {
    /// As the worker named it.
    pub requirement: String,
    /// For people.
    pub why: String,
}

/// What an earlier build found beside its recipe.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Learned {
    /// The build that found it.
    pub build: i64,
    /// JSON of a recipe.
    pub found: serde_json::Value,
    /// It is of this very release, so that a build may begin with it; else it is for one that fails.
    pub at_once: bool,
}

/// What one build may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobLimits {
    /// Seconds of wall time for the whole build.
    pub seconds: u64,
    /// Bytes of memory, all processes together.
    pub memory: u64,
    /// Bytes written to disk.
    pub disk: u64,
    pub files: u64,
    pub processes: u64,
    /// Bytes of log; what is more is cut out of its middle.
    pub log: u64,
}

impl Default for JobLimits {
    fn default() -> Self {
        Self::from(&BuildSettings::default())
    }
}

impl From<&BuildSettings> for JobLimits {
    fn from(build: &BuildSettings) -> Self {
        Self {
            seconds: build.timeout,
            memory: build.memory,
            disk: build.disk,
            files: build.files,
            processes: build.processes,
            log: build.log,
        }
    }
}

/// How a build ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "lowercase")]
pub enum JobOutcome {
    /// The wheel was handed in before, under this name.
    Built {
        wheel: String,
        evidence: Box<Evidence>,
    },
    /// Of a job for metadata alone.
    Metadata {
        /// METADATA as the backend wrote it.
        text: String,
    },
    /// Of a job for tests.
    Tested(TestReport),
    Failed(Failure),
    /// Build requirements that have no wheel for this target: build those first.
    Needs {
        requirements: Vec<String>,
    },
}

/// What the tests of a project came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TestReport {
    /// The version of the Python that ran them.
    pub interpreter: String,
    pub steps: Vec<TestStep>,
}

/// One command of the tests.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TestStep {
    pub command: String,
    /// The end of what it printed.
    pub output: String,
    pub code: i32,
}

/// What a worker sends while it holds a lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Heartbeat {
    pub fence: i64,
    pub step: Step,
}

/// What the server answers to a worker that says what it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Registered {
    /// Seconds between two heartbeats.
    pub beat: u64,
    /// The indexes for which it should have environments before builds ask for them.
    #[serde(default)]
    pub prepare: Vec<String>,
}

/// What a worker says of itself when it begins, and again with every heartbeat.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WorkerDescription {
    pub targets: Vec<Target>,
    pub slots: u32,
    pub isolation: Isolation,
    /// Of this program.
    pub version: String,
    /// Why it builds nothing at present: a canary's failure.
    pub off: Option<String>,
    /// Tells this worker from another one of its name; empty: it does not say.
    #[serde(default)]
    pub instance: String,
}
