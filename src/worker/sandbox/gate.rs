//! The only way out of a sandbox: a Unix socket that leads to one index's pages and files.
//!
//! Inside, `/simple/` leads to the context's pages at the path that they have on the server, so that
//! their relative links hold. A file is passed on only if a page that came through links to it.

mod pages;
mod pass;

use crate::bad;
use crate::client::ServerClient;
use crate::error::Result;
use pass::Pass;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Which index a gate leads to, and as whom.
#[derive(Clone, Debug)]
pub struct Beyond {
    /// As whoever may read the index.
    pub server: ServerClient,
    /// `user/index`
    pub context: String,
    /// As the index was then: the date of `/{context}/+at/{date}/+simple/`.
    pub at: Option<String>,
}

/// A file that came through.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fetched {
    pub filename: String,
    /// Of the bytes that came through; hexadecimal.
    pub sha256: String,
}

/// Open as long as it lives.
#[derive(Debug)]
pub struct Gate {
    pass: Arc<Pass>,
    socket: PathBuf,
    serving: tokio::task::JoinHandle<()>,
}

impl Gate {
    /// Listens at `socket`, a path that does not exist yet.
    ///
    /// # Errors
    /// `Bad` for an address or index name that is none; else what the file system says.
    pub async fn open(socket: &Path, beyond: Beyond) -> Result<Self> {
        let pass = Arc::new(Pass::new(beyond)?);
        let serving = serve(socket, pass.clone())?;
        Ok(Self { pass, socket: socket.to_owned(), serving })
    }

    /// Whole files that came through so far, each once.
    pub fn fetched(&self) -> Vec<Fetched> {
        self.pass.fetched()
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.serving.abort();
        let _ = std::fs::remove_file(&self.socket);
    }
}

#[cfg(unix)]
fn serve(socket: &Path, pass: Arc<Pass>) -> Result<tokio::task::JoinHandle<()>> {
    let listener = bind(socket)?;
    let router = axum::Router::new().fallback(pass::answer).with_state(pass);
    Ok(tokio::spawn(async move {
        if let Err(error) = axum::serve(listener, router).await {
            tracing::warn!(%error, "a sandbox's gate");
        }
    }))
}

#[cfg(not(unix))]
fn serve(_: &Path, _: Arc<Pass>) -> Result<tokio::task::JoinHandle<()>> {
    Err(bad!("builds on this machine cannot reach an index: its system has no Unix sockets"))
}

/// Addresses of Unix sockets are short, paths of job folders are not.
#[cfg(target_os = "linux")]
fn bind(socket: &Path) -> Result<tokio::net::UnixListener> {
    use rustix::fs::{Mode, OFlags};
    use std::os::fd::AsRawFd as _;
    let (Some(folder), Some(name)) = (socket.parent(), socket.file_name()) else {
        return Err(bad!("{} is no place for a socket", socket.display()));
    };
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let folder = rustix::fs::open(folder, flags, Mode::empty()).map_err(std::io::Error::from)?;
    let short = Path::new("/proc/self/fd").join(folder.as_raw_fd().to_string()).join(name);
    Ok(tokio::net::UnixListener::bind(short)?)
}

#[cfg(all(unix, not(target_os = "linux")))]
fn bind(socket: &Path) -> Result<tokio::net::UnixListener> {
    Ok(tokio::net::UnixListener::bind(socket)?)
}
