//! Watches: which repositories are looked at, how that stands, and what became of their tags.

use super::rows::{flag, row};
use super::{Db, Tx};
use crate::conflict;
use crate::error::Result;
use crate::names::IndexName;
use crate::tools::time::Micros;
use crate::words::TagState;
use sqlx::AnyConnection;
use sqlx::Row;
use sqlx::any::AnyRow;

/// A row of `watch`; see the migration for what the columns mean. Without `Debug`: it holds a secret.
#[derive(Clone)]
pub struct Watch {
    pub id: i64,
    pub index: IndexName,
    pub url: String,
    pub pattern: String,
    /// Empty: all.
    pub targets: Vec<String>,
    /// Seconds.
    pub every: i64,
    pub since: String,
    pub owner: String,
    pub by_operator: bool,
    pub secret: String,
    pub created_by: String,
    pub created_at: Micros,
    pub looked_at: Micros,
    pub next_at: Micros,
    pub failures: i64,
    pub error: Option<String>,
}

row!(Watch of watch {
    id, index = index_name, url, pattern, targets by texts, every, since, owner, by_operator by flag, secret,
    created_by, created_at, looked_at, next_at, failures, error,
});

/// A row of `watched_tag`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WatchedTag {
    pub watch: i64,
    pub tag: String,
    /// That it named when it was seen first.
    pub commit: String,
    /// In its canonical spelling.
    pub version: Option<String>,
    pub state: TagState,
    pub reason: Option<String>,
    pub builds: Vec<i64>,
    /// Of the last change.
    pub at: Micros,
}

row!(WatchedTag of watched_tag {
    watch, tag, commit = commit_sha, version, state, reason, builds by numbers, at,
});

/// How a look ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WatchLook {
    /// `None`: it failed, and the time of the last one that did not stays.
    pub looked_at: Option<Micros>,
    pub next_at: Micros,
    pub failures: i64,
    pub error: Option<String>,
}

fn texts(row: &AnyRow, column: &str) -> sqlx::Result<Vec<String>> {
    let text = row.try_get::<&str, _>(column)?;
    Ok(text.split(',').filter(|part| !part.is_empty()).map(str::to_owned).collect())
}

fn numbers(row: &AnyRow, column: &str) -> sqlx::Result<Vec<i64>> {
    Ok(row.try_get::<&str, _>(column)?.split(',').filter_map(|part| part.parse().ok()).collect())
}

fn joined(numbers: &[i64]) -> String {
    numbers.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
}

/// Watches of one round.
const AT_ONCE: i64 = 200;
/// Tags of one round, those that waited longest first.
const OPEN: i64 = 1000;
/// Of one watch.
const OPEN_OF_ONE: i64 = 20;

impl Db {
    /// All watches, or those of one index.
    pub async fn watches(&self, index: Option<&IndexName>) -> Result<Vec<Watch>> {
        let rows = Watch::select("WHERE $1 = '' OR index_name = $1 ORDER BY id");
        Ok(rows.bind(index.map_or("", IndexName::as_str)).fetch_all(&self.pool).await?)
    }

    pub async fn watch(&self, id: i64) -> Result<Option<Watch>> {
        Ok(Watch::select("WHERE id = $1").bind(id).fetch_optional(&self.pool).await?)
    }

    /// Watches whose time has come and that nobody looks at; who waits longest is first.
    pub async fn due_watches(&self, now: Micros) -> Result<Vec<Watch>> {
        let due = "WHERE next_at <= $1 AND lease_until <= $1 ORDER BY next_at, id LIMIT $2";
        Ok(Watch::select(due).bind(now).bind(AT_ONCE).fetch_all(&self.pool).await?)
    }

    /// Takes the right to look until `until`, which is also when the next look is, lest this one never ends; the
    /// row as it is then. `None`: another process has it, or the watch is gone; or it is not due and must be.
    pub async fn lease_watch(
        &self,
        (id, must_be_due): (i64, bool),
        by: &str,
        (now, until): (Micros, Micros),
    ) -> Result<Option<Watch>> {
        let lease = "UPDATE watch SET lease_by = $2, lease_until = $4, next_at = $4 \
            WHERE id = $1 AND lease_until <= $3 AND ($5 = 0 OR next_at <= $3)";
        let lease = sqlx::query(lease).bind(id).bind(by).bind(now).bind(until).bind(i64::from(must_be_due));
        match lease.execute(&self.writer).await?.rows_affected() {
            0 => Ok(None),
            _ => self.watch(id).await,
        }
    }

    /// Ends the look that took `watch`: adds the tags that are new, and notes when the next look is, unless somebody
    /// hurried it meanwhile. `false`: the lease was lost.
    pub async fn watch_looked(
        &self,
        watch: &Watch,
        by: &str,
        look: &WatchLook,
        new: &[WatchedTag],
    ) -> Result<bool> {
        let mut tx = self.quiet().await?;
        let end = "UPDATE watch SET lease_by = '', lease_until = 0, looked_at = COALESCE($3, looked_at), \
            next_at = CASE WHEN next_at < $7 THEN next_at ELSE $4 END, failures = $5, error = $6 \
            WHERE id = $1 AND lease_by = $2";
        let end = sqlx::query(end).bind(watch.id).bind(by).bind(look.looked_at).bind(look.next_at);
        let end = end.bind(look.failures).bind(&look.error).bind(watch.next_at);
        if end.execute(&mut *tx).await?.rows_affected() == 0 {
            return Ok(false);
        }
        for tag in new {
            add_tag(&mut tx, tag).await?;
        }
        tx.commit().await?;
        Ok(true)
    }

