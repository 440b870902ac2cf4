//! What releases require, by the name of what they require: rows beside those of releases.

use super::{Db, Tx};
use crate::error::Result;
use crate::names::{IndexName, ProjectName};
use crate::packaging::requirement::names;
use crate::words::ProjectStatus;
use sqlx::Row;
use sqlx::any::AnyRow;
use std::collections::BTreeSet;

/// The fact that says up to which release those from before the table are filled in; `done` at the end.
const FILLED: &str = "requirements_filled";
/// Releases that are filled in at once.
const AT_ONCE: i64 = 200;

/// A release of a project of which some release requires the one that was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReleaseOfRequiring {
    pub project: ProjectName,
    /// Canonical.
    pub version: String,
    /// This very release requires it.
    pub requires: bool,
}

impl Db {
    /// Projects on the indexes of which some release requires a project, in their order, behind a name: at most so many.
    pub async fn requiring(
        &self,
        indexes: &[&IndexName],
        requires: &ProjectName,
        after: &str,
        most: usize,
    ) -> Result<Vec<ProjectName>> {
        let mut found: BTreeSet<ProjectName> = BTreeSet::new();
        for index in indexes {
            let query = "SELECT DISTINCT project FROM requirement \
                WHERE requires = $1 AND index_name = $2 AND project > $3 ORDER BY project LIMIT $4";
            let query = sqlx::query_scalar(query).bind(requires).bind(*index).bind(after);
            let names = query.bind(i64::try_from(most).unwrap_or(i64::MAX)).fetch_all(&self.pool).await?;
            found.extend(names);
        }
        // The first ones of all are among the first ones of each.
        Ok(found.into_iter().take(most).collect())
    }

    /// The releases on an index of the projects from one name up to another of which some release there requires a project;
    /// none of projects in quarantine by their status.
    pub async fn releases_of_requiring(
        &self,
        index: &IndexName,
        requires: &ProjectName,
        from: &ProjectName,
        until: &ProjectName,
    ) -> Result<Vec<ReleaseOfRequiring>> {
        let query = "SELECT r.project, r.version, CAST(CASE WHEN q.version IS NULL THEN 0 ELSE 1 END AS BIGINT) AS requires \
            FROM release r JOIN project p ON p.index_name = r.index_name AND p.name = r.project \
            LEFT JOIN requirement q ON q.index_name = r.index_name AND q.project = r.project \
            AND q.version = r.version AND q.requires = $2 \
            WHERE r.index_name = $1 AND r.project >= $3 AND r.project <= $4 AND p.status <> $5 AND r.project IN \
            (SELECT project FROM requirement WHERE index_name = $1 AND requires = $2)";
        let rows = sqlx::query(query).bind(index).bind(requires).bind(from).bind(until);
        let rows = rows.bind(ProjectStatus::Quarantined).fetch_all(&self.pool).await?;
        let read = |row: &AnyRow| -> Result<_> {
            Ok(ReleaseOfRequiring {
                project: row.try_get("project")?,
                version: row.try_get("version")?,
                requires: row.try_get::<i64, _>("requires")? > 0,
            })
        };
        rows.iter().map(read).collect()
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
