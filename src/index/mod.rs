//! What an index shows, and how something gets into it.

pub mod directory;
pub mod mirror;
pub mod policy;

use crate::config::Config;
use crate::db::Db;
use crate::error::Result;
use crate::store::Store;
use directory::Directory;
use std::sync::{Arc, RwLock};

/// The rules of all indexes, and what they keep in memory.
pub struct Indexes {
    db: Db,
    store: Store,
    directory: RwLock<Arc<Directory>>,
}

impl Indexes {
    pub async fn new(config: &Config, db: Db, store: Store) -> Result<Self> {
        let _ = config;
        Ok(Self { db, store, directory: RwLock::default() })
    }

    /// The present snapshot.
    pub fn directory(&self) -> Arc<Directory> {
        self.directory.read().unwrap_or_else(|poisoned| poisoned.into_inner()).clone()
    }

    /// The serial of the present snapshot.
    pub fn directory_serial(&self) -> i64 {
        self.directory.read().unwrap_or_else(|poisoned| poisoned.into_inner()).serial
    }

    /// Catches up with events of other processes; cheap when there are none. Called before any
    /// negative answer, and by a task twice a second.
    pub async fn refresh(&self) -> Result<()> {
        let _ = (&self.db, &self.store);
        Ok(())
    }
}
