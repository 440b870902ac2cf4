//! What files take, and which of them may go: sums for quotas, releases by age, copies of mirrors.

use super::rows::row;
use super::{Db, Tx};
use crate::error::Result;
use crate::names::{IndexName, ProjectName};
use crate::tools::time::Micros;
use sqlx::AnyConnection;
use std::collections::HashSet;

/// A release as the rules of retention see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReleaseAge {
    pub version: String,
    pub yanked_at: Option<Micros>,
    /// When its newest file came; of one without files, when it was registered.
    pub newest_at: Micros,
}

/// A file that a mirror keeps and could fetch again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CachedFile {
    pub project: ProjectName,
    pub filename: String,
    pub size: i64,
}

row!(CachedFile of file { project, filename, size });

const AGES: &str = "SELECT r.version, r.yanked_at, coalesce(max(f.uploaded_at), r.created_at) AS newest_at \
    FROM release r LEFT JOIN file f ON f.index_name = r.index_name AND f.project = r.project \
    AND f.version = r.version AND f.deleted_at IS NULL WHERE r.index_name = $1 AND r.project = $2 \
    GROUP BY r.version, r.yanked_at, r.created_at ORDER BY r.version";

async fn release_ages(
    connection: &mut AnyConnection,
    index: &IndexName,
    project: &ProjectName,
) -> Result<Vec<ReleaseAge>> {
    let rows: Vec<(String, Option<Micros>, Micros)> =
        sqlx::query_as(AGES).bind(index).bind(project).fetch_all(connection).await?;
    let age = |(version, yanked_at, newest_at)| ReleaseAge { version, yanked_at, newest_at };
    Ok(rows.into_iter().map(age).collect())
}

async fn locked_versions(connection: &mut AnyConnection, project: &ProjectName) -> Result<HashSet<String>> {
    let versions = sqlx::query_scalar("SELECT DISTINCT version FROM lock_pin WHERE project = $1");
    Ok(versions.bind(project).fetch_all(connection).await?.into_iter().collect())
}

async fn index_bytes(connection: &mut AnyConnection, index: &IndexName) -> Result<u64> {
    let sum = "SELECT cast(coalesce(sum(size), 0) AS BIGINT) FROM file \
        WHERE index_name = $1 AND deleted_at IS NULL";
    Ok(bytes(sqlx::query_scalar(sum).bind(index).fetch_one(connection).await?))
}

fn bytes(sum: i64) -> u64 {
    u64::try_from(sum).unwrap_or_default()
}

impl Db {
    /// The releases of a project with their ages.
    pub async fn release_ages(&self, index: &IndexName, project: &ProjectName) -> Result<Vec<ReleaseAge>> {
        release_ages(&mut *self.pool.acquire().await?, index, project).await
    }

    /// The versions of a project that retention never removes, because a lock file that somebody watches names them.
    pub async fn locked_versions(&self, project: &ProjectName) -> Result<HashSet<String>> {
        locked_versions(&mut *self.pool.acquire().await?, project).await
    }

    /// The projects of an index that have more than `most` releases; sorted.
    pub async fn projects_of_more_releases(&self, index: &IndexName, most: u64) -> Result<Vec<ProjectName>> {
        let query = sqlx::query_scalar(
            "SELECT project FROM release WHERE index_name = $1 GROUP BY project HAVING count(*) > $2",
        );
        let query = query.bind(index).bind(i64::try_from(most).unwrap_or(i64::MAX));
        let mut names: Vec<ProjectName> = query.fetch_all(&self.pool).await?;
        names.sort_unstable();
        Ok(names)
    }

    /// The bytes of the files of an index.
    pub async fn index_bytes(&self, index: &IndexName) -> Result<u64> {
        index_bytes(&mut *self.pool.acquire().await?, index).await
    }

    /// The bytes of the files that were uploaded to all indexes of an account.
    pub async fn account_bytes(&self, owner: &str) -> Result<u64> {
        let sum = "SELECT cast(coalesce(sum(size), 0) AS BIGINT) FROM file WHERE url IS NULL \
            AND deleted_at IS NULL AND index_name IN (SELECT name FROM namespace WHERE owner = $1)";
        Ok(bytes(sqlx::query_scalar(sum).bind(owner).fetch_one(&self.pool).await?))
    }

    /// The bytes of the copies that a mirror keeps.
    pub async fn cached_bytes(&self, index: &IndexName) -> Result<u64> {
        let sum = "SELECT cast(coalesce(sum(size), 0) AS BIGINT) FROM file \
            WHERE index_name = $1 AND url IS NOT NULL AND deleted_at IS NULL";
        Ok(bytes(sqlx::query_scalar(sum).bind(index).fetch_one(&self.pool).await?))
    }

    /// Up to `limit` copies of a mirror that may go, those first that nobody used for the longest time. What a watched
    /// lock file names stays, and so does all of a project of which a curated index approved something.
    pub async fn least_used(&self, index: &IndexName, limit: i64, offset: i64) -> Result<Vec<CachedFile>> {
        let files = CachedFile::select(
            "WHERE index_name = $1 AND url IS NOT NULL AND deleted_at IS NULL \
             AND hash_computed_at IS NULL \
             AND NOT EXISTS (SELECT 1 FROM lock_pin WHERE lock_pin.project = file.project \
                 AND lock_pin.version = file.version) \
             AND NOT EXISTS (SELECT 1 FROM approval WHERE approval.project = file.project AND approves = 1) \
             ORDER BY coalesce((SELECT last_used_at FROM file_use WHERE file_use.index_name = file.index_name \
                 AND file_use.filename = file.filename), uploaded_at), filename LIMIT $2 OFFSET $3",
        );
        Ok(files.bind(index).bind(limit).bind(offset).fetch_all(&self.pool).await?)
    }
}

impl Tx {
    /// The bytes of the files of an index.
    pub async fn index_bytes(&mut self, index: &IndexName) -> Result<u64> {
        index_bytes(&mut self.tx, index).await
    }

    /// The releases of a project with their ages; they stay so until this transaction ends.
    pub async fn release_ages(
        &mut self,
        index: &IndexName,
        project: &ProjectName,
    ) -> Result<Vec<ReleaseAge>> {
        release_ages(&mut self.tx, index, project).await
    }

    /// The same as [`Db::locked_versions`]; they stay so until this transaction ends.
    pub async fn locked_versions(&mut self, project: &ProjectName) -> Result<HashSet<String>> {
        locked_versions(&mut self.tx, project).await
    }
}
