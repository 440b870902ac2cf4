//! Who works on which build, and until when: claims, heartbeats, lost workers.

use super::Build;
use super::row::{COLUMNS, build};
use crate::db::Db;
use crate::error::Result;
use crate::tools::time::Micros;
use crate::words::{Purpose, Step};
use sqlx::AssertSqlSafe;

/// What a claim is made with.
#[derive(Clone, Debug)]
pub struct Claim<'a> {
    pub worker: &'a str,
    /// Names of targets it can build for.
    pub targets: &'a [String],
    /// Jobs of this purpose alone.
    pub only: Option<Purpose>,
    /// Of the credential that reads the build's context while it runs.
    pub secret_sha256: &'a str,
    pub now: Micros,
    pub lease_until: Micros,
}

/// What became of the builds of lost workers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reclaimed {
    /// Wait to be run again.
    pub queued: Vec<i64>,
    /// Lost too many workers: left as they are, for the caller to end.
    pub spent: Vec<(i64, i64)>,
}

/// Askers take turns: first comes the one whose last build began longest ago, and of those for whom
/// none began yet, strangers last. What the server itself asks for waits for nobody.
const TURN: &str = "CASE WHEN asker = '' THEN -2 ELSE coalesce((SELECT max(other.started_at) FROM build other \
     WHERE other.asker = build.asker), CASE WHEN asker LIKE '@%' THEN 0 ELSE -1 END) END";

/// A build whose source nobody is fetching.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unfetched {
    pub id: i64,
    pub asker: String,
    /// Its source is a clone.
    pub repository: bool,
}

pub(in crate::db) fn in_list(count: usize, first: usize) -> String {
    let places: Vec<String> = (first..first + count).map(|number| format!("${number}")).collect();
    places.join(", ")
}

impl Db {
    /// Claims the most urgent queued build for one of these targets; among equally urgent ones askers
    /// take turns; of one asker's, jobs for metadata come first since they are short, then what another
    /// build waits for, which was asked for earlier. One statement that repeats its condition, so that no build is claimed twice.
    /// `None`: nothing is queued for them.
    pub async fn claim_build(&self, claim: &Claim<'_>) -> Result<Option<Build>> {
        if claim.targets.is_empty() {
            return Ok(None);
        }
        // Readers are looked at first: who waits for work does not disturb who writes. And on Postgres
        // another claim may have taken the same row: then there may be others.
        while self.is_queued(claim.targets, claim.only).await? {
            let claimed = self.try_claim(claim).await?;
            if claimed.is_some() {
                return Ok(claimed);
            }
        }
        Ok(None)
    }

    async fn try_claim(&self, claim: &Claim<'_>) -> Result<Option<Build>> {
        let targets = in_list(claim.targets.len(), 6);
        let text = format!(
            "UPDATE build SET state = 'running', fence = fence + 1, worker = $1, secret_sha256 = $2, \
             started_at = $3, lease_until = $4, step = 'fetch', log_size = 0, wheel = NULL, wheel_sha256 = NULL \
             WHERE state = 'queued' AND id = (SELECT id FROM build WHERE state = 'queued' \
             AND target IN ({targets}) AND ($5 = '' AND purpose <> 'test' OR purpose = $5) \
             ORDER BY priority, {TURN}, CASE purpose WHEN 'wheel' THEN 1 ELSE 0 END, \
             CASE WHEN EXISTS (SELECT 1 FROM build_need WHERE needs = build.id) THEN 0 ELSE 1 END, \
             id LIMIT 1) RETURNING {COLUMNS}"
        );
        let mut query = sqlx::query(AssertSqlSafe(text))
            .bind(claim.worker)
            .bind(claim.secret_sha256)
            .bind(claim.now)
            .bind(claim.lease_until)
            .bind(claim.only.map_or("", Purpose::name));
        for target in claim.targets {
            query = query.bind(target);
        }
        // In one transaction with its old log, or who follows it would read that as the one of the new run.
        let mut tx = self.quiet().await?;
        let row = query.fetch_optional(&mut *tx).await?;
        let claimed = row.as_ref().map(build).transpose()?;
        if let Some(claimed) = &claimed {
            // What an earlier run said, whose worker was lost.
            let query = sqlx::query("DELETE FROM build_log WHERE build = $1");
            query.bind(claimed.id).execute(&mut *tx).await?;
        }
        tx.commit().await?;
        Ok(claimed)
    }

    async fn is_queued(&self, targets: &[String], only: Option<Purpose>) -> Result<bool> {
        let list = in_list(targets.len(), 2);
        let text = format!(
            "SELECT id FROM build WHERE state = 'queued' AND ($1 = '' AND purpose <> 'test' OR purpose = $1) \
             AND target IN ({list}) LIMIT 1"
        );
        let mut query =
            sqlx::query_scalar::<_, i64>(AssertSqlSafe(text)).bind(only.map_or("", Purpose::name));
        for target in targets {
            query = query.bind(target);
        }
        Ok(query.fetch_optional(&self.pool).await?.is_some())
    }

    /// Extends a lease and says where the build is. `false`: the lease is lost.
    pub async fn beat_build(&self, id: i64, fence: i64, step: Step, lease_until: Micros) -> Result<bool> {
        let query =
            "UPDATE build SET lease_until = $3, step = $4 WHERE id = $1 AND fence = $2 AND state = 'running'";
        let held = sqlx::query(query).bind(id).bind(fence).bind(lease_until).bind(step);
        Ok(held.execute(&self.writer).await?.rows_affected() > 0)
    }

