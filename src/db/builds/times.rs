//! How long builds took, for guesses at how long the next one will.

use crate::db::Db;
use crate::error::Result;
use crate::names::ProjectName;
use crate::words::Purpose;

const ENDED: &str = "SELECT ended_at - started_at FROM build WHERE state = 'built' AND started_at IS NOT NULL \
    AND ended_at IS NOT NULL AND purpose = $1";

impl Db {
    /// Microseconds that the newest builds of a project took, whatever they were for.
    pub async fn times_of_project(
        &self,
        project: &ProjectName,
        purpose: Purpose,
        limit: i64,
    ) -> Result<Vec<i64>> {
        let text = format!("{ENDED} AND project = $2 ORDER BY id DESC LIMIT $3");
        let query = sqlx::query_scalar(sqlx::AssertSqlSafe(text)).bind(purpose).bind(project).bind(limit);
        Ok(query.fetch_all(&self.pool).await?)
    }

    /// The same of all projects; where it is said, of those alone that others have platform wheels
    /// of, or alone of those that they have none of.
    pub async fn times_of_class(
        &self,
        compiled: Option<bool>,
        purpose: Purpose,
        limit: i64,
    ) -> Result<Vec<i64>> {
        let text = format!("{ENDED} AND ($2 = -1 OR platform_expected = $2) ORDER BY id DESC LIMIT $3");
        let compiled = compiled.map_or(-1, i64::from);
        let query = sqlx::query_scalar(sqlx::AssertSqlSafe(text)).bind(purpose).bind(compiled).bind(limit);
        Ok(query.fetch_all(&self.pool).await?)
    }
}
