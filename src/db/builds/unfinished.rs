//! Builds that wait or run, with what a guess needs at when they begin and end.

use crate::db::Db;
use crate::db::rows::{flag, row};
use crate::error::Result;
use crate::names::ProjectName;
use crate::tools::time::Micros;
use crate::words::{BuildState, Purpose};
use sqlx::Row;
use std::collections::HashMap;

/// A build that is queued or running.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnfinishedBuild {
    pub id: i64,
    pub state: BuildState,
    pub purpose: Purpose,
    pub project: Option<ProjectName>,
    pub target: String,
    /// Others have a platform wheel of it.
    pub compiled: bool,
    pub priority: i64,
    /// Whom it counts for; empty: the server itself.
    pub asker: String,
    pub worker: Option<String>,
    pub started_at: Option<Micros>,
}

row!(UnfinishedBuild of build {
    id, state, purpose, project, target, compiled = platform_expected by flag, priority, asker, worker, started_at
});

/// How long a build took that gave a wheel, or what else it was for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimedBuild {
    pub project: ProjectName,
    pub target: String,
    pub purpose: Purpose,
    pub took: Micros,
}

/// Of each project, so many earlier builds tell how long the next takes.
const OF_PROJECT: i64 = 15;
/// Earlier builds of any project that are looked at.
const LATEST: i64 = 20_000;
/// Earlier builds that are read in all.
const TIMES: i64 = 20_000;

impl Db {
    /// Builds that run, and those that wait for a worker: the most urgent and oldest ones first.
    pub async fn unfinished_builds(&self, limit: u32) -> Result<Vec<UnfinishedBuild>> {
        let rows = UnfinishedBuild::select(
            "WHERE state IN ('queued', 'running') \
             ORDER BY CASE state WHEN 'running' THEN 0 ELSE 1 END, priority, id LIMIT $1",
        );
        Ok(rows.bind(i64::from(limit)).fetch_all(&self.pool).await?)
    }

    /// How many builds wait for a worker.
    pub async fn count_queued(&self) -> Result<i64> {
        let count = sqlx::query_scalar("SELECT count(*) FROM build WHERE state = 'queued'");
        Ok(count.fetch_one(&self.pool).await?)
    }

    /// Builds that wait for a worker and that others wait for.
    pub async fn needed_builds(&self, limit: u32) -> Result<Vec<i64>> {
        let query = "SELECT id FROM build WHERE state = 'queued' AND EXISTS \
            (SELECT 1 FROM build_need WHERE needs = build.id) ORDER BY priority, id LIMIT $1";
        Ok(sqlx::query_scalar(query).bind(i64::from(limit)).fetch_all(&self.pool).await?)
    }

    /// When the last build began of each of those whose builds wait for a worker.
    pub async fn last_turns(&self) -> Result<HashMap<String, Micros>> {
        let query = "SELECT asker, max(started_at) AS began FROM build WHERE started_at IS NOT NULL AND asker IN \
            (SELECT asker FROM build WHERE state = 'queued') GROUP BY asker";
        let rows = sqlx::query(query).fetch_all(&self.pool).await?;
        rows.iter().map(|row| Ok((row.try_get("asker")?, row.try_get("began")?))).collect()
    }

    /// The newest builds that went well of the projects of which one waits or runs, newest first. Only the latest are
    /// looked at, so that a long history costs nothing.
    pub async fn times_of_unfinished(&self) -> Result<Vec<TimedBuild>> {
        let query = "SELECT project, target, purpose, took FROM (SELECT id, project, target, purpose, \
            ended_at - started_at AS took, \
            row_number() OVER (PARTITION BY project, purpose ORDER BY id DESC) AS turn \
            FROM build WHERE state = 'built' AND id > (SELECT coalesce(max(id), 0) FROM build) - $3 AND started_at IS NOT NULL AND ended_at IS NOT NULL AND project IN \
            (SELECT project FROM build WHERE state IN ('queued', 'running'))) AS timed \
            WHERE turn <= $1 ORDER BY id DESC LIMIT $2";
        let rows = sqlx::query(query).bind(OF_PROJECT).bind(TIMES).bind(LATEST).fetch_all(&self.pool).await?;
        let read = |row: &sqlx::any::AnyRow| {
            Ok(TimedBuild {
                project: row.try_get("project")?,
                target: row.try_get("target")?,
                purpose: row.try_get("purpose")?,
                took: row.try_get("took")?,
            })
        };
        rows.iter().map(read).collect()
    }
}
