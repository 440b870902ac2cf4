//! Watched repositories: their new tags become releases of an index.
//!
//! `look` lists the tags of a repository when its time has come, `decide` says what a list means, and `release` has
//! each new tag built for each target, and published: all wheels in one transaction, or none. What is still to be
//! done stands in rows, so that a server that stops goes on where it was. A watch acts with the rights that its
//! owner has at that time.

mod add;
mod decide;
mod look;
mod push;
mod release;
mod view;

pub use add::NewWatch;
pub use decide::Since;
pub use push::is_signed;
pub use view::{TagView, WatchView};

use super::queue::Queue;
use crate::config::{Config, git::WatchSettings};
use crate::db::Db;
use parking_lot::Mutex;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use tokio::sync::Semaphore;

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
    /// Watches that this process looks at now.
    under_way: Mutex<HashSet<i64>>,
    /// Tags that could not be dealt with, and what was said of it.
    told: Mutex<HashMap<(i64, String), String>>,
}

impl Watches {
    pub fn new(config: &Config, queue: &Queue) -> Self {
        let at_once = usize::try_from(config.watch.at_once).unwrap_or(8).clamp(1, 1000);
        Self(Arc::new(WatchRoom {
            db: queue.db().clone(),
            queue: queue.clone(),
            settings: config.watch.clone(),
            process: uuid::Uuid::now_v7().simple().to_string(),
            slots: Arc::new(Semaphore::new(at_once)),
            under_way: Mutex::default(),
            told: Mutex::default(),
        }))
    }
}
