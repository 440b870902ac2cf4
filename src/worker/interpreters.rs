//! Finds the Python interpreters of this machine, and asks each what it builds for.
//!
//! They are trusted like any program an administrator installs: this runs them outside the sandbox,
//! with our probe alone, without their site-packages and without the environment's settings.

use super::sandbox::Mount;
use crate::bad;
use crate::build::target::{self, Target};
use crate::config::BuildSettings;
use crate::error::Result;
use crate::packaging::tags::{self, Libc, Platform};
use futures::StreamExt;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

mod cross;
mod guests;
mod places;

pub use guests::{Guest, Launcher, MUSL};

/// Runs on 2.7 and 3.6 or later.
const PROBE: &str = include_str!("probe.py");
/// An interpreter answers in a tenth of a second; this is for a machine under load.
const PATIENCE: Duration = Duration::from_secs(10);
const AT_ONCE: usize = 8;

/// An interpreter on this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interpreter {
    pub target: Target,
    /// What else it builds for, with a compiler for other systems.
    pub cross: Vec<Target>,
    /// The program itself, no link, no virtual environment.
    pub executable: PathBuf,
    pub prefix: PathBuf,
    pub base_prefix: PathBuf,
    /// Its own `purelib`.
    pub site_packages: PathBuf,
    /// Where `Python.h` is; without it only pure wheels can be built.
    pub include: Option<PathBuf>,
    /// Its `libpython`, if that is a library of its own.
    pub shared_library: Option<PathBuf>,
    /// The same Python for other systems, which tests what is built for those.
    pub guests: Vec<Guest>,
    /// How it is started, where it is of another system itself.
    pub launcher: Option<Launcher>,
}

impl Interpreter {
    /// The target of that name, if it builds for it.
    pub fn target_named(&self, name: &str) -> Option<&Target> {
        self.targets().find(|target| target.name == name)
    }

    /// All that it builds for, its own first.
    pub fn targets(&self) -> impl Iterator<Item = &Target> {
        std::iter::once(&self.target).chain(&self.cross)
    }

    /// Its cross targets whose wheels are tested here, each with the program that does.
    pub fn tested(&self) -> Vec<(&str, &Path)> {
        let all = self.cross.iter().filter_map(|target| {
            let guest = self.guests.iter().find(|guest| guest.fits(target))?;
            Some((target.name.as_str(), guest.executable.as_path()))
        });
        all.collect()
    }

    /// A guest as what it is for its own system: an interpreter of `target`.
    ///
    /// # Errors
    /// What it lacks to be started here.
    pub fn of_guest(guest: &Guest, target: &Target) -> Result<Self, String> {
        let prefix = guest.executable.ancestors().nth(2).unwrap_or(Path::new("/")).to_owned();
        Ok(Self {
            target: target.clone(),
            cross: Vec::new(),
            guests: Vec::new(),
            executable: guest.executable.clone(),
            prefix: prefix.clone(),
            base_prefix: prefix,
            site_packages: PathBuf::new(),
            include: None,
            shared_library: None,
            launcher: Some(guest.launcher()?),
        })
    }

    /// Later than 3.2 there are virtual environments.
    pub fn has_venv(&self) -> bool {
        self.target.python() >= (3, 3)
    }

    /// It stands inside a sandbox where it is on the host; `/usr` is there anyway.
    pub fn mounts(&self) -> Vec<Mount> {
        let own = |prefix: &&PathBuf| !prefix.starts_with("/usr") && prefix.parent().is_some();
        let prefixes = [&self.base_prefix, &self.prefix].into_iter().filter(own);
        let mut mounts: Vec<Mount> = prefixes.map(|prefix| Mount::read(prefix, prefix)).collect();
        mounts.extend(self.launcher.iter().flat_map(|launcher| launcher.mounts.clone()));
        mounts.dedup();
        mounts
    }

    /// The folder of its programs, if this machine starts them.
    pub fn programs(&self) -> Option<PathBuf> {
        self.executable.parent().filter(|_| self.launcher.is_none()).map(Path::to_owned)
    }
}

