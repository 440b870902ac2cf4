//! The first process of a run: sets limits, opens the way to the index, starts the command, reaps.

use super::forward;
use rustix::process::{Resource, Rlimit, WaitOptions, WaitStatus};
use std::ffi::OsString;
use std::io::ErrorKind;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

/// Files open at once in one process.
const OPEN_FILES: u64 = 4096;
/// How plans name the index, and what that becomes where the port is taken.
const INDEX: &str = "127.0.0.1:3141";

#[derive(Default)]
struct Arguments {
    /// Zero: no limit of the kernel's own.
    processes: u64,
    file: u64,
    space: u64,
    gate: Option<PathBuf>,
    port: u16,
    command: Vec<OsString>,
}

/// Ends with the command's exit status; 128 and the signal's number if one killed it.
pub(super) fn main(arguments: impl Iterator<Item = OsString>) -> Result<ExitCode, String> {
    let arguments = parse(arguments)?;
    #[cfg(target_os = "linux")]
    // Without a sandbox, what loses its parent becomes our child. Process 1 has that anyway.
    let _ = rustix::process::set_child_subreaper(Some(rustix::process::getpid()));
    let moved = match &arguments.gate {
        Some(gate) => Some(forward::open(gate, arguments.port)?).filter(|port| *port != arguments.port),
        None => None,
    };
    limit(&arguments)?;
    let mut words = arguments.command.into_iter().map(|word| pointed(word, moved));
    let program = words.next().ok_or("no command to run")?;
    let mut command = Command::new(&program);
    command.args(words);
    if moved.is_some() {
        command.envs(std::env::vars_os().map(|(key, value)| (key, pointed(value, moved))));
    }
    let child = command.spawn().map_err(|error| match error.kind() {
        ErrorKind::NotFound => format!("program {} does not exist", program.display()),
        _ => format!("{} does not start: {error}", program.display()),
    })?;
    let status = reap(child.id());
    leave_nothing();
    Ok(ExitCode::from(status))
}

fn parse(arguments: impl Iterator<Item = OsString>) -> Result<Arguments, String> {
    let mut parsed = Arguments::default();
    let mut arguments = arguments;
    for argument in arguments.by_ref() {
        let text = argument.to_str().ok_or("arguments are UTF-8")?;
        let (key, value) = text.split_once('=').unwrap_or((text, ""));
        let number = value.parse::<u64>();
        match (key, number) {
            ("--", _) => break,
            ("--gate", _) => parsed.gate = Some(PathBuf::from(value)),
            ("--processes", Ok(number)) => parsed.processes = number,
            ("--file", Ok(number)) => parsed.file = number,
            ("--space", Ok(number)) => parsed.space = number,
            ("--port", Ok(number)) => parsed.port = u16::try_from(number).map_err(|e| e.to_string())?,
            _ => return Err(format!("unknown argument {text} of enter")),
        }
    }
    parsed.command = arguments.collect();
    Ok(parsed)
}

/// Limits that the kernel holds for each process, or for all of this user namespace.
fn limit(arguments: &Arguments) -> Result<(), String> {
    let mut limits = vec![
        (Resource::Core, 0),
        (Resource::Fsize, arguments.file),
        (Resource::As, arguments.space),
        (Resource::Nofile, OPEN_FILES),
    ];
    if arguments.processes > 0 {
        // The threads that forward to the index count, too.
        limits.push((Resource::Nproc, arguments.processes + forward::MOST_THREADS));
    }
    for (resource, most) in limits {
        // What was given to us cannot be raised.
        let given = rustix::process::getrlimit(resource).maximum;
        let most = Some(given.map_or(most, |given| given.min(most)));
        rustix::process::setrlimit(resource, Rlimit { current: most, maximum: most })
            .map_err(|error| format!("limit {resource:?}: {error}"))?;
    }
    Ok(())
}

/// The same text with the index where it really is.
fn pointed(text: OsString, port: Option<u16>) -> OsString {
    match (port, text.to_str()) {
        (Some(port), Some(plain)) => plain.replace(INDEX, &format!("127.0.0.1:{port}")).into(),
        _ => text,
    }
}

/// Waits for every child until the command itself has ended.
fn reap(command: u32) -> u8 {
    loop {
        match rustix::process::wait(WaitOptions::empty()) {
            Ok(Some((pid, status))) if pid.as_raw_nonzero().get().cast_unsigned() == command => {
                return shell_status(status);
            }
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(_) => return 125,
        }
    }
}

fn shell_status(status: WaitStatus) -> u8 {
    let signal = status.terminating_signal().map(|signal| signal + 128);
    status.exit_status().or(signal).and_then(|code| u8::try_from(code).ok()).unwrap_or(125)
}

/// In a sandbox the end of process 1 is the end of all; elsewhere it has to be seen to.
fn leave_nothing() {
    #[cfg(target_os = "linux")]
    if rustix::process::getpid().as_raw_nonzero().get() != 1 {
        crate::worker::processes::kill_below(rustix::process::getpid().as_raw_nonzero().get());
    }
}
