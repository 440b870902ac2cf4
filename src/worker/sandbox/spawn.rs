//! Starts a process from a thread that lives as long as the worker, with exactly the descriptors it needs.

use crate::error::{Error, Result};
use rustix::fs::{MemfdFlags, Mode, OFlags};
use std::io::Write as _;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command};
use std::sync::{OnceLock, mpsc};
use tokio::sync::oneshot;

type Order = (Command, oneshot::Sender<std::io::Result<Child>>);

/// Starts `command`; `inherited` stay open in it, under their own numbers. Through `door` it enters a
/// control group first, or does not start.
pub(super) async fn spawn(
    mut command: Command,
    inherited: Vec<OwnedFd>,
    door: Option<OwnedFd>,
) -> Result<Child> {
    let numbers: Vec<_> = inherited.iter().map(AsRawFd::as_raw_fd).collect();
    #[expect(unsafe_code, reason = "a descriptor can be handed on only between fork and exec")]
    // SAFETY: between fork and exec only system calls are made, nothing is allocated or locked; the
    // numbers stay open in the parent until after the fork.
    unsafe {
        command.pre_exec(move || prepare(&numbers, door.as_ref()));
    }
    let (reply, answer) = oneshot::channel();
    let lost = || Error::internal(anyhow::anyhow!("the thread that starts sandboxes has stopped"));
    spawner().send((command, reply)).map_err(|_| lost())?;
    let child = answer.await.map_err(|_| lost())??;
    drop(inherited);
    Ok(child)
}

fn prepare(numbers: &[i32], door: Option<&OwnedFd>) -> std::io::Result<()> {
    if let Some(door) = door {
        rustix::io::write(door, b"0")?;
    }
    close_on_exec();
    for number in numbers {
        #[expect(unsafe_code, reason = "the numbers come from descriptors")]
        // SAFETY: it is open: see `spawn`.
        let descriptor = unsafe { BorrowedFd::borrow_raw(*number) };
        rustix::io::fcntl_setfd(descriptor, rustix::io::FdFlags::empty())?;
    }
    rustix::process::umask(Mode::from_raw_mode(0o022));
    // Whoever asks for a page goes before a build. Both are a favour, so failing is none of our concern.
    let _ = rustix::process::setpriority_process(None, 10);
    // When memory ends, a build ends first.
    let flags = OFlags::WRONLY | OFlags::CLOEXEC;
    if let Ok(file) = rustix::fs::open(c"/proc/self/oom_score_adj", flags, Mode::empty()) {
        let _ = rustix::io::write(file.as_fd(), b"1000");
    }
    Ok(())
}

/// Whoever started the worker may have left descriptors open in it; a sandbox gets none of them.
fn close_on_exec() {
    #[expect(unsafe_code, reason = "there is no safe call for a range of descriptors")]
    // SAFETY: it changes a flag of descriptors of the forked process alone, and takes no pointer.
    let done =
        unsafe { libc::syscall(libc::SYS_close_range, 3, libc::c_uint::MAX, libc::CLOSE_RANGE_CLOEXEC) };
    if done == 0 {
        return;
    }
    // Linux before 5.11.
    for number in 3..4096 {
        #[expect(unsafe_code, reason = "every number is tried, open or not")]
        // SAFETY: as above.
        unsafe {
            libc::fcntl(number, libc::F_SETFD, libc::FD_CLOEXEC);
        }
    }
}

/// `--die-with-parent` is about the *thread* that started a process, and threads of a runtime come
/// and go.
fn spawner() -> &'static mpsc::Sender<Order> {
    static SPAWNER: OnceLock<mpsc::Sender<Order>> = OnceLock::new();
    SPAWNER.get_or_init(|| {
        let (orders, received) = mpsc::channel::<Order>();
        let work = move || {
            for (mut command, reply) in received {
                if let Err(Ok(mut child)) = reply.send(command.spawn()) {
                    // Nobody waits for it any more.
                    let _ = child.kill();
                    let _ = child.wait();
                }
            }
        };
        // If no thread can be had, the orders' receiver is gone, and `spawn` says so.
        let _ = std::thread::Builder::new().name("sandboxes".to_owned()).spawn(work);
        orders
    })
}

/// A file in memory with this content, to be read from its beginning.
pub(super) fn memory_file(name: &str, content: &[u8]) -> Result<OwnedFd> {
    let descriptor = rustix::fs::memfd_create(name, MemfdFlags::CLOEXEC).map_err(std::io::Error::from)?;
    let mut file = std::fs::File::from(descriptor);
    file.write_all(content)?;
    std::io::Seek::rewind(&mut file)?;
    Ok(file.into())
}
