//! How much there is: what an installation holds, in numbers.

use super::{Db, Engine};
use crate::error::Result;
use crate::names::IndexName;
use sqlx::Row;

/// What the rows add up to.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Counts {
    pub users: u64,
    pub indexes: u64,
    /// Per index; of mirrors those of which a file is here.
    pub projects: u64,
    /// That can be downloaded from here without any upstream.
    pub files: u64,
    /// Those of them that mirrors keep.
    pub mirrored_files: u64,
    /// Bytes of the files; what several indexes hold is stored, and counted, once.
    pub bytes: u64,
}

const COUNTS: &str = "SELECT (SELECT count(*) FROM account) AS users, \
    (SELECT count(*) FROM namespace) AS indexes, \
    (SELECT count(*) FROM (SELECT index_name, name FROM project \
        UNION SELECT index_name, project FROM file WHERE deleted_at IS NULL) AS known) AS projects, \
    (SELECT count(*) FROM file WHERE deleted_at IS NULL) AS files, \
    (SELECT count(*) FROM file WHERE deleted_at IS NULL AND url IS NOT NULL) AS mirrored_files, \
    (SELECT cast(coalesce(sum(size), 0) AS bigint) FROM \
        (SELECT DISTINCT sha256, size FROM file WHERE deleted_at IS NULL) AS blob) AS bytes";

impl Db {
    /// Counts everything: reads all rows of `file`.
    pub async fn counts(&self) -> Result<Counts> {
        let row = sqlx::query(COUNTS).fetch_one(&self.pool).await?;
        let number = |column: &str| -> Result<u64> { Ok(row.try_get::<i64, _>(column)?.unsigned_abs()) };
        Ok(Counts {
            users: number("users")?,
            indexes: number("indexes")?,
            projects: number("projects")?,
            files: number("files")?,
            mirrored_files: number("mirrored_files")?,
            bytes: number("bytes")?,
        })
    }

    /// The last step of the schema that was taken.
    pub async fn schema_version(&self) -> Result<i64> {
        let sql = "SELECT cast(coalesce(max(version), 0) AS bigint) FROM _sqlx_migrations";
        Ok(sqlx::query_scalar(sql).fetch_one(&self.pool).await?)
    }

    /// As the engine itself tells it.
    pub async fn engine_version(&self) -> Result<String> {
        let sql = match self.engine {
            Engine::Sqlite => "SELECT sqlite_version()",
            Engine::Postgres => "SHOW server_version",
        };
        Ok(sqlx::query_scalar(sql).fetch_one(&self.pool).await?)
    }

    /// How many files an index holds itself.
    pub async fn hosted_files(&self, index: &IndexName) -> Result<i64> {
        let query = "SELECT count(*) FROM file WHERE index_name = $1 AND deleted_at IS NULL";
        Ok(sqlx::query_scalar(query).bind(index).fetch_one(&self.pool).await?)
    }
}