/// What the probe prints.
#[derive(Debug, Deserialize)]
struct Said {
    implementation: String,
    version: String,
    abi: String,
    platform: String,
    machine: String,
    macos: Option<String>,
    libc: Option<(String, String)>,
    prefix: PathBuf,
    base_prefix: PathBuf,
    executable: PathBuf,
    include: Option<PathBuf>,
    site_packages: PathBuf,
    shared_library: Option<PathBuf>,
    markers: BTreeMap<String, String>,
}

/// Every interpreter found, one for each target, oldest first. One that hangs or is broken is left
/// out with a line in the log.
///
/// # Errors
/// `Bad` if a configured path is no interpreter and no folder of them, or `build.targets` names
/// what is not there.
pub async fn discover(settings: &BuildSettings) -> Result<Vec<Interpreter>> {
    let (mut found, mut guests) = (Vec::new(), Vec::new());
    for path in &settings.interpreters {
        let (configured, others) = guests::divide(places::configured(Path::new(path)));
        let before = found.len() + guests.len();
        found.extend(probe_all(configured).await);
        guests.extend(others);
        if found.len() + guests.len() == before {
            return Err(bad!(
                "build.interpreters: {path} is not a Python interpreter, and not a folder with one"
            ));
        }
    }
    let (candidates, others) = guests::divide(places::of_this_machine());
    guests.extend(others);
    let known = |path: &PathBuf| found.iter().any(|one: &Interpreter| one.executable == *path);
    let others: Vec<PathBuf> = candidates.into_iter().filter(|path| !known(path)).collect();
    let mut others = probe_all(others).await;
    // Of several for one target: what was configured, then what has headers, then the newest.
    others.sort_by_key(|one| (one.include.is_none(), std::cmp::Reverse(release(&one.target.version))));
    found.extend(others);
    let mut found = distinct(found);
    let platforms = cross::platforms(&settings.cross)?;
    // Without headers nothing is compiled.
    for one in found.iter_mut().filter(|one| one.include.is_some()) {
        one.cross = cross::targets(&one.target, &platforms);
        let fits = |guest: &&Guest| one.cross.iter().any(|target| guest.fits(target));
        one.guests = guests.iter().filter(fits).cloned().collect();
    }
    chosen(found, settings)
}

fn distinct(found: Vec<Interpreter>) -> Vec<Interpreter> {
    let mut kept: Vec<Interpreter> = Vec::new();
    for one in found {
        match kept.iter().find(|other| other.target.name == one.target.name) {
            Some(other) if other.executable == one.executable => {}
            Some(other) => tracing::debug!(
                "ignoring {}: {} already serves {}",
                one.executable.display(),
                other.executable.display(),
                one.target.name
            ),
            None => kept.push(one),
        }
    }
    let key =
        |one: &Interpreter| (one.target.implementation.clone(), one.target.python(), one.target.name.clone());
    kept.sort_by_key(key);
    kept
}

fn chosen(found: Vec<Interpreter>, settings: &BuildSettings) -> Result<Vec<Interpreter>> {
    if settings.targets.is_empty() {
        return Ok(found);
    }
    let targets: Vec<Target> = found.iter().flat_map(Interpreter::targets).cloned().collect();
    let mut wanted: Vec<&Target> = Vec::new();
    for asked in &settings.targets {
        let meant = target::find(asked, &targets);
        wanted.extend(meant.map_err(|e| bad!("{e} (--target, or the setting build.targets)"))?);
    }
    // An interpreter that is wanted for a cross target alone builds for its own as well.
    let mut found = found;
    found.retain(|one| one.targets().any(|target| wanted.iter().any(|other| other.name == target.name)));
    Ok(found)
}

fn release(version: &str) -> Vec<u32> {
    version.split('.').map(|part| part.parse().unwrap_or(0)).collect()
}

