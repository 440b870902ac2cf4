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

#[cfg(test)]
mod tests {
    use super::*;

    async fn with_requirements(db: &Db) {
        let mut rows =
            vec![("a/dev", "many", "active"), ("a/dev", "user", "active"), ("a/dev", "bad", "quarantined")];
        rows.push(("a/base", "early", "active"));
        let texts = [
            "INSERT INTO account (name, profile, created_at) VALUES ('a', '{}', 0)".to_owned(),
            "INSERT INTO namespace (name, owner, options, created_at) VALUES ('a/dev', 'a', '{}', 0), \
             ('a/base', 'a', '{}', 0)"
                .to_owned(),
        ];
        let projects = rows.iter().map(|(index, name, status)| {
            format!("INSERT INTO project (index_name, name, spelling, status, serial) VALUES ('{index}', '{name}', '{name}', '{status}', 1)")
        });
        let versions = rows.iter().flat_map(|(index, name, _)| {
            (0..if *name == "many" { 1500 } else { 2 }).map(move |number| (index, name, number))
        });
        let releases = versions.clone().map(|(index, name, number)| {
            format!("INSERT INTO release (index_name, project, version, metadata, created_at) VALUES ('{index}', '{name}', '1.{number}', '{{}}', 1)")
        });
        // The newest release of the early one requires nothing.
        let requiring = versions.filter(|(_, name, number)| **name != "early" || *number == 0);
        let requirements = requiring.map(|(index, name, number)| {
            format!("INSERT INTO requirement (index_name, project, version, requires) VALUES ('{index}', '{name}', '1.{number}', 'demo')")
        });
        let mut connection = db.pool.begin().await.unwrap();
        for text in texts.into_iter().chain(projects).chain(releases).chain(requirements) {
            sqlx::query(sqlx::AssertSqlSafe(text)).execute(&mut *connection).await.unwrap();
        }
        connection.commit().await.unwrap();
    }

    #[tokio::test]
    async fn a_project_with_very_many_releases_is_one_project() {
        let folder = tempfile::tempdir().unwrap();
        let db = Db::open(&format!("sqlite://{}/w.db", folder.path().display())).await.unwrap();
        with_requirements(&db).await;
        let (dev, base): (IndexName, IndexName) = ("a/dev".parse().unwrap(), "a/base".parse().unwrap());
        let (demo, indexes) = ("demo".parse().unwrap(), [&dev, &base]);
        let found = async |after: &str, most: usize| -> Vec<String> {
            let names = db.requiring(&indexes, &demo, after, most).await.unwrap();
            names.into_iter().map(String::from).collect()
        };
        assert_eq!(found("", 10).await, ["bad", "early", "many", "user"]);
        assert_eq!(found("", 3).await, ["bad", "early", "many"]);
        assert_eq!(found("many", 3).await, ["user"]);
        let (from, until) = ("bad".parse().unwrap(), "user".parse().unwrap());
        let releases = db.releases_of_requiring(&dev, &demo, &from, &until).await.unwrap();
        assert_eq!(releases.len(), 1502, "none that is in quarantine");
        assert!(releases.iter().all(|release| release.requires));
        let mut releases = db.releases_of_requiring(&base, &demo, &from, &until).await.unwrap();
        releases.sort_by(|a, b| a.version.cmp(&b.version));
        let requires: Vec<bool> = releases.iter().map(|release| release.requires).collect();
        assert_eq!(requires, [true, false]);
    }
}
