//! What a run is to be: its command, and all that it may see and use.

use crate::bad;
use crate::build::job::JobLimits;
use crate::error::Result;
use std::path::PathBuf;

/// Where a sandbox's home folder is.
pub const HOME: &str = "/home/build";
/// Where this program is inside: `/wheelwright inside unpack …`.
pub const PROGRAM: &str = "/wheelwright";
/// Where installers inside find the index when the plan has one.
pub const INDEX: &str = "http://127.0.0.1:3141/simple/";

/// A folder or file of the host that a run sees.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mount {
    /// Made by the worker, never chosen by a build, and never below a folder that a build wrote to:
    /// a link planted there would be followed.
    pub host: PathBuf,
    /// Absolute.
    pub inside: PathBuf,
    pub writable: bool,
}

impl Mount {
    /// Can be read only.
    pub fn read(host: impl Into<PathBuf>, inside: impl Into<PathBuf>) -> Self {
        Self { host: host.into(), inside: inside.into(), writable: false }
    }

    /// Can be written.
    pub fn write(host: impl Into<PathBuf>, inside: impl Into<PathBuf>) -> Self {
        Self { writable: true, ..Self::read(host, inside) }
    }
}

/// One command and all that it may see and use.
#[derive(Clone, Debug, Default)]
pub struct SandboxPlan {
    /// The program as an absolute path or a name on `PATH`, then its arguments.
    pub argv: Vec<String>,
    /// Beside what every run has (`PATH`, `HOME`, `TZ=UTC`, `LC_ALL=C.UTF-8`, `PYTHONHASHSEED=0`, …),
    /// which it may replace. Nothing of the worker's own environment is passed on.
    pub env: Vec<(String, String)>,
    /// Absolute, inside; the home folder if empty.
    pub cwd: PathBuf,
    pub mounts: Vec<Mount>,
    /// The gate's socket; the run finds the index at [`INDEX`].
    pub index: Option<PathBuf>,
    /// `limits.seconds` is for this run alone.
    pub limits: JobLimits,
    /// Folders of the host whose bytes and entries, all together, are held to `limits.disk` and
    /// `limits.files`.
    pub watched: Vec<PathBuf>,
    /// A folder with another `usr`, `etc`, … than the host's.
    pub root: Option<PathBuf>,
    /// The words that start programs of the host in that root, if they cannot start by themselves.
    pub starter: Vec<String>,
    /// Shares the host's network. Only for fetching, by programs of the administrator's that run no
    /// code of what they fetch, and never together with [`SandboxPlan::index`].
    pub network: bool,
}

impl SandboxPlan {
    pub(super) fn check(&self) -> Result<()> {
        let texts = self.argv.iter().chain(self.env.iter().flat_map(|(key, value)| [key, value]));
        if self.argv.is_empty() || texts.into_iter().any(|text| text.contains('\0')) {
            return Err(bad!("a sandbox cannot run this command: it is empty, or contains a NUL"));
        }
        if let Some((key, _)) = self.env.iter().find(|(key, _)| key.is_empty() || key.contains('=')) {
            return Err(bad!("{key:?} is not a valid name of an environment variable"));
        }
        for mount in &self.mounts {
            let plain =
                mount.inside.components().all(|part| !matches!(part, std::path::Component::ParentDir));
            if !mount.inside.is_absolute() || !plain || !mount.host.is_absolute() {
                let (host, inside) = (mount.host.display(), mount.inside.display());
                return Err(bad!("a sandbox needs absolute paths without `..`: {host} as {inside}"));
            }
            if mount.writable && mount.host.is_symlink() {
                return Err(bad!(
                    "{} is a link: wheelwright does not mount links writable",
                    mount.host.display()
                ));
            }
        }
        Ok(())
    }
}
