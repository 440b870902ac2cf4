//! Facts about this installation: its uuid, its secrets.

use super::Db;
use crate::error::Result;

/// The fact that names the primary (its uuid) of which this installation is a replica.
pub const REPLICA_OF: &str = "replica_of";

impl Db {
    pub async fn fact(&self, name: &str) -> Result<Option<String>> {
        let value = sqlx::query_scalar("SELECT value FROM fact WHERE name = $1").bind(name);
        Ok(value.fetch_optional(&self.pool).await?)
    }

    /// Sets or replaces a fact.
    pub async fn set_fact(&self, name: &str, value: &str) -> Result<()> {
        sqlx::query(
            "INSERT INTO fact (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        )
        .bind(name)
        .bind(value)
        .execute(&self.writer)
        .await?;
        Ok(())
    }

    /// Sees to it that the next serial is beyond this one.
    pub async fn raise_serial(&self, to: i64) -> Result<()> {
        let raise = sqlx::query("UPDATE clock SET serial = $1 WHERE id = 1 AND serial < $1");
        raise.bind(to).execute(&self.writer).await?;
        Ok(())
    }

    pub async fn forget_fact(&self, name: &str) -> Result<()> {
        sqlx::query("DELETE FROM fact WHERE name = $1").bind(name).execute(&self.writer).await?;
        Ok(())
    }

    /// The fact if there is one, else `value`, which everybody who asks from now on gets: of two
    /// processes that start at once, both end with the same answer.
    pub async fn settle_fact(&self, name: &str, value: &str) -> Result<String> {
        sqlx::query("INSERT INTO fact (name, value) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING")
            .bind(name)
            .bind(value)
            .execute(&self.writer)
            .await?;
        Ok(self.fact(name).await?.unwrap_or_else(|| value.to_owned()))
    }
}
