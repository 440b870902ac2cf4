//! What upstreams said: pages, lists of names, METADATA read from remote wheels.

use super::rows::{row, unsigned};
use super::{Db, Tx};
use crate::error::Result;
use crate::names::{IndexName, ProjectName};
use crate::tools::time::Micros;
use sqlx::Row as _;
use sqlx::any::AnyRow;
use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;

/// Which page of an upstream.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum UpstreamTopic {
    Project(ProjectName),
    /// What is at the mirror's URL itself: the list of projects, or a page of files.
    Root,
}

/// As rows have it: the root has no name.
impl fmt::Display for UpstreamTopic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Project(name) => name.fmt(f),
            Self::Root => Ok(()),
        }
    }
}

impl FromStr for UpstreamTopic {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        if text.is_empty() { Ok(Self::Root) } else { text.parse().map(Self::Project) }
    }
}

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

row!(UpstreamPage of upstream_page {
    source, found by found, body, etag, last_modified, serial by unsigned, checked_at
});

/// What was found; a number in the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// The upstream has no such project.
    Nothing = 0,
    /// A project's page, or the list of projects.
    Page = 1,
    /// In place of the list of projects: a page of files.
    Flat = 2,
}

fn found(row: &AnyRow, column: &str) -> sqlx::Result<Found> {
    Ok(match row.try_get::<i64, _>(column)? {
        0 => Found::Nothing,
        2 => Found::Flat,
        _ => Found::Page,
    })
}

/// One page, by index and topic.
const THAT: &str = "WHERE index_name = $1 AND project = $2";

impl Db {
    /// What is known of one page of an upstream.
    pub async fn upstream_page(
        &self,
        index: &IndexName,
        topic: &UpstreamTopic,
    ) -> Result<Option<UpstreamPage>> {
        Ok(UpstreamPage::select(THAT).bind(index).bind(topic).fetch_optional(&self.pool).await?)
    }

    /// What is at the mirror's URL `source`: `Page` for projects, `Flat` for files. `None`: not known.
    pub async fn upstream_kind(&self, index: &IndexName, source: &str) -> Result<Option<Found>> {
        let query = "SELECT found FROM upstream_page WHERE index_name = $1 AND project = $2 AND source = $3";
        let query = sqlx::query(query).bind(index).bind(UpstreamTopic::Root).bind(source);
        Ok(query.fetch_optional(&self.pool).await?.map(|row| found(&row, "found")).transpose()?)
    }

    /// When a page was last asked for, without reading it.
    pub async fn upstream_checked_at(
        &self,
        index: &IndexName,
        topic: &UpstreamTopic,
    ) -> Result<Option<Micros>> {
        let query = format!("SELECT checked_at FROM upstream_page {THAT}");
        let query = sqlx::query_scalar(sqlx::AssertSqlSafe(query)).bind(index).bind(topic);
        Ok(query.fetch_optional(&self.pool).await?)
    }

    /// Notes that `process` fetches a file until `until`; `false` if another one does.
    pub async fn begin_download(
        &self,
        index: &IndexName,
        filename: &str,
        process: &str,
        now: Micros,
        until: Micros,
    ) -> Result<bool> {
        let noted = sqlx::query(
            "INSERT INTO download (index_name, filename, process, until) VALUES ($1, $2, $3, $4) \
             ON CONFLICT (index_name, filename) DO UPDATE SET process = excluded.process, until = excluded.until \
             WHERE download.until < $5 OR download.process = excluded.process",
        );
        let noted = noted.bind(index).bind(filename).bind(process).bind(until).bind(now);
        Ok(noted.execute(&self.writer).await?.rows_affected() > 0)
    }

    /// Notes that `process` fetches a file no longer.
    pub async fn end_download(&self, index: &IndexName, filename: &str, process: &str) -> Result<()> {
        let ended =
            sqlx::query("DELETE FROM download WHERE index_name = $1 AND filename = $2 AND process = $3");
        ended.bind(index).bind(filename).bind(process).execute(&self.writer).await?;
        Ok(())
    }

