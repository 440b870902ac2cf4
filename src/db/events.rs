//! Events: the audit trail, and what other processes follow to drop stale caches.

use super::{Db, Micros};
use crate::error::Result;
use crate::names::ProjectName;
use crate::words::EventKind;
use sqlx::Row;
use sqlx::any::AnyRow;

/// What a writing transaction says of itself.
#[derive(Clone, Copy, Debug)]
pub struct NewEvent<'a> {
    /// A user name, `token:<id>`, or `:server`.
    pub who: &'a str,
    pub what: EventKind,
    /// `user/name`
    pub index: Option<&'a str>,
    pub project: Option<&'a str>,
    pub detail: Option<&'a str>,
}

impl<'a> NewEvent<'a> {
    /// That something became of a build; of no index, unless one is given.
    pub fn of_build(
        who: &'a str,
        what: EventKind,
        project: Option<&'a ProjectName>,
        detail: &'a str,
    ) -> Self {
        let project = project.map(ProjectName::as_str);
        Self { who, what, index: None, project, detail: Some(detail) }
    }
}

#[derive(Clone, Debug)]
pub struct Event {
    pub serial: i64,
    pub at: Micros,
    pub who: String,
    pub what: EventKind,
    pub index: Option<String>,
    pub project: Option<String>,
    pub detail: Option<String>,
}

fn event(row: &AnyRow) -> Result<Event, sqlx::Error> {
    Ok(Event {
        serial: row.try_get(0)?,
        at: row.try_get(1)?,
        who: row.try_get(2)?,
        what: EventKind::parse(row.try_get(3)?).unwrap_or(EventKind::Other),
        index: row.try_get(4)?,
        project: row.try_get(5)?,
        detail: row.try_get(6)?,
    })
}

/// The row of an event, written by the transaction that it tells of.
pub(super) async fn insert(
    transaction: &mut sqlx::AnyConnection,
    serial: i64,
    at: Micros,
    event: NewEvent<'_>,
) -> Result<()> {
    sqlx::query(
        "INSERT INTO event (serial, at, who, what, index_name, project, detail) VALUES ($1,$2,$3,$4,$5,$6,$7)",
    )
    .bind(serial)
    .bind(at)
    .bind(event.who)
    .bind(event.what.name())
    .bind(event.index)
    .bind(event.project)
    .bind(event.detail)
    .execute(transaction)
    .await?;
    Ok(())
}

impl Db {
    /// Up to `limit` events that were committed after `serial`, oldest first. Serials commit in
    /// order, so whoever has seen one has seen all before it.
    pub async fn events_after(&self, serial: i64, limit: u32) -> Result<Vec<Event>> {
        let rows = sqlx::query(
            "SELECT serial, at, who, what, index_name, project, detail FROM event WHERE serial > $1 ORDER BY serial LIMIT $2",
        )
        .bind(serial)
        .bind(i64::from(limit))
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(|row| Ok(event(row)?)).collect()
    }

    /// The newest committed serial.
    pub async fn serial(&self) -> Result<i64> {
        let serial = sqlx::query_scalar("SELECT serial FROM clock WHERE id = 1");
        Ok(self.know_serial(serial.fetch_one(&self.pool).await?))
    }
}
