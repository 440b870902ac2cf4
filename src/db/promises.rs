//! Promised wheels that somebody asked for: what was served of them is frozen in their rows.

use super::blobs::BlobUse;
use super::events::NewEvent;
use super::rows::{row, unsigned};
use super::{Db, Tx};
use crate::error::Result;
use crate::names::{IndexName, ProjectName};
use crate::tools::time::Micros;
use crate::words::EventKind;

/// A row of `promised_file`; see the migration for what the columns mean.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredPromise {
    pub index: IndexName,
    pub target: String,
    pub filename: String,
    pub project: ProjectName,
    /// In canonical PEP 440 form.
    pub version: String,
    pub source_filename: String,
    pub source_sha256: Option<String>,
    pub build: Option<i64>,
    pub metadata_sha256: Option<String>,
    pub sha256: Option<String>,
    /// Bytes; set together with `sha256`.
    pub size: Option<u64>,
    pub broken: Option<String>,
    pub created_at: Micros,
}

impl StoredPromise {
    /// One that nobody asked for yet; its version and its source are still to be filled in.
    pub fn new(index: IndexName, project: ProjectName, target: &str, filename: &str) -> Self {
        Self {
            index,
            target: target.to_owned(),
            filename: filename.to_owned(),
            project,
            version: String::new(),
            source_filename: String::new(),
            source_sha256: None,
            build: None,
            metadata_sha256: None,
            sha256: None,
            size: None,
            broken: None,
            created_at: 0,
        }
    }
}

