//! One job at work: its room, its environments and its system packages together.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::sync::OnceCell;

use super::bench::{Bench, Environment, Task, TaskDone, ToolPython};
use super::environment::{EnvironmentRequest, Environments, HeldEnvironment};
use super::guest::{self, GuestSearch, StartedGuest};
use super::interpreters::Interpreter;
use super::log::{Log, last};
use super::room::{Room, SandboxRun, Stop, ours};
use super::root::{OlderSystem, OlderSystems, Root, Roots};
use super::sandbox::collect::{self, Bounds};
use super::sandbox::{Mount, Sandbox};
use crate::build::job::{Job, JobLimits};
use crate::build::recipe::Recipe;
use crate::build::target::Target;
use crate::client::WorkerClient;
use crate::error::Result;
use crate::packaging::requirement::Requirement;
use crate::tools::locks::Locks;
use crate::tools::scratch::{ScratchFolder, remove_folder};
use crate::words::{Class, Failure, Step};

/// What all jobs of a worker share.
#[derive(Debug)]
pub struct WorkerMachine {
    /// Its own folder: jobs, environments and tools lie below.
    pub folder: PathBuf,
    pub interpreters: Vec<Interpreter>,
    pub sandbox: Sandbox,
    pub environments: Environments,
    /// With the system packages of recipes.
    pub roots: Roots,
    /// Where builds for an older glibc go that zig cannot compile.
    pub older: OlderSystems,
    /// Held while zig compiles its libraries for a system, by where these go.
    pub zig: Locks<PathBuf>,
}

/// One job at work.
pub struct RunningJob<'a> {
    pub job: &'a Job,
    /// The job's own recipe.
    pub given: Recipe,
    /// What remedies found beside it.
    found: Recipe,
    /// Both together: what is followed.
    pub recipe: Recipe,
    pub worker: &'a WorkerMachine,
    /// What the build runs on.
    pub interpreter: &'a Interpreter,
    /// What it is for: the interpreter's own, or one of its cross targets.
    pub target: &'a Target,
    pub room: Room<'a>,
    /// The older system that it is built in, after zig could not.
    pub older: Option<OlderSystem>,
    /// The source called a compiler, or looked as if it would.
    compiles: AtomicBool,
    /// Environments that must not be evicted before the job's end.
    held: Mutex<Vec<HeldEnvironment>>,
    /// What the wheel was repaired in, if the recipe has system packages.
    root: Mutex<Option<Arc<Root>>>,
    /// The build requirements of the latest environment.
    asked: Mutex<Vec<Requirement>>,
    /// What tests a wheel that the interpreter does not load; or why there is none.
    guest: OnceCell<Result<StartedGuest, String>>,
}

impl<'a> RunningJob<'a> {
    /// Opens the room of a job: an empty folder, and the clock of its limits.
    ///
    /// # Errors
    /// If the folder cannot be made, or the recipe cannot be followed.
    pub fn open(
        job: &'a Job,
        worker: &'a WorkerMachine,
        link: &'a WorkerClient,
        log: &'a Log,
        (interpreter, target): (&'a Interpreter, &'a Target),
    ) -> Result<Self> {
        let recipe = job.recipe.as_ref().map(Recipe::from_json).transpose()?.unwrap_or_default();
        let seconds = recipe.build.timeout.unwrap_or(job.limits.seconds);
        let room = Room {
            link,
            log,
            folder: ScratchFolder::make(
                worker.folder.join("jobs").join(format!("{}-{}", job.build, job.fence)),
            )?,
            sandbox: &worker.sandbox,
            context: &job.context,
            limits: JobLimits { memory: recipe.build.memory.unwrap_or(job.limits.memory), ..job.limits },
            deadline: Instant::now() + Duration::from_secs(seconds.min(7 * 24 * 3600)),
            changes: Mutex::default(),
        };
        worker.environments.note_quarantines(&job.context, &job.quarantines);
        Ok(Self {
            job,
            given: recipe.clone(),
            found: Recipe::default(),
            recipe,
            worker,
            interpreter,
            target,
            room,
            older: None,
            compiles: AtomicBool::new(false),
            held: Mutex::default(),
            root: Mutex::default(),
            asked: Mutex::default(),
            guest: OnceCell::new(),
        })
    }