    /// Gives a build back to the queue without counting a loss. `false`: the lease is lost.
    pub async fn give_back_build(&self, id: i64, fence: i64) -> Result<bool> {
        let query = "UPDATE build SET state = 'queued', worker = NULL, lease_until = NULL, secret_sha256 = NULL, \
             step = NULL, started_at = NULL WHERE id = $1 AND fence = $2 AND state = 'running'";
        Ok(sqlx::query(query).bind(id).bind(fence).execute(&self.writer).await?.rows_affected() > 0)
    }

    /// Gives a build back because its worker cannot do it, which counts as a loss. `false`: the lease
    /// is lost, or there were too many losses.
    pub async fn lose_build(&self, id: i64, fence: i64, most_losses: i64) -> Result<bool> {
        let query = "UPDATE build SET state = 'queued', losses = losses + 1, worker = NULL, lease_until = NULL, \
             secret_sha256 = NULL, step = NULL, started_at = NULL \
             WHERE id = $1 AND fence = $2 AND state = 'running' AND losses < $3";
        let lost = sqlx::query(query).bind(id).bind(fence).bind(most_losses);
        Ok(lost.execute(&self.writer).await?.rows_affected() > 0)
    }

    /// Takes builds from workers that were not heard of in time.
    pub async fn reclaim_builds(&self, now: Micros, most_losses: i64) -> Result<Reclaimed> {
        let queued = sqlx::query_scalar(
            "UPDATE build SET state = 'queued', losses = losses + 1, worker = NULL, lease_until = NULL, \
             secret_sha256 = NULL, step = NULL, started_at = NULL \
             WHERE state = 'running' AND lease_until < $1 AND losses < $2 RETURNING id",
        );
        let queued = queued.bind(now).bind(most_losses).fetch_all(&self.writer).await?;
        let query = "SELECT id, fence FROM build WHERE state = 'running' AND lease_until < $1";
        let spent = sqlx::query_as::<_, (i64, i64)>(query).bind(now).fetch_all(&self.pool).await?;
        Ok(Reclaimed { queued, spent })
    }

    /// Builds whose source nobody is fetching, one of each asker before a second one of any.
    pub async fn unfetched_builds(&self, now: Micros) -> Result<Vec<Unfetched>> {
        let query = "SELECT id, asker, repository FROM (SELECT id, asker, priority, \
             CASE WHEN place LIKE '{\"repository\"%' OR place LIKE '{\"tag\"%' THEN 1 ELSE 0 END AS repository, \
             row_number() OVER (PARTITION BY asker ORDER BY priority, id) AS turn FROM build \
             WHERE state = 'fetching' AND (lease_until IS NULL OR lease_until < $1)) AS waiting \
             ORDER BY priority, turn, id LIMIT 200";
        let rows = sqlx::query_as::<_, (i64, String, i64)>(query).bind(now).fetch_all(&self.pool).await?;
        let unfetched = |(id, asker, repository)| Unfetched { id, asker, repository: repository != 0 };
        Ok(rows.into_iter().map(unfetched).collect())
    }

    /// Begins to fetch a build's source; `None` if somebody else does.
    pub async fn claim_fetch(&self, id: i64, now: Micros, until: Micros) -> Result<Option<Build>> {
        let text = format!(
            "UPDATE build SET fence = fence + 1, lease_until = $3 WHERE id = $1 AND state = 'fetching' \
             AND (lease_until IS NULL OR lease_until < $2) RETURNING {COLUMNS}"
        );
        let query = sqlx::query(AssertSqlSafe(text)).bind(id).bind(now).bind(until);
        query.fetch_optional(&self.writer).await?.as_ref().map(build).transpose()
    }

    /// Its fetch goes on. `false`: the lease is lost.
    pub async fn beat_fetch(&self, id: i64, fence: i64, until: Micros) -> Result<bool> {
        let beat = "UPDATE build SET lease_until = $3 WHERE id = $1 AND fence = $2 AND state = 'fetching'";
        let beat = sqlx::query(beat).bind(id).bind(fence).bind(until);
        Ok(beat.execute(&self.writer).await?.rows_affected() > 0)
    }

    /// The source is here. `false`: the lease is lost, or another build has this key.
    pub async fn build_fetched(&self, known: &Build) -> Result<bool> {
        let done = sqlx::query(
            "UPDATE build SET state = 'queued', lease_until = NULL, key = $3, source = $4, source_sha256 = $5, \
             project = $6, version = $7, recipe = $8, recipe_sha256 = $9 \
             WHERE id = $1 AND fence = $2 AND state = 'fetching' \
             AND NOT EXISTS (SELECT 1 FROM build WHERE key = $3 AND id <> $1)",
        )
        .bind(known.id)
        .bind(known.fence)
        .bind(&known.key)
        .bind(&known.source)
        .bind(&known.source_sha256)
        .bind(&known.project)
        .bind(&known.version)
        .bind(&known.recipe)
        .bind(&known.recipe_sha256)
        .execute(&self.writer)
        .await;
        match done {
            // On Postgres both may have looked before either wrote.
            Err(sqlx::Error::Database(error)) if error.is_unique_violation() => Ok(false),
            done => Ok(done?.rows_affected() > 0),
        }
    }
}
