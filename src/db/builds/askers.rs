//! For whom builds and sources count, and how many of them there are.

use super::leases::in_list;
use super::row::BuildId;
use crate::db::{Db, Tx};
use crate::error::Result;
use crate::tools::time::Micros;

impl Db {
    /// Builds of this asker that have not begun.
    pub async fn waiting_builds(&self, asker: &str) -> Result<u64> {
        let query =
            "SELECT count(*) FROM build WHERE asker = $1 AND state IN ('fetching', 'queued', 'blocked')";
        let count: i64 = sqlx::query_scalar(query).bind(asker).fetch_one(&self.pool).await?;
        Ok(u64::try_from(count).unwrap_or_default())
    }

    /// Whom a build counts for; empty: the server itself.
    pub async fn build_asker(&self, id: i64) -> Result<String> {
        let query = sqlx::query_scalar("SELECT asker FROM build WHERE id = $1");
        Ok(query.bind(id).fetch_optional(&self.pool).await?.unwrap_or_default())
    }

    /// Who asked for each of several builds: accounts, with the number of the build.
    pub async fn askers_of_builds(&self, builds: &[BuildId]) -> Result<Vec<(BuildId, String)>> {
        if builds.is_empty() {
            return Ok(Vec::new());
        }
        let places = in_list(builds.len(), 1);
        let query = format!(
            "SELECT build, account FROM build_asker WHERE build IN ({places}) ORDER BY build, account"
        );
        let mut query = sqlx::query_as(sqlx::AssertSqlSafe(query));
        for build in builds {
            query = query.bind(*build);
        }
        Ok(query.fetch_all(&self.pool).await?)
    }

    /// A build that the server made by itself counts for who asks for it first.
    pub async fn build_is_wanted_by(&self, id: i64, asker: &str) -> Result<()> {
        sqlx::query(WANTED).bind(id).bind(asker).execute(&self.writer).await?;
        Ok(())
    }

    /// Remembers that a repository's tree is kept for who asked for this build.
    pub async fn keep_tree(
        &self,
        build: i64,
        sha256: &str,
        filename: &str,
        size: u64,
        at: Micros,
    ) -> Result<()> {
        let query = "INSERT INTO build_source (sha256, account, filename, size, uploaded_at) \
            SELECT $2, asker, $3, $4, $5 FROM build WHERE id = $1 AND asker <> '' \
            ON CONFLICT (sha256, account) DO UPDATE SET uploaded_at = excluded.uploaded_at";
        let size = i64::try_from(size).unwrap_or(i64::MAX);
        let query = sqlx::query(query).bind(build).bind(sha256).bind(filename).bind(size).bind(at);
        query.execute(&self.writer).await?;
        self.source_is_back(sha256).await
    }

    /// The same of all strangers together.
    pub async fn waiting_builds_of_strangers(&self) -> Result<u64> {
        let query =
            "SELECT count(*) FROM build WHERE asker LIKE '@%' AND state IN ('fetching', 'queued', 'blocked')";
        let count: i64 = sqlx::query_scalar(query).fetch_one(&self.pool).await?;
        Ok(u64::try_from(count).unwrap_or_default())
    }

    /// Bytes that are kept for all strangers together.
    pub async fn kept_for_strangers(&self) -> Result<u64> {
        let query = "SELECT cast(\
            (SELECT coalesce(sum(size), 0) FROM build_source WHERE account LIKE '@%') + \
            (SELECT coalesce(sum(wheel_size), 0) FROM build WHERE asker LIKE '@%' AND given = 1) AS BIGINT)";
        let bytes: i64 = sqlx::query_scalar(query).fetch_one(&self.pool).await?;
        Ok(u64::try_from(bytes).unwrap_or_default())
    }

    /// Bytes that are kept for this asker: sources, and wheels that were built of what no index has.
    pub async fn kept_sources(&self, asker: &str) -> Result<u64> {
        let query = "SELECT cast(\
            (SELECT coalesce(sum(size), 0) FROM build_source WHERE account = $1) + \
            (SELECT coalesce(sum(wheel_size), 0) FROM build WHERE asker = $1 AND given = 1) AS BIGINT)";
        let bytes: i64 = sqlx::query_scalar(query).bind(asker).fetch_one(&self.pool).await?;
        Ok(u64::try_from(bytes).unwrap_or_default())
    }
}

const WANTED: &str = "UPDATE build SET asker = $2 WHERE id = $1 AND asker = ''";

impl Tx {
    /// As [`Db::build_is_wanted_by`].
    pub async fn build_is_wanted_by(&mut self, id: i64, asker: &str) -> Result<()> {
        sqlx::query(WANTED).bind(id).bind(asker).execute(&mut *self.tx).await?;
        Ok(())
    }

    /// Whom a new build counts for.
    pub async fn build_counts_for(&mut self, id: i64, asker: &str) -> Result<()> {
        let query = sqlx::query("UPDATE build SET asker = $2 WHERE id = $1").bind(id).bind(asker);
        query.execute(&mut *self.tx).await?;
        Ok(())
    }
}