    /// Begins with what an earlier build of this very release found, if that is known.
    pub fn begin_as_learned(&mut self) {
        let Some(learned) = self.job.learned.as_ref().filter(|learned| learned.at_once) else { return };
        if let Ok(found) = Recipe::from_json(&learned.found) {
            self.follow(found);
            self.room.log.note(&format!("as build {} found: {}", learned.build, self.strategy()));
        }
    }

    /// From now on the recipe is the job's own with `found` beside it.
    pub fn follow(&mut self, found: Recipe) {
        self.recipe = self.given.with(&found);
        self.found = found;
    }

    /// What remedies found up to now.
    pub fn found(&self) -> &Recipe {
        &self.found
    }

    /// How the wheel is built, for people: `plain`, `constraints: setuptools<58`.
    pub fn strategy(&self) -> String {
        self.found.strategy(self.job.recipe.is_some())
    }

    /// Begins anew in an older system, without what was found for another compiler.
    pub fn move_to(&mut self, older: OlderSystem) {
        self.older = Some(older);
        self.follow(Recipe::default());
    }

    /// Where the system packages of the build come from.
    pub fn roots(&self) -> &Roots {
        self.older.as_ref().map_or(&self.worker.roots, |older| &older.roots)
    }

    /// Notes that the source needs a compiler.
    pub fn needs_compiler(&self) {
        self.compiles.store(true, Ordering::Relaxed);
    }

    /// Whether that was noted.
    pub fn compiles(&self) -> bool {
        self.compiles.load(Ordering::Relaxed)
    }

    /// Keeps what an environment is asked for.
    pub fn asks(&self, requirements: &[Requirement]) {
        requirements.clone_into(&mut self.asked.lock());
    }

    /// The build requirements that the latest attempt asked for.
    pub fn asked(&self) -> Vec<Requirement> {
        self.asked.lock().clone()
    }

    /// Runs in the sandbox with the system packages that the recipe has for this step; see [`Room::run`].
    ///
    /// # Errors
    /// A limit that was reached, as its class; packages that cannot be had; a failure of the worker.
    pub async fn run(&self, step: Step, mut run: SandboxRun<'_>) -> Result<i32, Failure> {
        let own = run.environment.map(|environment| environment.system.as_slice()).unwrap_or_default();
        let root = self.root_of(step, own).await?;
        run.root = root.as_deref();
        if let (Some(root), Some(environment)) = (run.root.filter(|root| root.is_whole()), run.environment) {
            let folder = self.room.unique("started", step)?;
            let mounts = root.interpreter(environment, &folder).map_err(|error| ours(&error, step))?;
            run.mounts.extend(mounts);
        }
        self.room.run(step, run).await
    }

    /// The system packages of the build while it is built and repaired, those of the tests while they run,
    /// nothing at any other time; and what an environment needs.
    async fn root_of(&self, step: Step, own: &[String]) -> Result<Option<Arc<Root>>, Failure> {
        let mut packages = match step {
            Step::Build | Step::Repair => self.recipe.packages.clone(),
            Step::Test => self.recipe.test_packages(),
            _ => Vec::new(),
        };
        packages.extend_from_slice(own);
        let roots = match step {
            Step::Build | Step::Repair => self.roots(),
            _ => &self.worker.roots,
        };
        let root = roots.with(&packages, step, self.room.log).await?;
        if let (Step::Repair, Some(root)) = (step, &root) {
            *self.root.lock() = Some(Arc::clone(root));
        }
        Ok(root)
    }

    /// Gets an environment, held until the job's end.
    ///
    /// # Errors
    /// What is needed first, or why there is none.
    pub async fn prepare(&self, request: &EnvironmentRequest<'_>) -> Result<Environment, Stop> {
        let held = self.worker.environments.get(&self.room, request).await?;
        let environment = held.environment.clone();
        self.held.lock().push(held);
        Ok(environment)
    }

