//! Accounts that another place vouches for, and the groups that it says they are in.

use super::{Db, Tx};
use crate::error::Result;
use std::collections::BTreeSet;

impl Db {
    /// The groups of an account, each with who says so.
    pub async fn groups_of(&self, account: &str) -> Result<Vec<(String, Option<String>)>> {
        let groups = sqlx::query_as("SELECT group_name, source FROM membership WHERE account = $1");
        Ok(groups.bind(account).fetch_all(&self.pool).await?)
    }
}

impl Tx {
    /// An account whose name differs from this one in its letters' case alone.
    pub async fn account_like(&mut self, name: &str) -> Result<Option<String>> {
        let query = sqlx::query_scalar("SELECT name FROM account WHERE lower(name) = lower($1) LIMIT 1");
        Ok(query.bind(name).fetch_optional(&mut *self.tx).await?)
    }

    pub async fn set_account_source(
        &mut self,
        name: &str,
        source: Option<&str>,
        subject: Option<&str>,
    ) -> Result<()> {
        sqlx::query("UPDATE account SET source = $2, subject = $3 WHERE name = $1")
            .bind(name)
            .bind(source)
            .bind(subject)
            .execute(&mut *self.tx)
            .await?;
        Ok(())
    }

    /// The place vouches for the account no longer, nor for its groups.
    pub async fn leave_source(&mut self, name: &str, source: &str) -> Result<()> {
        self.set_account_source(name, None, None).await?;
        self.set_groups_from(name, source, &BTreeSet::new()).await
    }

    /// No password opens the account any more; also ends its login sessions.
    pub async fn forget_password(&mut self, name: &str) -> Result<()> {
        sqlx::query("UPDATE account SET password_hash = NULL, modified_at = $2 WHERE name = $1")
            .bind(name)
            .bind(self.now)
            .execute(&mut *self.tx)
            .await?;
        self.end_sessions(name).await
    }

    /// Exactly these groups of those that this place said. What others say stays.
    pub async fn set_groups_from(
        &mut self,
        account: &str,
        source: &str,
        groups: &BTreeSet<String>,
    ) -> Result<()> {
        sqlx::query("DELETE FROM membership WHERE account = $1 AND source = $2")
            .bind(account)
            .bind(source)
            .execute(&mut *self.tx)
            .await?;
        for group in groups {
            sqlx::query(
                "INSERT INTO membership (group_name, account, source) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
            )
            .bind(group)
            .bind(account)
            .bind(source)
            .execute(&mut *self.tx)
            .await?;
        }
        Ok(())
    }
}
