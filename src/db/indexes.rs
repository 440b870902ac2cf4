//! Indexes and their options.

use super::names::Of;
use super::{Db, Micros, Tx};
use crate::error::Result;
use sqlx::Row;

/// A row of `namespace`.
#[derive(Clone, Debug)]
pub struct StoredIndex {
    /// `user/index`
    pub name: String,
    /// JSON object with the options that were set, `type` among them.
    pub options: String,
    pub created_at: Micros,
}

impl Db {
    /// All, by name.
    pub async fn indexes(&self) -> Result<Vec<StoredIndex>> {
        let rows = sqlx::query("SELECT name, options, created_at FROM namespace ORDER BY name")
            .fetch_all(&self.pool)
            .await?;
        let index = |row: &sqlx::any::AnyRow| {
            Ok(StoredIndex { name: row.try_get(0)?, options: row.try_get(1)?, created_at: row.try_get(2)? })
        };
        rows.iter().map(index).collect()
    }
}

impl Tx {
    /// The options of an index; `None` if there is no such index.
    pub async fn index_options(&mut self, name: &str) -> Result<Option<String>> {
        Ok(sqlx::query_scalar("SELECT options FROM namespace WHERE name = $1")
            .bind(name)
            .fetch_optional(&mut *self.tx)
            .await?)
    }

    /// Name and options of every index.
    pub async fn all_indexes(&mut self) -> Result<Vec<(String, String)>> {
        let rows =
            sqlx::query("SELECT name, options FROM namespace ORDER BY name").fetch_all(&mut *self.tx).await?;
        rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect()
    }

    /// Name and options of every index of an account.
    pub async fn indexes_of(&mut self, owner: &str) -> Result<Vec<(String, String)>> {
        let rows = sqlx::query("SELECT name, options FROM namespace WHERE owner = $1 ORDER BY name")
            .bind(owner)
            .fetch_all(&mut *self.tx)
            .await?;
        rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect()
    }

    pub async fn create_index(&mut self, name: &str, owner: &str, options: &str) -> Result<()> {
        sqlx::query("INSERT INTO namespace (name, owner, options, created_at) VALUES ($1, $2, $3, $4)")
            .bind(name)
            .bind(owner)
            .bind(options)
            .bind(self.now)
            .execute(&mut *self.tx)
            .await?;
        Ok(())
    }

    pub async fn set_index_options(&mut self, name: &str, options: &str) -> Result<()> {
        sqlx::query("UPDATE namespace SET options = $2 WHERE name = $1")
            .bind(name)
            .bind(options)
            .execute(&mut *self.tx)
            .await?;
        Ok(())
    }

    /// With everything in it; bytes that no other row names are left for the garbage collector. What
    /// its file names meant is remembered.
    pub async fn delete_index(&mut self, name: &str) -> Result<()> {
        self.remember_files(Of::Index(name)).await?;
        // What was built of its sources, and with its build requirements, is part of it.
        sqlx::query("DELETE FROM build WHERE context = $1").bind(name).execute(&mut *self.tx).await?;
        sqlx::query("DELETE FROM namespace WHERE name = $1").bind(name).execute(&mut *self.tx).await?;
        Ok(())
    }
}
