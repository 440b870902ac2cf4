//! The room of one job: its folder, its runs in the sandbox, and what is left of its limits.

use std::path::{Path, PathBuf};
use std::time::Instant;

use parking_lot::Mutex;

use super::bench::Environment;
use super::log::Log;
use super::root::Root;
use super::sandbox::collect::{self, Bounds, CollectedFile};
use super::sandbox::gate::{GateDestination, SandboxGate};
use super::sandbox::{Mount, RunEnd, Sandbox, SandboxPlan};
use crate::build::failure::classify;
use crate::build::job::JobLimits;
use crate::client::{WorkerClient, index_path};
use crate::error::{Error, Result};
use crate::tools::scratch::ScratchFolder;
use crate::words::{Class, Failure, Step};

/// How a job stops short of a wheel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stop {
    Failed(Failure),
    /// Requirements without a wheel for the target that could be built.
    Needs(Vec<String>),
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

/// Where one job's code runs, and what it may use there.
pub struct Room<'a> {
    pub link: &'a WorkerClient,
    pub log: &'a Log,
    /// Gone when the job is.
    pub folder: ScratchFolder,
    pub(super) sandbox: &'a Sandbox,
    /// The index that is seen from inside: `user/index`.
    pub(super) context: &'a str,
    /// Of each run.
    pub(super) limits: JobLimits,
    /// Of all runs together.
    pub(super) deadline: Instant,
    /// What of the source was changed before it was built, for the evidence.
    pub(super) changes: Mutex<Vec<String>>,
}

/// One run in the sandbox of a job.
#[derive(Default)]
pub struct SandboxRun<'a> {
    pub argv: Vec<String>,
    pub env: Vec<(String, String)>,
    pub cwd: PathBuf,
    pub mounts: Vec<Mount>,
    pub environment: Option<&'a Environment>,
    /// System packages beside the host's.
    pub root: Option<&'a Root>,
    /// The gate through which the index is reached.
    pub index: Option<PathBuf>,
    /// A folder that comes first in the search path.
    pub path: Option<String>,
    /// A folder that comes last in it; left out: the environment's.
    pub programs: Option<PathBuf>,
    /// With the host's network: for what runs no code of a build.
    pub network: bool,
    /// Seconds; the job's limits hold besides.
    pub seconds: Option<u64>,
    /// Folders that count against the disk limit.
    pub watched: Vec<PathBuf>,
}

impl Room<'_> {
    /// A new empty folder in the job's.
    ///
    /// # Errors
    /// A failure of the worker.
    pub fn below(&self, name: &str, step: Step) -> Result<PathBuf, Failure> {
        self.folder.below(name).map_err(|error| ours(&error, step))
    }

    /// A new empty folder in the job's, of which there may be many: `out7`.
    pub(super) fn unique(&self, name: &str, step: Step) -> Result<PathBuf, Failure> {
        self.below(&format!("{name}{}", unique()), step)
    }

    /// Notes a change to the source, once.
    pub fn changed(&self, what: &str) {
        let mut changes = self.changes.lock();
        if !changes.iter().any(|known| known == what) {
            changes.push(what.to_owned());
        }
    }

    /// What was noted so.
    pub fn changes(&self) -> Vec<String> {
        self.changes.lock().clone()
    }

    /// Seconds that are left, at least one.
    pub fn seconds_left(&self) -> u64 {
        self.deadline.saturating_duration_since(Instant::now()).as_secs().max(1)
    }

    /// Opens a gate to the job's context, as of a date if one is given.
    ///
    /// # Errors
    /// A failure of the worker.
    pub async fn gate(&self, at: Option<&str>, step: Step) -> Result<(PathBuf, SandboxGate), Failure> {
        let socket = self.folder.path().join(format!("gate{}", unique()));
        let to = GateDestination {
            server: self.link.reader().clone(),
            context: index_path(self.context),
            at: at.map(str::to_owned),
        };
        let gate = SandboxGate::open(&socket, to).await.map_err(|error| ours(&error, step))?;
        Ok((socket, gate))
    }

    /// Runs in the sandbox; gives the exit code, a signal's as its number + 128.
    ///
    /// # Errors
    /// A limit that was reached, as its class; a failure of the worker.
    pub async fn run(&self, step: Step, run: SandboxRun<'_>) -> Result<i32, Failure> {
        let mark = self.log.written();
        let mut env = vec![("PATH".to_owned(), search_path(&run))];
        env.extend(run.env);
        let mut mounts = run.environment.map(|environment| environment.mounts.clone()).unwrap_or_default();
        mounts.extend(run.mounts);
        let seconds = run.seconds.unwrap_or(u64::MAX).min(self.seconds_left());
        let mut plan = SandboxPlan {
            argv: run.argv,
            env,
            cwd: run.cwd,
            mounts,
            index: run.index,
            limits: JobLimits { seconds, ..self.limits },
            watched: run.watched,
            root: None,
            starter: Vec::new(),
            network: run.network,
        };
        if let Some(root) = run.root {
            root.apply(&mut plan);
        }
        let ended = self.sandbox.run(&plan, self.log).await.map_err(|error| ours(&error, step))?;
        match ended.end {
            RunEnd::Exit(code) => Ok(code),
            RunEnd::Signal(signal) => Ok(signal + 128),
            limit => Err(classify(&self.log.since(mark), step, limit.exit())),
        }
    }

    /// Copies what a dead run left in `out` into a new folder `name` of the job.
    ///
    /// # Errors
    /// `WrongWheel` for anything but ordinary files.
    pub async fn collect(&self, out: &Path, name: &str) -> Result<Vec<CollectedFile>, Failure> {
        let into = self.below(name, Step::Collect)?;
        collect::collect(out, &into, Bounds::default()).await
    }
}

fn search_path(run: &SandboxRun<'_>) -> String {
    let usual = "/tools/bin:/env/bin:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin".to_owned();
    // Last, for `python3.12-config`; its `pip` and others are nobody's business.
    let own = run.environment.and_then(|environment| environment.programs.as_ref());
    let last = run.programs.as_ref().or(own).map(|folder| folder.to_string_lossy().into_owned());
    run.path.clone().into_iter().chain([usual]).chain(last).collect::<Vec<_>>().join(":")
}

/// What went wrong on our side of the sandbox.
pub fn ours(error: &Error, step: Step) -> Failure {
    Failure::new(Class::Worker, step, format!("{error}"))
}

fn unique() -> u64 {
    use std::sync::atomic::{AtomicU64, Ordering};
    static NEXT: AtomicU64 = AtomicU64::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}
