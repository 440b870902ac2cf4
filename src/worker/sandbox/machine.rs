//! What a sandbox needs of this machine: `bwrap`, this very program, a way to bound processes.

#[cfg(target_os = "linux")]
use super::bound::Bound;
use crate::bad;
use crate::error::Result;
use crate::words::Isolation;
use std::path::{Path, PathBuf};

/// Runs plans, one way of isolation for all.
#[derive(Clone, Debug)]
pub struct Sandbox {
    pub(super) isolation: Isolation,
    /// `bwrap`, where that is used.
    pub(super) bwrap: PathBuf,
    /// This program, for what runs inside.
    pub(super) program: PathBuf,
    #[cfg(target_os = "linux")]
    pub(super) bound: Bound,
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
}

#[cfg(target_os = "linux")]
fn find_bwrap() -> Result<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_else(|| "/usr/bin:/bin".into());
    let found = std::env::split_paths(&path).map(|folder| folder.join("bwrap")).find(|path| path.is_file());
    found.ok_or_else(|| {
        bad!(
            "bubblewrap is not installed, so this machine cannot build safely: install the package \
             `bubblewrap`, or allow builds without a sandbox (isolation = \"none\")"
        )
    })
}

#[cfg(not(target_os = "linux"))]
fn find_bwrap() -> Result<PathBuf> {
    Err(bad!("sandboxes need Linux: set isolation = \"none\" on this machine"))
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
