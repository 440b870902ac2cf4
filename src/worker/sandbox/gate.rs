//! The only way out of a sandbox: a Unix socket that leads to one index's pages and files.
//!
//! Inside, `/simple/` leads to the context's pages at the path that they have on the server, so that
//! their relative links hold. A file is passed on only if a page that came through links to it.

mod pages;
mod pass;

use crate::bad;
use crate::error::Result;
pub use pass::GateDestination;
use pass::Pass;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Open as long as it lives.
#[derive(Debug)]
pub struct SandboxGate {
    socket: PathBuf,
    serving: tokio::task::JoinHandle<()>,
}

impl SandboxGate {
    /// Listens at `socket`, a path that does not exist yet.
    ///
    /// # Errors
    /// `Bad` for an address or index name that is none; else what the file system says.
    pub async fn open(socket: &Path, to: GateDestination) -> Result<Self> {
        let serving = serve(socket, Arc::new(Pass::new(to)?))?;
        Ok(Self { socket: socket.to_owned(), serving })
    }
}

impl Drop for SandboxGate {
    fn drop(&mut self) {
        self.serving.abort();
        let _ = std::fs::remove_file(&self.socket);
    }
}

fn serve(socket: &Path, pass: Arc<Pass>) -> Result<tokio::task::JoinHandle<()>> {
    let listener = bind(socket)?;
    let router = axum::Router::new().fallback(pass::answer).with_state(pass);
    Ok(tokio::spawn(async move {
        if let Err(error) = axum::serve(listener, router).await {
            tracing::warn!(%error, "the index proxy of a sandbox failed");
        }
    }))
}

/// Addresses of Unix sockets are short, paths of job folders are not.
#[cfg(target_os = "linux")]
fn bind(socket: &Path) -> Result<tokio::net::UnixListener> {
    use rustix::fs::{Mode, OFlags};
    use std::os::fd::AsRawFd as _;
    let (Some(folder), Some(name)) = (socket.parent(), socket.file_name()) else {
        return Err(bad!("{} is not a valid place for a socket", socket.display()));
    };
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let folder = rustix::fs::open(folder, flags, Mode::empty()).map_err(std::io::Error::from)?;
    let short = Path::new("/proc/self/fd").join(folder.as_raw_fd().to_string()).join(name);
    Ok(tokio::net::UnixListener::bind(short)?)
}

#[cfg(not(target_os = "linux"))]
fn bind(socket: &Path) -> Result<tokio::net::UnixListener> {
    Ok(tokio::net::UnixListener::bind(socket)?)
}
