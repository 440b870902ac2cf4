//! How much a mirror asks its upstream for at once: the rest waits for its turn.

use crate::access::turns::{self as access, Turn, TurnBounds};
use crate::error::Result;
use crate::names::IndexName;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// For so long one waits for a download to begin; no installer waits longer.
const PATIENCE: Duration = Duration::from_secs(600);

/// Turns by mirror, so that a slow upstream keeps nobody else's files waiting.
pub struct MirrorTurns {
    at_once: usize,
    of: Mutex<HashMap<IndexName, Arc<Semaphore>>>,
}

impl MirrorTurns {
    pub fn new(at_once: usize) -> Self {
        Self { at_once: at_once.clamp(1, Semaphore::MAX_PERMITS), of: Mutex::default() }
    }

    /// Waits for a turn, which ends when the permit is dropped. First come, first served.
    /// `None` never happens: these semaphores are not closed.
    pub async fn take(&self, index: &IndexName) -> Option<OwnedSemaphorePermit> {
        let turns = {
            let mut of = self.of.lock();
            of.entry(index.clone()).or_insert_with(|| Arc::new(Semaphore::new(self.at_once))).clone()
        };
        turns.acquire_owned().await.ok()
    }
}

/// Turns at downloading files, by mirror and asker: whoever opens many slow ones leaves some to others.
pub struct FileTurns {
    bounds: TurnBounds,
    of: Mutex<HashMap<IndexName, access::Turns>>,
}

impl FileTurns {
    pub fn new(at_once: usize) -> Self {
        let at_once = at_once.max(1);
        let waiting = at_once.saturating_mul(64);
        let bounds = TurnBounds { at_once, each: at_once.div_ceil(2), waiting, patience: PATIENCE };
        Self { bounds, of: Mutex::default() }
    }

    /// Waits for a turn.
    ///
    /// # Errors
    /// `Busy` if too many wait already, or one has waited for too long.
    pub async fn take(&self, index: &IndexName, asker: &str) -> Result<Turn> {
        let turns = {
            let mut of = self.of.lock();
            let new = || access::Turns::new("downloading files", self.bounds);
            of.entry(index.clone()).or_insert_with(new).clone()
        };
        turns.take(asker).await
    }
}

/// So many in an hour, and no more.
pub struct Hourly {
    most: u32,
    since: Mutex<(Instant, u32)>,
}

impl Hourly {
    pub fn new(most: u32) -> Self {
        Self { most, since: Mutex::new((Instant::now(), 0)) }
    }

    /// Counts one more; whether it is within the bound.
    pub fn one_more(&self) -> bool {
        let mut since = self.since.lock();
        if since.0.elapsed() > Duration::from_secs(3600) {
            *since = (Instant::now(), 0);
        }
        since.1 = since.1.saturating_add(1);
        since.1 <= self.most
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt as _;

    #[tokio::test]
    async fn each_mirror_has_its_own_turns() {
        let turns = MirrorTurns::new(1);
        let name = |text| IndexName::parse(text).unwrap();
        let (one, other) = (name("root/one"), name("root/other"));
        let first = turns.take(&one).await;
        assert!(turns.take(&one).now_or_never().is_none());
        assert!(turns.take(&other).now_or_never().is_some());
        drop(first);
        assert!(turns.take(&one).now_or_never().is_some());
    }
}
