//! The Python that is installed into, and what it tells a server of itself.

use crate::build::target::Target;
use crate::error::Result;
use crate::missing;
use crate::worker::interpreters;
use serde_json::json;
use std::path::{Path, PathBuf};
use std::process::Stdio;

/// An interpreter or a virtual environment.
#[derive(Clone, Debug)]
pub struct Python {
    /// As it is called: an environment's own program, not the one it links to.
    pub executable: PathBuf,
    /// What it is: tags, markers.
    pub target: Target,
}

impl Python {
    /// The one named, else that of `VIRTUAL_ENV`, else `python3` or `python` on the `PATH`.
    ///
    /// # Errors
    /// `Missing` if there is none, `Bad` if it does not work.
    pub async fn find(named: Option<&Path>) -> Result<Self> {
        let environment = std::env::var_os("VIRTUAL_ENV").filter(|folder| !folder.is_empty());
        let executable = match (named, environment) {
            (Some(named), _) => match of_name(named) {
                Some(executable) => Some(executable),
                None => elsewhere(named).await?,
            },
            (None, Some(folder)) => of_name(Path::new(&folder)),
            (None, None) => on_path("python3").or_else(|| on_path("python")).or_else(|| on_path("python2")),
        };
        let executable = executable.ok_or_else(|| match named {
            Some(named) => missing!("cannot find the Python {}", named.display()),
            None => missing!(
                "no Python is on the PATH: choose one with --python, or choose a target with --target"
            ),
        })?;
        let target = interpreters::ask(&executable).await?.target;
        Ok(Self { executable, target })
    }

    /// Whether it has a pip of its own.
    pub async fn has_pip(&self) -> bool {
        let mut command = tokio::process::Command::new(&self.executable);
        command.args(["-m", "pip", "--version"]).stdin(Stdio::null());
        command.output().await.is_ok_and(|done| done.status.success())
    }

    /// A `User-Agent` in the form of pip and uv: from it a server sees which wheels will do.
    pub fn user_agent(&self) -> String {
        let marker = |name: &str| self.target.markers.get(name).cloned().unwrap_or_default();
        let (_, platform) = self.target.halves();
        let mut parts = platform.split('_');
        let libc = match parts.next() {
            Some("manylinux") => Some("glibc"),
            Some("musllinux") => Some("musl"),
            _ => None,
        };
        let version: Vec<&str> = parts.take(2).collect();
        let libc = libc.map(|lib| json!({ "lib": lib, "version": version.join(".") }));
        let (name, number) = match marker("platform_system").as_str() {
            "Darwin" => ("macOS".to_owned(), version.join(".")),
            _ => {
                let known =
                    self.target.distribution.split_once(' ').unwrap_or((&self.target.distribution, ""));
                (known.0.to_owned(), known.1.to_owned())
            }
        };
        let told = json!({
            "installer": { "name": "wheelwright", "version": env!("CARGO_PKG_VERSION") },
            "python": self.target.version,
            "implementation": {
                "name": marker("platform_python_implementation"),
                "version": marker("implementation_version"),
            },
            "distro": { "name": name, "version": number, "libc": libc },
            "system": { "name": marker("platform_system"), "release": marker("platform_release") },
            "cpu": marker("platform_machine"),
        });
        let told = told.to_string().replace(|c: char| !c.is_ascii() || c.is_ascii_control(), "?");
        format!("wheelwright/{} {told}", env!("CARGO_PKG_VERSION"))
    }
}

/// A program, an environment's folder, or a name on the `PATH`: `python3.9`, `3.9`, `39`.
fn of_name(named: &Path) -> Option<PathBuf> {
    if named.is_dir() {
        let inside = ["bin/python", "Scripts/python.exe", "bin/python3"];
        return inside.iter().map(|name| named.join(name)).find(|path| path.is_file());
    }
    if named.components().count() > 1 || named.is_file() {
        return std::path::absolute(named).ok().filter(|path| path.is_file());
    }
    let name = named.to_string_lossy();
    match version_of(&name) {
        // `PATH` may have another build of it than the one that is asked for.
        Some(version) if version.matches('.').count() > 1 => None,
        Some(version) => on_path(&format!("python{version}")),
        None => on_path(&name),
    }
}

/// `3.12`, `312`, `python3.12`, `cp312`, `3.12.4` as a version with dots.
fn version_of(name: &str) -> Option<String> {
    let digits = ["python", "cpython", "cp", "py"].iter().find_map(|word| name.strip_prefix(word));
    let digits = digits.unwrap_or(name).trim_start_matches(['-', '@']);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
        return None;
    }
    match digits.split_at_checked(1) {
        Some((major, minor)) if !digits.contains('.') && !minor.is_empty() => {
            Some(format!("{major}.{minor}"))
        }
        _ => Some(digits.trim_matches('.').to_owned()),
    }
}

/// An interpreter of that version in the other places of this machine: pyenv's, uv's, `/opt/python`.
async fn elsewhere(named: &Path) -> Result<Option<PathBuf>> {
    let Some(version) = named.to_str().and_then(version_of) else { return Ok(None) };
    let found = interpreters::discover(&crate::config::BuildSettings::default()).await?;
    let is_it = |known: &str| {
        known == version || known.strip_prefix(&version).is_some_and(|rest| rest.starts_with('.'))
    };
    Ok(found.into_iter().rev().find(|one| is_it(&one.target.version)).map(|one| one.executable))
}

/// A program on the `PATH`.
pub fn on_path(name: &str) -> Option<PathBuf> {
    let folders = std::env::var_os("PATH")?;
    let with_suffix = format!("{name}{}", std::env::consts::EXE_SUFFIX);
    std::env::split_paths(&folders).map(|folder| folder.join(&with_suffix)).find(|path| path.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_told_in_every_usual_way() {
        for (name, version) in [
            ("3.12", Some("3.12")),
            ("312", Some("3.12")),
            ("39", Some("3.9")),
            ("27", Some("2.7")),
            ("3", Some("3")),
            ("python3.12", Some("3.12")),
            ("python312", Some("3.12")),
            ("cp312", Some("3.12")),
            ("3.12.4", Some("3.12.4")),
            ("python", None),
            ("pypy3.10", None),
            ("mine", None),
            ("", None),
        ] {
            assert_eq!(version_of(name).as_deref(), version, "{name}");
        }
    }
}
