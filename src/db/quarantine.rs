//! What is in quarantine: rows of projects and versions that are neither listed nor served.

use super::rows::row;
use super::{Db, Tx};
use crate::error::Result;
use crate::names::{IndexName, ProjectName};
use crate::tools::time::Micros;

/// A row of `quarantine`; see the migration for what the columns mean.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuarantineRow {
    pub id: String,
    pub index: Option<IndexName>,
    pub project: ProjectName,
    pub specifier: String,
    pub why: String,
    pub placed_by: String,
    pub placed_at: Micros,
    pub released_by: Option<String>,
    pub released_at: Option<Micros>,
}

row!(QuarantineRow of quarantine {
    id, index = index_name, project, specifier, why, placed_by, placed_at, released_by, released_at
});

/// Released ones that are shown, the newest.
const MOST_RELEASED: i64 = 1000;

impl Db {
    /// Those that hold, in the order in which they were placed.
    pub async fn quarantines(&self) -> Result<Vec<QuarantineRow>> {
        let rows = QuarantineRow::select("WHERE released_at IS NULL ORDER BY placed_at, id");
        Ok(rows.fetch_all(&self.pool).await?)
    }

    /// Those that were released, the last one first.
    pub async fn released_quarantines(&self) -> Result<Vec<QuarantineRow>> {
        let rows =
            QuarantineRow::select("WHERE released_at IS NOT NULL ORDER BY released_at DESC, id LIMIT $1");
        Ok(rows.bind(MOST_RELEASED).fetch_all(&self.pool).await?)
    }
}

impl Tx {
    /// Adds one that holds from now on; its number is this transaction's serial.
    pub async fn place_quarantine(&mut self, row: &QuarantineRow) -> Result<()> {
        sqlx::query(
            "INSERT INTO quarantine (id, index_name, project, specifier, why, placed_by, placed_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
        )
        .bind(&row.id)
        .bind(row.index.as_ref().map(IndexName::as_str))
        .bind(&row.project)
        .bind(&row.specifier)
        .bind(&row.why)
        .bind(&row.placed_by)
        .bind(row.placed_at)
        .execute(&mut *self.tx)
        .await?;
        Ok(())
    }

    /// Ends one that holds. `false`: there is none of this number.
    pub async fn release_quarantine(&mut self, id: &str, by: &str) -> Result<bool> {
        let change =
            "UPDATE quarantine SET released_by = $2, released_at = $3 WHERE id = $1 AND released_at IS NULL";
        let change = sqlx::query(change).bind(id).bind(by).bind(self.now);
        Ok(change.execute(&mut *self.tx).await?.rows_affected() > 0)
    }

    /// Those of a project that hold.
    pub async fn quarantines_of(&mut self, project: &ProjectName) -> Result<Vec<QuarantineRow>> {
        let rows = QuarantineRow::select("WHERE project = $1 AND released_at IS NULL").bind(project);
        Ok(rows.fetch_all(&mut *self.tx).await?)
    }
}
