//! The parts of a running wheelwright, built once from a [`Config`]; tests start the same.

use crate::access::people::People;
use crate::config::Config;
use crate::db::Db;
use crate::error::Result;
use crate::index::Indexes;
use crate::store::Store;
use std::sync::Arc;

/// Everything a request may need. Cheap to clone.
#[derive(Clone)]
pub struct App(Arc<Parts>);

pub struct Parts {
    pub config: Config,
    pub db: Db,
    pub store: Store,
    pub people: People,
    pub indexes: Indexes,
}

impl App {
    /// Opens the database and the store, migrates, makes root and `root/pypi` on the first start.
    pub async fn open(config: Config) -> Result<Self> {
        let db = Db::open(&config.database_url()).await?;
        let store = Store::open(&config).await?;
        let people = People::new(db.clone());
        let indexes = Indexes::new(&config, db.clone(), store.clone()).await?;
        Ok(Self(Arc::new(Parts { config, db, store, people, indexes })))
    }
}

impl std::ops::Deref for App {
    type Target = Parts;
    fn deref(&self) -> &Parts {
        &self.0
    }
}
