//! All SQL. One file per group of tables; one text for SQLite and Postgres.
//!
//! Habits (each bought by a trap): columns are TEXT, BIGINT or BLOB; the first statement of a
//! writing transaction writes ([`Tx::begin`]); a single writing statement runs on `writer`, reads
//! run on `pool`; nothing waits for the network while holding a connection; `sum` is cast to bigint.

pub mod accounts;
pub mod blobs;
pub mod browse;
pub mod events;
pub mod facts;
pub mod files;
pub mod indexes;
pub mod mirror;
mod open;
pub mod tokens;
mod tx;

pub use tx::Tx;

/// Microseconds since 1970, UTC.
pub type Micros = i64;

/// The connections, and which engine they speak to. Cheap to clone.
#[derive(Clone)]
pub struct Db {
    /// For reading.
    pub(crate) pool: sqlx::AnyPool,
    /// For single writing statements. On SQLite, which has one writer at a time, this is one
    /// connection, so that writers queue in order instead of polling for the lock.
    pub(crate) writer: sqlx::AnyPool,
    engine: Engine,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    Sqlite,
    Postgres,
}

impl Db {
    pub fn engine(&self) -> Engine {
        self.engine
    }
}

/// The present, as rows keep it.
pub fn now() -> Micros {
    jiff::Timestamp::now().as_microsecond()
}
