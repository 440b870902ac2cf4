//! What releases require, by the name of what they require: rows beside those of releases.

use super::{Db, Tx};
use crate::error::Result;
use crate::names::{IndexName, ProjectName};
use crate::packaging::requirement::names;
use sqlx::Row;
use std::collections::BTreeSet;

/// The fact that says up to which release those from before the table are filled in; `done` at the end.
const FILLED: &str = "requirements_filled";
/// Releases that are filled in at once.
const AT_ONCE: i64 = 200;

/// A release that requires the project that was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequiringRelease {
    pub index: IndexName,
    pub project: ProjectName,
    /// Canonical.
    pub version: String,
}

impl Db {
    /// Releases on one of the indexes that require a project, by project, behind a name: at most so many rows.
    pub async fn requiring(
        &self,
        indexes: &[&IndexName],
        requires: &ProjectName,
        after: &str,
        most: i64,
    ) -> Result<Vec<RequiringRelease>> {
        let mut found = Vec::new();
        for index in indexes {
            let query = "SELECT index_name, project, version FROM requirement \
                WHERE requires = $1 AND index_name = $2 AND project > $3 ORDER BY project, version LIMIT $4";
            let rows = sqlx::query(query).bind(requires).bind(*index).bind(after).bind(most);
            for row in rows.fetch_all(&self.pool).await? {
                found.push(RequiringRelease {
                    index: row.try_get("index_name")?,
                    project: row.try_get("project")?,
                    version: row.try_get("version")?,
                });
            }
        }
        found.sort_by(|a, b| a.project.cmp(&b.project));
        Ok(found)
    }

    /// The versions of several projects that an index has a release of, by project.
    pub async fn versions_of(
        &self,
        index: &IndexName,
        from: &ProjectName,
        until: &ProjectName,
        requires: &ProjectName,
    ) -> Result<Vec<(ProjectName, String)>> {
        // Only of projects of which some release requires it.
        let query = "SELECT project, version FROM release WHERE index_name = $1 AND project >= $2 AND project <= $3 \
            AND project IN (SELECT project FROM requirement WHERE index_name = $1 AND requires = $4)";
        let rows = sqlx::query(query).bind(index).bind(from).bind(until).bind(requires);
        let rows = rows.fetch_all(&self.pool).await?;
        rows.iter().map(|row| Ok((row.try_get("project")?, row.try_get("version")?))).collect()
    }

    /// Fills in what some releases require that were here before the table; whether there may be more.
    pub async fn fill_requirements(&self) -> Result<bool> {
        let at = self.fact(FILLED).await?.unwrap_or_default();
        if at == "done" {
            return Ok(false);
        }
        let place: (String, String, String) = serde_json::from_str(&at).unwrap_or_default();
        let query = "SELECT index_name, project, version, metadata FROM release WHERE index_name > $1 \
            OR (index_name = $1 AND (project > $2 OR (project = $2 AND version > $3))) \
            ORDER BY index_name, project, version LIMIT $4";
        let rows = sqlx::query(query).bind(place.0).bind(place.1).bind(place.2).bind(AT_ONCE);
        let rows = rows.fetch_all(&self.pool).await?;
        let Some(last) = rows.last() else {
            self.set_fact(FILLED, "done").await?;
            return Ok(false);
        };
        let last: [String; 3] = [last.try_get(0)?, last.try_get(1)?, last.try_get(2)?];
        let mut tx = self.quiet().await?;
        for row in &rows {
            let (index, project, version): (String, String, String) =
                (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
            for name in required(row.try_get("metadata")?) {
                // The release may be gone by now.
                sqlx::query(
                    "INSERT INTO requirement (index_name, project, version, requires) \
                     SELECT $1, $2, $3, $4 WHERE EXISTS (SELECT 1 FROM release WHERE index_name = $1 \
                     AND project = $2 AND version = $3) ON CONFLICT DO NOTHING",
                )
                .bind(&index)
                .bind(&project)
                .bind(&version)
                .bind(&name)
                .execute(&mut *tx)
                .await?;
            }
        }
        tx.commit().await?;
        self.set_fact(FILLED, &serde_json::to_string(&last).unwrap_or_default()).await?;
        Ok(true)
    }
}

/// The projects that a release requires, by its metadata in JSON.
fn required(metadata: &str) -> BTreeSet<ProjectName> {
    #[derive(serde::Deserialize)]
    struct Required {
        #[serde(default)]
        requires_dist: Vec<String>,
    }
    let read: Option<Required> = serde_json::from_str(metadata).ok();
    read.map(|read| names(&read.requires_dist)).unwrap_or_default()
}

impl Tx {
    /// Notes what a release requires by its metadata, in place of what it required.
    pub(super) async fn put_requirements(
        &mut self,
        index: &IndexName,
        project: &ProjectName,
        version: &str,
        metadata: &str,
    ) -> Result<()> {
        sqlx::query("DELETE FROM requirement WHERE index_name = $1 AND project = $2 AND version = $3")
            .bind(index)
            .bind(project)
            .bind(version)
            .execute(&mut *self.tx)
            .await?;
        for name in required(metadata) {
            sqlx::query(
                "INSERT INTO requirement (index_name, project, version, requires) VALUES ($1, $2, $3, $4) \
                 ON CONFLICT DO NOTHING",
            )
            .bind(index)
            .bind(project)
            .bind(version)
            .bind(&name)
            .execute(&mut *self.tx)
            .await?;
        }
        Ok(())
    }
}