/// What becomes of a promise; each is set at most once.
#[derive(Clone, Copy, Debug)]
pub enum Change<'a> {
    /// The blob that is served as its metadata from now on.
    Metadata { sha256: &'a str },
    /// The blob that is served from now on, and which build it comes from.
    File { sha256: &'a str, size: u64, metadata_sha256: &'a str, build: Option<i64> },
    /// It cannot be kept; why.
    Broken { why: &'a str },
}

/// Where a page of references ended: the last row's index, target and filename.
pub type After = (String, String, String);

/// Rows per page of references.
const PAGE: i64 = 2000;

row!(StoredPromise of promised_file {
    index = index_name, target, filename, project, version, source_filename, source_sha256, build,
    metadata_sha256, sha256, size by unsigned, broken, created_at
});

/// One promise, by index, target and file name.
const THAT: &str = "WHERE index_name = $1 AND target = $2 AND filename = $3";

impl Db {
    /// What is known of one promise; `None` if nobody asked for it yet.
    pub async fn promise(
        &self,
        index: &IndexName,
        target: &str,
        filename: &str,
    ) -> Result<Option<StoredPromise>> {
        let promise = StoredPromise::select(THAT).bind(index).bind(target).bind(filename);
        Ok(promise.fetch_optional(&self.pool).await?)
    }

    /// The promises of a project for a target that somebody asked for, by file name.
    pub async fn promises(
        &self,
        index: &IndexName,
        target: &str,
        project: &ProjectName,
    ) -> Result<Vec<StoredPromise>> {
        let rest = "WHERE index_name = $1 AND target = $2 AND project = $3 ORDER BY filename";
        let promises = StoredPromise::select(rest).bind(index).bind(target).bind(project);
        Ok(promises.fetch_all(&self.pool).await?)
    }

    /// The names of all promises of a project that somebody asked for, whatever they are for.
    pub async fn promised_filenames(&self, index: &IndexName, project: &ProjectName) -> Result<Vec<String>> {
        let names = "SELECT DISTINCT filename FROM promised_file WHERE index_name = $1 AND project = $2";
        Ok(sqlx::query_scalar(names).bind(index).bind(project).fetch_all(&self.pool).await?)
    }

    /// A page of the blobs that promises refer to, in order; `None` as second part after the last one.
    pub async fn blobs_of_promises(&self, after: After) -> Result<(Vec<BlobUse>, Option<After>)> {
        let rest = "WHERE index_name > $1 OR (index_name = $1 AND (target > $2 OR \
                    (target = $2 AND filename > $3))) ORDER BY index_name, target, filename LIMIT $4";
        let query = StoredPromise::select(rest).bind(after.0).bind(after.1).bind(after.2).bind(PAGE);
        let rows = query.fetch_all(&self.pool).await?;
        let (mut uses, mut last) = (Vec::with_capacity(rows.len() * 2), None);
        for row in rows {
            let what = format!("{} {} (promised to {})", row.index, row.filename, row.target);
            if let Some(sha256) = row.metadata_sha256 {
                uses.push(BlobUse { sha256, size: None, what: format!("METADATA of {what}") });
            }
            if let Some(sha256) = row.sha256 {
                uses.push(BlobUse { sha256, size: row.size, what });
            }
            last = Some((row.index.into(), row.target, row.filename));
        }
        Ok((uses, last))
    }

    /// Notes a change of a promise, with an event that tells other processes. Returns the row as it
    /// is afterwards: with what others set first, where they were faster.
    pub async fn change_promise(
        &self,
        who: &str,
        known: &StoredPromise,
        change: Change<'_>,
    ) -> Result<StoredPromise> {
        let mut tx = Tx::begin(self).await?;
        let (changed, row) = tx.change_promise(known, change).await?;
        if changed {
            let what = match change {
                Change::Metadata { .. } => EventKind::PromisedMetadataServed,
                Change::File { .. } => EventKind::PromisedWheelServed,
                Change::Broken { .. } => EventKind::PromiseBroken,
            };
            let event = NewEvent::of(who, what).on(&known.index).about(&known.project);
            tx.commit(event.saying(&known.filename)).await?;
        }
        Ok(row)
    }
}

impl Tx {
    /// Makes the row if there is none, then sets what is not set yet. Whether something changed, and
    /// the row afterwards.
    async fn change_promise(
        &mut self,
        known: &StoredPromise,
        change: Change<'_>,
    ) -> Result<(bool, StoredPromise)> {
        self.put_promise(known).await?;
        let before = self.used_before(&known.index, &known.target, &known.filename).await?;
        let change = match (&before, change) {
            (Some(before), Change::File { sha256, .. }) if before != sha256 => {
                Change::Broken { why: "an index of this name served other bytes for this file before" }
            }
            (_, change) => change,
        };
        let (set, condition) = match change {
            Change::Metadata { .. } => ("metadata_sha256 = $4", "metadata_sha256 IS NULL"),
            Change::File { .. } => (
                "sha256 = $4, size = $5, metadata_sha256 = $6, build = $7, broken = NULL",
                "sha256 IS NULL AND (metadata_sha256 IS NULL OR metadata_sha256 = $6)",
            ),
            Change::Broken { .. } => ("broken = $4", "broken IS NULL AND sha256 IS NULL"),
        };
        let (text, size, metadata, build) = match change {
            Change::Metadata { sha256 } => (sha256, None, None, None),
            Change::File { sha256, size, metadata_sha256, build } => {
                (sha256, i64::try_from(size).ok(), Some(metadata_sha256), build)
            }
            Change::Broken { why } => (why, None, None, None),
        };
        let update = format!("UPDATE promised_file SET {set} {THAT} AND {condition}");
        let mut query = sqlx::query(sqlx::AssertSqlSafe(update))
            .bind(&known.index)
            .bind(&known.target)
            .bind(&known.filename)
            .bind(text);
        if matches!(change, Change::File { .. }) {
            query = query.bind(size).bind(metadata).bind(build);
        }
        let changed = query.execute(&mut *self.tx).await?.rows_affected() > 0;
        let row = StoredPromise::select(THAT).bind(&known.index).bind(&known.target).bind(&known.filename);
        Ok((changed, row.fetch_one(&mut *self.tx).await?))
    }

    async fn put_promise(&mut self, new: &StoredPromise) -> Result<()> {
        sqlx::query(
            "INSERT INTO promised_file (index_name, target, filename, project, version, source_filename, \
             source_sha256, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8) \
             ON CONFLICT (index_name, target, filename) DO NOTHING",
        )
        .bind(&new.index)
        .bind(&new.target)
        .bind(&new.filename)
        .bind(&new.project)
        .bind(&new.version)
        .bind(&new.source_filename)
        .bind(&new.source_sha256)
        .bind(self.now)
        .execute(&mut *self.tx)
        .await?;
        Ok(())
    }
}
