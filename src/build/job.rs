//! What a worker is given and what it gives back: the words of the worker's protocol (JSON).

use super::evidence::Evidence;
use super::failure::Failure;
use super::target::Target;
use crate::config::Build;
use serde::{Deserialize, Serialize};

/// What a wheel is built from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    pub kind: SourceKind,
    /// `docopt-0.6.2.tar.gz`, or a name given to a packed tree.
    pub filename: String,
    /// Where it came from, for people: a page's index, a git URL with its tag, an upload.
    pub origin: String,
    /// Below the unpacked root; empty for the root itself.
    #[serde(default)]
    pub subdirectory: String,
    /// Microseconds since 1970: when the source was published, if that is known.
    #[serde(default)]
    pub published_at: Option<i64>,
    /// A git commit, for sources that come from a repository.
    #[serde(default)]
    pub commit: Option<String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SourceKind {
    /// As an index lists it: `{name}-{version}.tar.gz` and its older forms.
    #[default]
    Sdist,
    /// A packed directory or clone (`.tar.gz` with one top folder, `.git` included).
    Tree,
}

/// What a job is to bring.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Purpose {
    #[default]
    Wheel,
    /// The METADATA that the wheel would have, by the backend's hook for that, and no wheel.
    Metadata,
}

impl Purpose {
    pub fn name(self) -> &'static str {
        match self {
            Self::Wheel => "wheel",
            Self::Metadata => "metadata",
        }
    }

    /// By its name; what is no name is a wheel's.
    pub fn named(name: &str) -> Self {
        if name == Self::Metadata.name() { Self::Metadata } else { Self::Wheel }
    }
}

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
    pub source: Source,
    pub source_sha256: String,
    /// The target's name; the worker offered it.
    pub target: String,
    /// `user/index`: all that the build needs comes from here.
    pub context: String,
    /// Reads the pages and files of the context, as `Bearer`, for as long as the lease holds.
    #[serde(default)]
    pub credential: Option<String>,
    /// JSON of a put-together recipe (`build::recipe::Recipe`).
    pub recipe: Option<serde_json::Value>,
    /// Others have a platform wheel of this release, so a `none-any` one is held back.
    pub platform_expected: bool,
    pub limits: Limits,
}

/// What one build may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
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

impl Default for Limits {
    fn default() -> Self {
        Self::from(&Build::default())
    }
}

impl From<&Build> for Limits {
    fn from(build: &Build) -> Self {
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
pub enum Outcome {
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
    Failed(Failure),
    /// Build requirements that have no wheel for this target: build those first.
    Needs {
        requirements: Vec<String>,
    },
}

/// The steps of a build, in order; shown while it runs and when it fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Step {
    Fetch,
    Unpack,
    Environment,
    Build,
    Collect,
    Repair,
    Check,
    Test,
    Report,
}

impl Step {
    pub const ALL: [Self; 9] = [
        Self::Fetch,
        Self::Unpack,
        Self::Environment,
        Self::Build,
        Self::Collect,
        Self::Repair,
        Self::Check,
        Self::Test,
        Self::Report,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::Fetch => "fetch",
            Self::Unpack => "unpack",
            Self::Environment => "environment",
            Self::Build => "build",
            Self::Collect => "collect",
            Self::Repair => "repair",
            Self::Check => "check",
            Self::Test => "test",
            Self::Report => "report",
        }
    }
}

/// What a worker sends while it holds a lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Heartbeat {
    pub fence: i64,
    pub step: Step,
}

/// What the server answers to a worker that says what it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Registered {
    /// Seconds between two heartbeats.
    pub beat: u64,
}

/// What a worker says of itself when it begins, and again with every heartbeat.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WorkerDescription {
    pub targets: Vec<Target>,
    pub slots: u32,
    /// `bubblewrap` or `none`.
    pub isolation: String,
    /// Of this program.
    pub version: String,
    /// Why it builds nothing at present: a canary's failure.
    #[serde(default)]
    pub off: Option<String>,
    /// Tells this worker from another one of its name; empty: it does not say.
    #[serde(default)]
    pub instance: String,
}
