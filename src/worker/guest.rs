//! A job's guest: an interpreter of the target's own system, started in the sandbox to test what this machine's
//! interpreters cannot load.

use super::environment::{EnvironmentRequest, Environments};
use super::interpreters::{Guest, Interpreter};
use super::room::{Room, SandboxRun, Stop};
use super::root::Roots;
use crate::build::target::Target;
use crate::packaging::tags::{Libc, Platform};
use crate::tools::glob;
use crate::words::Step;

/// Seconds; an emulator starts within two.
const PATIENCE: u64 = 60;
/// Has it say what it is.
const PROGRAM: &str = "import sys; print('wheelwright-guest ' + '.'.join(map(str, sys.version_info[:3])))";
const MARK: &str = "wheelwright-guest ";

/// One that was started.
#[derive(Debug)]
pub struct StartedGuest {
    pub interpreter: Interpreter,
    /// `CPython 3.12.11 for musllinux_1_2_x86_64`
    pub name: String,
}

/// Where one is looked for, and what may be done to start it.
pub struct GuestSearch<'a> {
    pub target: &'a Target,
    /// What is built on: knows the guests of its version.
    pub builds: &'a Interpreter,
    pub room: &'a Room<'a>,
    pub context: &'a str,
    pub roots: &'a Roots,
    pub environments: &'a Environments,
    /// Patterns of the system packages that may be added.
    pub addable: &'a [String],
}

impl GuestSearch<'_> {
    /// The first one that starts.
    ///
    /// # Errors
    /// Why none does, for the evidence.
    pub async fn start(&self) -> Result<StartedGuest, String> {
        let mut why = None;
        for guest in self.builds.guests.iter().filter(|guest| guest.fits(self.target)) {
            match self.try_to_start(guest).await {
                Ok(started) => return Ok(started),
                Err(reason) => why = Some(reason),
            }
        }
        Err(why.unwrap_or_else(|| {
            let (major, minor) = self.target.python();
            format!("the worker has no Python {major}.{minor} of that system: {}", self.hint())
        }))
    }

    /// Which one to install.
    fn hint(&self) -> String {
        let (major, minor) = self.target.python();
        let Some(Platform::Linux { arch, libc }) = self.target.linux() else { return String::new() };
        let libc = if matches!(libc, Libc::Musl(..)) { "musl" } else { "gnu" };
        format!("uv python install cpython-{major}.{minor}-linux-{arch}-{libc} brings one")
    }

    async fn try_to_start(&self, guest: &Guest) -> Result<StartedGuest, String> {
        let interpreter = Interpreter::of_guest(guest, self.target)?;
        let packages = interpreter.launcher.iter().flat_map(|launcher| launcher.packages.clone());
        let packages: Vec<String> = packages.collect();
        if let Some(refused) = packages.iter().find(|package| !may_add(self.addable, package)) {
            return Err(format!(
                "its Python needs the system package {refused}: install it on the worker, or let builds add it \
                 (build.system, build.system_allow)"
            ));
        }
        let root = self.roots.with(&packages, Step::Check, self.room.log).await.map_err(|why| why.hint)?;
        let request = EnvironmentRequest::new(&interpreter, self.context, Step::Check);
        let held = self.environments.get(self.room, &request).await.map_err(|stop| match stop {
            Stop::Failed(why) => why.hint,
            Stop::Needs(_) => String::new(),
        })?;
        let mark = self.room.log.written();
        let run = SandboxRun {
            argv: vec![held.environment.python.clone(), "-c".to_owned(), PROGRAM.to_owned()],
            environment: Some(&held.environment),
            root: root.as_deref(),
            seconds: Some(PATIENCE),
            ..SandboxRun::default()
        };
        let code = self.room.run(Step::Check, run).await.map_err(|why| why.hint)?;
        let printed = self.room.log.since(mark);
        let version = printed.lines().find_map(|line| Some(line.split_once(MARK)?.1.trim().to_owned()));
        let Some(version) = version.filter(|_| code == 0) else {
            let last = printed.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("it says nothing");
            return Err(format!("its Python does not start: {}", last.trim()));
        };
        let emulator = interpreter.launcher.as_ref().and_then(|launcher| launcher.emulator.as_ref());
        let by = emulator.map(|emulator| format!(", run by {emulator}")).unwrap_or_default();
        let name = format!("CPython {version} for {}{by}", self.target.halves().1);
        Ok(StartedGuest { interpreter, name })
    }
}

/// Whether a build may have this system package beside the host's.
pub fn may_add(addable: &[String], package: &str) -> bool {
    addable.iter().any(|pattern| glob::matches(pattern, package))
}