async fn probe_all(candidates: Vec<PathBuf>) -> Vec<Interpreter> {
    let distribution = places::distribution();
    let one = |path: PathBuf| {
        let distribution = distribution.clone();
        async move {
            match probe(&path, &distribution).await {
                Ok(interpreter) => Some(interpreter),
                Err(error) => {
                    tracing::warn!("ignoring {}: {error}", path.display());
                    None
                }
            }
        }
    };
    let found: Vec<Option<Interpreter>> =
        futures::stream::iter(candidates).map(one).buffered(AT_ONCE).collect().await;
    found.into_iter().flatten().collect()
}

/// Asks one interpreter what it is; for an environment's, what it is based on.
///
/// # Errors
/// `Bad` with its path and the reason.
pub async fn ask(executable: &Path) -> Result<Interpreter> {
    let distribution = places::distribution();
    probe(executable, &distribution).await.map_err(|error| bad!("{}: {error}", executable.display()))
}

/// Asks one interpreter what it is.
///
/// # Errors
/// `Bad` with the reason: it cannot be started, hangs, fails, is too old, or prints something else.
async fn probe(executable: &Path, distribution: &str) -> Result<Interpreter> {
    let mut command = tokio::process::Command::new(executable);
    // `-I` is unknown to 2.7. Without `site`, an environment's python tells of its base.
    command.args(["-E", "-s", "-S", "-c", PROBE]).env_clear().kill_on_drop(true);
    let kept = ["PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SYSTEMROOT", "TEMP", "TMP"];
    command.envs(kept.iter().filter_map(|name| Some((name, std::env::var_os(name)?))));
    // Else an interpreter built for an older macOS calls every newer one 10.16.
    command.env("SYSTEM_VERSION_COMPAT", "0");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let output = match tokio::time::timeout(PATIENCE, command.output()).await {
        Ok(output) => output.map_err(|e| bad!("it does not start: {e}"))?,
        Err(_) => return Err(bad!("it did not answer within {} seconds", PATIENCE.as_secs())),
    };
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        let last = said.lines().rfind(|line| !line.trim().is_empty()).unwrap_or_default();
        return Err(bad!("it ended with {}: {}", output.status, last.trim()));
    }
    let said =
        serde_json::from_slice(&output.stdout).map_err(|e| bad!("its output is not as expected: {e}"))?;
    described(said, distribution)
}

fn described(said: Said, distribution: &str) -> Result<Interpreter> {
    let mut numbers = said.version.split('.').map(|part| part.parse::<u32>().unwrap_or(0));
    let (major, minor) = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    if (major, minor) != (2, 7) && (major, minor) < (3, 6) {
        return Err(bad!(
            "Python {} is too old: wheelwright builds for 2.7, and for 3.6 and later",
            said.version
        ));
    }
    let libc = match &said.libc {
        Some((name, version)) => match (name.as_str(), pair(version)) {
            ("glibc", Some((major, minor))) => Libc::Glibc(major, minor),
            ("musl", Some((major, minor))) => Libc::Musl(major, minor),
            _ => Libc::Unknown,
        },
        None => Libc::Unknown,
    };
    let platform = Platform::new(&said.platform, &said.machine, said.macos.as_deref().and_then(pair), libc);
    let of = tags::InterpreterTags { implementation: &said.implementation, major, minor, abi: &said.abi };
    let half = Target::interpreter_name(&said.implementation, major, minor, &said.abi);
    let target = Target {
        name: format!("{half}-{}", platform.name()),
        tags: tags::accepted(&of, &platform),
        implementation: said.implementation,
        version: said.version,
        abi: said.abi,
        markers: said.markers,
        distribution: distribution.to_owned(),
        built_on: None,
    };
    Ok(Interpreter {
        target,
        cross: Vec::new(),
        executable: said.executable,
        prefix: said.prefix,
        base_prefix: said.base_prefix,
        site_packages: said.site_packages,
        include: said.include,
        shared_library: said.shared_library,
        guests: Vec::new(),
        launcher: None,
    })
}

/// `2.36`, `14.1.2`
fn pair(version: &str) -> Option<(u32, u32)> {
    let mut numbers = version.split('.').map(str::parse::<u32>);
    Some((numbers.next()?.ok()?, numbers.next().and_then(Result::ok).unwrap_or(0)))
}

#[cfg(test)]
mod tests;
