//! Which blobs the rows refer to, for whoever checks or collects bytes.

use super::Db;
use super::rows::unsigned;
use crate::error::Result;
use crate::names::IndexName;
use sqlx::Row;

/// One reference from a row to a blob.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlobUse {
    pub sha256: String,
    /// Bytes, where the row knows.
    pub size: Option<u64>,
    /// `alice/dev demo-1.0.tar.gz`, or the same with `METADATA of` before it.
    pub what: String,
}

/// A file that a blob belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileOfBlob {
    pub index: IndexName,
    pub filename: String,
    /// The file's own blob.
    pub sha256: String,
    /// Where a mirror got it from; `None`: it was uploaded.
    pub url: Option<String>,
    /// The blob is the file's METADATA.
    pub is_metadata: bool,
}

/// Where a page of references ended: the last row's index and filename.
pub type BlobCursor = (String, String);

/// What a build refers to: the column, and what it is called.
const OF_A_BUILD: [(&str, &str); 4] = [
    ("source_sha256", "source of"),
    ("wheel_sha256", "wheel of"),
    ("metadata_sha256", "METADATA of the wheel of"),
    ("log_sha256", "log of"),
];

/// Rows per page; each gives up to two references.
const PAGE: i64 = 2000;

const FILES: &str = "SELECT index_name, filename, sha256, size, metadata_sha256 FROM file \
    WHERE deleted_at IS NULL AND (index_name > $1 OR (index_name = $1 AND filename > $2)) \
    ORDER BY index_name, filename LIMIT $3";

const REMOTE: &str = "SELECT index_name, filename, sha256 FROM remote_metadata \
    WHERE (index_name > $1 OR (index_name = $1 AND filename > $2)) \
    ORDER BY index_name, filename LIMIT $3";

const BUILDS: &str = "SELECT id, project, target, \
    CASE WHEN source_gone_at IS NULL THEN source_sha256 END AS source_sha256, wheel_sha256, metadata_sha256, log_sha256 \
    FROM build WHERE id > $1 ORDER BY id LIMIT $2";

const SOURCES: &str = "SELECT sha256, account, filename, size FROM build_source \
    WHERE (sha256 > $1 OR (sha256 = $1 AND account > $2)) ORDER BY sha256, account LIMIT $3";

impl Db {
    /// The files that a blob belongs to, as their bytes or as their METADATA.
    pub async fn files_of_blob(&self, sha256: &str) -> Result<Vec<FileOfBlob>> {
        let rows = sqlx::query(
            "SELECT index_name, filename, sha256, url FROM file \
             WHERE (sha256 = $1 OR metadata_sha256 = $1) AND deleted_at IS NULL ORDER BY index_name, filename",
        );
        let rows = rows.bind(sha256).fetch_all(&self.pool).await?;
        let file = |row: &sqlx::any::AnyRow| {
            let own: String = row.try_get("sha256")?;
            Ok(FileOfBlob {
                index: row.try_get("index_name")?,
                filename: row.try_get("filename")?,
                url: row.try_get("url")?,
                is_metadata: own != sha256,
                sha256: own,
            })
        };
        rows.iter().map(file).collect()
    }

    /// Forgets METADATA that was read from remote wheels: it is read again when somebody asks. How many rows.
    pub async fn forget_remote_metadata(&self, sha256: &str) -> Result<u64> {
        let forget = sqlx::query("DELETE FROM remote_metadata WHERE sha256 = $1").bind(sha256);
        Ok(forget.execute(&self.writer).await?.rows_affected())
    }

    /// A page of what builds with a number above `after` refer to: sources, wheels, logs. The second
    /// part is the last number, `None` after the last one.
    pub async fn blobs_of_builds(&self, after: i64) -> Result<(Vec<BlobUse>, Option<i64>)> {
        let rows = sqlx::query(BUILDS).bind(after).bind(PAGE).fetch_all(&self.pool).await?;
        let (mut uses, mut last) = (Vec::with_capacity(rows.len() * 4), None);
        for row in rows {
            let id: i64 = row.try_get("id")?;
            let project = row.try_get::<Option<String>, _>("project")?.unwrap_or_else(|| "a tree".into());
            let target: String = row.try_get("target")?;
            for (column, what) in OF_A_BUILD {
                if let Some(sha256) = row.try_get::<Option<String>, _>(column)? {
                    let what = format!("{what} build {id} ({project} for {target})");
                    uses.push(BlobUse { sha256, size: None, what });
                }
            }
            last = Some(id);
        }
        Ok((uses, last))
    }

    /// A page of the sources that were uploaded to be built.
    pub async fn blobs_of_sources(&self, after: BlobCursor) -> Result<(Vec<BlobUse>, Option<BlobCursor>)> {
        let rows: Vec<(String, String, String, i64)> =
            sqlx::query_as(SOURCES).bind(after.0).bind(after.1).bind(PAGE).fetch_all(&self.pool).await?;
        let (mut uses, mut last) = (Vec::with_capacity(rows.len()), None);
        for (sha256, account, filename, size) in rows {
            let what = format!("{filename}, uploaded by {account} to be built");
            uses.push(BlobUse { sha256: sha256.clone(), size: u64::try_from(size).ok(), what });
            last = Some((sha256, account));
        }
        Ok((uses, last))
    }

    /// A page of what files refer to, in order; `None` as second part after the last one.
    pub async fn blobs_of_files(&self, after: BlobCursor) -> Result<(Vec<BlobUse>, Option<BlobCursor>)> {
        let rows = sqlx::query(FILES).bind(after.0).bind(after.1).bind(PAGE).fetch_all(&self.pool).await?;
        let mut uses = Vec::with_capacity(rows.len() * 2);
        let mut last = None;
        for row in rows {
            let (index, filename): (String, String) = (row.try_get("index_name")?, row.try_get("filename")?);
            let what = format!("{index} {filename}");
            if let Some(sha256) = row.try_get("metadata_sha256")? {
                uses.push(BlobUse { sha256, size: None, what: format!("METADATA of {what}") });
            }
            uses.push(BlobUse { sha256: row.try_get("sha256")?, size: unsigned(&row, "size")?, what });
            last = Some((index, filename));
        }
        Ok((uses, last))
    }

    /// The same for METADATA that was read from a remote wheel.
    pub async fn blobs_of_remote_metadata(
        &self,
        after: BlobCursor,
    ) -> Result<(Vec<BlobUse>, Option<BlobCursor>)> {
        let rows: Vec<(String, String, String)> =
            sqlx::query_as(REMOTE).bind(after.0).bind(after.1).bind(PAGE).fetch_all(&self.pool).await?;
        let (mut uses, mut last) = (Vec::with_capacity(rows.len()), None);
        for (index, filename, sha256) in rows {
            let what = format!("METADATA of {index} {filename}");
            uses.push(BlobUse { sha256, size: None, what });
            last = Some((index, filename));
        }
        Ok((uses, last))
    }
}
