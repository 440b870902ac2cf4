//! One run from its start to the death of its last process.

use super::group::ControlGroup;
use super::machine::Sandbox;
use super::plan::SandboxPlan;
use super::run_end::{EndedRun, RunEnd};
use super::watch::{LimitReached, RunWatch, WatchedRun};
use super::{bubblewrap, plain, spawn};
use crate::error::{Error, Result};
use crate::words::{Class, Isolation};
use crate::worker::log::Log;
use crate::worker::processes;
use rustix::pipe::PipeFlags;
use rustix::process::{Pid, Signal, pidfd_send_signal};
use std::os::fd::OwnedFd;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tokio::io::AsyncReadExt as _;
use tokio::io::unix::AsyncFd;
use tokio::net::unix::pipe;
use tokio::time::timeout;

/// A log may be so many times larger than what is kept of it, before it counts as a flood.
const FLOOD: u64 = 16;
/// The death of `bwrap` is not to take longer.
const DEATH: Duration = Duration::from_secs(5);
/// Nor that of all others. Hundreds that were forking when they were killed need some seconds of processor
/// time each way, and whoever builds on meanwhile would only make it worse.
const DEATH_OF_ALL: Duration = Duration::from_secs(120);

pub(super) async fn run(sandbox: &Sandbox, plan: &SandboxPlan, log: &Log) -> Result<EndedRun> {
    let home = match sandbox.isolation {
        Isolation::None => Some(plain::home()?),
        Isolation::Bubblewrap => None,
    };
    let (mut command, inherited) = match &home {
        Some(home) => (plain::command(sandbox, plan, home.path())?, Vec::new()),
        None => bubblewrap::command(sandbox, plan)?,
    };
    let mut output = connect(&mut command)?;
    let group = match sandbox.isolation {
        Isolation::None => None,
        Isolation::Bubblewrap => sandbox.bound.group(plan.limits.processes)?,
    };
    let door = group.as_ref().map(ControlGroup::door).transpose()?;
    let started = Instant::now();
    let mut running = Running::new(spawn::spawn(command, inherited, door).await?, sandbox.isolation)?;
    let seen = running.seen.clone();
    let (root, isolation) = (running.pid(), sandbox.isolation);
    let watch = RunWatch { plan: plan.clone(), isolation, root, seen };
    let flood = plan.limits.log.saturating_mul(FLOOD).saturating_add(1 << 20);
    let stop = tokio::select! {
        ended = running.ended() => { ended?; None }
        stop = watch.run() => Some(stop),
        stop = pump(&mut output, log, flood) => Some(stop),
    };
    if stop.is_some() {
        running.kill().await?;
    }
    let wall = started.elapsed();
    let cpu = processes::processor_time(running.pid());
    let status = running.bury().await?;
    // Every writer is dead; a rest that does not come at once never comes.
    let _ = timeout(Duration::from_millis(500), drain(&mut output, log)).await;
    let end = verdict(stop, status, running.seen.full(), log);
    Ok(EndedRun { end, wall, cpu, peak_memory: running.seen.peak() })
}

/// Nothing to read, and one pipe for all that it says.
fn connect(command: &mut Command) -> Result<pipe::Receiver> {
    let (reader, writer) = rustix::pipe::pipe_with(PipeFlags::CLOEXEC).map_err(std::io::Error::from)?;
    rustix::io::ioctl_fionbio(&reader, true).map_err(std::io::Error::from)?;
    command.stdin(Stdio::null()).stdout(writer.try_clone()?).stderr(writer);
    Ok(pipe::Receiver::from_owned_fd(reader)?)
}

/// Copies to the log until there is too much of it; never returns otherwise.
async fn pump(output: &mut pipe::Receiver, log: &Log, flood: u64) -> LimitReached {
    let mut buffer = vec![0; 64 << 10];
    let mut total = 0;
    loop {
        match output.read(&mut buffer).await {
            Ok(0) | Err(_) => std::future::pending().await,
            Ok(count) => {
                log.write(buffer.get(..count).unwrap_or_default());
                total += count as u64;
            }
        }
        if total > flood {
            return LimitReached::new(Class::LogSize, format!("stopped: too much output ({total} bytes)"));
        }
    }
}

async fn drain(output: &mut pipe::Receiver, log: &Log) {
    // More than a pipe can hold.
    let mut buffer = vec![0; 64 << 10];
    for _ in 0..32 {
        match output.read(&mut buffer).await {
            Ok(0) | Err(_) => return,
            Ok(count) => log.write(buffer.get(..count).unwrap_or_default()),
        }
    }
}

