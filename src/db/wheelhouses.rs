//! Wheelhouses: what was published where, who publishes now; and stamps that change when a project's files do.

use super::Db;
use super::rows::row;
use crate::error::Result;
use crate::names::{IndexName, ProjectName};
use crate::tools::time::Micros;
use sqlx::Row;
use std::collections::BTreeMap;

/// A wheelhouse in a bucket; see the migration for what the columns mean.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WheelhouseRow {
    pub place: String,
    pub index_name: String,
    pub content: String,
    pub published_at: Option<Micros>,
    pub checked_at: Option<Micros>,
    pub renew_at: Option<Micros>,
    pub links_until: Option<Micros>,
    pub failed_at: Option<Micros>,
    pub error: Option<String>,
    pub tries: i64,
    pub left_out: String,
}

row!(WheelhouseRow of wheelhouse {
    place, index_name, content, published_at, checked_at, renew_at, links_until, failed_at, error, tries, left_out
});

impl Db {
    /// All that were ever published, by place.
    pub async fn wheelhouses(&self) -> Result<Vec<WheelhouseRow>> {
        Ok(WheelhouseRow::select("ORDER BY place").fetch_all(&self.pool).await?)
    }

    pub async fn wheelhouse(&self, place: &str) -> Result<Option<WheelhouseRow>> {
        Ok(WheelhouseRow::select("WHERE place = $1").bind(place).fetch_optional(&self.pool).await?)
    }

    /// Takes or renews the right to publish there. `false`: another process has it.
    pub async fn lease_wheelhouse(
        &self,
        (place, index): (&str, &IndexName),
        by: &str,
        (now, until): (Micros, Micros),
    ) -> Result<bool> {
        let lease = sqlx::query(
            "INSERT INTO wheelhouse (place, index_name, content, tries, left_out, lease_by, lease_until) \
             VALUES ($1, $2, '', 0, '', $3, $5) ON CONFLICT (place) DO UPDATE \
             SET lease_by = $3, lease_until = $5 \
             WHERE wheelhouse.lease_by = $3 OR wheelhouse.lease_until <= $4",
        );
        let lease = lease.bind(place).bind(index).bind(by).bind(now).bind(until);
        Ok(lease.execute(&self.writer).await?.rows_affected() > 0)
    }

    /// Notes how it is there now, and ends the lease.
    pub async fn wheelhouse_tried(&self, by: &str, row: &WheelhouseRow) -> Result<()> {
        sqlx::query(
            "UPDATE wheelhouse SET index_name = $3, content = $4, published_at = $5, checked_at = $6, \
             renew_at = $7, links_until = $8, failed_at = $9, error = $10, tries = $11, left_out = $12, \
             lease_by = '', lease_until = 0 WHERE place = $1 AND lease_by = $2",
        )
        .bind(&row.place)
        .bind(by)
        .bind(&row.index_name)
        .bind(&row.content)
        .bind(row.published_at)
        .bind(row.checked_at)
        .bind(row.renew_at)
        .bind(row.links_until)
        .bind(row.failed_at)
        .bind(&row.error)
        .bind(row.tries)
        .bind(&row.left_out)
        .execute(&self.writer)
        .await?;
        Ok(())
    }

    /// Of each project of a stage, what changes whenever its page does.
    pub async fn stage_stamps(&self, index: &IndexName) -> Result<BTreeMap<ProjectName, String>> {
        let projects = self.projects_with_serials(index).await?;
        Ok(projects.into_iter().map(|(project, serial)| (project, serial.to_string())).collect())
    }

    /// The same of the projects that a mirror keeps files of: those files, what was built from them, and when the
    /// upstream was asked last.
    pub async fn mirror_stamps(&self, index: &IndexName) -> Result<BTreeMap<ProjectName, String>> {
        let asked = "SELECT project, CAST(0 AS BIGINT) AS files, checked_at AS newest FROM upstream_page \
                     WHERE index_name = $1";
        let built = "SELECT project, CAST(COUNT(*) AS BIGINT) AS files, MAX(build) AS newest FROM built_file \
                     WHERE index_name = $1 GROUP BY project";
        let kept = "SELECT project, CAST(COUNT(*) AS BIGINT) AS files, MAX(uploaded_at) AS newest FROM file \
                    WHERE index_name = $1 AND deleted_at IS NULL GROUP BY project";
        let mut parts: BTreeMap<String, String> = BTreeMap::new();
        let mut having = BTreeMap::new();
        for query in [kept, built, asked] {
            for row in sqlx::query(query).bind(index).fetch_all(&self.pool).await? {
                let (project, files): (String, i64) = (row.try_get("project")?, row.try_get("files")?);
                let newest: i64 = row.try_get("newest")?;
                if files > 0
                    && let Ok(name) = project.parse::<ProjectName>()
                {
                    having.insert(name, String::new());
                }
                parts.entry(project).or_default().push_str(&format!("{files}:{newest},"));
            }
        }
        // The page of many projects' files, where the upstream is one.
        let all = parts.remove("").unwrap_or_default();
        for (project, stamp) in &mut having {
            *stamp = format!("{}{all}", parts.remove(project.as_str()).unwrap_or_default());
        }
        Ok(having)
    }
}
