//! The older systems of a worker: of each release of Debian the roots that builds asked for.

use super::debian::{DebianRelease, DebianSource, checked_mirror};
use super::{Root, Roots};
use crate::config::BuildSettings;
use crate::error::Result;
use crate::words::Isolation;
use crate::worker::sandbox::Sandbox;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

/// The older systems of a worker.
#[derive(Debug)]
pub struct OlderSystems {
    folder: PathBuf,
    sandbox: Sandbox,
    is_on: bool,
    mirror: Option<String>,
    offline: bool,
    /// By the number of their Debian.
    all: Mutex<BTreeMap<u32, Arc<Roots>>>,
}

/// The one that a job builds in.
#[derive(Clone, Debug)]
pub struct OlderSystem {
    pub release: DebianRelease,
    pub roots: Arc<Roots>,
    /// The plain one, held until the job's end.
    pub root: Arc<Root>,
}

impl OlderSystems {
    /// Those below `folder`, each made when a build first needs it.
    ///
    /// # Errors
    /// `Bad` for a mirror that is no address.
    pub fn new(settings: &BuildSettings, offline: bool, folder: PathBuf, sandbox: Sandbox) -> Result<Self> {
        let mirror = settings.debian_mirror.as_deref().map(checked_mirror).transpose()?;
        Ok(Self { folder, sandbox, is_on: settings.debian_root, mirror, offline, all: Mutex::default() })
    }

    /// The roots of the newest Debian that is not newer than a target; or why there are none.
    ///
    /// # Errors
    /// In words: it is off, or it cannot be.
    pub fn of(&self, glibc: u32) -> Result<(DebianRelease, Arc<Roots>), String> {
        if !self.is_on {
            return Err("build.debian_root is off, so no older Debian was tried".to_owned());
        }
        if self.sandbox.isolation() == Isolation::None {
            return Err("an older Debian needs the sandbox, and builds run without one here".to_owned());
        }
        let release = DebianRelease::for_glibc(glibc)
            .ok_or_else(|| format!("no Debian has a glibc as old as 2.{glibc}"))?;
        let mut all = self.all.lock();
        let roots = all.entry(release.number).or_insert_with(|| {
            let source = DebianSource { release, mirror: self.mirror.clone(), offline: self.offline };
            Arc::new(Roots::of_debian(&self.folder, self.sandbox.clone(), source))
        });
        Ok((release, Arc::clone(roots)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_that_may_not_or_cannot_says_why() {
        let settings = BuildSettings { debian_root: false, ..BuildSettings::default() };
        let sandbox = Sandbox::open(Isolation::None).unwrap();
        let of = |settings: &BuildSettings, sandbox: &Sandbox| {
            let folder = std::env::temp_dir().join("never-made");
            OlderSystems::new(settings, false, folder, sandbox.clone()).unwrap().of(28).unwrap_err()
        };
        assert!(of(&settings, &sandbox).contains("build.debian_root is off"));
        assert!(of(&BuildSettings::default(), &sandbox).contains("without one here"));
        let bad = BuildSettings { debian_mirror: Some("nowhere".to_owned()), ..BuildSettings::default() };
        assert!(OlderSystems::new(&bad, false, PathBuf::new(), sandbox).is_err());
    }
}