/// Says how it ended, in the log too where that was our doing.
fn verdict(stop: Option<LimitReached>, status: i32, full: Option<&'static str>, log: &Log) -> RunEnd {
    if let Some(stop) = stop {
        log.note(&stop.line);
        return RunEnd::Limit(stop.class);
    }
    if let (Some(folder), true) = (full, status != 0) {
        log.note(&format!("{folder} was full"));
        return RunEnd::Limit(Class::Disk);
    }
    match status {
        code if code == 128 + Signal::XFSZ.as_raw() => {
            log.note("a file grew larger than allowed");
            RunEnd::Limit(Class::Disk)
        }
        code @ 129..=192 => RunEnd::Signal(code - 128),
        code => RunEnd::Exit(code),
    }
}

/// A process of ours with all that descends from it. Dropped while it runs, it is killed.
struct Running {
    child: Option<Child>,
    pid: i32,
    handle: AsyncFd<OwnedFd>,
    isolation: Isolation,
    seen: WatchedRun,
}

impl Running {
    fn new(mut child: Child, isolation: Isolation) -> Result<Self> {
        let pid = i32::try_from(child.id()).unwrap_or(i32::MAX);
        let handle = processes::handle(pid).map(readable);
        match handle {
            Some(Ok(handle)) => {
                Ok(Self { child: Some(child), pid, handle, isolation, seen: WatchedRun::default() })
            }
            other => {
                let _ = child.kill();
                let _ = child.wait();
                Err(Error::internal(anyhow::anyhow!(
                    "cannot get a handle for a process (needs Linux 5.3 or later): {other:?}"
                )))
            }
        }
    }

    fn pid(&self) -> i32 {
        self.pid
    }

    /// Waits until it is dead; it is not waited for in the kernel's sense.
    async fn ended(&self) -> Result<()> {
        self.handle.readable().await?.retain_ready();
        Ok(())
    }

    /// Kills all and waits until all are dead. The sandbox's first process goes first, and the kernel
    /// kills all others with it, however many: `bwrap` then sees the end of it and of them.
    async fn kill(&mut self) -> Result<()> {
        self.signal();
        if timeout(DEATH / 2, self.ended()).await.is_err() {
            let _ = pidfd_send_signal(self.handle.get_ref(), Signal::KILL);
            let late = || Error::internal(anyhow::anyhow!("cannot end process {} of a build", self.pid));
            timeout(DEATH / 2, self.ended()).await.map_err(|_| late())??;
        }
        Ok(())
    }

    fn signal(&self) {
        match self.isolation {
            Isolation::None => processes::kill_below(self.pid),
            Isolation::Bubblewrap if self.seen.kill_init() => {}
            Isolation::Bubblewrap => {
                match processes::below(self.pid, 1).first().and_then(|pid| Pid::from_raw(*pid)) {
                    Some(init) => drop(rustix::process::kill_process(init, Signal::KILL)),
                    // It is still being set up.
                    None => drop(pidfd_send_signal(self.handle.get_ref(), Signal::KILL)),
                }
            }
        }
        if self.isolation == Isolation::None {
            let _ = pidfd_send_signal(self.handle.get_ref(), Signal::KILL);
        }
    }

    /// The exit status in the way of shells, once [`Running::ended`]; waits for what is left of the
    /// sandbox if `bwrap` did not live to see its end.
    async fn bury(&mut self) -> Result<i32> {
        let Some(mut child) = self.child.take() else { return Ok(-1) };
        let status = child.wait()?;
        if let Some(init) = self.seen.take_init() {
            let init = readable(init)?;
            let late = |_| Error::internal(anyhow::anyhow!("cannot end processes of a build"));
            timeout(DEATH_OF_ALL, init.readable()).await.map_err(late)??.retain_ready();
        }
        let signal = std::os::unix::process::ExitStatusExt::signal(&status).map(|signal| 128 + signal);
        Ok(status.code().or(signal).unwrap_or(-1))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let Some(mut child) = self.child.take() else { return };
        self.signal();
        // `bwrap` ends after the last process of its sandbox; only if that takes long is it killed itself.
        for _ in 0..100 {
            if !matches!(child.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        let _ = child.kill();
        let _ = child.wait();
    }
}

/// A handle of a process is readable when it is dead.
fn readable(handle: OwnedFd) -> std::io::Result<AsyncFd<OwnedFd>> {
    #[expect(unsafe_code, reason = "the runtime wants to be promised that a descriptor stays what it is")]
    // SAFETY: an `OwnedFd` gives the same open descriptor for as long as it lives.
    let registered = unsafe { AsyncFd::register(handle) };
    registered.map_err(std::io::Error::from)
}
