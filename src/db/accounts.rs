//! Accounts and the groups they are members of.

use super::names::Of;
use super::rows::row;
use super::{Db, Tx};
use crate::error::Result;
use crate::tools::time::Micros;
use std::collections::BTreeSet;

/// A row of `account`.
#[derive(Clone, Debug)]
pub struct Account {
    pub name: String,
    /// A PHC string; `None`: no password opens this account.
    pub password_hash: Option<String>,
    /// JSON object: email, title, description, custom_data.
    pub profile: String,
    pub created_at: Micros,
    pub modified_at: Option<Micros>,
    pub disabled_at: Option<Micros>,
    /// Who vouches for it instead of a password: `ldap`, `proxy` or `oidc:NAME`.
    pub source: Option<String>,
    /// What it is called there.
    pub subject: Option<String>,
}

row!(Account of account {
    name, password_hash, profile, created_at, modified_at, disabled_at, source, subject
});

impl Db {
    pub async fn account(&self, name: &str) -> Result<Option<Account>> {
        Ok(Account::select("WHERE name = $1").bind(name).fetch_optional(&self.pool).await?)
    }

    /// The account that a place which vouches for it calls `subject`.
    pub async fn account_of(&self, source: &str, subject: &str) -> Result<Option<Account>> {
        let account = Account::select("WHERE source = $1 AND subject = $2").bind(source).bind(subject);
        Ok(account.fetch_optional(&self.pool).await?)
    }

    /// All, by name.
    pub async fn accounts(&self) -> Result<Vec<Account>> {
        Ok(Account::select("ORDER BY name").fetch_all(&self.pool).await?)
    }

    /// Another hash of the same password, unless the account has another one by now. Nobody is told: to
    /// whoever logs in nothing changes.
    pub async fn replace_password_hash(&self, name: &str, old: &str, new: &str) -> Result<()> {
        sqlx::query("UPDATE account SET password_hash = $3 WHERE name = $1 AND password_hash = $2")
            .bind(name)
            .bind(old)
            .bind(new)
            .execute(&self.writer)
            .await?;
        Ok(())
    }

    /// Every `(group, account)` pair.
    pub async fn memberships(&self) -> Result<Vec<(String, String)>> {
        Ok(sqlx::query_as("SELECT group_name, account FROM membership").fetch_all(&self.pool).await?)
    }
}

impl Tx {
    /// The groups that an account is in, by name.
    pub async fn groups_of(&mut self, account: &str) -> Result<Vec<String>> {
        let groups = "SELECT group_name FROM membership WHERE account = $1 ORDER BY group_name";
        Ok(sqlx::query_scalar(groups).bind(account).fetch_all(&mut *self.tx).await?)
    }

    /// The roles that an account has, by name.
    pub async fn roles_of(&mut self, account: &str) -> Result<Vec<String>> {
        let roles = "SELECT role_name FROM role WHERE account = $1 ORDER BY role_name";
        Ok(sqlx::query_scalar(roles).bind(account).fetch_all(&mut *self.tx).await?)
    }

    pub async fn account(&mut self, name: &str) -> Result<Option<Account>> {
        Ok(Account::select("WHERE name = $1").bind(name).fetch_optional(&mut *self.tx).await?)
    }

    pub async fn create_account(&mut self, name: &str, hash: Option<&str>, profile: &str) -> Result<()> {
        sqlx::query("INSERT INTO account (name, password_hash, profile, created_at) VALUES ($1, $2, $3, $4)")
            .bind(name)
            .bind(hash)
            .bind(profile)
            .bind(self.now)
            .execute(&mut *self.tx)
            .await?;
        Ok(())
    }

