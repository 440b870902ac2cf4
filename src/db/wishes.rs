//! Wishes: projects that installers asked an index for, and that it does not have.

use super::{Db, Tx};
use crate::error::Result;
use crate::names::{IndexName, ProjectName};
use crate::tools::time::Micros;
use sqlx::Row;
use sqlx::any::AnyRow;

/// A row of `wish`; see the migration for what the columns mean.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WishRow {
    pub project: ProjectName,
    pub target: String,
    pub asked: i64,
    pub first_at: Micros,
    pub last_at: Micros,
    pub refused: Option<String>,
    /// Whether an index here has a project of this name.
    pub is_here: bool,
}

const WISHES: &str = "SELECT project, target, asked, first_at, last_at, refused, \
    CAST(CASE WHEN EXISTS (SELECT 1 FROM project WHERE project.name = wish.project) THEN 1 ELSE 0 END AS BIGINT) \
    AS is_here FROM wish WHERE index_name = $1 ORDER BY last_at DESC, project, target";

fn wish(row: &AnyRow) -> Result<WishRow> {
    Ok(WishRow {
        project: row.try_get("project")?,
        target: row.try_get("target")?,
        asked: row.try_get("asked")?,
        first_at: row.try_get("first_at")?,
        last_at: row.try_get("last_at")?,
        refused: row.try_get("refused")?,
        is_here: row.try_get::<i64, _>("is_here")? != 0,
    })
}

/// How often something was asked for since the last time that was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewWish {
    pub index: IndexName,
    pub project: ProjectName,
    /// Empty: unknown.
    pub target: String,
    pub asked: i64,
    pub at: Micros,
}

/// Wishes that are kept of one index; more are forgotten, those that nobody repeated first.
pub const MOST_WISHES: i64 = 5000;

impl Db {
    /// The wishes of an index, those asked for last first.
    pub async fn wishes(&self, index: &IndexName) -> Result<Vec<WishRow>> {
        sqlx::query(WISHES).bind(index).fetch_all(&self.pool).await?.iter().map(wish).collect()
    }

    /// Writes what was asked for. Indexes that are gone have no wishes, and a project that some index here has is no
    /// wish: its name may be private.
    pub async fn add_wishes(&self, wishes: &[NewWish]) -> Result<()> {
        let mut tx = self.quiet().await?;
        for wish in wishes {
            sqlx::query(
                "INSERT INTO wish (index_name, project, target, asked, first_at, last_at) \
                 SELECT $1, $2, $3, $4, $5, $5 WHERE EXISTS (SELECT 1 FROM namespace WHERE name = $1) \
                 AND NOT EXISTS (SELECT 1 FROM project WHERE name = $2) \
                 ON CONFLICT (index_name, project, target) \
                 DO UPDATE SET asked = wish.asked + excluded.asked, last_at = excluded.last_at",
            )
            .bind(&wish.index)
            .bind(&wish.project)
            .bind(&wish.target)
            .bind(wish.asked)
            .bind(wish.at)
            .execute(&mut *tx)
            .await?;
        }
        let mut indexes: Vec<&IndexName> = wishes.iter().map(|wish| &wish.index).collect();
        indexes.sort_unstable();
        indexes.dedup();
        for index in indexes {
            sqlx::query(
                "DELETE FROM wish WHERE index_name = $1 AND last_at < (SELECT last_at FROM wish \
                 WHERE index_name = $1 ORDER BY last_at DESC LIMIT 1 OFFSET $2)",
            )
            .bind(index)
            .bind(MOST_WISHES)
            .execute(&mut *tx)
            .await?;
        }
        tx.commit().await?;
        Ok(())
    }
}

impl Tx {
    /// What a bundle says of wishes: why some are refused. Those that are there now are found when they are shown.
    pub async fn settle_wishes(
        &mut self,
        index: &IndexName,
        refused: &[(ProjectName, String)],
    ) -> Result<()> {
        for (project, why) in refused {
            sqlx::query("UPDATE wish SET refused = $3 WHERE index_name = $1 AND project = $2")
                .bind(index)
                .bind(project)
                .bind(why)
                .execute(&mut *self.tx)
                .await?;
        }
        Ok(())
    }
}
