//! Programs that are started: they end together with their helpers, and what they say is bounded.

use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::Child;

/// At most `most` bytes of what a child says; what comes after is read and dropped, so that it ends.
pub async fn all_of(from: Option<impl AsyncRead + Unpin>, most: u64) -> std::io::Result<Vec<u8>> {
    let Some(mut from) = from else { return Ok(Vec::new()) };
    let mut bytes = Vec::new();
    (&mut from).take(most).read_to_end(&mut bytes).await?;
    tokio::io::copy(&mut from, &mut tokio::io::sink()).await?;
    Ok(bytes)
}

/// Ends a process group when it is dropped, unless it ended in order; the child leads the group.
pub struct ProcessGroup(Option<u32>);

impl ProcessGroup {
    pub fn of(child: &Child) -> Self {
        Self(child.id())
    }

    /// It ended by itself: its number may be somebody else's by now.
    pub fn disarm(&mut self) {
        self.0 = None;
    }
}

impl Drop for ProcessGroup {
    fn drop(&mut self) {
        if let Some(pid) = self.0.and_then(|id| rustix::process::Pid::from_raw(id.cast_signed())) {
            let _ = rustix::process::kill_process_group(pid, rustix::process::Signal::KILL);
        }
    }
}
