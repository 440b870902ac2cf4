//! One attempt at a wheel: its environment, a run of the backend's hooks in it, what came out.

use std::path::{Path, PathBuf};

use super::backend::{self, HOOKS, HookAnswer};
use super::bench::Environment;
use super::clock::Clock;
use super::environment::EnvironmentRequest;
use super::metadata;
use super::room::{SandboxRun, Stop, ours};
use super::running::RunningJob;
use super::rust;
use super::sandbox::Mount;
use super::sandbox::collect::CollectedFile;
use super::source::{INSIDE, Unpacked};
use super::zig::Zig;
use crate::build::failure::{Exit, classify, of};
use crate::error::{Error, Result};
use crate::packaging::requirement::Requirement;
use crate::words::{Class, Failure, Purpose, Step};

/// How often a backend may ask for more.
const MOST_ROUNDS: usize = 4;
const ANSWER: &str = "answer.json";
/// Compilers that are called by these names write no debug information, which nobody gets to see,
/// and which makes up most of a wheel. `CFLAGS` would take the place of the interpreter's own.
const COMPILERS: [&str; 8] = ["cc", "c++", "gcc", "g++", "clang", "clang++", "c99", "gfortran"];
const COMPILER: &str = "#!/bin/sh\nexec \"/usr/bin/${0##*/}\" \"$@\" -g0 $WHEELWRIGHT_COMPILER_FLAGS\n";

/// What the backend made: a wheel or, for a job for metadata, a file `METADATA`; in a folder where
/// nothing else writes.
#[derive(Debug)]
pub struct Made {
    pub file: CollectedFile,
    pub environment: Environment,
    /// The compiler for another system that took part: `zig cc -target x86_64-linux-gnu.2.17`.
    pub zig: Option<String>,
}

/// Builds once, as the recipe of the running job says.
///
/// # Errors
/// What is needed first, or why there is no wheel.
pub async fn run(running: &RunningJob<'_>, unpacked: &Unpacked, clock: &mut Clock<'_>) -> Result<Made, Stop> {
    let mut zig = Zig::of(running, unpacked);
    let tools = Tools::lay_out(running, zig.as_ref()).map_err(|error| ours(&error, Step::Build))?;
    let out = running.room.below("out", Step::Build)?;
    clock.enter(Step::Environment);
    if let Some(zig) = &mut zig {
        zig.refuse_rust(unpacked)?;
        if zig.looks_needed() {
            zig.get_ready(running, &tools.folder).await?;
        }
    }
    let rust = rust::prepare(&running.room, unpacked).await?;
    let mut request = first_request(running, unpacked)?;
    let mut given = texts(&request.requirements);
    for _ in 0..MOST_ROUNDS {
        clock.enter(Step::Environment);
        running.asks(&request.requirements);
        let environment = running.prepare(&request).await?;
        clock.enter(Step::Build);
        let plan = backend::HookPlan {
            backend: &unpacked.said.system.backend,
            backend_path: &unpacked.said.system.backend_path,
            source: &unpacked.inside(running.job),
            out: "/out",
            answer: &format!("/work/{ANSWER}"),
            hook: running.job.purpose.hook(),
            config_settings: &running.recipe.build.config_settings,
            script: running.recipe.build.script,
            given: given.clone(),
            without: &running.recipe.build.without,
            installed: environment.packages.keys().map(String::as_str).collect(),
        };
        tools.write_plan(&plan).map_err(|error| ours(&error, Step::Build))?;
        let mark = running.room.log.written();
        let mut run = run_of(running, unpacked, &tools, &out, &environment);
        rust.apply(&mut run);
        if let Some(zig) = &zig {
            zig.apply(&mut run);
        }
        let code = running.run(Step::Build, run).await?;
        if let Some(zig) = zig.as_mut().filter(|zig| zig.was_wanted(unpacked)) {
            clock.enter(Step::Environment);
            zig.get_ready(running, &tools.folder).await?;
            // Nothing of the run without it is taken for a result.
            running.room.below("out", Step::Build)?;
            continue;
        }
        match code {
            0 => {
                clock.enter(Step::Collect);
                let file = match running.job.purpose {
                    Purpose::Wheel | Purpose::Test => only_wheel(running.room.collect(&out, "wheel").await?)?,
                    Purpose::Metadata => metadata::collect(&running.room, &out).await?,
                };
                let zig = zig.as_ref().and_then(Zig::used);
                return Ok(Made { file, environment, zig });
            }
            backend::EXTEND => {
                let answer = HookAnswer::read(&unpacked.work, ANSWER);
                let more = answer.requirements(&request.interpreter.target.markers);
                let more = more.map_err(|error| unsatisfiable(&error))?;
                given.extend(answer.requires.iter().map(|text| text.split_whitespace().collect()));
                request.requirements.extend(kept(more, &running.recipe.build.without));
            }
            backend::NO_HOOK => return Err(of(Class::MetadataHook, Step::Build, None).into()),
            code => {
                let failure = failed(&running.room.log.since(mark), code);
                return Err(zig.iter().fold(failure, |failure, zig| zig.told(failure)).into());
            }
        }
    }
    Err(unsatisfiable(&crate::bad!("the build backend asks for different requirements each time")).into())
}

