//! Which blobs the rows refer to, for whoever checks or collects bytes.

use super::Db;
use crate::error::Result;
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

/// Where a page of references ended: the last row's index and filename.
pub type After = (String, String);

/// Rows per page; each gives up to two references.
const PAGE: i64 = 2000;

const FILES: &str = "SELECT index_name, filename, sha256, size, metadata_sha256 FROM file \
    WHERE deleted_at IS NULL AND (index_name > $1 OR (index_name = $1 AND filename > $2)) \
    ORDER BY index_name, filename LIMIT $3";

const REMOTE: &str = "SELECT index_name, filename, sha256 FROM remote_metadata \
    WHERE (index_name > $1 OR (index_name = $1 AND filename > $2)) \
    ORDER BY index_name, filename LIMIT $3";

impl Db {
    /// A page of what files refer to, in order; `None` as second part after the last one.
    pub async fn blobs_of_files(&self, after: After) -> Result<(Vec<BlobUse>, Option<After>)> {
        let rows = sqlx::query(FILES).bind(after.0).bind(after.1).bind(PAGE).fetch_all(&self.pool).await?;
        let mut uses = Vec::with_capacity(rows.len() * 2);
        let mut last = None;
        for row in rows {
            let (index, filename): (String, String) = (row.try_get(0)?, row.try_get(1)?);
            let size: i64 = row.try_get(3)?;
            let what = format!("{index} {filename}");
            if let Some(sha256) = row.try_get::<Option<String>, _>(4)? {
                uses.push(BlobUse { sha256, size: None, what: format!("METADATA of {what}") });
            }
            uses.push(BlobUse { sha256: row.try_get(2)?, size: u64::try_from(size).ok(), what });
            last = Some((index, filename));
        }
        Ok((uses, last))
    }

    /// The same for METADATA that was read from a remote wheel.
    pub async fn blobs_of_remote_metadata(&self, after: After) -> Result<(Vec<BlobUse>, Option<After>)> {
        let rows = sqlx::query(REMOTE).bind(after.0).bind(after.1).bind(PAGE).fetch_all(&self.pool).await?;
        let mut uses = Vec::with_capacity(rows.len());
        let mut last = None;
        for row in rows {
            let (index, filename): (String, String) = (row.try_get(0)?, row.try_get(1)?);
            let what = format!("METADATA of {index} {filename}");
            uses.push(BlobUse { sha256: row.try_get(2)?, size: None, what });
            last = Some((index, filename));
        }
        Ok((uses, last))
    }
}
