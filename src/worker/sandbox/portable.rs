//! A run on systems other than Linux: an ordinary process whose time, output and disk are bounded.
//!
//! Memory and the number of processes are bounded only as far as the system's own limits for each
//! process go, and processes that leave their group live on: reasons to build on Linux.

use super::machine::Sandbox;
use super::plain;
use super::plan::SandboxPlan;
use super::run_end::{EndedRun, RunEnd};
use super::usage::usage;
use crate::error::Result;
use crate::tools::process::ProcessGroup;
use crate::words::Class;
use crate::worker::log::Log;
use std::process::{ExitStatus, Stdio};
use std::time::{Duration, Instant};
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::process::Command;

const PERIOD: Duration = Duration::from_millis(500);

pub(super) async fn run(sandbox: &Sandbox, plan: &SandboxPlan, log: &Log) -> Result<EndedRun> {
    let home = plain::home()?;
    let mut command = Command::from(plain::command(sandbox, plan, home.path())?);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    command.process_group(0);
    let started = Instant::now();
    let mut child = command.spawn()?;
    let (output, errors) = (child.stdout.take(), child.stderr.take());
    let flood = plan.limits.log.saturating_mul(16).saturating_add(1 << 20);
    let stop = tokio::select! {
        status = child.wait() => Err(status?),
        stop = watch(plan, started) => Ok(stop),
        () = pump(output, log, flood) => Ok(Class::LogSize),
        () = pump(errors, log, flood) => Ok(Class::LogSize),
    };
    // What is left of the process's group, too.
    drop(ProcessGroup::of(&child));
    let _ = child.kill().await;
    let end = match stop {
        Err(status) => plainly(status),
        Ok(class) => {
            log.note(&format!("stopped by a limit: {class:?}"));
            RunEnd::Limit(class)
        }
    };
    Ok(EndedRun { end, wall: started.elapsed(), cpu: Duration::ZERO, peak_memory: 0 })
}

/// Copies to the log; returns only when there was too much of it.
async fn pump(source: Option<impl AsyncRead + Unpin>, log: &Log, flood: u64) {
    let mut buffer = vec![0; 64 << 10];
    let mut total = 0;
    if let Some(mut source) = source {
        while let Ok(count @ 1..) = source.read(&mut buffer).await {
            log.write(buffer.get(..count).unwrap_or_default());
            total += count as u64;
            if total > flood {
                return;
            }
        }
    }
    std::future::pending().await
}

async fn watch(plan: &SandboxPlan, started: Instant) -> Class {
    let deadline = Duration::from_secs(plan.limits.seconds);
    loop {
        let left = deadline.saturating_sub(started.elapsed());
        if left.is_zero() {
            return Class::Timeout;
        }
        tokio::time::sleep(left.min(PERIOD)).await;
        let (folders, most) = (plan.watched.clone(), plan.limits.files);
        let Ok(used) = tokio::task::spawn_blocking(move || usage(folders, most)).await else { continue };
        if used.bytes > plan.limits.disk || used.files > most {
            return Class::Disk;
        }
    }
}

fn plainly(status: ExitStatus) -> RunEnd {
    match status.code() {
        Some(code @ 129..=192) => RunEnd::Signal(code - 128),
        Some(code) => RunEnd::Exit(code),
        None => RunEnd::Signal(9),
    }
}
