//! Makes an environment: the interpreter's last pip, run in the sandbox, installs wheels.

use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use super::cache::Environments;
use super::exact::ExactFiles;
use super::layout::{INSIDE, packages_folder, python_inside};
use super::pip;
use super::request::EnvironmentRequest;
use crate::error::{Error, Result};
use crate::packaging::choose::FileChoice;
use crate::packaging::page::Page;
use crate::packaging::requirement::Requirement;
use crate::packaging::version::VersionSpecifiers;
use crate::tools::scratch::ScratchFolder;
use crate::words::{Class, Failure, Step};
use crate::worker::interpreters::{Interpreter, Launcher};
use crate::worker::room::{Room, SandboxRun, Stop, ours};
use crate::worker::sandbox::{INDEX, Mount};

/// Seconds; large wheels over a slow line.
const PATIENCE: u64 = 900;

/// A new environment in a folder of its own: with exact files, or with what pip chooses.
pub(super) async fn install(
    environments: &Environments,
    room: &Room<'_>,
    request: &EnvironmentRequest<'_>,
    exact: Option<&ExactFiles>,
) -> Result<ScratchFolder, Stop> {
    let fails = |error: Error| ours(&error, request.step);
    let requirements =
        EnvironmentRequest::lines(&request.requirements).map_err(|e| refused(&e, request.step))?;
    let constraints =
        EnvironmentRequest::lines(&request.constraints).map_err(|e| refused(&e, request.step))?;
    let (folder, tree) = environments.workshop().map_err(fails)?;
    skeleton(&tree, request.interpreter).map_err(fails)?;
    if requirements.is_empty() {
        return Ok(folder);
    }
    let pip = environments.pip(room, request).await?;
    let tools = folder.below("tools").map_err(fails)?;
    let (asked, limits) = match exact {
        Some(files) => (&files.lines(), &Vec::new()),
        None => (&requirements, &constraints),
    };
    write_lines(&tools.join("requirements.txt"), asked).map_err(fails)?;
    write_lines(&tools.join("constraints.txt"), limits).map_err(fails)?;
    room.log.note(&format!("installing {}", requirements.join(" ")));
    if !constraints.is_empty() {
        room.log.note(&format!("constrained by {}", constraints.join(" ")));
    }
    let (socket, _gate) = room.gate(request.at, request.step).await?;
    let mark = room.log.written();
    let run = SandboxRun {
        argv: command(request, exact.is_some()),
        // pip's own caches and settings have no place here.
        mounts: mounts(request.pip_of(), &tree, &tools, &pip),
        programs: request.pip_of().programs(),
        index: Some(socket),
        seconds: Some(PATIENCE),
        watched: vec![tree],
        ..SandboxRun::default()
    };
    let code = room.run(request.step, run).await?;
    drop(std::fs::remove_dir_all(tools));
    match code {
        0 => Ok(folder),
        _ => Err(why(room, request, &room.log.since(mark)).await),
    }
}

/// What makes a folder a virtual environment; 2.7 has only folders.
fn skeleton(tree: &Path, interpreter: &Interpreter) -> Result<()> {
    std::fs::create_dir_all(tree.join(packages_folder(interpreter)))?;
    let bin = tree.join("bin");
    std::fs::create_dir_all(&bin)?;
    let (major, minor) = interpreter.target.python();
    let (first, others) = ("python", [format!("python{major}"), format!("python{major}.{minor}")]);
    match interpreter.launcher.as_ref().filter(|launcher| !launcher.words.is_empty()) {
        None => symlink(&interpreter.executable, bin.join(first))?,
        Some(launcher) => {
            std::fs::write(bin.join(first), started_by(launcher, &interpreter.executable))?;
            std::fs::set_permissions(bin.join(first), std::fs::Permissions::from_mode(0o755))?;
        }
    }
    for name in others {
        symlink(first, bin.join(name))?;
    }
    if interpreter.has_venv() {
        let home = interpreter.executable.parent().unwrap_or(Path::new("/"));
        let text = format!(
            "home = {}\ninclude-system-site-packages = false\nversion = {}\n",
            home.display(),
            interpreter.target.version
        );
        std::fs::write(tree.join("pyvenv.cfg"), text)?;
    }
    Ok(())
}

/// A script that starts an interpreter of another system, so that it finds what belongs to the environment by the
/// name under which it was called.
fn started_by(launcher: &Launcher, executable: &Path) -> String {
    let quoted = |word: &str| format!("'{}'", word.replace('\'', r"'\''"));
    let words: Vec<String> = launcher.words.iter().map(|word| quoted(word)).collect();
    let executable = quoted(&executable.to_string_lossy());
    format!("#!/bin/sh\nexec {} {} \"$0\" {executable} \"$@\"\n", words.join(" "), launcher.argv0)
}

fn mounts(interpreter: &Interpreter, tree: &Path, tools: &Path, pip: &Path) -> Vec<Mount> {
    let mut mounts = interpreter.mounts();
    mounts.extend([Mount::write(tree, INSIDE), Mount::read(tools, "/tools"), Mount::read(pip, pip::INSIDE)]);
    if !interpreter.has_venv() {
        // Empty, so that nothing counts as installed already.
        mounts.push(Mount::read(tree.join(packages_folder(interpreter)), &interpreter.site_packages));
    }
    mounts
}

