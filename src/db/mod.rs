//! All SQL. One file per group of tables; one text for SQLite and Postgres.
//!
//! Habits (each bought by a trap): columns are TEXT, BIGINT or BLOB; the first statement of a
//! writing transaction writes ([`Tx::begin`]); a single writing statement runs on `writer`, reads
//! run on `pool`; nothing waits for the network while holding a connection; `sum` is cast to bigint.

pub mod accounts;
pub mod approvals;
pub mod attachments;
pub mod audit;
pub mod blobs;
pub mod browse;
pub mod builds;
pub mod built;
pub mod bundles;
mod caller;
pub mod chain;
pub mod collect;
mod columns;
pub mod counts;
pub mod downloads;
pub mod dump;
pub mod events;
pub mod facts;
pub mod files;
pub mod handovers;
mod holds;
mod identities;
pub mod indexes;
pub mod learned;
pub mod load;
pub mod locks;
pub mod measures;
pub mod mirror;
pub mod names;
mod open;
pub mod promises;
pub mod publishers;
pub mod quarantine;
pub mod readiness;
pub mod recipes;
pub mod replica;
pub mod requests;
pub mod requirements;
mod rolling;
mod rows;
pub mod search;
pub mod sets;
pub mod space;
pub mod tokens;
mod tx;
mod vouched;
pub mod watches;
pub mod webhooks;
pub mod wheelhouses;
pub mod wishes;
pub mod workers;

pub use caller::Caller;
pub use tx::Tx;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

/// The connections, and which engine they speak to. Cheap to clone.
#[derive(Clone)]
pub struct Db {
    /// For reading.
    pub(crate) pool: sqlx::AnyPool,
    /// For single writing statements. On SQLite, which has one writer at a time, this is one
    /// connection, so that writers queue in order instead of polling for the lock.
    pub(crate) writer: sqlx::AnyPool,
    engine: Engine,
    /// The newest serial that this process committed or read.
    newest: Arc<AtomicI64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    Sqlite,
    Postgres,
}

impl Engine {
    pub fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite",
            Self::Postgres => "postgres",
        }
    }
}

impl Db {
    pub fn engine(&self) -> Engine {
        self.engine
    }

    /// The newest serial that this process knows of, without asking the database: its own commits
    /// count at once, those of other processes when they are followed.
    pub fn newest_serial(&self) -> i64 {
        self.newest.load(Ordering::Relaxed)
    }

    fn know_serial(&self, serial: i64) -> i64 {
        self.newest.fetch_max(serial, Ordering::Relaxed);
        serial
    }
}
