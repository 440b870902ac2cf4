//! What repair and check ask of the job they are part of: runs in its sandbox, and environments.

use crate::words::{Failure, Step};
use std::collections::BTreeMap;
use std::path::PathBuf;

use super::sandbox::Mount;

/// One run in the job's sandbox. The paths that `command` names are inside ones.
#[derive(Clone, Debug, Default)]
pub struct Task {
    /// The program and its arguments.
    pub command: Vec<String>,
    /// Host path and where it appears inside, read-only.
    pub mounts: Vec<(PathBuf, String)>,
    pub env: BTreeMap<String, String>,
    /// An environment to stand at its usual place inside.
    pub environment: Option<Environment>,
    /// Where the files go that the run left in `/out`; `None`: they are dropped.
    pub collect: Option<PathBuf>,
    /// Seconds of wall time; the job's own limits hold besides.
    pub seconds: u64,
}

/// How a run ended.
#[derive(Clone, Debug, Default)]
pub struct TaskDone {
    /// The exit code; a signal's number + 128.
    pub code: i32,
    /// The last 64 KiB that it printed; all of it went to the build's log.
    pub printed: String,
    /// The collected files, below [`Task::collect`].
    pub files: Vec<PathBuf>,
}

/// An interpreter with packages, and what a run has to see to use it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Environment {
    /// Its interpreter inside the sandbox.
    pub python: String,
    /// The program itself, on the host.
    pub executable: PathBuf,
    /// The interpreter's own folders, which stand where they are on the host, and those of the packages.
    pub mounts: Vec<Mount>,
    /// A folder with more of the interpreter's programs, `python3.12-config` among them.
    pub programs: Option<PathBuf>,
    /// Name and version of what is installed in it.
    pub packages: BTreeMap<String, String>,
    /// The system packages that a run needs for it, beside the host's.
    pub system: Vec<String>,
}

/// For whom an environment is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ToolPython {
    /// The one that the job builds on: that of its target, or of the target that is its cross target's.
    Target,
    /// The one that [`Bench::guest`] found.
    Guest,
    /// The newest on this machine, at least 3.10: for tools such as auditwheel.
    Newest,
}

/// A job's sandbox and environments; a `RunningJob` is the real one.
pub trait Bench: Sync {
    /// Runs `task` and waits for its end; what it prints goes to the log under `step`.
    ///
    /// # Errors
    /// A limit that was reached, or a failure of the worker. A nonzero exit code is no error.
    fn run(&self, step: Step, task: Task) -> impl Future<Output = Result<TaskDone, Failure>> + Send;

    /// An environment with exactly what `requirements` resolve to in the job's context, cached.
    ///
    /// # Errors
    /// The requirement that has no wheel there, as `BuildRequirement`.
    fn environment(
        &self,
        interpreter: ToolPython,
        requirements: &[String],
    ) -> impl Future<Output = Result<Environment, Failure>> + Send;

    /// Finds an interpreter of the target's own system that can be started here, where the one that builds does not
    /// load what is built; says which it is, or why there is none.
    fn guest(&self) -> impl Future<Output = Result<String, String>> + Send;

    /// Whether runs may have a system package that the host lacks.
    fn may_add(&self, package: &str) -> bool;

    /// Name and version of the system package that brought a library of this file name into the root of
    /// the repair; `None`: it is the host's.
    fn package_of(&self, _library: &str) -> Option<(String, String)> {
        None
    }

    /// A line of ours in the build's log.
    fn note(&self, line: &str);
}
