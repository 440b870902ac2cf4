//! Projects, releases and files: what an index holds.

use super::Db;
use super::rows::row;
use crate::error::{Error, Result};
use crate::names::{IndexName, ProjectName};
use crate::packaging::filename::identity;
use crate::tools::time::{Micros, now};
use crate::words::{FileKind, History, ProjectStatus};
use sqlx::Row;
use sqlx::any::AnyRow;

/// A file whose bytes are in the store, or were (`deleted_at`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredFile {
    pub index: IndexName,
    pub filename: String,
    pub project: ProjectName,
    /// The release's key: the spelling under which its first file came, in canonical PEP 440 form.
    pub version: String,
    pub kind: FileKind,
    /// Where a mirror got it from; `None` for uploads.
    pub url: Option<String>,
    pub sha256: String,
    pub md5: Option<String>,
    pub blake2_256: Option<String>,
    /// Bytes.
    pub size: u64,
    pub requires_python: Option<String>,
    /// Blob of its METADATA or PKG-INFO.
    pub metadata_sha256: Option<String>,
    /// The audit trail's name of who uploaded it.
    pub uploader: Option<String>,
    /// Or when the mirror stored it.
    pub uploaded_at: Micros,
    pub deleted_at: Option<Micros>,
    /// Whether attestations (PEP 740) came with it; see [`Db::attestations`].
    pub attested: bool,
    /// The hash was promised before the bytes came; otherwise a mirror computed it from what came.
    pub hash_told: bool,
    /// What happened to it before it came here.
    pub history: Option<History>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProjectRow {
    pub name: ProjectName,
    /// As its newest file writes it.
    pub spelling: String,
    pub status: ProjectStatus,
    pub status_reason: Option<String>,
    /// Of its last change.
    pub serial: i64,
}

row!(ProjectRow of project { name, spelling, status, status_reason, serial });

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReleaseRow {
    pub version: String,
    /// JSON of `packaging::metadata::Metadata`.
    pub metadata: String,
    pub created_at: Micros,
    pub yanked_at: Option<Micros>,
    /// Never empty.
    pub yanked_reason: Option<String>,
}

row!(ReleaseRow of release { version, metadata, created_at, yanked_at, yanked_reason });

/// What [`Tx::put_file`] found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Put {
    New,
    /// The name is taken, possibly by a deleted file.
    Taken(Box<StoredFile>),
}

macro_rules! select_file {
    ($tail:literal) => {
        concat!(
            "SELECT index_name, filename, project, version, kind, url, sha256, md5, blake2_256, size, ",
            "requires_python, metadata_sha256, uploader, uploaded_at, deleted_at, ",
            "CAST(CASE WHEN attestations IS NULL THEN 0 ELSE 1 END AS BIGINT) AS attested, hash_computed_at, history FROM file ",
            $tail
        )
    };
}

mod write;

impl Db {
    /// One file by name; deleted ones too.
    pub async fn file(&self, index: &IndexName, filename: &str) -> Result<Option<StoredFile>> {
        let row = sqlx::query(select_file!("WHERE index_name = $1 AND filename = $2"))
            .bind(index)
            .bind(filename)
            .fetch_optional(&self.pool)
            .await?;
        row.as_ref().map(file).transpose()
    }

    /// The file that has this name or another spelling of it; deleted ones too.
    pub async fn file_of_any_spelling(
        &self,
        index: &IndexName,
        filename: &str,
    ) -> Result<Option<StoredFile>> {
        // The file name first: one from before identities were unique may share its identity.
        let rows = sqlx::query(select_file!("WHERE index_name = $1 AND (filename = $2 OR identity = $3)"))
            .bind(index)
            .bind(filename)
            .bind(identity(filename))
            .fetch_all(&self.pool)
            .await?;
        let mut files = rows.iter().map(file).collect::<Result<Vec<_>>>()?;
        files.sort_by_key(|file| file.filename != filename);
        Ok(files.into_iter().next())
    }

    /// The files of a project that are not deleted, by filename.
    pub async fn project_files(&self, index: &IndexName, project: &ProjectName) -> Result<Vec<StoredFile>> {
        let rows = sqlx::query(select_file!(
            "WHERE index_name = $1 AND project = $2 AND deleted_at IS NULL ORDER BY filename"
        ))
        .bind(index)
        .bind(project)
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(file).collect()
    }

    /// The attestations that came with an upload: a JSON array, as sent.
    pub async fn attestations(&self, index: &IndexName, filename: &str) -> Result<Option<String>> {
        let text: Option<Option<String>> = sqlx::query_scalar(
            "SELECT attestations FROM file WHERE index_name = $1 AND filename = $2 AND deleted_at IS NULL",
        )
        .bind(index)
        .bind(filename)
        .fetch_optional(&self.pool)
        .await?;
        Ok(text.flatten())
    }

    pub async fn project(&self, index: &IndexName, project: &ProjectName) -> Result<Option<ProjectRow>> {
        let row = ProjectRow::select("WHERE index_name = $1 AND name = $2").bind(index).bind(project);
        Ok(row.fetch_optional(&self.pool).await?)
    }

    /// The normalised names of all projects that were uploaded or registered, sorted.
    pub async fn projects(&self, index: &IndexName) -> Result<Vec<ProjectName>> {
        let mut names: Vec<ProjectName> =
            sqlx::query_scalar("SELECT name FROM project WHERE index_name = $1")
                .bind(index)
                .fetch_all(&self.pool)
                .await?;
        // Here and not in SQL: Postgres sorts by its locale.
        names.sort_unstable();
        Ok(names)
    }

