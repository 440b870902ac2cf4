//! The second way to a wheel for an older glibc: where zig cannot compile a source, a root of an older Debian does.
//!
//! Such a source needs gcc itself, or a library whose copy on this machine asks for a newer glibc. The build runs on
//! this machine's interpreter, but with the compiler, the headers and the libraries of that Debian, in the sandbox.

use super::root::{DebianRelease, DebianSource, Root, Roots, checked_mirror};
use super::running::RunningJob;
use super::sandbox::Sandbox;
use crate::build::target::Target;
use crate::config::BuildSettings;
use crate::error::Result;
use crate::packaging::tags::{Libc, Platform};
use crate::words::{Class, Failure, Isolation, Step};
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
    fn of(&self, glibc: u32) -> Result<(DebianRelease, Arc<Roots>), String> {
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

/// The older system for a job that failed with zig; `None` where it would not help either. The error says why there
/// is none.
pub async fn system(
    running: &RunningJob<'_>,
    failure: &Failure,
) -> Option<std::result::Result<OlderSystem, String>> {
    let glibc = glibc(running.target)?;
    if !running.compiles() || !may_help(failure) {
        return None;
    }
    let (release, roots) = match running.worker.older.of(glibc) {
        Ok(found) => found,
        Err(why) => return Some(Err(why)),
    };
    running.room.log.note(&format!("zig cannot build this: {release} is next"));
    let root = match roots.with(&[], Step::Environment, running.room.log).await {
        Ok(Some(root)) => root,
        Ok(None) => return None,
        Err(why) => return Some(Err(why.hint)),
    };
    Some(Ok(OlderSystem { release, roots, root }))
}

/// The N of the older glibc 2.N that a target is for, on this machine's processor.
fn glibc(target: &Target) -> Option<u32> {
    if !target.is_cross() || !target.runs_here() {
        return None;
    }
    match target.linux()? {
        Platform::Linux { libc: Libc::Glibc(2, minor), .. } => Some(minor),
        _ => None,
    }
}

/// Whether another compiler and other libraries may make a difference.
fn may_help(failure: &Failure) -> bool {
    !matches!(
        failure.class,
        Class::Worker
            | Class::BadSource
            | Class::Timeout
            | Class::Memory
            | Class::Disk
            | Class::LogSize
            | Class::Processes
            | Class::MetadataHook
            | Class::Refused
            | Class::RequiresPython
            | Class::Cancelled
            | Class::Cycle
    )
}

/// The failure with zig, which is the one that counts, with what the second way came to.
pub fn told(failure: Failure, why: &str) -> Failure {
    let hint = format!("{}. The second way, an older Debian: {why}", failure.hint.trim_end_matches('.'));
    Failure { hint, ..failure }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(name: &str) -> Target {
        let built_on = Some("cp312-manylinux_2_36_x86_64".to_owned());
        Target { name: name.to_owned(), built_on, ..Target::default() }
    }

    #[test]
    fn only_an_older_glibc_of_this_processor_has_a_second_way() {
        let (arch, other) = match std::env::consts::ARCH {
            "aarch64" => ("aarch64", "x86_64"),
            arch => (arch, "aarch64"),
        };
        assert_eq!(glibc(&target(&format!("cp312-manylinux_2_28_{arch}"))), Some(28));
        for name in [format!("cp312-manylinux_2_28_{other}"), format!("cp312-musllinux_1_2_{arch}")] {
            assert_eq!(glibc(&target(&name)), None, "{name}");
        }
        let own = Target { built_on: None, ..target(&format!("cp312-manylinux_2_28_{arch}")) };
        assert_eq!(glibc(&own), None);
    }

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

    #[test]
    fn what_zig_said_comes_first() {
        let failure = Failure::new(Class::Compiler, Step::Build, "the compiler stopped.");
        let told = told(failure, "it is off");
        assert_eq!(told.hint, "the compiler stopped. The second way, an older Debian: it is off");
    }
}
