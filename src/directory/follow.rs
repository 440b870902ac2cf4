//! Following events, our own and those of other processes, so that what is in memory stays true.

use super::Directory;
use crate::config::{Config, ReplicaSettings};
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
    settings: Settings,
    current: RwLock<Arc<Directory>>,
    /// The newest event that was looked at.
    seen: Mutex<i64>,
}

/// What of the configuration a snapshot depends on.
struct Settings {
    open_registration: bool,
    replica: ReplicaSettings,
}

impl Settings {
    async fn load(&self, db: &Db) -> Result<Directory> {
        let mut directory =
            Directory { open_registration: self.open_registration, ..Directory::load(db).await? };
        directory.read_through(&self.replica);
        Ok(directory)
    }
}

impl Follower {
    pub async fn new(config: &Config, db: Db) -> Result<Self> {
        let settings =
            Settings { open_registration: config.open_registration, replica: config.replica.clone() };
        let directory = settings.load(&db).await?;
        let seen = Mutex::new(directory.serial);
        Ok(Self { db, settings, current: RwLock::new(Arc::new(directory)), seen })
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
            *self.current.write() = Arc::new(self.settings.load(&self.db).await?);
        }
        Ok(events)
    }
}

/// Events of a project leave users and indexes as they are, and so do the kinds that say so. They are
/// frequent, and a new snapshot makes every prepared page untrue. A token that was revoked counts: who
/// holds it is remembered per snapshot.
fn about_directory(event: &Event) -> bool {
    event.what.is_of_quarantine() || event.project.is_none() && event.what.changes_directory()
}
