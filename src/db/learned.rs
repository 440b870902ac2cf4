//! What builds found beside their recipes, kept for the next build of the same project.

use super::rows::row;
use super::{Db, Tx};
use crate::error::Result;
use crate::names::{BuildContext, IndexName, ProjectName};
use crate::tools::time::Micros;

/// A row of `learned`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LearnedRow {
    pub project: ProjectName,
    pub version: String,
    pub target: String,
    /// JSON of a recipe.
    pub found: String,
    /// The build that found it.
    pub build: i64,
    pub learned_at: Micros,
}

row!(LearnedRow of learned { project, version, target, found, build, learned_at });

/// Rows of one project that are looked at; the newest.
const MOST: i64 = 200;
/// Rows of a whole index that are looked at; the newest.
const MOST_OF_INDEX: i64 = 2000;

impl Db {
    /// What is known of a project, the newest first.
    pub async fn learned(&self, context: &BuildContext, project: &ProjectName) -> Result<Vec<LearnedRow>> {
        let query =
            LearnedRow::select("WHERE context = $1 AND project = $2 ORDER BY learned_at DESC LIMIT $3");
        Ok(query.bind(context).bind(project).bind(MOST).fetch_all(&self.pool).await?)
    }

    /// What is known of all projects of an index, the newest first.
    pub async fn learned_on(&self, index: &IndexName) -> Result<Vec<LearnedRow>> {
        let query = LearnedRow::select("WHERE context = $1 ORDER BY learned_at DESC LIMIT $2");
        Ok(query.bind(index).bind(MOST_OF_INDEX).fetch_all(&self.pool).await?)
    }

    /// Keeps what a build found, in place of what was known of its release and target.
    pub async fn learn(&self, context: &BuildContext, row: &LearnedRow) -> Result<()> {
        sqlx::query(
            "INSERT INTO learned (context, project, version, target, found, build, learned_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (context, project, version, target) DO UPDATE SET \
             found = excluded.found, build = excluded.build, learned_at = excluded.learned_at",
        )
        .bind(context)
        .bind(&row.project)
        .bind(&row.version)
        .bind(&row.target)
        .bind(&row.found)
        .bind(row.build)
        .bind(row.learned_at)
        .execute(&self.writer)
        .await?;
        Ok(())
    }

    /// What was known of a release and target turned out wrong, or not to be needed.
    pub async fn forget_learned(
        &self,
        context: &BuildContext,
        project: &ProjectName,
        version: &str,
        target: &str,
    ) -> Result<()> {
        let query =
            "DELETE FROM learned WHERE context = $1 AND project = $2 AND version = $3 AND target = $4";
        sqlx::query(query)
            .bind(context)
            .bind(project)
            .bind(version)
            .bind(target)
            .execute(&self.writer)
            .await?;
        Ok(())
    }
}

impl Tx {
    /// Forgets one row; `false` if it is not there.
    pub async fn forget_learned(&mut self, index: &IndexName, row: &LearnedRow) -> Result<bool> {
        let query =
            "DELETE FROM learned WHERE context = $1 AND project = $2 AND version = $3 AND target = $4";
        let query = sqlx::query(query).bind(index).bind(&row.project).bind(&row.version).bind(&row.target);
        Ok(query.execute(&mut *self.tx).await?.rows_affected() > 0)
    }
}
