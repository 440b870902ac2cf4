//! What the search index follows, and what it is checked against.

use super::Db;
use crate::error::Result;
use crate::names::{IndexName, ProjectName};
use crate::tools::time::Micros;
use crate::words::ProjectStatus;
use sqlx::Row as _;
use sqlx::any::AnyRow;
use std::collections::HashMap;

impl Db {
    /// The serial of the oldest event that was not removed.
    pub async fn oldest_event(&self) -> Result<Option<i64>> {
        let query = sqlx::query_scalar("SELECT serial FROM event ORDER BY serial LIMIT 1");
        Ok(query.fetch_optional(&self.pool).await?)
    }

    /// Projects of which a mirror was told a page or took a file after a moment, with the time; up to `limit` of each
    /// kind, the oldest first.
    pub async fn mirrored_since(
        &self,
        after: Micros,
        limit: u32,
    ) -> Result<Vec<(IndexName, ProjectName, Micros)>> {
        let pages = "SELECT index_name, project, checked_at AS at FROM upstream_page \
                     WHERE checked_at > $1 AND project <> '' ORDER BY checked_at LIMIT $2";
        let files = "SELECT index_name, project, uploaded_at AS at FROM file \
                     WHERE uploaded_at > $1 AND url IS NOT NULL ORDER BY uploaded_at LIMIT $2";
        let mut found = Vec::new();
        for query in [pages, files] {
            let rows = sqlx::query(query).bind(after).bind(i64::from(limit)).fetch_all(&self.pool).await?;
            let read = |row: &AnyRow| -> Result<_> {
                Ok((row.try_get("index_name")?, row.try_get("project")?, row.try_get("at")?))
            };
            found.append(&mut rows.iter().map(read).collect::<Result<Vec<_>>>()?);
        }
        found.sort_by_key(|(_, _, at)| *at);
        found.truncate(limit as usize);
        Ok(found)
    }

    /// Which of these projects a stage has, and their status.
    pub async fn having(
        &self,
        index: &IndexName,
        projects: &[&ProjectName],
    ) -> Result<HashMap<ProjectName, ProjectStatus>> {
        let places: Vec<String> = (2..projects.len() + 2).map(|place| format!("${place}")).collect();
        let query = format!(
            "SELECT name, status FROM project WHERE index_name = $1 AND name IN ({})",
            places.join(", ")
        );
        let query = sqlx::query(sqlx::AssertSqlSafe(query)).bind(index);
        let query = projects.iter().fold(query, |query, project| query.bind(*project));
        let rows = query.fetch_all(&self.pool).await?;
        rows.iter().map(|row| Ok((row.try_get("name")?, row.try_get("status")?))).collect()
    }
}
