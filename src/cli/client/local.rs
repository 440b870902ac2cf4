//! What a folder, an archive or a wheel of this machine requires. No index knows it: its own files tell,
//! else its build, run by the installer at hand as an installation would run it.

use super::python::{Python, on_path};
use super::{LocalPath, LocalSource};
use crate::bad;
use crate::client::WheelsProxy;
use crate::error::{Error, Result};
use crate::names::ProjectName;
use crate::packaging::metadata::Metadata;
use crate::packaging::pyproject::Project;
use crate::packaging::requirement::Requirement;
use crate::packaging::wheel;
use crate::tools::scratch::ScratchFolder;
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use tokio::process::Command;

/// Requirements of something local, as lines: conditions on its extras are decided.
///
/// # Errors
/// `Bad` if it cannot be told.
pub async fn requires(
    local: &LocalSource,
    python: Option<&Path>,
    proxy: &WheelsProxy,
) -> Result<Vec<String>> {
    let path = local.source.path();
    let told = |error: Error| bad!("{}: {error}", path.display());
    let said = match &local.source {
        LocalPath::Folder(folder) => match declared(folder, &local.extras).map_err(told)? {
            Some(said) => said,
            None => built(path, &local.extras, python, proxy).await.map_err(told)?,
        },
        LocalPath::Archive(archive) if archive.extension().is_some_and(|extension| extension == "whl") => {
            of_wheel(archive, &local.extras).map_err(told)?
        }
        LocalPath::Archive(_) => built(path, &local.extras, python, proxy).await.map_err(told)?,
    };
    Ok(said)
}

/// What `pyproject.toml` declares; `None` if only a build tells.
fn declared(folder: &Path, extras: &BTreeSet<ProjectName>) -> Result<Option<Vec<String>>> {
    let Ok(text) = std::fs::read_to_string(folder.join("pyproject.toml")) else { return Ok(None) };
    let project = Project::parse(&text).map_err(|error| bad!("pyproject.toml: {error}"))?;
    match project.is_dynamic {
        true => Ok(None),
        false => project.with_extras(extras).map(Some),
    }
}

fn of_wheel(path: &Path, extras: &BTreeSet<ProjectName>) -> Result<Vec<String>> {
    let metadata = Metadata::parse(&wheel::read_metadata(File::open(path)?)?)?;
    Ok(decided(&metadata.requires_dist, extras))
}

/// Requirements that count for these extras; what cannot be read is left to the resolver.
fn decided(requires: &[String], extras: &BTreeSet<ProjectName>) -> Vec<String> {
    let each = requires.iter().filter_map(|text| match Requirement::parse(text) {
        Ok(requirement) => Some(requirement.for_extras(extras)?.to_string()),
        Err(_) => Some(text.clone()),
    });
    each.collect()
}

/// Asks its build: for the metadata alone where the installer can, else for a wheel in a folder of its
/// own. Build requirements come from the server's pages.
async fn built(
    path: &Path,
    extras: &BTreeSet<ProjectName>,
    python: Option<&Path>,
    proxy: &WheelsProxy,
) -> Result<Vec<String>> {
    let python = Python::find(python).await?;
    let scratch = ScratchFolder::private(&std::env::temp_dir(), "wheelwright-build-")?;
    let folder = scratch.below("wheel")?;
    let simple = proxy.index_url();
    let has_pip = python.has_pip().await;
    if has_pip && let Some(requires) = reported(path, &python, &simple, &folder).await? {
        return Ok(decided(&requires, extras));
    }
    let mut command = match (has_pip, on_path("uv")) {
        (true, _) => {
            let mut command = Command::new(&python.executable);
            command.args(["-m", "pip", "wheel", "--quiet", "--disable-pip-version-check", "--no-deps"]);
            command.args(["--index-url", &simple, "--wheel-dir"]).arg(&folder).arg(path);
            command
        }
        (false, Some(uv)) => {
            let mut command = Command::new(uv);
            command.args(["build", "--quiet", "--wheel", "--default-index", &simple, "--python"]);
            command.arg(&python.executable).arg("--out-dir").arg(&folder).arg(path);
            command
        }
        (false, None) => {
            return Err(bad!(
                "wheelwright must build it to read its requirements, but {} has no pip and uv is not on the \
                 PATH: install one of them",
                python.executable.display()
            ));
        }
    };
    let done = command.stdin(Stdio::null()).kill_on_drop(true).output().await?;
    match wheel_in(&folder) {
        Some(wheel) if done.status.success() => of_wheel(&wheel, extras),
        _ => Err(failed(&done.stderr)),
    }
}

/// `pip install --dry-run --report` (22.2 and newer); `None` if this pip knows no report.
async fn reported(path: &Path, python: &Python, simple: &str, folder: &Path) -> Result<Option<Vec<String>>> {
    let report = folder.join("report.json");
    let mut command = Command::new(&python.executable);
    command.args([
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--no-deps",
        "--dry-run",
    ]);
    command.args(["--ignore-installed", "--index-url", simple, "--report"]).arg(&report).arg(path);
    let done = command.stdin(Stdio::null()).kill_on_drop(true).output().await?;
    let said = String::from_utf8_lossy(&done.stderr);
    if !done.status.success() && said.contains("no such option") {
        return Ok(None);
    }
    let text = match std::fs::read(&report) {
        Ok(text) if done.status.success() => text,
        _ => return Err(failed(&done.stderr)),
    };
    let report: Value = serde_json::from_slice(&text).map_err(|error| bad!("pip's report: {error}"))?;
    let metadata = report
        .pointer("/install/0/metadata")
        .ok_or_else(|| bad!("pip's report does not contain a package"))?;
    let requires = metadata.get("requires_dist").and_then(Value::as_array).cloned().unwrap_or_default();
    Ok(Some(requires.iter().filter_map(|text| text.as_str().map(str::to_owned)).collect()))
}

fn failed(stderr: &[u8]) -> Error {
    let said = String::from_utf8_lossy(stderr);
    bad!("wheelwright must build it to read its requirements, but the build failed:\n{}", said.trim_end())
}

fn wheel_in(folder: &Path) -> Option<PathBuf> {
    let entries = std::fs::read_dir(folder).ok()?.flatten().map(|entry| entry.path());
    entries.into_iter().find(|path| path.extension().is_some_and(|extension| extension == "whl"))
}
