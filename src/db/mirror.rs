//! What upstreams said: pages, lists of names, METADATA read from remote wheels.

use super::{Db, Engine, Micros, Tx};
use crate::error::Result;
use sqlx::Row as _;
use std::collections::HashMap;

/// A row of `upstream_page`: what one page of an upstream said when it was last asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpstreamPage {
    /// The mirror's URL (without credentials) that it came from.
    pub source: String,
    pub found: Found,
    /// Gzipped; `None` if nothing was found or nothing was read yet.
    pub body: Option<Vec<u8>>,
    pub etag: Option<String>,
    pub last_modified: Option<String>,
    pub serial: Option<u64>,
    pub checked_at: Micros,
}

/// What was found; a number in the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// The upstream has no such project.
    Nothing,
    /// A project's page, or the list of projects.
    Page,
    /// In place of the list of projects: a page of files.
    Flat,
}

impl Found {
    fn number(self) -> i64 {
        match self {
            Self::Nothing => 0,
            Self::Page => 1,
            Self::Flat => 2,
        }
    }

    fn from_number(number: i64) -> Self {
        match number {
            0 => Self::Nothing,
            2 => Self::Flat,
            _ => Self::Page,
        }
    }
}

impl Db {
    /// What is known of a project upstream; `""` is the list of projects or the page of files.
    pub async fn upstream_page(&self, index: &str, project: &str) -> Result<Option<UpstreamPage>> {
        let row = sqlx::query(
            "SELECT source, found, body, etag, last_modified, serial, checked_at FROM upstream_page \
             WHERE index_name = $1 AND project = $2",
        )
        .bind(index)
        .bind(project)
        .fetch_optional(&self.pool)
        .await?;
        let Some(row) = row else { return Ok(None) };
        let serial: Option<i64> = row.try_get(5)?;
        Ok(Some(UpstreamPage {
            source: row.try_get(0)?,
            found: Found::from_number(row.try_get(1)?),
            body: row.try_get(2)?,
            etag: row.try_get(3)?,
            last_modified: row.try_get(4)?,
            serial: serial.and_then(|serial| u64::try_from(serial).ok()),
            checked_at: row.try_get(6)?,
        }))
    }

    /// What is at the mirror's URL `source`: `Page` for projects, `Flat` for files. `None`: not known.
    pub async fn upstream_kind(&self, index: &str, source: &str) -> Result<Option<Found>> {
        let query = "SELECT found FROM upstream_page WHERE index_name = $1 AND project = '' AND source = $2";
        let found: Option<i64> =
            sqlx::query_scalar(query).bind(index).bind(source).fetch_optional(&self.pool).await?;
        Ok(found.map(Found::from_number))
    }

    /// When a page was last asked for, without reading it.
    pub async fn upstream_checked_at(&self, index: &str, project: &str) -> Result<Option<Micros>> {
        let query = "SELECT checked_at FROM upstream_page WHERE index_name = $1 AND project = $2";
        Ok(sqlx::query_scalar(query).bind(index).bind(project).fetch_optional(&self.pool).await?)
    }

    /// Keeps what an upstream said. No event: a cache never queues behind uploads. An index that
    /// was deleted meanwhile keeps nothing.
    pub async fn keep_upstream_page(&self, index: &str, project: &str, page: &UpstreamPage) -> Result<()> {
        sqlx::query(
            "INSERT INTO upstream_page \
             (index_name, project, source, found, body, etag, last_modified, serial, checked_at) \
             SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9 \
             WHERE EXISTS (SELECT 1 FROM namespace WHERE name = $1) \
             ON CONFLICT (index_name, project) DO UPDATE SET source = excluded.source, \
             found = excluded.found, body = excluded.body, etag = excluded.etag, \
             last_modified = excluded.last_modified, serial = excluded.serial, checked_at = excluded.checked_at",
        )
        .bind(index)
        .bind(project)
        .bind(&page.source)
        .bind(page.found.number())
        .bind(&page.body)
        .bind(&page.etag)
        .bind(&page.last_modified)
        .bind(page.serial.and_then(|serial| i64::try_from(serial).ok()))
        .bind(page.checked_at)
        .execute(&self.writer)
        .await?;
        Ok(())
    }

    /// The upstream said that a page is as it was.
    pub async fn touch_upstream_page(&self, index: &str, project: &str, at: Micros) -> Result<()> {
        sqlx::query("UPDATE upstream_page SET checked_at = $3 WHERE index_name = $1 AND project = $2")
            .bind(index)
            .bind(project)
            .bind(at)
            .execute(&self.writer)
            .await?;
        Ok(())
    }

    /// The projects of which a page is kept, sorted.
    pub async fn upstream_projects(&self, index: &str) -> Result<Vec<String>> {
        let query = "SELECT project FROM upstream_page WHERE index_name = $1 AND found = 1 AND project <> ''";
        let mut names: Vec<String> = sqlx::query_scalar(query).bind(index).fetch_all(&self.pool).await?;
        names.sort_unstable();
        Ok(names)
    }

    /// METADATA known of a project's remote wheels: filename to (identity of the wheel, sha256).
    pub async fn remote_metadata(
        &self,
        index: &str,
        project: &str,
    ) -> Result<HashMap<String, (String, String)>> {
        let rows = sqlx::query(
            "SELECT filename, identity, sha256 FROM remote_metadata WHERE index_name = $1 AND project = $2",
        )
        .bind(index)
        .bind(project)
        .fetch_all(&self.pool)
        .await?;
        let mut known = HashMap::with_capacity(rows.len());
        for row in rows {
            known.insert(row.try_get(0)?, (row.try_get(1)?, row.try_get(2)?));
        }
        Ok(known)
    }

