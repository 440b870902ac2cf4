//! Requests: what was asked for and is not approved.

use super::rows::row;
use super::{Db, Tx};
use crate::error::{Error, Result};
use crate::names::{IndexName, ProjectName};
use crate::tools::time::Micros;
use crate::words::RequestState;
use sqlx::Row;
use sqlx::any::AnyRow;

/// A row of `request`; see the migration for what the columns mean.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredRequest {
    /// Given by the database.
    pub id: i64,
    pub index: IndexName,
    pub project: ProjectName,
    pub version: String,
    pub target: String,
    pub state: RequestState,
    pub asked: i64,
    pub first_at: Micros,
    pub last_at: Micros,
    pub askers: Vec<String>,
    pub closure: Option<String>,
    pub decided_by: Option<String>,
    pub decided_at: Option<Micros>,
    pub reason: Option<String>,
}

row!(StoredRequest of request {
    id, index = index_name, project, version, target, state, asked, first_at, last_at, askers by list, closure,
    decided_by, decided_at, reason,
});

fn list(row: &AnyRow, column: &str) -> sqlx::Result<Vec<String>> {
    Ok(serde_json::from_str(row.try_get::<&str, _>(column)?).unwrap_or_default())
}

/// What became of requests: the new state, who decided, and why.
#[derive(Clone, Copy, Debug)]
pub struct RequestEnd<'a> {
    pub state: RequestState,
    pub by: &'a str,
    pub reason: &'a str,
}

/// Requests that are read at once.
const REQUESTS: i64 = 1000;
/// The same of those that are not resolved yet.
const UNRESOLVED: i64 = 10_000;
/// Accounts that are remembered with a request.
const MOST_ASKERS: usize = 20;

impl Db {
    /// The newest requests of an index before one, at most [`REQUESTS`], in one state if that is given.
    pub async fn requests(
        &self,
        index: &IndexName,
        state: Option<RequestState>,
        before: i64,
    ) -> Result<Vec<StoredRequest>> {
        let rest = "WHERE index_name = $1 AND ($2 = '' OR state = $2) AND id < $3 ORDER BY id DESC LIMIT $4";
        let rows = StoredRequest::select(rest).bind(index).bind(state.map_or("", RequestState::name));
        Ok(rows.bind(before).bind(REQUESTS).fetch_all(&self.pool).await?)
    }

    /// The indexes of which anything was requested, by name.
    pub async fn requested_indexes(&self) -> Result<Vec<IndexName>> {
        let names = sqlx::query_scalar("SELECT DISTINCT index_name FROM request ORDER BY index_name");
        Ok(names.fetch_all(&self.pool).await?)
    }

    pub async fn request(&self, id: i64) -> Result<Option<StoredRequest>> {
        Ok(StoredRequest::select("WHERE id = $1").bind(id).fetch_optional(&self.pool).await?)
    }

    /// All requests for a project of an index, the newest first.
    pub async fn requests_for(&self, index: &IndexName, project: &ProjectName) -> Result<Vec<StoredRequest>> {
        let rows = StoredRequest::select("WHERE index_name = $1 AND project = $2 ORDER BY id DESC");
        Ok(rows.bind(index).bind(project).fetch_all(&self.pool).await?)
    }

    /// The numbers of open requests whose closure is not resolved yet, the oldest first.
    pub async fn unresolved_requests(&self) -> Result<Vec<i64>> {
        let ids = sqlx::query_scalar(
            "SELECT id FROM request WHERE state = 'open' AND version <> '' AND closure IS NULL ORDER BY id LIMIT $1",
        );
        Ok(ids.bind(UNRESOLVED).fetch_all(&self.pool).await?)
    }

    /// Notes what an installation of it needs.
    pub async fn resolved_request(&self, id: i64, closure: &str) -> Result<()> {
        let note = sqlx::query("UPDATE request SET closure = $2 WHERE id = $1").bind(id).bind(closure);
        note.execute(&self.writer).await?;
        Ok(())
    }

