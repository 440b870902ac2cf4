//! How wheels are built.

use crate::words::{Isolation, SystemPackages};
use std::path::PathBuf;

/// The builder, and what one build may use.
#[derive(Clone, Debug)]
pub struct BuildSettings {
    /// A worker runs inside the server.
    pub enabled: bool,
    /// Builds at once; default: half of the processors.
    pub slots: Option<u64>,
    pub isolation: Isolation,
    /// Seconds of wall time.
    pub timeout: u64,
    /// Bytes, all processes together.
    pub memory: u64,
    /// Bytes written.
    pub disk: u64,
    pub files: u64,
    pub processes: u64,
    /// Bytes kept of the log.
    pub log: u64,
    /// Executables, or folders with interpreters, besides those found on the machine.
    pub interpreters: Vec<String>,
    /// Names, whole or abbreviated, of the targets to build for; empty: all that are found.
    pub targets: Vec<String>,
    /// Systems besides their own that interpreters build for: `manylinux_2_17`, or with a processor.
    pub cross: Vec<String>,
    /// What zig cannot compile for an older glibc is built in an older Debian.
    pub debian_root: bool,
    /// Where that one's packages are; not set: where apt has this machine's own.
    pub debian_mirror: Option<String>,
    /// Folder of recipes; a relative one is below `data`.
    pub recipes: PathBuf,
    /// Workers make usual environments before builds ask for them.
    pub prepare: bool,
    pub system: SystemPackages,
    /// Globs of system packages that may be added without a recipe.
    pub system_allow: Vec<String>,
}

impl Default for BuildSettings {
    fn default() -> Self {
        Self {
            enabled: true,
            slots: None,
            isolation: Isolation::default(),
            timeout: 1800,
            memory: 4 << 30,
            disk: 8 << 30,
            files: 400_000,
            processes: 512,
            log: 8 << 20,
            interpreters: Vec::new(),
            targets: Vec::new(),
            cross: ["manylinux_2_17", "manylinux_2_28", "musllinux_1_2"].map(str::to_owned).to_vec(),
            debian_root: true,
            debian_mirror: None,
            recipes: "recipes".into(),
            prepare: true,
            system: SystemPackages::default(),
            system_allow: vec!["*".to_owned()],
        }
    }
}

impl BuildSettings {
    /// Globs of the system packages that builds may get without a recipe; none: nothing is added.
    pub fn addable(&self) -> Vec<String> {
        match self.system {
            SystemPackages::Auto => self.system_allow.clone(),
            SystemPackages::Recipes => Vec::new(),
        }
    }

    /// How many builds this machine runs at once.
    pub fn slots(&self) -> u32 {
        let half = || std::thread::available_parallelism().map_or(1, |n| n.get().div_ceil(2) as u64);
        self.slots.unwrap_or_else(half).try_into().unwrap_or(u32::MAX)
    }
}
