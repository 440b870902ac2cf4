//! Makes the gate, a Unix socket, look like an index on a port of this machine.

use std::io;
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::mpsc::sync_channel;

/// Connections at once; more wait to be accepted.
const CONNECTIONS: u64 = 32;
/// Two for each connection, and the one that accepts.
pub(in crate::worker) const MOST_THREADS: u64 = 2 * CONNECTIONS + 1;
const STACK: usize = 128 << 10;

/// Listens on `port`, or on a free one if it is 0, and says on which.
pub(super) fn open(gate: &Path, port: u16) -> Result<u16, String> {
    let listening = TcpListener::bind((Ipv4Addr::LOCALHOST, port));
    let listener = listening.map_err(|error| format!("cannot open port {port} for the index: {error}"))?;
    let port = listener.local_addr().map_err(|error| error.to_string())?.port();
    let gate = short(gate)?;
    thread(move || accept(&listener, &gate)).map_err(|error| error.to_string())?;
    Ok(port)
}

/// Addresses of Unix sockets are short; without a sandbox the gate's path may not be.
fn short(gate: &Path) -> Result<PathBuf, String> {
    #[cfg(target_os = "linux")]
    if let (Some(folder), Some(name)) = (gate.parent(), gate.file_name())
        && gate.as_os_str().len() > 100
    {
        use rustix::fs::{Mode, OFlags};
        use std::os::fd::IntoRawFd as _;
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let opened = rustix::fs::open(folder, flags, Mode::empty()).map_err(|error| error.to_string())?;
        // Open for as long as this process lives.
        return Ok(Path::new("/proc/self/fd").join(opened.into_raw_fd().to_string()).join(name));
    }
    Ok(gate.to_owned())
}

fn accept(listener: &TcpListener, gate: &Path) {
    // A place is given back when the receiver takes a token out.
    let (places, tokens) = sync_channel::<()>(CONNECTIONS as usize);
    let tokens = std::sync::Arc::new(parking_lot::Mutex::new(tokens));
    for stream in listener.incoming() {
        let (Ok(stream), Ok(())) = (stream, places.send(())) else { return };
        let (tokens, gate) = (tokens.clone(), gate.to_owned());
        // Without a thread the connection is closed, and the client says so.
        let _ = thread(move || {
            let _ = both_ways(&stream, gate);
            let _ = tokens.lock().recv();
        });
    }
}

fn both_ways(inside: &TcpStream, gate: PathBuf) -> io::Result<()> {
    let outside = UnixStream::connect(gate)?;
    inside.set_nodelay(true)?;
    let (mut asking, mut asked) = (inside.try_clone()?, outside.try_clone()?);
    thread(move || {
        let _ = io::copy(&mut asking, &mut asked);
        let _ = asked.shutdown(Shutdown::Write);
    })?;
    let result = io::copy(&mut &outside, &mut &*inside);
    let _ = inside.shutdown(Shutdown::Both);
    result.map(drop)
}

fn thread(work: impl FnOnce() + Send + 'static) -> io::Result<()> {
    std::thread::Builder::new().stack_size(STACK).spawn(work).map(drop)
}
