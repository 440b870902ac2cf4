//! How a run went.

use crate::build::failure::Exit;
use crate::words::Class;
use std::time::Duration;

/// How a run went.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EndedRun {
    pub end: RunEnd,
    pub wall: Duration,
    /// Of all processes that were waited for.
    pub cpu: Duration,
    /// The most bytes that all processes together were seen to use; zero for very short runs.
    pub peak_memory: u64,
}

impl EndedRun {
    /// Exit status 0 within the limits.
    pub fn is_good(&self) -> bool {
        self.end == RunEnd::Exit(0)
    }
}

/// The way in which a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunEnd {
    Exit(i32),
    /// A signal that was not ours, or an exit status above 128, as shells use it.
    Signal(i32),
    /// Stopped by a limit: `Timeout`, `Memory`, `Disk`, `Processes` or `LogSize`. The log's last line
    /// says which and how much.
    Limit(Class),
}

impl RunEnd {
    /// The same in the words of failures.
    pub fn exit(self) -> Exit {
        match self {
            Self::Exit(code) => Exit::Code(code),
            Self::Signal(signal) => Exit::Signal(signal),
            Self::Limit(Class::Timeout) => Exit::Timeout,
            Self::Limit(Class::Memory) => Exit::Memory,
            Self::Limit(Class::LogSize) => Exit::LogSize,
            Self::Limit(Class::Processes) => Exit::Processes,
            Self::Limit(Class::Worker) => Exit::Room,
            Self::Limit(_) => Exit::Disk,
        }
    }
}
