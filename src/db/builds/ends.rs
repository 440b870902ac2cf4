//! How builds end: built, failed, or the same as another.

use super::Build;
use super::days::count_end;
use crate::db::Db;
use crate::error::Result;
use crate::tools::time::Micros;
use crate::words::{Class, Evidence, Step};
use sqlx::any::AnyArguments;
use sqlx::query::Query;

/// What is recorded when a build fails.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ending {
    pub class: Class,
    pub hint: String,
    pub line: Option<String>,
    pub step: Step,
    pub log_sha256: Option<String>,
    pub at: Micros,
}

/// Where no lease is needed to end a build.
const WAITING: &str = "state IN ('fetching', 'blocked')";

impl Db {
    /// A wheel was handed in and is fit. `false`: the lease is lost, or there is one already.
    pub async fn keep_build_wheel(
        &self,
        id: i64,
        fence: i64,
        filename: &str,
        (sha256, size): (&str, u64),
        metadata_sha256: &str,
    ) -> Result<bool> {
        let kept = sqlx::query(
            "UPDATE build SET wheel = $3, wheel_sha256 = $4, wheel_size = $5, metadata_sha256 = $6 \
             WHERE id = $1 AND fence = $2 AND state = 'running' \
             AND (wheel IS NULL OR (wheel = $3 AND wheel_sha256 = $4))",
        )
        .bind(id)
        .bind(fence)
        .bind(filename)
        .bind(sha256)
        .bind(i64::try_from(size).unwrap_or(i64::MAX))
        .bind(metadata_sha256)
        .execute(&self.writer)
        .await?;
        Ok(kept.rows_affected() > 0)
    }

    /// The build has its wheel, which was handed in before. `false`: the lease is lost.
    pub async fn build_succeeded(
        &self,
        build: &Build,
        evidence: &Evidence,
        log_sha256: &str,
        at: Micros,
    ) -> Result<bool> {
        let done = sqlx::query(
            "UPDATE build SET state = 'built', project = $3, version = $4, evidence = $5, log_sha256 = $6, \
             ended_at = $7, lease_until = NULL, secret_sha256 = NULL, step = NULL, class = NULL, hint = NULL, \
             line = NULL WHERE id = $1 AND fence = $2 AND state = 'running' AND wheel IS NOT NULL \
             AND purpose = 'wheel'",
        )
        .bind(build.id)
        .bind(build.fence)
        .bind(&build.project)
        .bind(&build.version)
        .bind(evidence)
        .bind(log_sha256)
        .bind(at);
        self.end_build(build.id, done).await
    }

    /// A job that makes no wheel brought what it is for. `false`: the lease is lost.
    pub async fn metadata_told(
        &self,
        build: &Build,
        metadata_sha256: &str,
        log_sha256: &str,
        at: Micros,
    ) -> Result<bool> {
        let done = sqlx::query(
            "UPDATE build SET state = 'built', metadata_sha256 = $3, log_sha256 = $4, ended_at = $5, \
             lease_until = NULL, secret_sha256 = NULL, step = NULL, class = NULL, hint = NULL, line = NULL \
             WHERE id = $1 AND fence = $2 AND state = 'running' AND purpose <> 'wheel'",
        )
        .bind(build.id)
        .bind(build.fence)
        .bind(metadata_sha256)
        .bind(log_sha256)
        .bind(at);
        self.end_build(build.id, done).await
    }

    /// The build failed. With a fence, under that lease; without, while nobody works on it.
    /// `false`: it is not so any more.
    pub async fn build_failed(&self, id: i64, fence: Option<i64>, end: &Ending) -> Result<bool> {
        let condition = match fence {
            Some(_) => "fence = $2 AND state IN ('running', 'fetching')",
            None => WAITING,
        };
        let text = format!(
            "UPDATE build SET state = 'failed', class = $3, hint = $4, line = $5, step = $6, log_sha256 = $7, \
             ended_at = $8, lease_until = NULL, secret_sha256 = NULL WHERE id = $1 AND $2 = $2 AND {condition}"
        );
        let done = sqlx::query(sqlx::AssertSqlSafe(text))
            .bind(id)
            .bind(fence.unwrap_or_default())
            .bind(end.class.name())
            .bind(&end.hint)
            .bind(&end.line)
            .bind(end.step)
            .bind(&end.log_sha256)
            .bind(end.at);
        self.end_build(id, done).await
    }

    /// Ends a build that has not ended, whoever works on it: their lease is lost. Without `all`, only
    /// if nobody wants it. `false`: it is not so.
    pub async fn cancel_build(&self, id: i64, all: bool, end: &Ending) -> Result<bool> {
        let done = sqlx::query(
            "UPDATE build SET state = 'failed', class = $2, hint = $3, line = NULL, step = coalesce(step, $4), \
             log_sha256 = $5, ended_at = $6, fence = fence + 1, lease_until = NULL, secret_sha256 = NULL \
             WHERE id = $1 AND state IN ('fetching', 'queued', 'blocked', 'running') \
             AND ($7 = 1 OR NOT EXISTS (SELECT 1 FROM build_asker WHERE build = $1))",
        )
        .bind(id)
        .bind(end.class.name())
        .bind(&end.hint)
        .bind(end.step)
        .bind(&end.log_sha256)
        .bind(end.at)
        .bind(i64::from(all));
        self.end_build(id, done).await
    }

    /// Ends a build, and adds it to its day. `false`: it is not so any more.
    async fn end_build(&self, id: i64, end: Query<'_, sqlx::Any, AnyArguments>) -> Result<bool> {
        let mut tx = self.quiet().await?;
        let ended = end.execute(&mut *tx).await?.rows_affected() > 0;
        if ended {
            count_end(&mut tx, id).await?;
        }
        tx.commit().await?;
        Ok(ended)
    }

    /// Forgets every build that has not ended; how many there were. For a queue that is nobody else's.
    pub async fn forget_unfinished(&self) -> Result<u64> {
        let query = "DELETE FROM build WHERE state NOT IN ('built', 'failed')";
        Ok(sqlx::query(query).execute(&self.writer).await?.rows_affected())
    }

    /// Copies the outcome of a build that turned out to be the same into those that wait for it.
    pub async fn copy_outcome(&self, of: i64) -> Result<Vec<i64>> {
        let copied = sqlx::query_scalar(
            "UPDATE build SET state = other.state, project = other.project, version = other.version, \
             source_sha256 = other.source_sha256, step = other.step, class = other.class, hint = other.hint, \
             line = other.line, wheel = other.wheel, wheel_sha256 = other.wheel_sha256, \
             wheel_size = other.wheel_size, metadata_sha256 = other.metadata_sha256, evidence = other.evidence, \
             log_sha256 = other.log_sha256, started_at = other.started_at, ended_at = other.ended_at \
             FROM build AS other WHERE other.id = $1 AND other.state IN ('built', 'failed') \
             AND build.state = 'blocked' AND build.id IN \
             (SELECT n.build FROM build_need n WHERE n.needs = $1 AND n.requirement = '') RETURNING build.id",
        );
        Ok(copied.bind(of).fetch_all(&self.writer).await?)
    }
}
