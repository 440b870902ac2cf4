//! What only the pages for people ask.

use super::Db;
use crate::error::Result;
use crate::names::{IndexName, ProjectName};
use crate::tools::time::Micros;
use sqlx::Row;

/// A project of a stage with its last change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangedProject {
    pub name: ProjectName,
    /// Of the newest release, if there is one.
    pub version: Option<String>,
    pub at: Micros,
}

impl Db {
    /// The projects of an index that changed last, newest first.
    pub async fn recently_changed(&self, index: &IndexName, limit: i64) -> Result<Vec<ChangedProject>> {
        let rows = sqlx::query(
            "SELECT project.name, event.at, (SELECT release.version FROM release \
             WHERE release.index_name = project.index_name AND release.project = project.name \
             ORDER BY release.created_at DESC LIMIT 1) AS version \
             FROM project JOIN event ON event.serial = project.serial \
             WHERE project.index_name = $1 ORDER BY project.serial DESC LIMIT $2",
        )
        .bind(index)
        .bind(limit)
        .fetch_all(&self.pool)
        .await?;
        let changed = rows.iter().map(|row| {
            Ok(ChangedProject {
                name: row.try_get("name")?,
                at: row.try_get("at")?,
                version: row.try_get("version")?,
            })
        });
        changed.collect()
    }
}
