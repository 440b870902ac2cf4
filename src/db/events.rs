//! Events: the audit trail, and what other processes follow to drop stale caches.

use super::Db;
use super::caller::Caller;
use super::chain::{AuditEntry, in_brief};
use super::rows::row;
use crate::error::Result;
use crate::names::{BuildContext, IndexName, ProjectName};
use crate::tools::time::Micros;
use crate::words::EventKind;
use sqlx::Row;
use sqlx::any::AnyRow;
use std::str::FromStr;

/// What a writing transaction says of itself.
#[derive(Clone, Copy, Debug)]
pub struct NewEvent<'a> {
    who: &'a str,
    what: EventKind,
    index: Option<&'a str>,
    project: Option<&'a str>,
    detail: Option<&'a str>,
    added: Option<&'a str>,
    before: Option<&'a str>,
    after: Option<&'a str>,
}

impl<'a> NewEvent<'a> {
    /// `who`: a user name, `token:<id>`, or `:server`.
    pub const fn of(who: &'a str, what: EventKind) -> Self {
        Self { who, what, index: None, project: None, detail: None, added: None, before: None, after: None }
    }

    /// In which index it was.
    pub fn on(self, index: &'a IndexName) -> Self {
        Self { index: Some(index.as_str()), ..self }
    }

    /// The same of a build: in those that it gets what it needs from.
    pub fn within(self, context: &'a BuildContext) -> Self {
        Self { index: Some(context.as_str()), ..self }
    }

    pub fn about(self, project: &'a ProjectName) -> Self {
        Self { project: Some(project.as_str()), ..self }
    }

    pub fn saying(self, detail: &'a str) -> Self {
        Self { detail: Some(detail), ..self }
    }

    /// With what programs said of it: a JSON object.
    pub fn adding(self, added: Option<&'a str>) -> Self {
        Self { added, ..self }
    }

    /// With what was there before: JSON without secrets.
    pub fn before(self, before: &'a str) -> Self {
        Self { before: Some(before), ..self }
    }

    /// With what is there now: JSON without secrets.
    pub fn after(self, after: &'a str) -> Self {
        Self { after: Some(after), ..self }
    }

    /// That something became of a build.
    pub fn of_build(
        who: &'a str,
        what: EventKind,
        project: Option<&'a ProjectName>,
        detail: &'a str,
    ) -> Self {
        Self { project: project.map(ProjectName::as_str), ..Self::of(who, what).saying(detail) }
    }
}

#[derive(Clone, Debug)]
pub struct Event {
    pub serial: i64,
    pub at: Micros,
    pub who: String,
    pub what: EventKind,
    /// The index that it happened in, or those of a build.
    pub context: Option<BuildContext>,
    pub project: Option<ProjectName>,
    pub detail: Option<String>,
    /// A JSON object: what programs said of it.
    pub added: Option<String>,
}

row!(Event of event {
    serial, at, who, what, context = index_name by name, project by name, detail, added
});

/// Whoever follows events goes on behind one that names what this version cannot read.
fn name<T: FromStr>(row: &AnyRow, column: &str) -> sqlx::Result<Option<T>> {
    Ok(row.try_get::<Option<String>, _>(column)?.and_then(|text| text.parse().ok()))
}

/// The row of an event, written by the transaction that it tells of, behind the event with the hash `head`; its own
/// hash.
pub(super) async fn insert(
    transaction: &mut sqlx::AnyConnection,
    (serial, head): (i64, &str),
    at: Micros,
    event: NewEvent<'_>,
) -> Result<String> {
    let (token, address, request) = Caller::now();
    let entry = AuditEntry {
        serial,
        at,
        who: event.who.to_owned(),
        what: event.what.to_string(),
        index: event.index.map(str::to_owned),
        project: event.project.map(str::to_owned),
        detail: event.detail.map(str::to_owned),
        added: event.added.map(str::to_owned),
        token,
        address,
        request,
        before: in_brief(event.before),
        after: in_brief(event.after),
        hash: None,
    };
    let hash = entry.hash_behind(head);
    sqlx::query(
        "INSERT INTO event (serial, at, who, what, index_name, project, detail, added, token, address, request, \
         before, after, hash) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)",
    )
    .bind(serial)
    .bind(at)
    .bind(entry.who)
    .bind(entry.what)
    .bind(entry.index)
    .bind(entry.project)
    .bind(entry.detail)
    .bind(entry.added)
    .bind(entry.token)
    .bind(entry.address)
    .bind(entry.request)
    .bind(entry.before)
    .bind(entry.after)
    .bind(&hash)
    .execute(transaction)
    .await?;
    Ok(hash)
}

impl Db {
    /// Up to `limit` events that were committed after `serial`, oldest first. Serials commit in
    /// order, so whoever has seen one has seen all before it.
    pub async fn events_after(&self, serial: i64, limit: u32) -> Result<Vec<Event>> {
        let events = Event::select("WHERE serial > $1 ORDER BY serial LIMIT $2").bind(serial);
        Ok(events.bind(i64::from(limit)).fetch_all(&self.pool).await?)
    }

    /// Up to `limit` events about projects of these indexes after a serial, oldest first.
    pub async fn events_of(&self, indexes: &[IndexName], serial: i64, limit: i64) -> Result<Vec<Event>> {
        if indexes.is_empty() {
            return Ok(Vec::new());
        }
        let places: Vec<String> = (3..indexes.len() + 3).map(|place| format!("${place}")).collect();
        let rest = format!(
            "WHERE serial > $1 AND project IS NOT NULL AND index_name IN ({}) ORDER BY serial LIMIT $2",
            places.join(", ")
        );
        let query = Event::select(&rest).bind(serial).bind(limit);
        Ok(indexes.iter().fold(query, |query, index| query.bind(index)).fetch_all(&self.pool).await?)
    }

    /// The serial of the oldest event that is kept.
    pub async fn oldest_serial(&self) -> Result<Option<i64>> {
        Ok(sqlx::query_scalar("SELECT min(serial) FROM event").fetch_one(&self.pool).await?)
    }

    /// When the change with a serial was made; `None` if no event tells of it.
    pub async fn event_time(&self, serial: i64) -> Result<Option<Micros>> {
        let at = sqlx::query_scalar("SELECT at FROM event WHERE serial = $1").bind(serial);
        Ok(at.fetch_optional(&self.pool).await?)
    }

    /// The newest committed serial.
    pub async fn serial(&self) -> Result<i64> {
        let serial = sqlx::query_scalar("SELECT serial FROM clock WHERE id = 1");
        Ok(self.know_serial(serial.fetch_one(&self.pool).await?))
    }
}
