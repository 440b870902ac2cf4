//! Rows that nobody needs any more, and that hold bytes: sources to build from, strangers' builds,
//! names that an upstream does not have.

use super::Db;
use crate::error::Result;
use crate::tools::time::Micros;

/// What is old enough.
#[derive(Clone, Copy, Debug)]
pub struct Age {
    /// Sources of strangers that were fetched before this.
    pub strangers: Micros,
    /// Sources of accounts; strangers' builds that ended before this.
    pub accounts: Micros,
}

/// How many rows of each kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Old {
    pub sources: u64,
    pub builds: u64,
    pub absent: u64,
}

const SOURCES: &str = "FROM build_source WHERE uploaded_at < CASE WHEN account = '' OR account LIKE '@%' \
    THEN $1 ELSE $2 END AND NOT EXISTS (SELECT 1 FROM build WHERE build.source_sha256 = build_source.sha256 \
    AND state NOT IN ('built', 'failed'))";

/// Strangers' builds of sources that no index has, if no account asked for them (strangers wait as
/// `:anonymous`) and nothing needs them.
const BUILDS: &str = "FROM build WHERE given = 1 AND asker LIKE '@%' AND state IN ('built', 'failed') \
    AND ended_at < $1 AND NOT EXISTS (SELECT 1 FROM build_asker WHERE build_asker.build = build.id \
    AND account NOT LIKE ':%') AND NOT EXISTS (SELECT 1 FROM build_for WHERE build_for.build = build.id) \
    AND NOT EXISTS (SELECT 1 FROM built_file WHERE built_file.build = build.id) \
    AND NOT EXISTS (SELECT 1 FROM build_need WHERE build_need.needs = build.id)";

const ABSENT: &str = "FROM upstream_page WHERE found = 0 AND checked_at < $1";

pub(super) const SOURCE_IS_BACK: &str =
    "UPDATE build SET source_gone_at = NULL WHERE source_sha256 = $1 AND source_gone_at IS NOT NULL";

impl Db {
    /// How many there are.
    pub async fn old(&self, age: Age) -> Result<Old> {
        let count = |from: &str| format!("SELECT count(*) {from}");
        let number = |count: i64| u64::try_from(count).unwrap_or_default();
        let sources = sqlx::query_scalar(sqlx::AssertSqlSafe(count(SOURCES)));
        let builds = sqlx::query_scalar(sqlx::AssertSqlSafe(count(BUILDS)));
        let absent = sqlx::query_scalar(sqlx::AssertSqlSafe(count(ABSENT)));
        Ok(Old {
            sources: number(sources.bind(age.strangers).bind(age.accounts).fetch_one(&self.pool).await?),
            builds: number(builds.bind(age.accounts).fetch_one(&self.pool).await?),
            absent: number(absent.bind(age.strangers).fetch_one(&self.pool).await?),
        })
    }

    /// Deletes them, and gives up the sources of ended builds that no index and nobody keeps.
    pub async fn forget_old(&self, age: Age, now: Micros) -> Result<Old> {
        let delete = |from: &str| sqlx::AssertSqlSafe(format!("DELETE {from}"));
        let sources = sqlx::query(delete(SOURCES)).bind(age.strangers).bind(age.accounts);
        let sources = sources.execute(&self.writer).await?.rows_affected();
        let builds =
            sqlx::query(delete(BUILDS)).bind(age.accounts).execute(&self.writer).await?.rows_affected();
        let absent =
            sqlx::query(delete(ABSENT)).bind(age.strangers).execute(&self.writer).await?.rows_affected();
        let give_up = "UPDATE build SET source_gone_at = $1 WHERE given = 1 AND source_gone_at IS NULL \
            AND state IN ('built', 'failed') AND ended_at < CASE WHEN asker LIKE '@%' THEN $2 ELSE $3 END \
            AND NOT EXISTS (SELECT 1 FROM build_source WHERE build_source.sha256 = build.source_sha256)";
        let give_up = sqlx::query(give_up).bind(now).bind(age.strangers).bind(age.accounts);
        give_up.execute(&self.writer).await?;
        Ok(Old { sources, builds, absent })
    }

    /// Whether the source of a build was given up.
    pub async fn is_source_gone(&self, build: i64) -> Result<bool> {
        let query = "SELECT count(*) FROM build WHERE id = $1 AND source_gone_at IS NOT NULL";
        Ok(sqlx::query_scalar::<_, i64>(query).bind(build).fetch_one(&self.pool).await? > 0)
    }

    /// The bytes of a source are here again.
    pub async fn source_is_back(&self, sha256: &str) -> Result<()> {
        sqlx::query(SOURCE_IS_BACK).bind(sha256).execute(&self.writer).await?;
        Ok(())
    }
}