    /// Lets the server find out again what a request needs.
    pub async fn resolve_again(&self, id: i64) -> Result<()> {
        let forget = sqlx::query("UPDATE request SET closure = NULL WHERE id = $1").bind(id);
        forget.execute(&self.writer).await?;
        Ok(())
    }

    /// Notes that requests were repeated: how often, when last, and by which account.
    pub async fn repeat_requests(&self, repeated: &[(i64, i64, Micros, Option<String>)]) -> Result<()> {
        let mut tx = self.quiet().await?;
        for (id, times, at, account) in repeated {
            let count = "UPDATE request SET asked = asked + $2, last_at = $3 WHERE id = $1 RETURNING askers";
            let count = sqlx::query_scalar(count).bind(id).bind(times).bind(at);
            let known: Option<String> = count.fetch_optional(&mut *tx).await?;
            let (Some(known), Some(account)) = (known, account) else { continue };
            let mut askers: Vec<String> = serde_json::from_str(&known).unwrap_or_default();
            if askers.contains(account) {
                continue;
            }
            askers.push(account.clone());
            if askers.len() > MOST_ASKERS {
                askers.remove(0);
            }
            let askers = serde_json::to_string(&askers).map_err(Error::internal)?;
            let name = sqlx::query("UPDATE request SET askers = $2 WHERE id = $1").bind(id).bind(askers);
            name.execute(&mut *tx).await?;
        }
        tx.commit().await?;
        Ok(())
    }
}

impl Tx {
    /// Adds a request whose id is this transaction's serial, or opens the one again that there is; its id.
    ///
    /// # Errors
    /// `Busy` if the index has `most` open ones already.
    pub async fn create_request(&mut self, new: &StoredRequest, most: i64) -> Result<i64> {
        let count = "SELECT count(*) FROM request WHERE index_name = $1 AND state = 'open'";
        let count: i64 = sqlx::query_scalar(count).bind(&new.index).fetch_one(&mut *self.tx).await?;
        if count >= most {
            return Err(Error::Busy(format!(
                "{} has {count} open requests, and takes no more: an approver must decide some first",
                new.index
            )));
        }
        let askers = serde_json::to_string(&new.askers).map_err(Error::internal)?;
        let insert = sqlx::query_scalar(
            "INSERT INTO request (id, index_name, project, version, target, state, asked, first_at, last_at, askers) \
             VALUES ($1, $2, $3, $4, $5, 'open', 1, $6, $6, $7) \
             ON CONFLICT (index_name, project, version, target) DO UPDATE SET state = 'open', \
             asked = request.asked + 1, last_at = excluded.last_at, closure = NULL, decided_by = NULL, \
             decided_at = NULL, reason = NULL RETURNING id",
        );
        let insert = insert.bind(self.serial).bind(&new.index).bind(&new.project).bind(&new.version);
        let insert = insert.bind(&new.target).bind(self.now).bind(askers);
        Ok(insert.fetch_one(&mut *self.tx).await?)
    }

    /// Whether nobody decided a request.
    pub async fn is_open(&mut self, id: i64) -> Result<bool> {
        let open =
            sqlx::query_scalar::<_, i64>("SELECT count(*) FROM request WHERE id = $1 AND state = 'open'");
        Ok(open.bind(id).fetch_one(&mut *self.tx).await? > 0)
    }

    /// Ends requests: those of them that are still open, and `own`, whatever was decided about that before.
    pub async fn end_requests(&mut self, ids: &[i64], own: i64, end: RequestEnd<'_>) -> Result<()> {
        for id in ids {
            let query = "UPDATE request SET state = $2, decided_by = $3, decided_at = $4, reason = $5 \
                         WHERE id = $1 AND (state = 'open' OR id = $6)";
            let query = sqlx::query(query).bind(id).bind(end.state).bind(end.by).bind(self.now);
            query.bind(end.reason).bind(own).execute(&mut *self.tx).await?;
        }
        Ok(())
    }
}
