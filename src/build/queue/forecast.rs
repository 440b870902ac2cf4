//! What is likely to become of the builds of the queue, as `outlook` guesses it.

use crate::db::builds::BuildId;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What is likely to become of one build.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BuildOutlook {
    /// Its place among those that wait for a worker, from 1; `None` if it runs.
    pub position: Option<usize>,
    /// From now to its start; `None`: unknown, or it runs.
    pub starts_in: Option<Duration>,
    /// From now to its end; `None`: unknown.
    pub ends_in: Option<Duration>,
    /// From its start to its end; `None`: nothing like it was built yet.
    pub takes: Option<Duration>,
    /// No worker builds for its target.
    pub nobody: bool,
}

/// The builds that run or wait for a worker.
#[derive(Debug, Default)]
pub struct QueueOutlook {
    pub(super) builds: HashMap<BuildId, BuildOutlook>,
    /// How many wait for a worker, as far as they were looked at.
    pub waiting: usize,
    /// Those of them for whose target no worker builds.
    pub nobody: usize,
}

impl QueueOutlook {
    pub fn of(&self, id: BuildId) -> Option<BuildOutlook> {
        self.builds.get(&id).copied()
    }
}

/// The last guess.
pub(super) type LastOutlook = tokio::sync::Mutex<Option<(Instant, Arc<QueueOutlook>)>>;
