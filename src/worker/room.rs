//! The room of one job: its folder, its sandbox runs, its environments, and what is left of its limits.

use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::bench::{self, Bench, Done, Environment, Task};
use super::environment::{Environments, Held, Request};
pub use super::folder::{Folder, remove};
use super::interpreters::Interpreter;
use super::link::Link;
use super::log::Log;
use super::root::{Root, Roots};
use super::sandbox::collect::{self, Bounds, Collected};
use super::sandbox::gate::{Fetched, Gate};
use super::sandbox::{End, Mount, Plan, Sandbox};
use crate::build::failure::{Class, Exit, Failure, classify};
use crate::build::job::{Job, Limits, Step};
use crate::build::recipe::Recipe;
use crate::error::{Error, Result};

/// What all jobs of a worker share.
#[derive(Debug)]
pub struct Worker {
    /// Its own folder: jobs, environments and tools lie below.
    pub folder: PathBuf,
    pub interpreters: Vec<Interpreter>,
    pub sandbox: Sandbox,
    pub environments: Environments,
    /// With the system packages of recipes.
    pub roots: Roots,
}

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

/// One job at work.
pub struct Room<'a> {
    pub job: &'a Job,
    pub worker: &'a Worker,
    pub link: &'a Link,
    pub log: &'a Log,
    pub interpreter: &'a Interpreter,
    pub recipe: Recipe,
    /// Gone when the job is.
    pub folder: Folder,
    deadline: Instant,
    /// Environments that must not be evicted before the job's end.
    held: Mutex<Vec<Held>>,
    /// What the wheel was repaired in, if the recipe has system packages.
    pub(super) root: Mutex<Option<Arc<Root>>>,
}

/// One run in the sandbox of a job.
#[derive(Default)]
pub struct Run<'a> {
    pub argv: Vec<String>,
    pub env: Vec<(String, String)>,
    pub cwd: PathBuf,
    pub mounts: Vec<Mount>,
    /// Whose prefix is mounted; left out: no interpreter's.
    pub interpreter: Option<&'a Interpreter>,
    pub environment: Option<&'a Environment>,
    /// The gate through which the index is reached.
    pub index: Option<PathBuf>,
    /// A folder that comes first in the search path.
    pub path: Option<String>,
    /// With the host's network: for what runs no code of a build.
    pub network: bool,
    /// Seconds; the job's limits hold besides.
    pub seconds: Option<u64>,
    /// Folders that count against the disk limit.
    pub watched: Vec<PathBuf>,
}

impl<'a> Room<'a> {
    /// Opens the room of a job: an empty folder, and the clock of its limits.
    ///
    /// # Errors
    /// If the folder cannot be made, or the recipe cannot be followed.
    pub fn open(
        job: &'a Job,
        worker: &'a Worker,
        link: &'a Link,
        log: &'a Log,
        interpreter: &'a Interpreter,
    ) -> Result<Self> {
        let recipe = job.recipe.as_ref().map(Recipe::from_json).transpose()?.unwrap_or_default();
        let folder = Folder::make(worker.folder.join("jobs").join(format!("{}-{}", job.build, job.fence)))?;
        let seconds = recipe.build.timeout.unwrap_or(job.limits.seconds);
        let deadline = Instant::now() + Duration::from_secs(seconds.min(7 * 24 * 3600));
        Ok(Self {
            job,
            worker,
            link,
            log,
            interpreter,
            recipe,
            folder,
            deadline,
            held: Mutex::default(),
            root: Mutex::default(),
        })
    }

    /// Seconds that are left, at least one.
    pub fn seconds_left(&self) -> u64 {
        self.deadline.saturating_duration_since(Instant::now()).as_secs().max(1)
    }

    /// What a run may use at most, `seconds` of wall time among it.
    fn limits(&self, seconds: Option<u64>) -> Limits {
        let seconds = seconds.unwrap_or(u64::MAX).min(self.seconds_left());
        Limits {
            seconds,
            memory: self.recipe.build.memory.unwrap_or(self.job.limits.memory),
            ..self.job.limits
        }
    }

