//! What stands beside the files of a release: documentation, and results of tests.

use super::blobs::{BlobCursor, BlobUse};
use super::rows::row;
use super::{Db, Tx};
use crate::error::{Error, Result};
use crate::names::{IndexName, ProjectName};
use crate::tools::time::Micros;
use crate::words::{AttachmentKind, History};
use sqlx::Row;
use sqlx::any::AnyRow;

/// A row of `attachment`; see the migration for what the columns mean.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attachment {
    pub index: IndexName,
    pub project: ProjectName,
    /// The release's key.
    pub version: String,
    pub kind: AttachmentKind,
    pub name: String,
    /// The file that was tested.
    pub about: Option<String>,
    pub sha256: String,
    /// Bytes.
    pub size: u64,
    /// Of a result: whether all went well, if it says so.
    pub passed: Option<bool>,
    /// `None`: a stranger.
    pub uploader: Option<String>,
    pub uploaded_at: Micros,
    pub history: Option<History>,
}

row!(Attachment of attachment {
    index = index_name, project, version, kind, name, about, sha256, size by bytes, passed by maybe, uploader,
    uploaded_at, history,
});

fn bytes(row: &AnyRow, column: &str) -> sqlx::Result<u64> {
    Ok(row.try_get::<i64, _>(column)?.unsigned_abs())
}

fn maybe(row: &AnyRow, column: &str) -> sqlx::Result<Option<bool>> {
    Ok(row.try_get::<Option<i64>, _>(column)?.map(|number| number != 0))
}

/// Rows of one page of references.
const PAGE: i64 = 2000;

impl Db {
    /// All that stands beside a project's files: documentation first, then results, the oldest first.
    pub async fn attachments(&self, index: &IndexName, project: &ProjectName) -> Result<Vec<Attachment>> {
        let rows =
            Attachment::select("WHERE index_name = $1 AND project = $2 ORDER BY kind, uploaded_at, name");
        Ok(rows.bind(index).bind(project).fetch_all(&self.pool).await?)
    }

    /// One of them by its name.
    pub async fn attachment(&self, index: &IndexName, name: &str) -> Result<Option<Attachment>> {
        let row = Attachment::select("WHERE index_name = $1 AND name = $2").bind(index).bind(name);
        Ok(row.fetch_optional(&self.pool).await?)
    }

    /// How much the results take that strangers sent.
    pub async fn bytes_of_strangers_results(&self) -> Result<u64> {
        let sum = "SELECT CAST(COALESCE(sum(size), 0) AS BIGINT) FROM attachment \
            WHERE kind = 'toxresult' AND uploader IS NULL";
        let sum: i64 = sqlx::query_scalar(sum).fetch_one(&self.pool).await?;
        Ok(sum.unsigned_abs())
    }

    /// A page of the blobs that attachments refer to.
    pub async fn blobs_of_attachments(
        &self,
        after: BlobCursor,
    ) -> Result<(Vec<BlobUse>, Option<BlobCursor>)> {
        let rows = Attachment::select(
            "WHERE index_name > $1 OR (index_name = $1 AND name > $2) ORDER BY index_name, name LIMIT $3",
        );
        let rows = rows.bind(after.0).bind(after.1).bind(PAGE).fetch_all(&self.pool).await?;
        let last = rows.last().map(|row| (row.index.to_string(), row.name.clone()));
        let used = |row: Attachment| BlobUse {
            what: format!("{} {}", row.index, row.name),
            sha256: row.sha256,
            size: Some(row.size),
        };
        Ok((rows.into_iter().map(used).collect(), last))
    }
}

impl Tx {
    /// Adds an attachment, or replaces the one of this name.
    pub async fn put_attachment(&mut self, new: &Attachment) -> Result<()> {
        sqlx::query(
            "INSERT INTO attachment (index_name, project, version, kind, name, about, sha256, size, passed, \
             uploader, uploaded_at, history) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) \
             ON CONFLICT (index_name, name) DO UPDATE SET project = excluded.project, \
             version = excluded.version, sha256 = excluded.sha256, size = excluded.size, \
             passed = excluded.passed, uploader = excluded.uploader, uploaded_at = excluded.uploaded_at, \
             history = excluded.history",
        )
        .bind(&new.index)
        .bind(&new.project)
        .bind(&new.version)
        .bind(new.kind)
        .bind(&new.name)
        .bind(&new.about)
        .bind(&new.sha256)
        .bind(i64::try_from(new.size).map_err(Error::internal)?)
        .bind(new.passed.map(i64::from))
        .bind(&new.uploader)
        .bind(new.uploaded_at)
        .bind(&new.history)
        .execute(&mut *self.tx)
        .await?;
        Ok(())
    }

    /// The attachment of this name, as this transaction sees it.
    pub async fn attachment(&mut self, index: &IndexName, name: &str) -> Result<Option<Attachment>> {
        let row = Attachment::select("WHERE index_name = $1 AND name = $2").bind(index).bind(name);
        Ok(row.fetch_optional(&mut *self.tx).await?)
    }

    /// The results of one file's tests, the oldest first.
    pub async fn results_of(&mut self, index: &IndexName, filename: &str) -> Result<Vec<Attachment>> {
        let rows = Attachment::select("WHERE index_name = $1 AND about = $2 ORDER BY uploaded_at, name");
        Ok(rows.bind(index).bind(filename).fetch_all(&mut *self.tx).await?)
    }

    pub async fn delete_attachment(&mut self, index: &IndexName, name: &str) -> Result<bool> {
        let deleted = sqlx::query("DELETE FROM attachment WHERE index_name = $1 AND name = $2")
            .bind(index)
            .bind(name)
            .execute(&mut *self.tx)
            .await?;
        Ok(deleted.rows_affected() > 0)
    }

    /// The results of a file go with it.
    pub(super) async fn delete_results_of(&mut self, index: &IndexName, filename: &str) -> Result<()> {
        sqlx::query("DELETE FROM attachment WHERE index_name = $1 AND about = $2")
            .bind(index)
            .bind(filename)
            .execute(&mut *self.tx)
            .await?;
        Ok(())
    }
}
