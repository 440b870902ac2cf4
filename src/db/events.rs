//! Events: the audit trail, and what other processes follow to drop stale caches.

use super::{Db, Micros, Tx};
use crate::error::Result;

/// What a writing transaction says of itself.
#[derive(Clone, Copy, Debug)]
pub struct NewEvent<'a> {
    /// A user name, `token:<id>`, or `:server`.
    pub who: &'a str,
    pub what: &'a str,
    /// `user/name`
    pub index: Option<&'a str>,
    pub project: Option<&'a str>,
    pub detail: Option<&'a str>,
}

#[derive(Clone, Debug)]
pub struct Event {
    pub serial: i64,
    pub at: Micros,
    pub who: String,
    pub what: String,
    pub index: Option<String>,
    pub project: Option<String>,
    pub detail: Option<String>,
}

pub(super) async fn insert(tx: &mut Tx, event: NewEvent<'_>) -> Result<()> {
    sqlx::query(
        "INSERT INTO event (serial, at, who, what, index_name, project, detail) VALUES ($1,$2,$3,$4,$5,$6,$7)",
    )
    .bind(tx.serial)
    .bind(tx.now)
    .bind(event.who)
    .bind(event.what)
    .bind(event.index)
    .bind(event.project)
    .bind(event.detail)
    .execute(&mut *tx.tx)
    .await?;
    Ok(())
}

impl Db {
    /// The newest committed serial.
    pub async fn serial(&self) -> Result<i64> {
        Ok(sqlx::query_scalar("SELECT serial FROM clock WHERE id = 1").fetch_one(&self.pool).await?)
    }
}
