//! Lock files that are watched, and the releases that they name.

use super::rows::row;
use super::{Db, Tx};
use crate::error::Result;
use crate::names::{IndexName, ProjectName};
use crate::packaging::version;
use crate::tools::time::Micros;

/// A lock file that is watched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LockWatch {
    pub name: String,
    /// The index that it is installed from, if somebody said.
    pub index: Option<IndexName>,
    /// `uv.lock`
    pub file: String,
    pub kept_by: String,
    pub kept_at: Micros,
}

row!(LockWatch of lock_watch { name, index = index_name, file, kept_by, kept_at });

/// A release that a watched lock file names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LockPin {
    /// Of the lock file.
    pub lock: String,
    pub project: ProjectName,
    /// Canonical.
    pub version: String,
    /// sha256 of its files, with spaces; empty: any.
    pub hashes: String,
}

row!(LockPin of lock_pin { lock = lock_name, project, version, hashes });

impl Db {
    /// The lock files that are watched, by name.
    pub async fn lock_watches(&self) -> Result<Vec<LockWatch>> {
        Ok(LockWatch::select("ORDER BY name").fetch_all(&self.pool).await?)
    }

    /// What lock files name of a project.
    pub async fn lock_pins(&self, project: &ProjectName) -> Result<Vec<LockPin>> {
        let rows = LockPin::select("WHERE project = $1 ORDER BY lock_name, version");
        Ok(rows.bind(project).fetch_all(&self.pool).await?)
    }

    /// What lock files name by the sha256 of one of its files.
    pub async fn lock_pins_by_hash(&self, sha256: &str) -> Result<Vec<LockPin>> {
        let rows = LockPin::select("WHERE hashes LIKE $1 ORDER BY lock_name, project, version");
        Ok(rows.bind(format!("%{sha256}%")).fetch_all(&self.pool).await?)
    }

    /// Whether a watched lock file names a release, in any spelling of its version.
    pub async fn lock_names(&self, project: &ProjectName, version: &str) -> Result<bool> {
        let pins = self.lock_pins(project).await?;
        Ok(pins.iter().any(|pin| version::same(&pin.version, version)))
    }
}

impl Tx {
    /// Writes a lock file anew.
    pub async fn put_lock(&mut self, watch: &LockWatch, pins: &[LockPin]) -> Result<()> {
        sqlx::query(
            "INSERT INTO lock_watch (name, index_name, file, kept_by, kept_at) VALUES ($1, $2, $3, $4, $5) \
             ON CONFLICT (name) DO UPDATE SET index_name = excluded.index_name, file = excluded.file, \
             kept_by = excluded.kept_by, kept_at = excluded.kept_at",
        )
        .bind(&watch.name)
        .bind(watch.index.as_ref().map(IndexName::as_str))
        .bind(&watch.file)
        .bind(&watch.kept_by)
        .bind(watch.kept_at)
        .execute(&mut *self.tx)
        .await?;
        let clear = sqlx::query("DELETE FROM lock_pin WHERE lock_name = $1").bind(&watch.name);
        clear.execute(&mut *self.tx).await?;
        for pin in pins {
            let add = "INSERT INTO lock_pin (lock_name, project, version, hashes) VALUES ($1, $2, $3, $4)";
            let add =
                sqlx::query(add).bind(&pin.lock).bind(&pin.project).bind(&pin.version).bind(&pin.hashes);
            add.execute(&mut *self.tx).await?;
        }
        Ok(())
    }

    /// Forgets a lock file. `false`: there is none of this name.
    pub async fn remove_lock(&mut self, name: &str) -> Result<bool> {
        let remove = sqlx::query("DELETE FROM lock_watch WHERE name = $1").bind(name);
        Ok(remove.execute(&mut *self.tx).await?.rows_affected() > 0)
    }
}
