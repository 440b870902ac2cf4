//! Following events, our own and those of other processes, so that what is in memory stays true.

use super::Directory;
use crate::db::Db;
use crate::db::events::Event;
use crate::error::Result;
use crate::names::{IndexName, ProjectName};
use parking_lot::RwLock;
use std::sync::Arc;
use tokio::sync::Mutex;

/// Events read at once.
const AT_ONCE: u32 = 1000;

/// Keeps a [`Directory`] up to date by following events, our own and those of other processes.
pub struct Follower {
    db: Db,
    open_registration: bool,
    current: RwLock<Arc<Directory>>,
    /// The newest event that was looked at.
    seen: Mutex<i64>,
}

impl Follower {
    pub async fn new(db: Db, open_registration: bool) -> Result<Self> {
        let directory = Directory { open_registration, ..Directory::load(&db).await? };
        let seen = Mutex::new(directory.serial);
        Ok(Self { db, open_registration, current: RwLock::new(Arc::new(directory)), seen })
    }

    /// The present snapshot.
    pub fn directory(&self) -> Arc<Directory> {
        self.current.read().clone()
    }

    /// Catches up; tells of every project that changed meanwhile.
    pub async fn refresh(&self, changed: impl Fn(&IndexName, &ProjectName)) -> Result<()> {
        let mut seen = self.seen.lock().await;
        while self.db.serial().await? > *seen {
            let events = self.step(*seen).await?;
            for event in &events {
                if let (Some(context), Some(project)) = (&event.context, &event.project) {
                    context.indexes().iter().for_each(|index| changed(index, project));
                }
            }
            let Some(last) = events.last() else { break };
            *seen = last.serial;
        }
        Ok(())
    }

    async fn step(&self, seen: i64) -> Result<Vec<Event>> {
        let events = self.db.events_after(seen, AT_ONCE).await?;
        if events.iter().any(about_directory) {
            let loaded =
                Directory { open_registration: self.open_registration, ..Directory::load(&self.db).await? };
            *self.current.write() = Arc::new(loaded);
        }
        Ok(events)
    }
}

/// Events of a project leave users and indexes as they are, and so do the kinds that say so. They are
/// frequent, and a new snapshot makes every prepared page untrue. A token that was revoked counts: who
/// holds it is remembered per snapshot.
fn about_directory(event: &Event) -> bool {
    event.project.is_none() && event.what.changes_directory()
}
