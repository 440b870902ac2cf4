//! Runs that must fail: whether isolation and limits hold on this very machine.

use super::machine::Sandbox;
use super::plan::{PROGRAM, SandboxPlan};
use super::run_end::RunEnd;
use crate::build::job::JobLimits;
use crate::tools::scratch::ScratchFolder;
use crate::words::Class;
use crate::worker::log::Log;
use std::net::{Ipv4Addr, TcpListener};

const LIMITS: JobLimits =
    JobLimits { seconds: 20, memory: 64 << 20, disk: 16 << 20, files: 1000, processes: 16, log: 16 << 10 };

const PID_MAX: &str = "/proc/sys/kernel/pid_max";

/// The reason why this machine must not build; `None` if all is well.
pub(super) async fn sing(sandbox: &Sandbox) -> Option<String> {
    let before = std::fs::read_to_string(PID_MAX);
    let (reach, processes, memory, leftovers) = tokio::join!(
        nothing_is_reached(sandbox),
        processes_are_bounded(sandbox),
        memory_is_bounded(sandbox),
        nothing_is_left(sandbox)
    );
    let changed = the_machine_is_as_it_was(before.ok());
    [changed, reach, processes, memory, leftovers].into_iter().find_map(Result::err)
}

async fn run(sandbox: &Sandbox, what: &[&str]) -> Result<(RunEnd, String), String> {
    let own = [PROGRAM, "inside", "canary"];
    let argv = own.iter().chain(what).map(|word| (*word).to_owned()).collect();
    let plan = SandboxPlan { argv, limits: LIMITS, ..SandboxPlan::default() };
    let log = Log::new(LIMITS.log);
    match sandbox.run(&plan, &log).await {
        Ok(ended) => Ok((ended.end, log.to_text().trim().to_owned())),
        Err(error) => Err(format!("cannot start a sandbox on this machine: {error}")),
    }
}

async fn nothing_is_reached(sandbox: &Sandbox) -> Result<(), String> {
    // Something that answers, so that only the sandbox can be why it cannot be reached.
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(|error| error.to_string())?;
    let port = listener.local_addr().map_err(|error| error.to_string())?.port().to_string();
    // Not this program: a package puts it below /usr, which every sandbox shows.
    let folder = ScratchFolder::private(&std::env::temp_dir(), "wheelwright-canary-");
    let folder = folder.map_err(|error| format!("cannot make a folder for temporary files: {error}"))?;
    match run(sandbox, &["reach", &folder.path().display().to_string(), &port]).await? {
        (RunEnd::Exit(0), _) => Ok(()),
        (RunEnd::Exit(1), open) => {
            Err(format!("a sandbox on this machine is not isolated: it reaches {open}"))
        }
        (_, text) => Err(format!("cannot run a program in a sandbox on this machine: {}", hint(&text))),
    }
}

/// The usual reasons why a kernel refuses.
fn hint(text: &str) -> String {
    let advice = match text {
        _ if text.contains("user namespace")
            || text.contains("uid map")
            || text.contains("No permissions") =>
        {
            " (user namespaces are disabled: see sysctl kernel.unprivileged_userns_clone, \
             kernel.apparmor_restrict_unprivileged_userns and user.max_user_namespaces)"
        }
        _ if text.contains("proc") => " (cannot mount /proc: a container may need more permissions)",
        _ => "",
    };
    format!("{text}{advice}")
}

/// Threads, since the watcher leaves them to the kernel.
async fn processes_are_bounded(sandbox: &Sandbox) -> Result<(), String> {
    match run(sandbox, &["threads"]).await? {
        (RunEnd::Exit(0), _) => Ok(()),
        (RunEnd::Exit(1), text) => Err(format!(
            "cannot limit the number of processes of a build on this machine ({text}): do not run the worker \
             as root, or use Linux 6.14 or later, or let it create control groups (`pids`)"
        )),
        (end, text) => Err(format!("cannot test threads in a sandbox on this machine: {end:?} {text}")),
    }
}

/// A kernel that shares `kernel.pid_max` with sandboxes must never build: each build would change it.
fn the_machine_is_as_it_was(before: Option<String>) -> Result<(), String> {
    let Some(before) = before else { return Ok(()) };
    let after = std::fs::read_to_string(PID_MAX).unwrap_or_default();
    if after == before {
        return Ok(());
    }
    let restored = std::fs::write(PID_MAX, &before).is_ok();
    Err(format!(
        "a sandbox changed this machine's kernel.pid_max from {} to {} (restored: {restored})",
        before.trim(),
        after.trim()
    ))
}

async fn memory_is_bounded(sandbox: &Sandbox) -> Result<(), String> {
    match run(sandbox, &["memory"]).await? {
        (RunEnd::Limit(Class::Memory), _) => Ok(()),
        (end, text) => Err(format!("cannot limit the memory of a build on this machine: {end:?} {text}")),
    }
}

async fn nothing_is_left(sandbox: &Sandbox) -> Result<(), String> {
    let mark = uuid::Uuid::now_v7().to_string();
    match run(sandbox, &["linger", &mark]).await? {
        (RunEnd::Exit(0), _) if !is_running(&mark) => Ok(()),
        (RunEnd::Exit(0), _) => Err("a process outlived its sandbox on this machine".to_owned()),
        (end, text) => Err(format!("a test run in a sandbox fails on this machine: {end:?} {text}")),
    }
}

/// Whether some process of this machine has the mark among its arguments.
fn is_running(mark: &str) -> bool {
    let Ok(entries) = std::fs::read_dir("/proc") else { return false };
    let lines = entries.flatten().filter_map(|entry| std::fs::read(entry.path().join("cmdline")).ok());
    lines.into_iter().any(|line| String::from_utf8_lossy(&line).contains(mark))
}