    /// An account that was one elsewhere, with the times that it had there.
    pub async fn put_account(&mut self, account: &Account) -> Result<()> {
        sqlx::query(
            "INSERT INTO account (name, password_hash, profile, created_at, modified_at) \
             VALUES ($1, $2, $3, $4, $5)",
        )
        .bind(&account.name)
        .bind(&account.password_hash)
        .bind(&account.profile)
        .bind(account.created_at)
        .bind(account.modified_at)
        .execute(&mut *self.tx)
        .await?;
        Ok(())
    }

    pub async fn set_profile(&mut self, name: &str, profile: &str) -> Result<()> {
        sqlx::query("UPDATE account SET profile = $2, modified_at = $3 WHERE name = $1")
            .bind(name)
            .bind(profile)
            .bind(self.now)
            .execute(&mut *self.tx)
            .await?;
        Ok(())
    }

    /// Also ends the account's login sessions.
    pub async fn set_password(&mut self, name: &str, hash: &str) -> Result<()> {
        sqlx::query("UPDATE account SET password_hash = $2, modified_at = $3 WHERE name = $1")
            .bind(name)
            .bind(hash)
            .bind(self.now)
            .execute(&mut *self.tx)
            .await?;
        self.end_sessions(name).await
    }

    /// Also ends the account's login sessions when disabling.
    pub async fn set_disabled(&mut self, name: &str, disabled: bool) -> Result<()> {
        sqlx::query("UPDATE account SET disabled_at = $2 WHERE name = $1")
            .bind(name)
            .bind(disabled.then_some(self.now))
            .execute(&mut *self.tx)
            .await?;
        if disabled { self.end_sessions(name).await } else { Ok(()) }
    }

    /// With its memberships, roles, tokens, workers and indexes. Its name is remembered, and so are
    /// those of its files.
    pub async fn delete_account(&mut self, name: &str) -> Result<()> {
        self.remember_account(name).await?;
        self.remember_files(Of::Owner(name)).await?;
        for query in [
            "DELETE FROM build WHERE context IN (SELECT name FROM namespace WHERE owner = $1)",
            "DELETE FROM learned WHERE context IN (SELECT name FROM namespace WHERE owner = $1)",
            "DELETE FROM build_asker WHERE account = $1",
            "DELETE FROM build_source WHERE account = $1",
            "DELETE FROM worker WHERE owner = $1",
            "DELETE FROM readiness WHERE owner = $1",
        ] {
            sqlx::query(query).bind(name).execute(&mut *self.tx).await?;
        }
        sqlx::query("DELETE FROM account WHERE name = $1").bind(name).execute(&mut *self.tx).await?;
        Ok(())
    }

    /// By an administrator: whoever else says so may stop to.
    pub async fn join_group(&mut self, group: &str, account: &str) -> Result<()> {
        sqlx::query(
            "INSERT INTO membership (group_name, account) VALUES ($1, $2) \
             ON CONFLICT (group_name, account) DO UPDATE SET source = NULL",
        )
        .bind(group)
        .bind(account)
        .execute(&mut *self.tx)
        .await?;
        Ok(())
    }

    /// Exactly these groups. Who said so of those that stay does not change.
    pub async fn set_groups(&mut self, account: &str, groups: &BTreeSet<String>) -> Result<()> {
        let groups_now = sqlx::query_scalar("SELECT group_name FROM membership WHERE account = $1");
        let now: Vec<String> = groups_now.bind(account).fetch_all(&mut *self.tx).await?;
        for group in now.iter().filter(|group| !groups.contains(*group)) {
            self.leave_group(group, account).await?;
        }
        for group in groups.iter().filter(|group| !now.contains(*group)) {
            self.join_group(group, account).await?;
        }
        Ok(())
    }

    /// Whether the account was a member.
    pub async fn leave_group(&mut self, group: &str, account: &str) -> Result<bool> {
        let done = sqlx::query("DELETE FROM membership WHERE group_name = $1 AND account = $2")
            .bind(group)
            .bind(account)
            .execute(&mut *self.tx)
            .await?;
        Ok(done.rows_affected() > 0)
    }
}
