//! Watched repositories: their new tags become releases of an index.
//!
//! `look` lists the tags of a repository when its time has come, `decide` says what a list means, and `release` has
//! each new tag built for each target, and published: all wheels in one transaction, or none. What is still to be
//! done stands in rows, so that a server that stops goes on where it was. A watch acts with the rights that its
//! owner has at that time.

mod add;
mod decide;
mod look;
mod release;
mod view;

pub use add::NewWatch;
pub use decide::Since;
pub use view::{TagView, WatchView};

use super::queue::Queue;
use crate::access::turns::{TurnBounds, Turns};
use crate::config::{Config, git::WatchSettings};
use crate::db::Db;
use parking_lot::Mutex;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;

/// How long adding a watch waits for others that are added.
const PATIENCE: Duration = Duration::from_secs(60);

/// All watches of an installation. Cheap to clone.
#[derive(Clone)]
pub struct Watches(Arc<WatchRoom>);

struct WatchRoom {
    db: Db,
    queue: Queue,
    settings: WatchSettings,
    /// This process among those on one database.
    process: String,
    slots: Arc<Semaphore>,
    /// At adding watches, which looks at their repositories: half of the slots.
    adding: Turns,
    /// Watches that this process looks at now.
    under_way: Mutex<HashSet<i64>>,
    /// Tags that could not be dealt with, and what was said of it.
    told: Mutex<HashMap<(i64, String), String>>,
}

impl Watches {
    pub fn new(config: &Config, queue: &Queue) -> Self {
        let at_once = usize::try_from(config.watch.at_once).unwrap_or(8).clamp(1, 1000);
        let half = at_once.div_ceil(2);
        let bounds = TurnBounds { at_once: half, each: half.div_ceil(2), waiting: 16, patience: PATIENCE };
        Self(Arc::new(WatchRoom {
            db: queue.db().clone(),
            queue: queue.clone(),
            settings: config.watch.clone(),
            process: uuid::Uuid::now_v7().simple().to_string(),
            slots: Arc::new(Semaphore::new(at_once)),
            adding: Turns::new("adding watches", bounds),
            under_way: Mutex::default(),
            told: Mutex::default(),
        }))
    }
}