    /// Keeps what an upstream said. No event: a cache never queues behind uploads. An index that
    /// was deleted meanwhile keeps nothing.
    pub async fn keep_upstream_page(
        &self,
        index: &IndexName,
        topic: &UpstreamTopic,
        page: &UpstreamPage,
    ) -> Result<()> {
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
        .bind(topic)
        .bind(&page.source)
        .bind(page.found as i64)
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
    pub async fn touch_upstream_page(
        &self,
        index: &IndexName,
        topic: &UpstreamTopic,
        at: Micros,
    ) -> Result<()> {
        sqlx::query("UPDATE upstream_page SET checked_at = $3 WHERE index_name = $1 AND project = $2")
            .bind(index)
            .bind(topic)
            .bind(at)
            .execute(&self.writer)
            .await?;
        Ok(())
    }

    /// The projects of which a page is kept, sorted.
    pub async fn upstream_projects(&self, index: &IndexName) -> Result<Vec<ProjectName>> {
        let query = "SELECT project FROM upstream_page WHERE index_name = $1 AND found = 1 AND project <> ''";
        let mut names: Vec<ProjectName> = sqlx::query_scalar(query).bind(index).fetch_all(&self.pool).await?;
        names.sort_unstable();
        Ok(names)
    }

    /// METADATA known of a project's remote wheels: filename to (identity of the wheel, sha256).
    pub async fn remote_metadata(
        &self,
        index: &IndexName,
        project: &ProjectName,
    ) -> Result<HashMap<String, (String, String)>> {
        let query =
            "SELECT filename, identity, sha256 FROM remote_metadata WHERE index_name = $1 AND project = $2";
        let rows: Vec<(String, String, String)> =
            sqlx::query_as(query).bind(index).bind(project).fetch_all(&self.pool).await?;
        Ok(rows.into_iter().map(|(filename, identity, sha256)| (filename, (identity, sha256))).collect())
    }

    /// Remembers which blob is the METADATA of a remote wheel. `identity` is the wheel's sha256
    /// or, where the upstream does not tell, its URL.
    pub async fn keep_remote_metadata(
        &self,
        index: &IndexName,
        project: &ProjectName,
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
    pub async fn first_seen(
        &self,
        index: &IndexName,
        project: &ProjectName,
    ) -> Result<HashMap<String, (String, Micros)>> {
        let query = "SELECT filename, identity, at FROM first_seen WHERE index_name = $1 AND project = $2";
        let rows: Vec<(String, String, Micros)> =
            sqlx::query_as(query).bind(index).bind(project).fetch_all(&self.pool).await?;
        Ok(rows.into_iter().map(|(filename, identity, at)| (filename, (identity, at))).collect())
    }

    /// Remembers that files (name, identity) were seen for the first time.
    pub async fn see_first(
        &self,
        index: &IndexName,
        project: &ProjectName,
        files: &[(String, String)],
        at: Micros,
    ) -> Result<()> {
        let mut tx = self.quiet().await?;
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
        index: &IndexName,
        project: &ProjectName,
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
    pub async fn drop_computed(&mut self, index: &IndexName, filename: &str, sha256: &str) -> Result<()> {
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
    pub async fn hash_was_told(&self, index: &IndexName, filename: &str, sha256: &str) -> Result<()> {
        let query = "UPDATE file SET hash_computed_at = NULL \
                     WHERE index_name = $1 AND filename = $2 AND sha256 = $3";
        sqlx::query(query).bind(index).bind(filename).bind(sha256).execute(&self.writer).await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_name_the_root_of_an_upstream_by_no_name() {
        let six = UpstreamTopic::Project("six".parse().unwrap());
        for (text, topic) in [("", UpstreamTopic::Root), ("six", six)] {
            assert_eq!(text.parse(), Ok(topic.clone()));
            assert_eq!(topic.to_string(), text);
        }
    }
}
