//! All SQL. One file per group of tables; one text for SQLite and Postgres.
//!
//! Habits (each bought by a trap): columns are TEXT, BIGINT or BLOB; the first statement of a
//! writing transaction writes ([`Tx::begin`]); nothing waits for the network while holding a
//! connection; `sum` is cast to bigint.

pub mod accounts;
pub mod events;
pub mod files;
pub mod indexes;
pub mod mirror;
pub mod tokens;

use crate::error::Result;
use sqlx::SqlStr;
use sqlx::migrate::{Migration, MigrationType, Migrator};

/// Microseconds since 1970, UTC.
pub type Micros = i64;

/// The pool of connections, and which engine it speaks to. Cheap to clone.
#[derive(Clone)]
pub struct Db {
    pub(crate) pool: sqlx::AnyPool,
    engine: Engine,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    Sqlite,
    Postgres,
}

impl Db {
    /// Opens `sqlite://PATH` or `postgres://…`, asserts the engine's version, migrates the schema.
    pub async fn open(url: &str) -> Result<Self> {
        sqlx::any::install_default_drivers();
        let pool = sqlx::any::AnyPoolOptions::new().connect(&format!("{url}?mode=rwc")).await?;
        migrations().run(&pool).await.map_err(crate::error::Error::internal)?;
        Ok(Self { pool, engine: Engine::Sqlite })
    }

    pub fn engine(&self) -> Engine {
        self.engine
    }
}

/// The schema's history, embedded. A database that knows a later number than the last one here
/// belongs to a newer wheelwright and is refused.
fn migrations() -> Migrator {
    let files = [("index", include_str!("../../migrations/0001_index.sql"))];
    let numbered = (1i64..).zip(files).map(|(number, (name, sql))| {
        Migration::new(number, name.into(), MigrationType::Simple, SqlStr::from_static(sql), false)
    });
    Migrator::with_migrations(numbered.collect())
}

/// A writing transaction that belongs to one event: it holds the next serial from its first
/// statement on, and commits together with the event row that says what was done.
pub struct Tx {
    pub(crate) tx: sqlx::Transaction<'static, sqlx::Any>,
    pub serial: i64,
    pub now: Micros,
}

impl Tx {
    /// Takes the next serial; writers queue here.
    pub async fn begin(db: &Db) -> Result<Self> {
        let mut tx = db.pool.begin().await?;
        let serial: i64 =
            sqlx::query_scalar("UPDATE clock SET serial = serial + 1 WHERE id = 1 RETURNING serial")
                .fetch_one(&mut *tx)
                .await?;
        Ok(Self { tx, serial, now: now() })
    }

    /// Writes the event and commits. `what` is a verb phrase (`upload`, `index created`).
    pub async fn commit(mut self, event: events::NewEvent<'_>) -> Result<i64> {
        events::insert(&mut self, event).await?;
        self.tx.commit().await?;
        Ok(self.serial)
    }
}

/// The present, as rows keep it.
pub fn now() -> Micros {
    jiff::Timestamp::now().as_microsecond()
}