    /// The same with the serial of each project's last change.
    pub async fn projects_with_serials(&self, index: &IndexName) -> Result<Vec<(ProjectName, u64)>> {
        let rows = sqlx::query("SELECT name, serial FROM project WHERE index_name = $1")
            .bind(index)
            .fetch_all(&self.pool)
            .await?;
        let read = |row: &AnyRow| -> Result<(ProjectName, u64)> {
            let serial: i64 = row.try_get("serial")?;
            Ok((row.try_get("name")?, serial.unsigned_abs()))
        };
        let mut projects = rows.iter().map(read).collect::<Result<Vec<_>>>()?;
        projects.sort_unstable();
        Ok(projects)
    }

    /// The projects that have a file, or one that was built here; sorted.
    pub async fn projects_with_files(&self, index: &IndexName) -> Result<Vec<ProjectName>> {
        let query = "SELECT project FROM file WHERE index_name = $1 AND deleted_at IS NULL \
                     UNION SELECT project FROM built_file WHERE index_name = $1";
        let mut names: Vec<ProjectName> = sqlx::query_scalar(query).bind(index).fetch_all(&self.pool).await?;
        names.sort_unstable();
        Ok(names)
    }

    /// Whether the project was uploaded to or registered in exactly this index.
    pub async fn stage_has(&self, index: &IndexName, project: &ProjectName) -> Result<bool> {
        let found: Option<String> =
            sqlx::query_scalar("SELECT name FROM project WHERE index_name = $1 AND name = $2")
                .bind(index)
                .bind(project)
                .fetch_optional(&self.pool)
                .await?;
        Ok(found.is_some())
    }

    /// The releases of a project in no particular order; some may have no file.
    pub async fn releases(&self, index: &IndexName, project: &ProjectName) -> Result<Vec<ReleaseRow>> {
        let rows = ReleaseRow::select("WHERE index_name = $1 AND project = $2").bind(index).bind(project);
        Ok(rows.fetch_all(&self.pool).await?)
    }

    /// Remembers a file that a mirror has stored: one statement and no event, so that filling a
    /// cache never queues behind uploads. A file known with other bytes stays as it is, as what
    /// was served once never changes: `false`.
    pub async fn keep_mirrored(&self, file: &StoredFile) -> Result<bool> {
        let kept = sqlx::query(
            "INSERT INTO file (index_name, filename, project, version, kind, url, sha256, md5, blake2_256, \
             size, requires_python, metadata_sha256, uploader, uploaded_at, hash_computed_at) \
             SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15 \
             WHERE EXISTS (SELECT 1 FROM namespace WHERE name = $1) \
             ON CONFLICT (index_name, filename) DO UPDATE SET project = excluded.project, \
             version = excluded.version, kind = excluded.kind, url = excluded.url, \
             sha256 = excluded.sha256, size = excluded.size, \
             md5 = COALESCE(excluded.md5, file.md5), \
             blake2_256 = COALESCE(excluded.blake2_256, file.blake2_256), \
             requires_python = excluded.requires_python, \
             metadata_sha256 = COALESCE(excluded.metadata_sha256, file.metadata_sha256), \
             hash_computed_at = CASE WHEN file.deleted_at IS NULL AND file.hash_computed_at IS NULL \
             THEN NULL ELSE excluded.hash_computed_at END, \
             deleted_at = NULL \
             WHERE file.sha256 = excluded.sha256 OR file.deleted_at IS NOT NULL",
        )
        .bind(&file.index)
        .bind(&file.filename)
        .bind(&file.project)
        .bind(&file.version)
        .bind(file.kind)
        .bind(&file.url)
        .bind(&file.sha256)
        .bind(&file.md5)
        .bind(&file.blake2_256)
        .bind(size(file.size)?)
        .bind(&file.requires_python)
        .bind(&file.metadata_sha256)
        .bind(&file.uploader)
        .bind(file.uploaded_at)
        .bind((!file.hash_told).then_some(file.uploaded_at))
        .execute(&self.writer)
        .await?;
        Ok(kept.rows_affected() > 0)
    }
}

impl StoredFile {
    /// A file that is being written now; its version, kind, size, digests and dates are still to be filled in.
    pub fn new(index: IndexName, project: ProjectName, filename: &str) -> Self {
        Self {
            index,
            filename: filename.to_owned(),
            project,
            version: String::new(),
            kind: FileKind::Other,
            url: None,
            sha256: String::new(),
            md5: None,
            blake2_256: None,
            size: 0,
            requires_python: None,
            metadata_sha256: None,
            uploader: None,
            uploaded_at: now(),
            deleted_at: None,
            attested: false,
            hash_told: true,
            history: None,
        }
    }
}

fn file(row: &AnyRow) -> Result<StoredFile> {
    let size: i64 = row.try_get("size")?;
    let attested: i64 = row.try_get("attested")?;
    Ok(StoredFile {
        index: row.try_get("index_name")?,
        filename: row.try_get("filename")?,
        project: row.try_get("project")?,
        version: row.try_get("version")?,
        kind: row.try_get("kind")?,
        url: row.try_get("url")?,
        sha256: row.try_get("sha256")?,
        md5: row.try_get("md5")?,
        blake2_256: row.try_get("blake2_256")?,
        size: u64::try_from(size).map_err(Error::internal)?,
        requires_python: row.try_get("requires_python")?,
        metadata_sha256: row.try_get("metadata_sha256")?,
        uploader: row.try_get("uploader")?,
        uploaded_at: row.try_get("uploaded_at")?,
        deleted_at: row.try_get("deleted_at")?,
        attested: attested != 0,
        hash_told: row.try_get::<Option<i64>, _>("hash_computed_at")?.is_none(),
        history: row.try_get("history")?,
    })
}

fn size(bytes: u64) -> Result<i64> {
    i64::try_from(bytes).map_err(Error::internal)
}
