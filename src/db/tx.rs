//! Writing transactions: one serial and one event each.

use super::{Db, Micros, events, now};
use crate::error::Result;

/// A writing transaction that belongs to one event: it holds the next serial from its first
/// statement on, and commits together with the event row that says what was done.
pub struct Tx {
    pub(crate) tx: sqlx::Transaction<'static, sqlx::Any>,
    pub serial: i64,
    pub now: Micros,
    db: Db,
}

impl Tx {
    /// Takes the next serial; writers queue here: on SQLite for the one writing connection, on
    /// Postgres for the row lock. So serials commit in order, and no writer ever fails because
    /// another was faster.
    pub async fn begin(db: &Db) -> Result<Self> {
        let mut tx = db.writer.begin().await?;
        let serial: i64 =
            sqlx::query_scalar("UPDATE clock SET serial = serial + 1 WHERE id = 1 RETURNING serial")
                .fetch_one(&mut *tx)
                .await?;
        Ok(Self { tx, serial, now: now(), db: db.clone() })
    }

    /// Writes the event and commits; on disk when it returns. `what` is a verb phrase (`upload`,
    /// `index created`). Dropped instead, the transaction leaves nothing.
    pub async fn commit(mut self, event: events::NewEvent<'_>) -> Result<i64> {
        events::insert(&mut self, event).await?;
        self.tx.commit().await?;
        Ok(self.db.know_serial(self.serial))
    }
}
