//! The only place that starts foreign code: a [`SandboxPlan`] runs shut off from host and network.
//!
//! Under [`Isolation::Bubblewrap`] a run has namespaces of its own, no capability, a filter of
//! system calls, `/usr` and its mounts and nothing else; `inside` (this very program) is its first
//! process. The kernel bounds the number of processes (`bound`), a watcher (`watch`) what the kernel does
//! not, all processes together. A run has ended
//! when its last process is dead: only then may `collect` take what it left behind.

pub mod collect;
pub mod gate;
mod machine;
mod plain;
mod plan;
mod run_end;
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
mod run;
#[cfg(target_os = "linux")]
mod seccomp;
#[cfg(target_os = "linux")]
mod spawn;
#[cfg(target_os = "linux")]
mod watch;

#[cfg(target_os = "linux")]
pub use bound::Bound;
pub use machine::Sandbox;
pub use plan::{HOME, INDEX, Mount, PROGRAM, SandboxPlan};
#[cfg(target_os = "linux")]
use run::run;
pub use run_end::{EndedRun, RunEnd};

use super::log::Log;
use crate::error::Result;
use crate::words::Isolation;

impl Sandbox {
    /// Runs a plan and returns when its last process is dead. What it writes goes to the log.
    ///
    /// # Errors
    /// `Bad` for a plan that cannot be run as it is (a relative path, a NUL); `Internal` if the machine
    /// fails. Whatever the command itself does is no error.
    pub async fn run(&self, plan: &SandboxPlan, log: &Log) -> Result<EndedRun> {
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
            Isolation::Bubblewrap => Some(
                "bubblewrap needs Linux: set build.isolation to none to build without a sandbox".to_owned(),
            ),
        }
    }
}