fn command(request: &EnvironmentRequest<'_>, is_exact: bool) -> Vec<String> {
    let interpreter = request.interpreter;
    let python = match request.installer {
        Some(installer) => installer.executable.to_string_lossy().into_owned(),
        None => python_inside(interpreter),
    };
    let mut command = vec![python, format!("{}/pip", pip::INSIDE)];
    let words = [
        "install",
        "--isolated",
        "--no-input",
        "--no-cache-dir",
        "--disable-pip-version-check",
        "--no-warn-script-location",
        "--progress-bar=off",
        "--only-binary=:all:",
        "--index-url",
        INDEX,
        "--requirement=/tools/requirements.txt",
        "--constraint=/tools/constraints.txt",
    ];
    command.extend(words.map(str::to_owned));
    if is_exact {
        command.push("--no-deps".to_owned());
    }
    if request.installer.is_some() {
        command.extend(for_another(interpreter));
    } else if !interpreter.has_venv() {
        command.push(format!("--prefix={INSIDE}"));
    }
    command
}

/// What tells pip that it installs for another interpreter than the one that it runs on. Markers it reads as if for
/// its own; which files those come to is known without it, as a rule.
fn for_another(interpreter: &Interpreter) -> Vec<String> {
    let target = &interpreter.target;
    let (major, minor) = target.python();
    let mut words = vec![
        format!("--target={}", Path::new(INSIDE).join(packages_folder(interpreter)).display()),
        format!("--python-version={major}.{minor}"),
        format!("--implementation={}", target.implementation),
    ];
    words.extend([&target.abi, "abi3", "none"].map(|abi| format!("--abi={abi}")));
    for platform in target.tags.iter().filter_map(|tag| tag.rsplit('-').next()) {
        let word = format!("--platform={platform}");
        if platform != "any" && !words.contains(&word) {
            words.push(word);
        }
    }
    words
}

fn write_lines(path: &Path, lines: &[String]) -> Result<()> {
    Ok(std::fs::write(path, lines.iter().map(|line| format!("{line}\n")).collect::<String>())?)
}

/// Why pip failed: what can be built first, or what cannot be had.
async fn why(room: &Room<'_>, request: &EnvironmentRequest<'_>, printed: &str) -> Stop {
    let line = printed.lines().find(|line| line.starts_with("ERROR:")).unwrap_or_default();
    let fail = |class, hint: String| {
        let line = Some(line.to_owned()).filter(|line| !line.is_empty());
        Stop::Failed(Failure { class, hint, line, step: request.step })
    };
    let Some(missing) = no_distribution(printed) else {
        let hint = "cannot install the build requirements together, or the index does not answer: read the \
                    log above";
        return fail(Class::BuildRequirement, hint.to_owned());
    };
    let (mut needs, chooser) = (Vec::new(), request.interpreter.target.chooser());
    let others = request.requirements.iter().filter(|each| each.name != missing.name);
    for (each, is_missing) in [(&missing, true)].into_iter().chain(others.map(|each| (each, false))) {
        let wanted = constrained(each, &request.constraints);
        let page = room.link.page(request.context, request.at, &wanted.name).await;
        let page = page.unwrap_or_else(|_| Page::new(wanted.name.clone()));
        match chooser.choose(&page, &wanted.specifiers) {
            FileChoice::Wheel(_) if !is_missing => {}
            FileChoice::Wheel(_) | FileChoice::Sdist(_) => needs.push(wanted.to_string()),
            FileChoice::Nothing(_) if is_missing => {
                let hint = format!(
                    "{} has neither a wheel nor a source of {wanted} for Python {}",
                    request.context, request.interpreter.target.version
                );
                return fail(Class::BuildRequirement, hint);
            }
            FileChoice::Nothing(_) => {}
        }
    }
    match request.at {
        // The wheels that would be built are not of that time.
        Some(at) => fail(Class::BuildRequirement, format!("no wheel of {} at {at}", needs.join(", "))),
        None => Stop::Needs(needs),
    }
}

/// The requirement that pip found no wheel for.
pub(super) fn no_distribution(printed: &str) -> Option<Requirement> {
    let text =
        printed.lines().find_map(|line| line.split_once("No matching distribution found for ")?.1.into());
    let text = text?.split(" (from ").next()?.trim();
    let requirement = Requirement::parse(text).ok()?;
    Some(Requirement { marker: None, ..requirement })
}

/// A requirement with what the constraints say of the same project.
fn constrained(requirement: &Requirement, constraints: &[Requirement]) -> Requirement {
    let own = constraints.iter().filter(|each| each.name == requirement.name);
    let all = own.flat_map(|each| each.specifiers.iter()).chain(requirement.specifiers.iter()).cloned();
    let specifiers: VersionSpecifiers = all.collect();
    Requirement { specifiers, ..requirement.clone() }
}

/// A request that cannot be followed.
pub(super) fn refused(error: &Error, step: Step) -> Failure {
    Failure::new(Class::BuildRequirement, step, error.to_string())
}