    /// Remembers which blob is the METADATA of a remote wheel. `identity` is the wheel's sha256
    /// or, where the upstream does not tell, its URL.
    pub async fn keep_remote_metadata(
        &self,
        index: &str,
        project: &str,
        filename: &str,
        identity: &str,
        sha256: &str,
    ) -> Result<()> {
        sqlx::query(
            "INSERT INTO remote_metadata (index_name, project, filename, identity, sha256) \
             SELECT $1, $2, $3, $4, $5 WHERE EXISTS (SELECT 1 FROM namespace WHERE name = $1) \
             ON CONFLICT (index_name, filename) DO UPDATE SET project = excluded.project, \
             identity = excluded.identity, sha256 = excluded.sha256",
        )
        .bind(index)
        .bind(project)
        .bind(filename)
        .bind(identity)
        .bind(sha256)
        .execute(&self.writer)
        .await?;
        Ok(())
    }
}

impl Db {
    /// When files without an upload time were first seen: filename to (identity, time).
    pub async fn first_seen(&self, index: &str, project: &str) -> Result<HashMap<String, (String, Micros)>> {
        let query = "SELECT filename, identity, at FROM first_seen WHERE index_name = $1 AND project = $2";
        let rows = sqlx::query(query).bind(index).bind(project).fetch_all(&self.pool).await?;
        let mut seen = HashMap::with_capacity(rows.len());
        for row in rows {
            seen.insert(row.try_get(0)?, (row.try_get(1)?, row.try_get(2)?));
        }
        Ok(seen)
    }

    /// Remembers that files (name, identity) were seen for the first time.
    pub async fn see_first(
        &self,
        index: &str,
        project: &str,
        files: &[(String, String)],
        at: Micros,
    ) -> Result<()> {
        let mut tx = match self.engine {
            Engine::Sqlite => self.writer.begin_with("BEGIN IMMEDIATE").await?,
            Engine::Postgres => self.writer.begin().await?,
        };
        for (filename, identity) in files {
            sqlx::query(
                "INSERT INTO first_seen (index_name, project, filename, identity, at) \
                 SELECT $1, $2, $3, $4, $5 WHERE EXISTS (SELECT 1 FROM namespace WHERE name = $1) \
                 ON CONFLICT (index_name, filename) DO UPDATE SET project = excluded.project, \
                 identity = excluded.identity, at = excluded.at",
            )
            .bind(index)
            .bind(project)
            .bind(filename)
            .bind(identity)
            .bind(at)
            .execute(&mut *tx)
            .await?;
        }
        tx.commit().await?;
        Ok(())
    }
}

/// What [`Tx::forget_mirrored`] dropped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Forgotten {
    pub files: u64,
    pub pages: u64,
    /// METADATA that was read from remote wheels.
    pub metadata: u64,
}

impl Tx {
    /// Drops what a mirror keeps of a project: its page, files and metadata, or one file alone.
    pub async fn forget_mirrored(
        &mut self,
        index: &str,
        project: &str,
        filename: Option<&str>,
    ) -> Result<Forgotten> {
        let mut dropped = [0, 0];
        let files = [
            "DELETE FROM file WHERE index_name = $1 AND project = $2 AND (filename = $3 OR $3 = '') \
             AND url IS NOT NULL",
            "DELETE FROM remote_metadata WHERE index_name = $1 AND project = $2 AND (filename = $3 OR $3 = '')",
        ];
        for (count, query) in dropped.iter_mut().zip(files) {
            let query = sqlx::query(query).bind(index).bind(project).bind(filename.unwrap_or_default());
            *count = query.execute(&mut *self.tx).await?.rows_affected();
        }
        let [files, metadata] = dropped;
        let mut forgotten = Forgotten { files, pages: 0, metadata };
        if filename.is_none() {
            let query = sqlx::query("DELETE FROM upstream_page WHERE index_name = $1 AND project = $2");
            let dropped = query.bind(index).bind(project).execute(&mut *self.tx).await?;
            forgotten.pages = dropped.rows_affected();
        }
        Ok(forgotten)
    }

    /// Drops a file whose hash was computed from what came, with the metadata that was read from it.
    pub async fn drop_computed(&mut self, index: &str, filename: &str, sha256: &str) -> Result<()> {
        let query = "DELETE FROM file WHERE index_name = $1 AND filename = $2 AND sha256 = $3 \
                     AND hash_computed_at IS NOT NULL";
        let dropped = sqlx::query(query).bind(index).bind(filename).bind(sha256);
        if dropped.execute(&mut *self.tx).await?.rows_affected() > 0 {
            let query = "DELETE FROM remote_metadata WHERE index_name = $1 AND filename = $2";
            sqlx::query(query).bind(index).bind(filename).execute(&mut *self.tx).await?;
        }
        Ok(())
    }
}

impl Db {
    /// The upstream tells the hash that was computed before.
    pub async fn hash_was_told(&self, index: &str, filename: &str, sha256: &str) -> Result<()> {
        let query = "UPDATE file SET hash_computed_at = NULL \
                     WHERE index_name = $1 AND filename = $2 AND sha256 = $3";
        sqlx::query(query).bind(index).bind(filename).bind(sha256).execute(&self.writer).await?;
        Ok(())
    }
}
