//! Makes an environment: the interpreter's last pip, run from its wheel in the sandbox, installs wheels.

use crate::bad_upstream;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use super::cache::Environments;
use super::layout::{INSIDE, packages_folder, python_inside};
use super::request::EnvironmentRequest;
use crate::build::tools::tools_for;
use crate::error::{Error, Result};
use crate::names::ProjectName;
use crate::packaging::choose::FileChoice;
use crate::packaging::page::{File, Page};
use crate::packaging::requirement::Requirement;
use crate::packaging::version::VersionSpecifiers;
use crate::tools::hex;
use crate::tools::scratch::ScratchFolder;
use crate::words::{Class, Failure, Step};
use crate::worker::interpreters::Interpreter;
use crate::worker::room::{Room, SandboxRun, Stop, ours};
use crate::worker::sandbox::{INDEX, Mount};
use sha2::{Digest, Sha256};

/// Seconds; large wheels over a slow line.
const PATIENCE: u64 = 900;

/// A new environment in a folder of its own.
pub(super) async fn install(
    environments: &Environments,
    room: &Room<'_>,
    request: &EnvironmentRequest<'_>,
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
    write_lines(&tools.join("requirements.txt"), &requirements).map_err(fails)?;
    write_lines(&tools.join("constraints.txt"), &constraints).map_err(fails)?;
    room.log.note(&format!("installing {}", requirements.join(" ")));
    if !constraints.is_empty() {
        room.log.note(&format!("constrained by {}", constraints.join(" ")));
    }
    let (socket, _gate) = room.gate(request.at, request.step).await?;
    let mark = room.log.written();
    let run = SandboxRun {
        argv: command(request.interpreter, &pip),
        // pip's own caches and settings have no place here.
        mounts: mounts(request.interpreter, &tree, &tools, &pip),
        programs: request.interpreter.programs(),
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
    for name in ["python".to_owned(), format!("python{major}"), format!("python{major}.{minor}")] {
        symlink(&interpreter.executable, bin.join(name))?;
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

fn mounts(interpreter: &Interpreter, tree: &Path, tools: &Path, pip: &Path) -> Vec<Mount> {
    let mut mounts = interpreter.mounts();
    mounts.extend([Mount::write(tree, INSIDE), Mount::read(tools, "/tools"), Mount::read(pip, inside(pip))]);
    if !interpreter.has_venv() {
        // Empty, so that nothing counts as installed already.
        mounts.push(Mount::read(tree.join(packages_folder(interpreter)), &interpreter.site_packages));
    }
    mounts
}

fn inside(pip: &Path) -> PathBuf {
    Path::new("/pip").join(pip.file_name().unwrap_or_default())
}

fn command(interpreter: &Interpreter, pip: &Path) -> Vec<String> {
    let mut command =
        vec![python_inside(interpreter), inside(pip).join("pip").to_string_lossy().into_owned()];
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
    if !interpreter.has_venv() {
        command.push(format!("--prefix={INSIDE}"));
    }
    command
}

fn write_lines(path: &Path, lines: &[String]) -> Result<()> {
    Ok(std::fs::write(path, lines.iter().map(|line| format!("{line}\n")).collect::<String>())?)
}

impl Environments {
    /// The wheel of the last pip for an interpreter, out of the context that it will install from.
    async fn pip(&self, room: &Room<'_>, request: &EnvironmentRequest<'_>) -> Result<PathBuf, Failure> {
        let newest = tools_for(&request.interpreter.target).pip;
        let folder = self.folder.join("pip").join(hex::encode(Sha256::digest(request.context)));
        let fails = |error: Error| ours(&error, request.step);
        let wanted = folder.join(format!("pip-{newest}-py3-none-any.whl"));
        let for_both = folder.join(format!("pip-{newest}-py2.py3-none-any.whl"));
        if let Some(path) = [wanted, for_both].into_iter().find(|path| path.is_file()) {
            return Ok(path);
        }
        let missing = || {
            Failure::new(
                Class::BuildRequirement,
                request.step,
                format!(
                    "the index {} has no wheel of pip {newest} or older for this interpreter: let it inherit from a \
                 mirror of PyPI, or upload one there",
                    request.context
                ),
            )
        };
        let project = ProjectName::new("pip").ok_or_else(missing)?;
        let page = match room.link.page(request.context, None, &project).await {
            Err(Error::Missing(_)) => return Err(missing()),
            page => page.map_err(fails)?,
        };
        let no_newer = Requirement::parse(&format!("pip<={newest}")).map_err(fails)?;
        let chooser = request.interpreter.target.chooser();
        let file = chooser.wheel(&page, &no_newer.specifiers).ok_or_else(missing)?.file;
        let path = folder.join(file.filename.as_str());
        if !path.is_file() {
            std::fs::create_dir_all(&folder).map_err(|error| fails(error.into()))?;
            self.fetch_pip(room, file, &path).await.map_err(fails)?;
        }
        Ok(path)
    }

    async fn fetch_pip(&self, room: &Room<'_>, file: &File, to: &Path) -> Result<()> {
        let new = to.with_extension(uuid::Uuid::now_v7().simple().to_string());
        let found = room.link.file(file.link(), &new).await?;
        if file.hashes.sha256.as_ref().is_some_and(|wanted| *wanted != found) {
            drop(std::fs::remove_file(&new));
            return Err(bad_upstream!("{} does not have the listed hash", file.filename));
        }
        Ok(std::fs::rename(new, to)?)
    }
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