    /// Opens a gate to the job's context, as of a date if one is given.
    ///
    /// # Errors
    /// A failure of the worker.
    pub async fn gate(&self, at: Option<&str>, step: Step) -> Result<(PathBuf, Gate), Failure> {
        let socket = self.folder.path().join(format!("gate{}", unique()));
        let beyond = self.link.beyond(&self.job.context, at);
        let gate = Gate::open(&socket, beyond).await.map_err(|error| ours(&error, step))?;
        Ok((socket, gate))
    }

    /// Runs in the sandbox; gives the exit code, and what was printed since the log stood at a mark.
    ///
    /// # Errors
    /// A limit that was reached, as its class; a failure of the worker.
    pub async fn run(&self, step: Step, run: Run<'_>) -> Result<i32, Failure> {
        let mark = self.log.written();
        let mut mounts = Vec::new();
        if let Some(interpreter) = run.interpreter {
            mounts.extend(interpreter_mounts(interpreter));
        }
        if let Some(environment) = run.environment {
            mounts.extend(self.environment_mounts(environment));
        }
        mounts.extend(run.mounts);
        let first = run.path.map(|path| format!("{path}:")).unwrap_or_default();
        let mut env = vec![("PATH".to_owned(), format!("{first}{}", search_path(run.interpreter)))];
        env.extend(run.env);
        let limits = self.limits(run.seconds);
        let mut plan = Plan {
            argv: run.argv,
            env,
            cwd: run.cwd,
            mounts,
            index: run.index,
            limits,
            watched: run.watched,
            root: None,
            network: run.network,
        };
        let _root = super::root::enter(self, step, &mut plan).await?;
        let ended = self.worker.sandbox.run(&plan, self.log).await.map_err(|error| ours(&error, step))?;
        match ended.end {
            End::Exit(code) => Ok(code),
            End::Signal(signal) => Ok(signal + 128),
            End::Limit(class) => Err(classify(&self.log.since(mark), step, limit_exit(class))),
        }
    }

    /// Where the packages of an environment stand inside.
    fn environment_mounts(&self, environment: &Environment) -> Vec<Mount> {
        let of = self.worker.interpreters.iter().find(|each| {
            each.base_prefix == environment.prefix && !has_venv(each) && is_python_of(each, environment)
        });
        let mut mounts = vec![Mount::read(&environment.folder, super::environment::INSIDE)];
        if let Some(interpreter) = of {
            let packages = environment.folder.join(super::environment::packages_folder(interpreter));
            mounts.push(Mount::read(packages, &interpreter.site_packages));
        }
        mounts
    }

    /// Gets an environment, held until the job's end.
    ///
    /// # Errors
    /// What is needed first, or why there is none.
    pub async fn prepare(&self, request: &Request<'_>) -> Result<Environment, Stop> {
        let held = self.worker.environments.get(self, request).await?;
        let environment = held.environment.clone();
        self.held.lock().push(held);
        Ok(environment)
    }

    /// Copies what a dead run left in `out` into a new folder `name` of the job.
    ///
    /// # Errors
    /// `WrongWheel` for anything but ordinary files.
    pub async fn collect(&self, out: &Path, name: &str) -> Result<Vec<Collected>, Failure> {
        let into = self.folder.below(name).map_err(|error| ours(&error, Step::Collect))?;
        collect::collect(out, &into, Bounds::default()).await
    }

    /// The interpreter that a tool runs on.
    fn chosen(&self, which: bench::Interpreter) -> Result<&'a Interpreter, Failure> {
        match which {
            bench::Interpreter::Target => Ok(self.interpreter),
            bench::Interpreter::Newest => {
                let all = self.worker.interpreters.iter();
                let fit =
                    all.filter(|each| each.target.implementation == "cp" && each.target.python() >= (3, 10));
                fit.max_by_key(|each| (each.target.python(), !each.target.abi.ends_with('t'))).ok_or_else(|| {
                    let hint = "wheels that need libraries are repaired by auditwheel, which needs Python 3.10 or \
                                later: install one on the worker's machine";
                    Failure::new(Class::Repair, Step::Repair, hint.to_owned())
                })
            }
        }
    }

    fn of_prefix(&self, environment: &Environment) -> Option<&'a Interpreter> {
        self.worker.interpreters.iter().find(|each| is_python_of(each, environment))
    }
}

