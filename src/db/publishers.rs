//! Trusted publishers: who gets a short token for an index by showing one that an issuer signed, and which of those
//! were shown before.

use super::rows::{flag, row};
use super::{Db, Tx};
use crate::error::{Error, Result};
use crate::names::{IndexName, ProjectName};
use crate::tools::time::Micros;
use sqlx::Row;
use sqlx::any::AnyRow;
use std::collections::BTreeMap;

/// A row of `publisher`; see the migration for what the columns mean.
#[derive(Clone, Debug)]
pub struct Publisher {
    pub id: String,
    pub index: IndexName,
    pub project: Option<ProjectName>,
    pub issuer: String,
    pub claims: BTreeMap<String, String>,
    pub by_operator: bool,
    pub created_by: String,
    pub created_at: Micros,
}

row!(Publisher of publisher {
    id, index = index_name, project, issuer, claims by rules, by_operator by flag, created_by, created_at
});

/// Rules that cannot be read must not become none.
fn rules(row: &AnyRow, column: &str) -> sqlx::Result<BTreeMap<String, String>> {
    serde_json::from_str(row.try_get(column)?).map_err(|error| sqlx::Error::Decode(error.into()))
}

impl Db {
    /// The publishers of one index, or all of them.
    pub async fn publishers(&self, index: Option<&IndexName>) -> Result<Vec<Publisher>> {
        let rows = Publisher::select("WHERE $1 = '' OR index_name = $1 ORDER BY created_at, id");
        Ok(rows.bind(index.map_or("", IndexName::as_str)).fetch_all(&self.pool).await?)
    }

    pub async fn publishers_of(&self, issuer: &str) -> Result<Vec<Publisher>> {
        let rows = Publisher::select("WHERE issuer = $1 ORDER BY created_at, id");
        Ok(rows.bind(issuer).fetch_all(&self.pool).await?)
    }

    pub async fn has_publishers(&self) -> Result<bool> {
        let one = sqlx::query("SELECT id FROM publisher LIMIT 1");
        Ok(one.fetch_optional(&self.pool).await?.is_some())
    }
}

impl Tx {
    /// Adds a publisher, unless its index has `most`.
    pub async fn create_publisher(&mut self, new: &Publisher, most: i64) -> Result<()> {
        let count = sqlx::query_scalar("SELECT count(*) FROM publisher WHERE index_name = $1");
        let count: i64 = count.bind(&new.index).fetch_one(&mut *self.tx).await?;
        if count >= most {
            return Err(Error::Conflict(format!(
                "{} has {count} publishers already: remove one of them",
                new.index
            )));
        }
        let claims = serde_json::to_string(&new.claims).map_err(Error::internal)?;
        sqlx::query(
            "INSERT INTO publisher (id, index_name, project, issuer, claims, by_operator, created_by, created_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        )
        .bind(&new.id)
        .bind(&new.index)
        .bind(&new.project)
        .bind(&new.issuer)
        .bind(claims)
        .bind(i64::from(new.by_operator))
        .bind(&new.created_by)
        .bind(new.created_at)
        .execute(&mut *self.tx)
        .await?;
        Ok(())
    }

    /// Removes a publisher with its tokens, within an index if one is named; `false`: there is none.
    pub async fn delete_publisher(&mut self, index: Option<&IndexName>, id: &str) -> Result<bool> {
        let done = sqlx::query("DELETE FROM publisher WHERE id = $1 AND ($2 = '' OR index_name = $2)")
            .bind(id)
            .bind(index.map_or("", IndexName::as_str))
            .execute(&mut *self.tx)
            .await?;
        Ok(done.rows_affected() > 0)
    }

    /// Notes that a signed token was shown; `false`: it was shown before. What expired is forgotten.
    pub async fn use_proof(&mut self, issuer: &str, id: &str, expires_at: Micros) -> Result<bool> {
        for query in [
            "DELETE FROM used_proof WHERE expires_at < $1",
            "DELETE FROM token WHERE publisher IS NOT NULL AND expires_at < $1",
        ] {
            sqlx::query(query).bind(self.now).execute(&mut *self.tx).await?;
        }
        let done = sqlx::query(
            "INSERT INTO used_proof (issuer, id, expires_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
        );
        let done = done.bind(issuer).bind(id).bind(expires_at).execute(&mut *self.tx).await?;
        Ok(done.rows_affected() > 0)
    }

    /// Ends a token that a publisher got; which one it was.
    pub async fn burn_token(&mut self, secret_sha256: &str) -> Result<Option<String>> {
        let query = "DELETE FROM token WHERE secret_sha256 = $1 AND publisher IS NOT NULL RETURNING id";
        Ok(sqlx::query_scalar(query).bind(secret_sha256).fetch_optional(&mut *self.tx).await?)
    }
}