    /// Makes the next look due at this time, unless it is due earlier.
    pub async fn hurry_watch(&self, id: i64, at: Micros) -> Result<()> {
        let hurry = sqlx::query("UPDATE watch SET next_at = $2 WHERE id = $1 AND next_at > $2");
        hurry.bind(id).bind(at).execute(&self.writer).await?;
        Ok(())
    }

    /// The tags of a watch, by name.
    pub async fn watched_tags(&self, watch: i64) -> Result<Vec<WatchedTag>> {
        let rows = WatchedTag::select("WHERE watch = $1 ORDER BY tag");
        Ok(rows.bind(watch).fetch_all(&self.pool).await?)
    }

    /// Tags with which something is still to be done: of each watch the oldest, so that one keeps no other waiting.
    pub async fn open_tags(&self) -> Result<Vec<WatchedTag>> {
        let rows = WatchedTag::select(
            "WHERE (watch, tag) IN (SELECT watch, tag FROM (SELECT watch, tag, row_number() OVER (PARTITION BY watch \
             ORDER BY at, tag) AS place FROM watched_tag WHERE state IN ($1, $2)) AS open_tag WHERE place <= $3) \
             ORDER BY at, watch, tag LIMIT $4",
        );
        let rows = rows.bind(TagState::Waiting).bind(TagState::Building).bind(OPEN_OF_ONE).bind(OPEN);
        Ok(rows.fetch_all(&self.pool).await?)
    }

    /// Changes a tag that is still in state `from` to what is given, without an event. `false`: it is not.
    pub async fn tag_became(&self, from: TagState, tag: &WatchedTag) -> Result<bool> {
        let mut connection = self.writer.acquire().await?;
        tag_became(&mut connection, from, tag).await
    }
}

async fn add_tag(connection: &mut AnyConnection, tag: &WatchedTag) -> Result<()> {
    let add = "INSERT INTO watched_tag (watch, tag, commit_sha, version, state, reason, builds, at) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (watch, tag) DO NOTHING";
    let add = sqlx::query(add).bind(tag.watch).bind(&tag.tag).bind(&tag.commit).bind(&tag.version);
    let add = add.bind(tag.state).bind(&tag.reason).bind(joined(&tag.builds)).bind(tag.at);
    add.execute(connection).await?;
    Ok(())
}

async fn tag_became(connection: &mut AnyConnection, from: TagState, tag: &WatchedTag) -> Result<bool> {
    let change = "UPDATE watched_tag SET state = $4, reason = $5, builds = $6, at = $7 \
        WHERE watch = $1 AND tag = $2 AND state = $3";
    let change = sqlx::query(change).bind(tag.watch).bind(&tag.tag).bind(from).bind(tag.state);
    let change = change.bind(&tag.reason).bind(joined(&tag.builds)).bind(tag.at);
    Ok(change.execute(connection).await?.rows_affected() > 0)
}

impl Tx {
    /// Adds a watch with the tags that its repository has.
    ///
    /// # Errors
    /// `Conflict` if its index has `most`, or has one of the same repository and pattern.
    pub async fn create_watch(&mut self, watch: &Watch, tags: &[WatchedTag], most: i64) -> Result<()> {
        let count = "SELECT count(*) FROM watch WHERE index_name = $1";
        let count: i64 = sqlx::query_scalar(count).bind(&watch.index).fetch_one(&mut *self.tx).await?;
        if count >= most {
            return Err(conflict!("{} has {most} watches already: remove one first", watch.index));
        }
        let same = "SELECT id FROM watch WHERE index_name = $1 AND url = $2 AND pattern = $3 LIMIT 1";
        let same = sqlx::query_scalar(same).bind(&watch.index).bind(&watch.url).bind(&watch.pattern);
        let same: Option<i64> = same.fetch_optional(&mut *self.tx).await?;
        if let Some(same) = same {
            return Err(conflict!("watch {same} looks for the same tags already: remove it first"));
        }
        sqlx::query(
            "INSERT INTO watch (id, index_name, url, pattern, targets, every, since, owner, by_operator, secret, \
             created_by, created_at, looked_at, next_at, failures, error, lease_by, lease_until) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, '', 0)",
        )
        .bind(watch.id)
        .bind(&watch.index)
        .bind(&watch.url)
        .bind(&watch.pattern)
        .bind(watch.targets.join(","))
        .bind(watch.every)
        .bind(&watch.since)
        .bind(&watch.owner)
        .bind(i64::from(watch.by_operator))
        .bind(&watch.secret)
        .bind(&watch.created_by)
        .bind(watch.created_at)
        .bind(watch.looked_at)
        .bind(watch.next_at)
        .bind(watch.failures)
        .bind(&watch.error)
        .execute(&mut *self.tx)
        .await?;
        for tag in tags {
            add_tag(&mut self.tx, tag).await?;
        }
        Ok(())
    }

    /// Removes a watch with its tags; `false` if there is none.
    pub async fn delete_watch(&mut self, id: i64) -> Result<bool> {
        let delete = sqlx::query("DELETE FROM watch WHERE id = $1").bind(id);
        Ok(delete.execute(&mut *self.tx).await?.rows_affected() > 0)
    }

    /// Removes the watches of an account.
    pub async fn delete_watches_of(&mut self, owner: &str) -> Result<()> {
        sqlx::query("DELETE FROM watch WHERE owner = $1").bind(owner).execute(&mut *self.tx).await?;
        Ok(())
    }

    /// As [`Db::tag_became`].
    pub async fn tag_became(&mut self, from: TagState, tag: &WatchedTag) -> Result<bool> {
        tag_became(&mut self.tx, from, tag).await
    }
}

#[cfg(test)]
mod tests;
