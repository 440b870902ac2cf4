//! Builds that failed, as a project's pages for a target need to know of them.

use super::super::{Db, Micros};
use crate::error::Result;
use sqlx::Row;

/// Why a wheel of a listed source is not to be had: the parts of its build's key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailedBuild {
    /// `user/index` that owns the source.
    pub context: String,
    /// JSON of `build::job::Source`.
    pub source: String,
    pub source_sha256: Option<String>,
    pub recipe_sha256: Option<String>,
    pub tools: String,
    pub class: Option<String>,
    /// In which it failed.
    pub step: Option<String>,
    pub ended_at: Option<Micros>,
}

const FAILED: &str = "SELECT context, source, source_sha256, recipe_sha256, tools, class, step, ended_at FROM build \
    WHERE project = $1 AND target = $2 AND state = 'failed' AND class <> 'cancelled' AND given = 0 \
    AND (purpose = 'wheel' OR class NOT IN ('metadata-hook', 'wrong-wheel')) ORDER BY id";

impl Db {
    /// The builds of a project's listed sources that failed for a target; jobs for metadata too, unless a
    /// build may tell what they could not.
    pub async fn failed_builds(&self, project: &str, target: &str) -> Result<Vec<FailedBuild>> {
        let rows = sqlx::query(FAILED).bind(project).bind(target).fetch_all(&self.pool).await?;
        let read = |row: &sqlx::any::AnyRow| {
            Ok(FailedBuild {
                context: row.try_get(0)?,
                source: row.try_get(1)?,
                source_sha256: row.try_get(2)?,
                recipe_sha256: row.try_get(3)?,
                tools: row.try_get(4)?,
                class: row.try_get(5)?,
                step: row.try_get(6)?,
                ended_at: row.try_get(7)?,
            })
        };
        rows.iter().map(read).collect()
    }
}