/// Without the projects that the recipe leaves out.
fn kept(requirements: Vec<Requirement>, without: &[String]) -> Vec<Requirement> {
    let is_kept = |each: &Requirement| !without.iter().any(|name| name == each.name.as_str());
    requirements.into_iter().filter(is_kept).collect()
}

fn first_request<'a>(
    running: &'a RunningJob<'_>,
    unpacked: &Unpacked,
) -> Result<EnvironmentRequest<'a>, Failure> {
    let recipe = &running.recipe.build;
    let mut request = EnvironmentRequest::new(running.interpreter, &running.job.context, Step::Environment)
        .with(&recipe.requires)
        .map_err(|error| unsatisfiable(&error))?;
    if recipe.script {
        let own = ["setuptools", "wheel"].map(Requirement::parse).into_iter().collect::<Result<Vec<_>>>();
        request.requirements.extend(own.map_err(|error| unsatisfiable(&error))?);
    }
    let named = kept(unpacked.said.system.requires.clone(), &recipe.without);
    request.requirements.extend(backend::applying(named, &running.interpreter.target.markers));
    let own = recipe.constraints.iter().map(|text| Requirement::parse(text)).collect::<Result<Vec<_>>>();
    request.constraints = own.map_err(|error| unsatisfiable(&error))?;
    request.constraints = backend::applying(request.constraints, &running.interpreter.target.markers);
    request.at = recipe.as_of.as_deref();
    Ok(request)
}

fn texts(requirements: &[Requirement]) -> Vec<String> {
    requirements.iter().map(|each| each.to_string().split_whitespace().collect()).collect()
}

fn unsatisfiable(error: &Error) -> Failure {
    Failure::new(Class::BuildRequirement, Step::Environment, error.to_string())
}

fn failed(printed: &str, code: i32) -> Failure {
    let exit = if code > 128 { Exit::Signal(code - 128) } else { Exit::Code(code) };
    classify(printed, Step::Build, exit)
}

fn run_of<'a>(
    running: &'a RunningJob<'_>,
    unpacked: &Unpacked,
    tools: &Tools,
    out: &Path,
    environment: &'a Environment,
) -> SandboxRun<'a> {
    let argv = vec![environment.python.clone(), "/tools/hooks.py".to_owned(), "/tools/plan.json".to_owned()];
    let mut env = vec![
        ("SOURCE_DATE_EPOCH".to_owned(), unpacked.published.to_string()),
        ("PYTHONDONTWRITEBYTECODE".to_owned(), "1".to_owned()),
    ];
    env.extend(running.recipe.build.env.iter().map(|(name, value)| (name.clone(), value.clone())));
    SandboxRun {
        argv,
        env,
        cwd: INSIDE.into(),
        mounts: vec![
            Mount::write(&unpacked.work, "/work"),
            Mount::write(out, "/out"),
            Mount::read(&tools.folder, "/tools"),
        ],
        environment: Some(environment),
        watched: vec![unpacked.work.clone(), out.to_owned()],
        ..SandboxRun::default()
    }
}

fn only_wheel(mut files: Vec<CollectedFile>) -> Result<CollectedFile, Failure> {
    let hint = match files.as_slice() {
        [_] => None,
        [] => Some("the build backend succeeded, but made no wheel".to_owned()),
        several => {
            let names: Vec<&str> = several.iter().map(|each| each.name.as_str()).collect();
            Some(format!("the build backend made several files, not one wheel: {}", names.join(", ")))
        }
    };
    match (hint, files.pop()) {
        (None, Some(wheel)) => Ok(wheel),
        (hint, _) => Err(Failure::new(Class::WrongWheel, Step::Collect, hint.unwrap_or_default())),
    }
}

/// What stands at `/tools` while the backend runs: read-only inside.
struct Tools {
    folder: PathBuf,
}

impl Tools {
    fn lay_out(running: &RunningJob<'_>, zig: Option<&Zig>) -> Result<Self> {
        let folder = running.room.folder.below("tools")?;
        std::fs::write(folder.join("hooks.py"), HOOKS)?;
        match zig {
            Some(zig) => zig.lay_out(&folder)?,
            None => {
                let older = running.older.as_ref().map(|older| older.root.programs());
                compilers(&folder.join("bin"), older.as_deref().unwrap_or(Path::new("/usr/bin")))?;
            }
        }
        Ok(Self { folder })
    }

    fn write_plan(&self, plan: &backend::HookPlan<'_>) -> Result<()> {
        let bytes = serde_json::to_vec(plan).map_err(Error::internal)?;
        Ok(std::fs::write(self.folder.join("plan.json"), bytes)?)
    }
}

/// Puts ours before those of the system that are there, among its `programs`.
fn compilers(bin: &Path, programs: &Path) -> Result<()> {
    use std::os::unix::fs::{PermissionsExt, symlink};
    std::fs::create_dir(bin)?;
    std::fs::write(bin.join("compiler"), COMPILER)?;
    std::fs::set_permissions(bin.join("compiler"), std::fs::Permissions::from_mode(0o755))?;
    let arch = std::env::consts::ARCH;
    let triplets = [format!("{arch}-linux-gnu-gcc"), format!("{arch}-linux-gnu-g++")];
    for name in COMPILERS.into_iter().chain(triplets.iter().map(String::as_str)) {
        // Those of a root may be links that lead somewhere only inside.
        if programs.join(name).symlink_metadata().is_ok() {
            symlink("compiler", bin.join(name))?;
        }
    }
    Ok(())
}
