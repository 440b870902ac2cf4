//! Indexes and their options.

use super::names::Of;
use super::rows::row;
use super::{Db, Tx};
use crate::error::Result;
use crate::names::IndexName;
use crate::tools::time::Micros;

/// A row of `namespace`.
#[derive(Clone, Debug)]
pub struct StoredIndex {
    pub name: IndexName,
    /// JSON object with the options that were set, `type` among them.
    pub options: String,
    pub created_at: Micros,
}

row!(StoredIndex of namespace { name, options, created_at });

impl Db {
    /// All, by name.
    pub async fn indexes(&self) -> Result<Vec<StoredIndex>> {
        Ok(StoredIndex::select("ORDER BY name").fetch_all(&self.pool).await?)
    }
}

impl Tx {
    /// The options of an index; `None` if there is no such index.
    pub async fn index_options(&mut self, name: &IndexName) -> Result<Option<String>> {
        Ok(sqlx::query_scalar("SELECT options FROM namespace WHERE name = $1")
            .bind(name)
            .fetch_optional(&mut *self.tx)
            .await?)
    }

    /// All, by name.
    pub async fn all_indexes(&mut self) -> Result<Vec<StoredIndex>> {
        Ok(StoredIndex::select("ORDER BY name").fetch_all(&mut *self.tx).await?)
    }

    /// Those of an account, by name.
    pub async fn indexes_of(&mut self, owner: &str) -> Result<Vec<StoredIndex>> {
        let indexes = StoredIndex::select("WHERE owner = $1 ORDER BY name").bind(owner);
        Ok(indexes.fetch_all(&mut *self.tx).await?)
    }

    /// Makes an index of the account that its name begins with.
    pub async fn create_index(&mut self, name: &IndexName, options: &str) -> Result<()> {
        sqlx::query("INSERT INTO namespace (name, owner, options, created_at) VALUES ($1, $2, $3, $4)")
            .bind(name)
            .bind(name.user())
            .bind(options)
            .bind(self.now)
            .execute(&mut *self.tx)
            .await?;
        Ok(())
    }

    pub async fn set_index_options(&mut self, name: &IndexName, options: &str) -> Result<()> {
        sqlx::query("UPDATE namespace SET options = $2 WHERE name = $1")
            .bind(name)
            .bind(options)
            .execute(&mut *self.tx)
            .await?;
        Ok(())
    }

    /// With everything in it; bytes that no other row names are left for the garbage collector. What
    /// its file names meant is remembered.
    pub async fn delete_index(&mut self, name: &IndexName) -> Result<()> {
        self.remember_files(Of::Index(name)).await?;
        // What was built of its sources, and with its build requirements, is part of it.
        for query in ["DELETE FROM build WHERE context = $1", "DELETE FROM learned WHERE context = $1"] {
            sqlx::query(query).bind(name).execute(&mut *self.tx).await?;
        }
        sqlx::query("DELETE FROM namespace WHERE name = $1").bind(name).execute(&mut *self.tx).await?;
        Ok(())
    }
}
