//! Names that outlive what they named: deleted accounts, files of deleted indexes; and roles.

use super::rows::row;
use super::{Db, Tx};
use crate::error::Result;
use crate::names::{IndexName, ProjectName};
use crate::packaging::filename::identity;
use crate::words::Role;
use std::collections::BTreeSet;

/// Whose indexes: of one name, or of one owner.
#[derive(Clone, Copy, Debug)]
pub(super) enum Of<'a> {
    Index(&'a IndexName),
    Owner(&'a str),
}

impl Db {
    /// Every `(role, account)` pair.
    pub async fn roles(&self) -> Result<Vec<(Role, String)>> {
        let rows = sqlx::query_as("SELECT role_name, account FROM role").fetch_all(&self.pool).await?;
        // One of a newer version gives nothing here.
        let known = |(role, account): (String, String)| Some((Role::parse(&role)?, account));
        Ok(rows.into_iter().filter_map(known).collect())
    }
}

/// What a file name meant in an index that was deleted since.
#[derive(Clone, Debug)]
pub struct UsedFile {
    pub filename: String,
    /// The same for each spelling of the name.
    pub identity: Option<String>,
    pub sha256: String,
}

row!(UsedFile of used_file { filename, identity, sha256 });

impl Db {
    /// What the names of a project's files meant in deleted indexes of this name.
    pub async fn used_files(&self, index: &IndexName, project: &ProjectName) -> Result<Vec<UsedFile>> {
        let files = UsedFile::select("WHERE index_name = $1 AND project = $2 AND target = ''");
        Ok(files.bind(index).bind(project).fetch_all(&self.pool).await?)
    }
}

impl Tx {
    pub async fn give_role(&mut self, role: Role, account: &str) -> Result<()> {
        sqlx::query("INSERT INTO role (role_name, account) VALUES ($1, $2) ON CONFLICT DO NOTHING")
            .bind(role.name())
            .bind(account)
            .execute(&mut *self.tx)
            .await?;
        Ok(())
    }

    /// Whether the account had it.
    pub async fn take_role(&mut self, role: Role, account: &str) -> Result<bool> {
        let done = sqlx::query("DELETE FROM role WHERE role_name = $1 AND account = $2")
            .bind(role.name())
            .bind(account)
            .execute(&mut *self.tx)
            .await?;
        Ok(done.rows_affected() > 0)
    }

    /// Exactly these roles.
    pub async fn set_roles(&mut self, account: &str, roles: &BTreeSet<Role>) -> Result<()> {
        sqlx::query("DELETE FROM role WHERE account = $1").bind(account).execute(&mut *self.tx).await?;
        for role in roles {
            self.give_role(*role, account).await?;
        }
        Ok(())
    }

    /// Whether an account of this name was deleted.
    pub async fn account_was_used(&mut self, name: &str) -> Result<bool> {
        let query = sqlx::query("SELECT name FROM used_account WHERE name = $1").bind(name);
        Ok(query.fetch_optional(&mut *self.tx).await?.is_some())
    }

    pub(super) async fn remember_account(&mut self, name: &str) -> Result<()> {
        sqlx::query("INSERT INTO used_account (name) VALUES ($1) ON CONFLICT DO NOTHING")
            .bind(name)
            .execute(&mut *self.tx)
            .await?;
        Ok(())
    }

    /// Remembers what the file names of indexes mean, before those are deleted. A hash that a mirror
    /// made up for want of one promises nothing.
    pub(super) async fn remember_files(&mut self, of: Of<'_>) -> Result<()> {
        let (column, value) = match of {
            Of::Index(name) => ("name", name.as_str()),
            Of::Owner(name) => ("owner", name),
        };
        let indexes = format!("index_name IN (SELECT name FROM namespace WHERE {column} = $1)");
        for what in [
            format!(
                "'', filename, project, identity, sha256 FROM file WHERE hash_computed_at IS NULL AND {indexes}"
            ),
            format!(
                "target, filename, project, NULL, sha256 FROM promised_file WHERE sha256 IS NOT NULL AND {indexes}"
            ),
        ] {
            let query = format!(
                "INSERT INTO used_file (index_name, target, filename, project, identity, sha256) \
                 SELECT index_name, {what} ON CONFLICT DO NOTHING"
            );
            sqlx::query(sqlx::AssertSqlSafe(query)).bind(value).execute(&mut *self.tx).await?;
        }
        Ok(())
    }

    /// The hash of what this name, in whatever spelling, meant in an index that was deleted since.
    pub(super) async fn used_before(
        &mut self,
        index: &IndexName,
        target: &str,
        filename: &str,
    ) -> Result<Option<String>> {
        let query = "SELECT sha256 FROM used_file WHERE index_name = $1 AND target = $2 \
                     AND (filename = $3 OR identity = $4) \
                     ORDER BY CASE WHEN filename = $3 THEN 0 ELSE 1 END LIMIT 1";
        let query =
            sqlx::query_scalar(query).bind(index).bind(target).bind(filename).bind(identity(filename));
        Ok(query.fetch_optional(&mut *self.tx).await?)
    }
}
