//! The only place that starts foreign code: a [`Plan`] runs shut off from host and network.
//!
//! Under [`Isolation::Bubblewrap`] a run has namespaces of its own, no capability, a filter of
//! system calls, `/usr` and its mounts and nothing else; `inside` (this very program) is its first
//! process. The kernel bounds the number of processes (`bound`), a watcher (`watch`) what the kernel does
//! not, all processes together. A run has ended
//! when its last process is dead: only then may `collect` take what it left behind.

pub mod collect;
pub mod gate;
mod plain;
mod usage;

#[cfg(not(target_os = "linux"))]
mod portable;
#[cfg(not(target_os = "linux"))]
use portable::run;
#[cfg(target_os = "linux")]
mod bound;
#[cfg(target_os = "linux")]
mod bubblewrap;
#[cfg(target_os = "linux")]
mod canary;
#[cfg(target_os = "linux")]
mod group;
#[cfg(target_os = "linux")]
mod processes;
#[cfg(target_os = "linux")]
mod run;
#[cfg(target_os = "linux")]
mod seccomp;
#[cfg(target_os = "linux")]
mod spawn;
#[cfg(target_os = "linux")]
mod watch;

#[cfg(target_os = "linux")]
pub use bound::Bound;
#[cfg(target_os = "linux")]
pub(super) use processes::kill_below;
#[cfg(target_os = "linux")]
use run::run;

use crate::bad;
use crate::build::failure::{Class, Exit};
use crate::build::job::Limits;
use crate::error::Result;
use crate::worker::log::Log;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Where a sandbox's home folder is.
pub const HOME: &str = "/home/build";
/// Where this program is inside: `/wheelwright inside unpack …`.
pub const PROGRAM: &str = "/wheelwright";
/// Where installers inside find the index when the plan has one.
pub const INDEX: &str = "http://127.0.0.1:3141/simple/";

/// How foreign code is shut off.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Isolation {
    /// Namespaces and a system call filter, by `bwrap`.
    #[default]
    Bubblewrap,
    /// Nothing: a build can read and change whatever the worker can. Only limits hold.
    None,
}

impl Isolation {
    /// By the name that the setting `build.isolation` has.
    ///
    /// # Errors
    /// `Bad` with the names there are.
    pub fn named(name: &str) -> Result<Self> {
        match name {
            "bubblewrap" => Ok(Self::Bubblewrap),
            "none" => Ok(Self::None),
            _ => Err(bad!("there is no isolation {name:?}: it is `bubblewrap`, or `none` for unsafe builds")),
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::Bubblewrap => "bubblewrap",
            Self::None => "none",
        }
    }
}

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
pub struct Plan {
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
    pub limits: Limits,
    /// Folders of the host whose bytes and entries, all together, are held to `limits.disk` and
    /// `limits.files`.
    pub watched: Vec<PathBuf>,
    /// A folder with another `usr`, `etc`, … than the host's.
    pub root: Option<PathBuf>,
    /// Shares the host's network. Only for fetching, by programs of the administrator's that run no
    /// code of what they fetch, and never together with [`Plan::index`].
    pub network: bool,
}

/// How a run went.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ended {
    pub end: End,
    pub wall: Duration,
    /// Of all processes that were waited for.
    pub cpu: Duration,
    /// The most bytes that all processes together were seen to use; zero for very short runs.
    pub peak_memory: u64,
}

impl Ended {
    /// Exit status 0 within the limits.
    pub fn is_good(&self) -> bool {
        self.end == End::Exit(0)
    }
}

/// The way in which a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    Exit(i32),
    /// A signal that was not ours, or an exit status above 128, as shells use it.
    Signal(i32),
    /// Stopped by a limit: `Timeout`, `Memory`, `Disk`, `Processes` or `LogSize`. The log's last line
    /// says which and how much.
    Limit(Class),
}

/// Runs plans, one way of isolation for all.
#[derive(Clone, Debug)]
pub struct Sandbox {
    isolation: Isolation,
    /// `bwrap`, where that is used.
    bwrap: PathBuf,
    /// This program, for what runs inside.
    program: PathBuf,
    #[cfg(target_os = "linux")]
    bound: Bound,
}

impl End {
    /// The same in the words of failures.
    pub fn exit(self) -> Exit {
        match self {
            Self::Exit(code) => Exit::Code(code),
            Self::Signal(signal) => Exit::Signal(signal),
            Self::Limit(Class::Timeout) => Exit::Timeout,
            Self::Limit(Class::Memory) => Exit::Memory,
            Self::Limit(Class::LogSize) => Exit::LogSize,
            Self::Limit(Class::Processes) => Exit::Processes,
            Self::Limit(Class::Worker) => Exit::Room,
            Self::Limit(_) => Exit::Disk,
        }
    }
}

