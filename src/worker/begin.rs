//! Before a worker works: its folder, its interpreters, its sandbox, and whether that one holds.

use std::fs::File;
use std::path::{Path, PathBuf};

use super::environment::Environments;
use super::interpreters;
use super::root::{self, OlderSystems, Roots};
use super::running::WorkerMachine;
use super::sandbox::Sandbox;
use crate::access::tokens;
use crate::bad;
use crate::build::job::WorkerDescription;
use crate::config::BuildSettings;
use crate::error::Result;
use crate::tools::claim::claim;
use crate::tools::locks::Locks;
use crate::tools::scratch::remove_folder;

/// Bytes that environments may take together.
const ENVIRONMENTS: u64 = 10 << 30;

/// A worker that is ready, and what it says of itself.
pub struct Ready {
    /// `None`: it builds nothing, and [`WorkerDescription::off`] says why.
    pub worker: Option<WorkerMachine>,
    pub description: WorkerDescription,
    /// No other worker works in the folder as long as this is open.
    _turn: File,
}

/// Finds the interpreters, tries the sandbox, empties what an earlier life left in `folder`. If it is `offline`, it
/// fetches no older system.
///
/// # Errors
/// If the folder cannot be used, or the settings name what is not there.
pub async fn begin(settings: &BuildSettings, offline: bool, folder: &Path) -> Result<Ready> {
    let turn = take_turn(folder)?;
    remove_folder(&folder.join("jobs"))?;
    root::sweep(&folder.join("roots"))?;
    let interpreters = interpreters::discover(settings).await?;
    let (sandbox, mut off) = match Sandbox::open(settings.isolation) {
        Ok(sandbox) => {
            let off = sandbox.canary().await;
            (Some(sandbox), off)
        }
        Err(error) => (None, Some(error.to_string())),
    };
    if off.is_none() && interpreters.is_empty() {
        off = Some(
            "this machine has no Python interpreter: install one, or name one with build.interpreters"
                .to_owned(),
        );
    }
    let description = WorkerDescription {
        targets: interpreters.iter().flat_map(|one| one.targets().cloned()).collect(),
        slots: settings.slots().max(1),
        isolation: settings.isolation,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        off,
        instance: instance(folder)?,
    };
    let environments = Environments::open(folder.join("environments"), ENVIRONMENTS)?;
    let folder = folder.to_owned();
    let make = |sandbox: Sandbox| -> Result<WorkerMachine> {
        let places = folder.join("roots");
        let roots = Roots::new(places.clone(), sandbox.clone());
        let older = OlderSystems::new(settings, offline, places, sandbox.clone())?;
        Ok(WorkerMachine { folder, interpreters, sandbox, environments, roots, older, zig: Locks::default() })
    };
    let worker = sandbox.map(make).transpose()?;
    Ok(Ready { worker, description, _turn: turn })
}

fn take_turn(folder: &Path) -> Result<File> {
    std::fs::create_dir_all(folder)
        .map_err(|error| bad!("cannot create the worker's folder {}: {error}", folder.display()))?;
    let turn = File::options().create(true).truncate(false).write(true).open(folder.join("lock"))?;
    match claim(&turn) {
        Ok(()) => Ok(turn),
        Err(std::fs::TryLockError::Error(error)) => Err(error.into()),
        Err(std::fs::TryLockError::WouldBlock) => {
            Err(bad!("another worker uses {}: choose another folder with --folder", folder.display()))
        }
    }
}

/// What tells this worker from all others: where it works, of which one worker at a time has a turn. One that
/// starts again after a crash is therefore the same. A copied folder is none on another machine.
fn instance(folder: &Path) -> Result<String> {
    let path = folder.join("instance");
    let known = std::fs::read_to_string(&path).unwrap_or_default();
    let known = match known.trim() {
        "" => {
            let made = uuid::Uuid::now_v7().simple().to_string();
            std::fs::write(&path, &made)?;
            made
        }
        known => known.to_owned(),
    };
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let machine = [read("/proc/sys/kernel/random/boot_id"), read("/proc/sys/kernel/hostname")].concat();
    let mut told = tokens::fingerprint(&format!("{known} {machine} {}", folder.display()));
    told.truncate(32);
    Ok(told)
}

/// Where workers without a folder of their own keep things: the user's cache.
pub fn default_folder() -> PathBuf {
    let home = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let cache = home("XDG_CACHE_HOME").or_else(|| home("LOCALAPPDATA"));
    let cache = cache.or_else(|| home("HOME").map(|home| home.join(".cache")));
    cache.unwrap_or_else(std::env::temp_dir).join("wheelwright").join("worker")
}
