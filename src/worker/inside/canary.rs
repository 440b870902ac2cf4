//! Tries what a sandbox must not allow; the worker does not build where one of these succeeds.

use std::ffi::OsString;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;

/// More threads than any canary's limit allows.
const MANY_THREADS: usize = 1500;

/// `canary reach FILE PORT`, `canary memory`, `canary threads`, `canary linger MARK`, `canary wait MARK`
pub(super) fn main(arguments: impl Iterator<Item = OsString>) -> Result<ExitCode, String> {
    let arguments: Vec<String> = arguments.filter_map(|argument| argument.into_string().ok()).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["reach", file, port] => Ok(reach(Path::new(file), port.parse().unwrap_or_default())),
        ["memory"] => Ok(use_memory()),
        ["threads"] => Ok(use_threads()),
        ["linger", mark] => linger(mark),
        ["wait", _] => loop {
            std::thread::sleep(Duration::from_secs(3600));
        },
        _ => Err("no such canary".to_owned()),
    }
}

/// Says what of the host can be reached.
fn reach(file: &Path, port: u16) -> ExitCode {
    let host = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let tried = [
        ("a file of the host", file.exists()),
        ("the passwords of the host", Path::new("/etc/shadow").exists()),
        ("the devices of the host", Path::new("/sys/kernel").exists()),
        ("a port of the host", TcpStream::connect_timeout(&host, Duration::from_secs(1)).is_ok()),
        ("the network", has_interfaces()),
        ("the system's programs", std::fs::write("/usr/bin/wheelwright-canary", "").is_ok()),
        ("the kernel's switches", may_write("/proc/sys/kernel/core_pattern")),
        ("a user namespace", new_namespace()),
        ("the kernel's messages about the network", netlink()),
    ];
    let open: Vec<_> = tried.into_iter().filter(|(_, open)| *open).map(|(what, _)| what).collect();
    println!("{}", open.join(", "));
    ExitCode::from(u8::from(!open.is_empty()))
}

/// Whether there is any but the loopback interface.
fn has_interfaces() -> bool {
    let text = std::fs::read_to_string("/proc/net/dev").unwrap_or_default();
    text.lines().skip(2).any(|line| !line.trim_start().starts_with("lo:"))
}

fn may_write(path: &str) -> bool {
    std::fs::OpenOptions::new().write(true).open(path).is_ok()
}

#[cfg(target_os = "linux")]
fn new_namespace() -> bool {
    #[expect(unsafe_code, reason = "it is tried whether the kernel refuses")]
    // SAFETY: takes no pointer; if it worked, nothing later here depends on the user namespace.
    let done = unsafe { libc::unshare(libc::CLONE_NEWUSER) };
    done == 0
}

#[cfg(target_os = "linux")]
fn netlink() -> bool {
    #[expect(unsafe_code, reason = "it is tried whether the kernel refuses")]
    // SAFETY: takes no pointer; the process ends soon, and the descriptor with it.
    let socket = unsafe { libc::socket(libc::AF_NETLINK, libc::SOCK_RAW, 0) };
    socket >= 0
}

#[cfg(not(target_os = "linux"))]
fn new_namespace() -> bool {
    false
}

#[cfg(not(target_os = "linux"))]
fn netlink() -> bool {
    false
}

/// Uses more and more memory until it is stopped.
fn use_memory() -> ExitCode {
    let mut kept = Vec::new();
    for _ in 0..4096 {
        // Written to, so that it is really there.
        kept.push(vec![1_u8; 1 << 20]);
        std::thread::sleep(Duration::from_millis(1));
    }
    println!("{} MiB were not too much", kept.len());
    ExitCode::SUCCESS
}

/// Starts threads until the kernel refuses.
fn use_threads() -> ExitCode {
    let sleep = || loop {
        std::thread::park();
    };
    for _ in 0..MANY_THREADS {
        match std::thread::Builder::new().stack_size(16 << 10).spawn(sleep) {
            Ok(_) => {}
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => return ExitCode::SUCCESS,
            Err(error) => {
                println!("{error}");
                return ExitCode::from(2);
            }
        }
    }
    println!("{MANY_THREADS} threads were not too many");
    ExitCode::from(1)
}

/// Leaves a process behind.
fn linger(mark: &str) -> Result<ExitCode, String> {
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    let mut command = Command::new(program);
    command.args(["inside", "canary", "wait", mark]).stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().map_err(|error| error.to_string())?;
    Ok(ExitCode::SUCCESS)
}
