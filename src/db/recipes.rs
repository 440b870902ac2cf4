//! Recipes that were given through the API.

use super::rows::row;
use super::{Db, Tx};
use crate::error::Result;
use crate::tools::time::Micros;

/// A row of `recipe`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredRecipe {
    /// The file name it would have, without `.toml`.
    pub name: String,
    pub text: String,
    pub sha256: String,
    pub changed_by: String,
    pub changed_at: Micros,
}

row!(StoredRecipe of recipe { name, text, sha256, changed_by, changed_at });

impl Db {
    /// All, by name.
    pub async fn recipes(&self) -> Result<Vec<StoredRecipe>> {
        Ok(StoredRecipe::select("ORDER BY name").fetch_all(&self.pool).await?)
    }
}

impl Tx {
    /// Stores a recipe, or replaces the one of that name.
    pub async fn put_recipe(&mut self, name: &str, text: &str, sha256: &str, by: &str) -> Result<()> {
        sqlx::query(
            "INSERT INTO recipe (name, text, sha256, changed_by, changed_at) VALUES ($1, $2, $3, $4, $5) \
             ON CONFLICT (name) DO UPDATE SET text = excluded.text, sha256 = excluded.sha256, \
             changed_by = excluded.changed_by, changed_at = excluded.changed_at",
        )
        .bind(name)
        .bind(text)
        .bind(sha256)
        .bind(by)
        .bind(self.now)
        .execute(&mut *self.tx)
        .await?;
        Ok(())
    }

    /// Whether there was one.
    pub async fn delete_recipe(&mut self, name: &str) -> Result<bool> {
        let deleted =
            sqlx::query("DELETE FROM recipe WHERE name = $1").bind(name).execute(&mut *self.tx).await?;
        Ok(deleted.rows_affected() > 0)
    }
}
