//! Approvals: what was decided of the releases that a curated index may list, and its rules.

use super::rows::{flag, row};
use super::{Db, Tx};
use crate::error::Result;
use crate::names::{IndexName, ProjectName};
use crate::tools::time::Micros;

/// A row of `approval`; see the migration for what the columns mean.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Approval {
    /// Given by the database.
    pub id: i64,
    pub index: IndexName,
    pub project: ProjectName,
    pub specifier: String,
    pub approves: bool,
    pub reason: String,
    pub made_by: String,
    pub made_at: Micros,
    pub expires_at: Option<Micros>,
}

row!(Approval of approval {
    id, index = index_name, project, specifier, approves by flag, reason, made_by, made_at, expires_at,
});

/// The rules of a curated index, and who wrote them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredRules {
    pub index: IndexName,
    pub rules: String,
    pub made_by: String,
    pub made_at: Micros,
}

row!(StoredRules of curation { index = index_name, rules, made_by, made_at });

impl Db {
    /// What was decided of a project, the newest first.
    pub async fn approvals(&self, index: &IndexName, project: &ProjectName) -> Result<Vec<Approval>> {
        let rows = Approval::select("WHERE index_name = $1 AND project = $2 ORDER BY id DESC");
        Ok(rows.bind(index).bind(project).fetch_all(&self.pool).await?)
    }

    /// The projects of which something was approved for longer than `now`, by name.
    pub async fn approved_projects(&self, index: &IndexName, now: Micros) -> Result<Vec<ProjectName>> {
        let query = "SELECT DISTINCT project FROM approval WHERE index_name = $1 AND approves = 1 \
                     AND (expires_at IS NULL OR expires_at > $2)";
        let mut names: Vec<ProjectName> =
            sqlx::query_scalar(query).bind(index).bind(now).fetch_all(&self.pool).await?;
        names.sort_unstable();
        Ok(names)
    }

    /// Of each project, a text that changes whenever what is approved of it does.
    pub async fn approval_stamps(
        &self,
        index: &IndexName,
        now: Micros,
    ) -> Result<Vec<(ProjectName, String)>> {
        let rows = Approval::select("WHERE index_name = $1 ORDER BY project, id").bind(index);
        let rows = rows.fetch_all(&self.pool).await?;
        let held = rows.into_iter().filter(|row| row.expires_at.is_none_or(|at| at > now));
        Ok(held.map(|row| (row.project, format!("approval {}", row.id))).collect())
    }

    /// The rules of an index, if it has any.
    pub async fn rules(&self, index: &IndexName) -> Result<Option<StoredRules>> {
        let rows = StoredRules::select("WHERE index_name = $1").bind(index);
        Ok(rows.fetch_optional(&self.pool).await?)
    }
}

impl Tx {
    /// Adds a decision under this transaction's serial. What it says of the same specifier otherwise is replaced.
    pub async fn decide(&mut self, new: &Approval) -> Result<()> {
        let old = "DELETE FROM approval WHERE index_name = $1 AND project = $2 AND specifier = $3";
        let old = sqlx::query(old).bind(&new.index).bind(&new.project).bind(&new.specifier);
        old.execute(&mut *self.tx).await?;
        sqlx::query(
            "INSERT INTO approval (id, index_name, project, specifier, approves, reason, made_by, made_at, \
             expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        )
        .bind(self.serial)
        .bind(&new.index)
        .bind(&new.project)
        .bind(&new.specifier)
        .bind(i64::from(new.approves))
        .bind(&new.reason)
        .bind(&new.made_by)
        .bind(self.now)
        .bind(new.expires_at)
        .execute(&mut *self.tx)
        .await?;
        Ok(())
    }

    /// Replaces the rules of an index; empty ones remove them.
    pub async fn set_rules(&mut self, index: &IndexName, rules: &str, by: &str) -> Result<()> {
        let old = sqlx::query("DELETE FROM curation WHERE index_name = $1").bind(index);
        old.execute(&mut *self.tx).await?;
        if !rules.trim().is_empty() {
            let new = "INSERT INTO curation (index_name, rules, made_by, made_at) VALUES ($1, $2, $3, $4)";
            let new = sqlx::query(new).bind(index).bind(rules).bind(by).bind(self.now);
            new.execute(&mut *self.tx).await?;
        }
        Ok(())
    }
}
