//! Writing transactions: one serial and one event each, or a serial and an event for each of their steps.

use super::{Db, Engine, events};
use crate::error::Result;
use crate::tools::time::{Micros, now};

/// A writing transaction that belongs to one event: it holds the next serial from its first
/// statement on, and commits together with the event row that says what was done.
pub struct Tx {
    pub(crate) tx: sqlx::Transaction<'static, sqlx::Any>,
    pub serial: i64,
    pub now: Micros,
    /// The hash of the event before this one.
    head: String,
    db: Db,
}

impl Tx {
    /// Takes the next serial; writers queue here: on SQLite for the one writing connection, on
    /// Postgres for the row lock. So serials commit in order, and no writer ever fails because
    /// another was faster.
    pub async fn begin(db: &Db) -> Result<Self> {
        let mut tx = db.quiet().await?;
        let (serial, head) = next_serial(&mut tx).await?;
        Ok(Self { tx, serial, now: now(), head, db: db.clone() })
    }

    /// Ends a step of a transaction that changes several things: writes the event of what was done since the last
    /// step, and takes the next serial. All steps commit together.
    pub async fn step(&mut self, event: events::NewEvent<'_>) -> Result<()> {
        let head = events::insert(&mut self.tx, (self.serial, &self.head), self.now, event).await?;
        let next = "UPDATE clock SET serial = serial + 1, head = $1 WHERE id = 1 RETURNING serial";
        self.serial = sqlx::query_scalar(next).bind(&head).fetch_one(&mut *self.tx).await?;
        self.head = head;
        Ok(())
    }

    /// Writes the event and commits; on disk when it returns. `what` is a verb phrase (`upload`,
    /// `index created`). Dropped instead, the transaction leaves nothing.
    pub async fn commit(mut self, event: events::NewEvent<'_>) -> Result<i64> {
        let hash = events::insert(&mut self.tx, (self.serial, &self.head), self.now, event).await?;
        let head = sqlx::query("UPDATE clock SET head = $1 WHERE id = 1").bind(hash);
        head.execute(&mut *self.tx).await?;
        self.tx.commit().await?;
        Ok(self.db.know_serial(self.serial))
    }
}

/// The next serial, and the hash of the newest event.
async fn next_serial(connection: &mut sqlx::AnyConnection) -> Result<(i64, String)> {
    let next = sqlx::query_as("UPDATE clock SET serial = serial + 1 WHERE id = 1 RETURNING serial, head");
    Ok(next.fetch_one(connection).await?)
}

impl Db {
    /// A transaction of several statements that no event tells of; its first statement writes.
    pub(super) async fn quiet(&self) -> Result<sqlx::Transaction<'static, sqlx::Any>> {
        Ok(match self.engine {
            // With a statement of our own, sqlx never opens a savepoint within what a failed
            // transaction left: releasing one would say that all is well and commit nothing.
            Engine::Sqlite => self.writer.begin_with("BEGIN IMMEDIATE").await?,
            Engine::Postgres => self.writer.begin().await?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::events::NewEvent;
    use crate::words::EventKind;

    const EVENT: NewEvent<'_> = NewEvent::of(":test", EventKind::Other);

    #[tokio::test]
    async fn after_a_transaction_that_sqlite_rolled_back_by_itself_a_commit_is_a_commit() {
        let folder = tempfile::tempdir().unwrap();
        let db = Db::open(&format!("sqlite://{}/w.db", folder.path().display())).await.unwrap();
        let mut full = Tx::begin(&db).await.unwrap();
        // As SQLite does when the disk is full at the commit.
        sqlx::query("ROLLBACK").execute(&mut *full.tx).await.unwrap();
        drop(full);
        drop(Tx::begin(&db).await.unwrap());
        for _ in 0..3 {
            let serial = Tx::begin(&db).await.unwrap().commit(EVENT).await.unwrap();
            let seen = db.events_after(serial - 1, 10).await.unwrap();
            assert_eq!(seen.len(), 1, "by another connection");
        }
    }

    #[tokio::test]
    async fn the_steps_of_a_transaction_commit_together_or_leave_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let db = Db::open(&format!("sqlite://{}/w.db", folder.path().display())).await.unwrap();
        let before = db.serial().await.unwrap();
        let mut dropped = Tx::begin(&db).await.unwrap();
        dropped.step(EVENT).await.unwrap();
        drop(dropped);
        assert_eq!(db.serial().await.unwrap(), before);
        let mut tx = Tx::begin(&db).await.unwrap();
        tx.step(EVENT).await.unwrap();
        assert_eq!((tx.serial, db.events_after(before, 10).await.unwrap().len()), (before + 2, 0));
        assert_eq!(tx.commit(EVENT).await.unwrap(), before + 2);
        assert_eq!(db.events_after(before, 10).await.unwrap().len(), 2);
    }
}
