//! Zig on a worker: its wheel in an environment, and what it compiled of its own libraries for each system.
//!
//! Zig brings libcs and the library of C++ as source. What it makes of them is kept beside the environment
//! that it is in, made by a run that sees nothing of a build; each build works on a copy.

use std::path::{Path, PathBuf};

use super::system::{CACHE, ZIG, ZigSystem};
use crate::build::tools::tools_for;
use crate::error::Result;
use crate::tools::scratch::remove_folder;
use crate::words::{Class, Failure, Step};
use crate::worker::environment::EnvironmentRequest;
use crate::worker::interpreters::Interpreter;
use crate::worker::room::{SandboxRun, Stop, ours};
use crate::worker::running::RunningJob;
use crate::worker::sandbox::Mount;

const WARM: &str = include_str!("warm.sh");
/// Seconds; zig compiles the library of C++ within two minutes on a slow machine.
const PATIENCE: u64 = 900;

/// Where the compilers find zig and its cache, and the build its work folder.
pub(super) fn variables() -> Vec<(String, String)> {
    let all = [
        ("WHEELWRIGHT_ZIG", ZIG),
        ("WHEELWRIGHT_WORK", "/work"),
        ("ZIG_GLOBAL_CACHE_DIR", CACHE),
        ("ZIG_LOCAL_CACHE_DIR", CACHE),
    ];
    all.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec()
}

/// Copies the cache for a system into `cache`, made first if there is none; the folder that zig is in.
pub(super) async fn bring(
    running: &RunningJob<'_>,
    system: &ZigSystem,
    cxx: bool,
    tools: &Path,
    cache: &Path,
) -> Result<PathBuf, Failure> {
    let fails = |error| ours(&error, Step::Environment);
    let tree = tree(running, system).await?;
    let program = program_in(&tree).ok_or_else(|| unusable(running))?;
    // It goes when the environment does.
    let beside = tree.parent().unwrap_or(&tree);
    let kept = beside.join(format!("zig-{}{}", system.platform, if cxx { "-c++" } else { "" }));
    // Several builds for a system may want it at once; the first one makes it.
    let one = running.worker.zig.lock(kept.clone()).await;
    if !kept.is_dir() {
        warm(running, system, cxx, (tools, &program), &kept).await?;
    }
    drop(one);
    let (from, to) = (kept, cache.to_owned());
    let copied = tokio::task::spawn_blocking(move || copy(&from, &to)).await;
    copied.map_err(|error| fails(crate::error::Error::internal(error)))?.map_err(fails)?;
    Ok(program)
}

/// The environment with zig in it, on the host.
async fn tree(running: &RunningJob<'_>, system: &ZigSystem) -> Result<PathBuf, Failure> {
    let able = |each: &&Interpreter| each.target.implementation == "cp" && each.target.python() >= (3, 7);
    let newest = running.worker.interpreters.iter().filter(able).max_by_key(|each| each.target.python());
    let Some(interpreter) = newest else {
        let hint = format!(
            "compiling for {} needs zig, which needs Python 3.7 or later: install one on the worker's machine",
            system.platform
        );
        return Err(Failure::new(Class::MissingTool, Step::Environment, hint));
    };
    let requirement = format!("ziglang=={}", tools_for(running.target).zig.unwrap_or_default());
    let request = EnvironmentRequest::new(interpreter, &running.job.context, Step::Environment);
    let request = request.with(&[requirement]).map_err(|error| ours(&error, Step::Environment))?;
    let environment = match running.prepare(&request).await {
        Ok(environment) => environment,
        Err(Stop::Failed(failure)) if failure.class != Class::BuildRequirement => return Err(failure),
        Err(_) => return Err(unusable(running)),
    };
    environment.tree().map(Path::to_owned).ok_or_else(|| unusable(running))
}

fn unusable(running: &RunningJob<'_>) -> Failure {
    let version = tools_for(running.target).zig.unwrap_or_default();
    let hint = format!(
        "the index {} has no wheel of ziglang {version} for this machine, which compiles for {}: let it \
         inherit from a mirror of PyPI, or upload one there",
        running.job.context, running.target.name
    );
    Failure::new(Class::BuildRequirement, Step::Environment, hint)
}

/// Makes the cache for a system.
async fn warm(
    running: &RunningJob<'_>,
    system: &ZigSystem,
    cxx: bool,
    (tools, program): (&Path, &Path),
    kept: &Path,
) -> Result<(), Failure> {
    let fails = |error: std::io::Error| ours(&error.into(), Step::Environment);
    let language = if cxx { "c++" } else { "c" };
    running.room.log.note(&format!(
        "zig compiles its libraries of {language} for {}: only this once on this worker",
        system.platform
    ));
    let cache = running.room.below("zig-warm", Step::Environment)?;
    std::fs::write(tools.join("warm.sh"), system.fill(WARM)).map_err(fails)?;
    let run = SandboxRun {
        argv: ["/bin/sh", "/tools/warm.sh", language].map(str::to_owned).to_vec(),
        env: variables(),
        mounts: vec![Mount::read(program, ZIG), Mount::write(&cache, CACHE), Mount::read(tools, "/tools")],
        seconds: Some(PATIENCE),
        watched: vec![cache.clone()],
        ..SandboxRun::default()
    };
    if running.room.run(Step::Environment, run).await? != 0 {
        let hint = format!("zig cannot compile for {} on this machine: see the log", system.platform);
        return Err(Failure::new(Class::Worker, Step::Environment, hint));
    }
    match std::fs::rename(&cache, kept) {
        // Another job was faster.
        Err(_) if kept.is_dir() => remove_folder(&cache).map_err(|error| ours(&error, Step::Environment)),
        other => other.map_err(fails),
    }
}

/// Copies files and folders; nothing else is in a cache.
fn copy(from: &Path, to: &Path) -> Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let to = to.join(entry.file_name());
        let kind = entry.file_type()?;
        if kind.is_dir() {
            copy(&entry.path(), &to)?;
        } else if kind.is_file() {
            std::fs::copy(entry.path(), to)?;
        }
    }
    Ok(())
}

/// Where a wheel's folder of zig lies in an environment on the host.
fn program_in(tree: &Path) -> Option<PathBuf> {
    let folders = std::fs::read_dir(tree.join("lib")).ok()?.flatten();
    folders
        .map(|folder| folder.path().join("site-packages/ziglang"))
        .find(|folder| folder.join("zig").is_file())
}