impl Sandbox {
    /// Finds what the isolation needs.
    ///
    /// # Errors
    /// `Bad` if this machine has no bubblewrap, or is no Linux machine.
    pub fn open(isolation: Isolation) -> Result<Self> {
        let bwrap = match isolation {
            Isolation::None => PathBuf::new(),
            Isolation::Bubblewrap => find_bwrap()?,
        };
        Ok(Self {
            isolation,
            bwrap,
            program: own_program()?,
            #[cfg(target_os = "linux")]
            bound: Bound::of_this_machine(),
        })
    }

    /// The same with another build of this program for what runs inside.
    pub fn with_program(mut self, program: PathBuf) -> Self {
        self.program = program;
        self
    }

    /// The same with another way to bound processes than this machine's best.
    #[cfg(target_os = "linux")]
    pub fn with_bound(mut self, bound: Bound) -> Self {
        self.bound = bound;
        self
    }

    pub fn isolation(&self) -> Isolation {
        self.isolation
    }

    /// Runs a plan and returns when its last process is dead. What it writes goes to the log.
    ///
    /// # Errors
    /// `Bad` for a plan that cannot be run as it is (a relative path, a NUL); `Internal` if the machine
    /// fails. Whatever the command itself does is no error.
    pub async fn run(&self, plan: &Plan, log: &Log) -> Result<Ended> {
        plan.check()?;
        run(self, plan, log).await
    }

    /// Tries whether isolation and limits hold on this machine; `Some` is the reason why nothing
    /// may be built here. Takes about a second.
    pub async fn canary(&self) -> Option<String> {
        match self.isolation {
            Isolation::None => None,
            #[cfg(target_os = "linux")]
            Isolation::Bubblewrap => canary::sing(self).await,
            #[cfg(not(target_os = "linux"))]
            Isolation::Bubblewrap => Some("bubblewrap is for Linux".to_owned()),
        }
    }
}

impl Plan {
    fn check(&self) -> Result<()> {
        let texts = self.argv.iter().chain(self.env.iter().flat_map(|(key, value)| [key, value]));
        if self.argv.is_empty() || texts.into_iter().any(|text| text.contains('\0')) {
            return Err(bad!("a sandbox cannot run this command: it is empty, or has a NUL in it"));
        }
        if let Some((key, _)) = self.env.iter().find(|(key, _)| key.is_empty() || key.contains('=')) {
            return Err(bad!("{key:?} cannot name an environment variable"));
        }
        for mount in &self.mounts {
            let plain =
                mount.inside.components().all(|part| !matches!(part, std::path::Component::ParentDir));
            if !mount.inside.is_absolute() || !plain || !mount.host.is_absolute() {
                let (host, inside) = (mount.host.display(), mount.inside.display());
                return Err(bad!("a sandbox needs absolute paths without `..`: {host} as {inside}"));
            }
            if mount.writable && mount.host.is_symlink() {
                return Err(bad!("{} is a link: it is not mounted writable", mount.host.display()));
            }
        }
        Ok(())
    }
}

#[cfg(target_os = "linux")]
fn find_bwrap() -> Result<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_else(|| "/usr/bin:/bin".into());
    let found = std::env::split_paths(&path).map(|folder| folder.join("bwrap")).find(|path| path.is_file());
    found.ok_or_else(|| {
        bad!(
            "bubblewrap is not installed, so nothing can be built safely: install the package \
             `bubblewrap`, or ask for builds without a sandbox (isolation = \"none\")"
        )
    })
}

#[cfg(not(target_os = "linux"))]
fn find_bwrap() -> Result<PathBuf> {
    Err(bad!("builds are isolated on Linux only: ask for isolation = \"none\" on this machine"))
}

/// This program. Test binaries are not it: theirs is the one that was built beside them.
fn own_program() -> Result<PathBuf> {
    let current = std::env::current_exe()?;
    let is_test = current.parent().is_some_and(|folder| folder.ends_with("deps"));
    let beside = current.parent().and_then(Path::parent).map(|folder| {
        let name = format!("wheelwright{}", std::env::consts::EXE_SUFFIX);
        folder.join(name)
    });
    Ok(beside.filter(|path| is_test && path.is_file()).unwrap_or(current))
}