impl Bench for Room<'_> {
    async fn run(&self, step: Step, task: Task) -> Result<Done, Failure> {
        let mark = self.log.written();
        let out = self.folder.below(&format!("out{}", unique())).map_err(|error| ours(&error, step))?;
        let mut mounts = vec![Mount::write(&out, "/out")];
        mounts.extend(task.mounts.into_iter().map(|(host, inside)| Mount::read(host, inside)));
        let run = Run {
            argv: task.command,
            env: task.env.into_iter().collect(),
            mounts,
            interpreter: task.environment.as_ref().and_then(|environment| self.of_prefix(environment)),
            environment: task.environment.as_ref(),
            seconds: Some(task.seconds),
            watched: vec![out.clone()],
            ..Run::default()
        };
        let code = self.run(step, run).await?;
        let files = match task.collect {
            Some(into) => collect::collect(&out, &into, Bounds::default()).await?,
            None => Vec::new(),
        };
        remove(&out).map_err(|error| ours(&error, step))?;
        let printed = last(&self.log.since(mark), 64 << 10).to_owned();
        Ok(Done { code, printed, files: files.into_iter().map(|each| each.path).collect() })
    }

    async fn environment(
        &self,
        interpreter: bench::Interpreter,
        requirements: &[String],
    ) -> Result<Environment, Failure> {
        let interpreter = self.chosen(interpreter)?;
        let request = Request::new(interpreter, &self.job.context, Step::Check).with(requirements);
        self.prepare(&request.map_err(|error| ours(&error, Step::Check))?).await.map_err(|stop| match stop {
            Stop::Failed(failure) => failure,
            Stop::Needs(needs) => Failure::new(
                Class::BuildRequirement,
                Step::Check,
                format!("build {} for this target first", needs.join(", ")),
            ),
        })
    }

    fn package_of(&self, library: &str) -> Option<(String, String)> {
        self.root.lock().as_ref()?.package_of(library)
    }

    fn note(&self, line: &str) {
        self.log.note(line);
    }
}

/// Later than 3.2 there are virtual environments.
pub fn has_venv(interpreter: &Interpreter) -> bool {
    interpreter.target.python() >= (3, 3)
}

fn is_python_of(interpreter: &Interpreter, environment: &Environment) -> bool {
    interpreter.base_prefix == environment.prefix
        && environment.python == super::environment::python_inside(interpreter)
}

/// An interpreter stands where it is on the host; `/usr` is there anyway.
fn interpreter_mounts(interpreter: &Interpreter) -> Vec<Mount> {
    let prefixes = [&interpreter.base_prefix, &interpreter.prefix];
    let own = |prefix: &&PathBuf| !prefix.starts_with("/usr") && prefix.parent().is_some();
    let mut mounts: Vec<Mount> =
        prefixes.into_iter().filter(own).map(|prefix| Mount::read(prefix, prefix)).collect();
    mounts.dedup();
    mounts
}

fn search_path(interpreter: Option<&Interpreter>) -> String {
    let mut path = "/tools/bin:/env/bin:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin".to_owned();
    if let Some(folder) = interpreter.and_then(|interpreter| interpreter.executable.parent()) {
        // Last, for `python3.12-config`; its `pip` and others are nobody's business.
        path.push(':');
        path.push_str(&folder.to_string_lossy());
    }
    path
}

fn limit_exit(class: Class) -> Exit {
    match class {
        Class::Memory => Exit::Memory,
        Class::Disk => Exit::Disk,
        Class::Worker => Exit::Room,
        Class::LogSize => Exit::LogSize,
        Class::Processes => Exit::Processes,
        _ => Exit::Timeout,
    }
}

/// What went wrong on our side of the sandbox.
pub fn ours(error: &Error, step: Step) -> Failure {
    Failure::new(Class::Worker, step, format!("{error}"))
}

/// Exact files that came through gates, by name.
pub fn names_of(fetched: Vec<Fetched>) -> BTreeMap<String, String> {
    fetched.into_iter().map(|each| (each.filename, each.sha256)).collect()
}

fn unique() -> u64 {
    use std::sync::atomic::{AtomicU64, Ordering};
    static NEXT: AtomicU64 = AtomicU64::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// At most the last `bytes` of a text.
fn last(text: &str, bytes: usize) -> &str {
    let mut from = text.len().saturating_sub(bytes);
    while !text.is_char_boundary(from) {
        from += 1;
    }
    text.get(from..).unwrap_or_default()
}