    /// The interpreter of the target's own system, where the one that builds does not load what is built; or why
    /// there is none. It is started once.
    pub async fn guest(&self) -> &Result<StartedGuest, String> {
        let search = GuestSearch {
            target: self.target,
            builds: self.interpreter,
            room: &self.room,
            context: &self.job.context,
            roots: &self.worker.roots,
            environments: &self.worker.environments,
            addable: &self.job.addable,
        };
        self.guest.get_or_init(|| search.start()).await
    }

    /// Of an environment with what a wheel requires where it is used.
    pub fn used_with(&self, step: Step) -> EnvironmentRequest<'_> {
        match self.guest.get() {
            Some(Ok(guest)) => EnvironmentRequest::new(&guest.interpreter, &self.job.context, step)
                .installed_by(self.interpreter),
            _ => EnvironmentRequest::new(self.interpreter, &self.job.context, step),
        }
    }

    /// The environment of nothing yet that a tool is for.
    fn tool(&self, which: ToolPython) -> Result<EnvironmentRequest<'_>, Failure> {
        match which {
            ToolPython::Guest => Ok(self.used_with(Step::Check)),
            ToolPython::Target => {
                Ok(EnvironmentRequest::new(self.interpreter, &self.job.context, Step::Check))
            }
            ToolPython::Newest => {
                let all = self.worker.interpreters.iter();
                let fit =
                    all.filter(|each| each.target.implementation == "cp" && each.target.python() >= (3, 10));
                let newest = fit.max_by_key(|each| (each.target.python(), !each.target.abi.ends_with('t')));
                let newest = newest.ok_or_else(|| {
                    let hint =
                        "wheelwright repairs this wheel with auditwheel, which needs Python 3.10 or later: \
                         install one on the worker's machine";
                    Failure::new(Class::Repair, Step::Repair, hint.to_owned())
                })?;
                Ok(EnvironmentRequest::new(newest, &self.job.context, Step::Check))
            }
        }
    }
}

impl Bench for RunningJob<'_> {
    async fn run(&self, step: Step, task: Task) -> Result<TaskDone, Failure> {
        let (room, mark) = (&self.room, self.room.log.written());
        let out = room.unique("out", step)?;
        let mut mounts = vec![Mount::write(&out, "/out")];
        mounts.extend(task.mounts.into_iter().map(|(host, inside)| Mount::read(host, inside)));
        let run = SandboxRun {
            argv: task.command,
            env: task.env.into_iter().collect(),
            mounts,
            environment: task.environment.as_ref(),
            seconds: Some(task.seconds),
            watched: vec![out.clone()],
            ..SandboxRun::default()
        };
        let code = self.run(step, run).await?;
        let files = match task.collect {
            Some(into) => collect::collect(&out, &into, Bounds::default()).await?,
            None => Vec::new(),
        };
        remove_folder(&out).map_err(|error| ours(&error, step))?;
        let printed = last(&room.log.since(mark), 64 << 10).to_owned();
        Ok(TaskDone { code, printed, files: files.into_iter().map(|each| each.path).collect() })
    }

    async fn environment(&self, which: ToolPython, requirements: &[String]) -> Result<Environment, Failure> {
        let request = self.tool(which)?.with(requirements).map_err(|error| ours(&error, Step::Check))?;
        self.prepare(&request).await.map_err(|stop| match stop {
            Stop::Failed(failure) => failure,
            Stop::Needs(needs) => Failure::new(
                Class::BuildRequirement,
                Step::Check,
                format!("build {} for this target first", needs.join(", ")),
            ),
        })
    }

    async fn guest(&self) -> Result<String, String> {
        RunningJob::guest(self).await.as_ref().map(|guest| guest.name.clone()).map_err(Clone::clone)
    }

    fn may_add(&self, package: &str) -> bool {
        guest::may_add(&self.job.addable, package)
    }

    fn package_of(&self, library: &str) -> Option<(String, String)> {
        self.root.lock().as_ref()?.package_of(library)
    }

    fn note(&self, line: &str) {
        self.room.log.note(line);
    }
}
