//! Files that were built here: from what, by which build, and builds that are yet to be published.

use super::files::{Put, StoredFile};
use super::{Db, Micros, Tx};
use crate::error::{Error, Result};
use sqlx::Row;
use sqlx::any::AnyRow;

/// A file of an index that was built here, with what its row of `file` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BuiltFile {
    /// `user/name`
    pub index: String,
    pub filename: String,
    /// Normalised.
    pub project: String,
    /// In canonical PEP 440 form.
    pub version: String,
    pub source_filename: String,
    pub source_sha256: String,
    pub build: i64,
    /// Which run of the build.
    pub fence: i64,
    /// Of the wheel as it was handed in, before it got its build tag.
    pub wheel_sha256: String,
    pub created_at: Micros,
    /// Of the file that is served.
    pub sha256: String,
    /// Bytes.
    pub size: u64,
    pub metadata_sha256: Option<String>,
}

/// A build that has a wheel, as far as publishing it needs to know.
#[derive(Clone, Debug)]
pub struct Finished {
    pub id: i64,
    pub fence: i64,
    /// `user/index`
    pub context: String,
    /// JSON of `build::job::Source`.
    pub source: String,
    pub source_sha256: String,
    /// File name and blob of what the worker handed in.
    pub wheel: String,
    pub wheel_sha256: String,
    /// The audit trail's name of who asked.
    pub asked_by: String,
    /// Indexes that somebody asked for it.
    pub wanted: Vec<String>,
}

const BUILT: &str = "SELECT built_file.index_name, built_file.filename, built_file.project, \
    built_file.version, source_filename, source_sha256, build, fence, wheel_sha256, \
    built_file.created_at, file.sha256, file.size, file.metadata_sha256 \
    FROM built_file JOIN file ON file.index_name = built_file.index_name \
    AND file.filename = built_file.filename \
    WHERE built_file.index_name = $1 AND built_file.project = $2 AND file.deleted_at IS NULL \
    ORDER BY built_file.filename";

const UNPUBLISHED: &str = "SELECT id FROM build WHERE state = 'built' AND wheel_sha256 IS NOT NULL \
    AND (published_fence IS NULL OR published_fence <> fence OR EXISTS \
    (SELECT 1 FROM build_for WHERE build_for.build = build.id AND published_at IS NULL)) \
    ORDER BY id LIMIT $1";

const REQUESTED: &str = "SELECT project, version, uploaded_at, filename FROM file \
    WHERE index_name = $1 AND url IS NOT NULL AND deleted_at IS NULL \
    AND (uploaded_at > $2 OR (uploaded_at = $2 AND filename > $3)) \
    ORDER BY uploaded_at, filename LIMIT $4";

/// Stands for the time of publication where an index refused the wheel: `build.unpublished` says why.
const REFUSED: Micros = 0;

const FINISHED: &str = "SELECT id, fence, context, source, source_sha256, wheel, wheel_sha256, asked_by \
    FROM build WHERE id = $1 AND state = 'built' AND source_sha256 IS NOT NULL \
    AND wheel IS NOT NULL AND wheel_sha256 IS NOT NULL";

/// What became of a wheel that an index was to get.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Publication {
    /// It is not built yet, or was a moment ago.
    Open,
    /// Since when the index has it.
    Done(Micros),
    Refused,
}

impl Publication {
    fn of(at: Option<Micros>) -> Self {
        match at {
            None => Self::Open,
            Some(REFUSED) => Self::Refused,
            Some(at) => Self::Done(at),
        }
    }
}

impl Db {
    /// The files of a project that were built here and are not deleted, by file name.
    pub async fn built_files(&self, index: &str, project: &str) -> Result<Vec<BuiltFile>> {
        let rows = sqlx::query(BUILT).bind(index).bind(project).fetch_all(&self.pool).await?;
        rows.iter().map(built_file).collect()
    }

    /// Every name that was ever used for a file of the project, deleted ones too.
    pub async fn used_filenames(&self, index: &str, project: &str) -> Result<Vec<String>> {
        let names = sqlx::query_scalar(
            "SELECT filename FROM file WHERE index_name = $1 AND project = $2 \
             UNION SELECT filename FROM used_file WHERE index_name = $1 AND project = $2",
        );
        Ok(names.bind(index).bind(project).fetch_all(&self.pool).await?)
    }

    /// Up to `limit` builds that have a wheel which was not brought to where it belongs.
    pub async fn unpublished_builds(&self, limit: i64) -> Result<Vec<i64>> {
        Ok(sqlx::query_scalar(UNPUBLISHED).bind(limit).fetch_all(&self.pool).await?)
    }

    /// A build that has a wheel; `None` for all others.
    pub async fn finished_build(&self, build: i64) -> Result<Option<Finished>> {
        let Some(row) = sqlx::query(FINISHED).bind(build).fetch_optional(&self.pool).await? else {
            return Ok(None);
        };
        let wanted = self.build_indexes(build).await?;
        Ok(Some(Finished {
            id: row.try_get(0)?,
            fence: row.try_get(1)?,
            context: row.try_get(2)?,
            source: row.try_get(3)?,
            source_sha256: row.try_get(4)?,
            wheel: row.try_get(5)?,
            wheel_sha256: row.try_get(6)?,
            asked_by: row.try_get(7)?,
            wanted: wanted.into_iter().map(|(index, _)| index).collect(),
        }))
    }

    /// The next files that a mirror keeps because somebody asked for them, in the order in which they
    /// were stored, after this time and name.
    pub async fn requested_files(
        &self,
        index: &str,
        after: &(Micros, String),
        limit: i64,
    ) -> Result<Vec<StoredFile>> {
        let rows = sqlx::query(REQUESTED)
            .bind(index)
            .bind(after.0)
            .bind(&after.1)
            .bind(limit)
            .fetch_all(&self.pool)
            .await?;
        let read = |row: &AnyRow| -> Result<StoredFile> {
            Ok(StoredFile {
                project: row.try_get(0)?,
                version: row.try_get(1)?,
                uploaded_at: row.try_get(2)?,
                ..StoredFile::new(index, row.try_get(3)?)
            })
        };
        rows.iter().map(read).collect()
    }

    /// The indexes that have a file of this build's last run.
    pub async fn places_of_build(&self, build: i64) -> Result<Vec<String>> {
        let query = "SELECT DISTINCT index_name FROM built_file JOIN build ON build.id = built_file.build \
            AND build.fence = built_file.fence WHERE build = $1 ORDER BY index_name";
        Ok(sqlx::query_scalar(query).bind(build).fetch_all(&self.pool).await?)
    }

    /// What a build is for.
    pub async fn build_target(&self, build: i64) -> Result<Option<String>> {
        let query = sqlx::query_scalar("SELECT target FROM build WHERE id = $1");
        Ok(query.bind(build).fetch_optional(&self.pool).await?)
    }

    /// Indexes that are to get the wheel of a build, and how that stands.
    pub async fn build_indexes(&self, build: i64) -> Result<Vec<(String, Publication)>> {
        let query = "SELECT index_name, published_at FROM build_for WHERE build = $1 ORDER BY index_name";
        let rows = sqlx::query(query).bind(build).fetch_all(&self.pool).await?;
        let read = |row: &AnyRow| -> Result<(String, Publication)> {
            Ok((row.try_get(0)?, Publication::of(row.try_get(1)?)))
        };
        rows.iter().map(read).collect()
    }

    /// The indexes that refused the wheel of a build, and why.
    pub async fn why_unpublished(&self, build: i64) -> Result<Vec<(String, String)>> {
        let why = sqlx::query_scalar("SELECT unpublished FROM build WHERE id = $1 AND state = 'built'");
        let why: Option<Option<String>> = why.bind(build).fetch_optional(&self.pool).await?;
        let told = why.flatten().unwrap_or_default();
        let lines = told.lines().filter_map(|line| line.split_once(": "));
        Ok(lines.map(|(index, why)| (index.to_owned(), why.to_owned())).collect())
    }

    /// By state: how many builds ended, and the microseconds that they took, all together.
    pub async fn build_times(&self) -> Result<Vec<(String, i64, i64)>> {
        let query = "SELECT state, count(*), cast(coalesce(sum(ended_at - started_at), 0) AS bigint) \
            FROM build WHERE purpose = 'wheel' AND started_at IS NOT NULL AND ended_at IS NOT NULL GROUP BY state ORDER BY state";
        let rows = sqlx::query(query).fetch_all(&self.pool).await?;
        rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?, row.try_get(2)?))).collect()
    }

    /// Notes that the wheel of this run was brought to where it belongs; of each index that refused it
    /// (`user/index`), why.
    pub async fn note_published(&self, build: i64, fence: i64, refused: &[(String, String)]) -> Result<()> {
        let line = |(index, why): &(String, String)| format!("{index}: {}", why.replace('\n', " "));
        let why: Vec<String> = refused.iter().map(line).collect();
        let why = Some(why.join("\n")).filter(|text| !text.is_empty());
        sqlx::query("UPDATE build SET published_fence = $2, unpublished = $3 WHERE id = $1")
            .bind(build)
            .bind(fence)
            .bind(why)
            .execute(&self.writer)
            .await?;
        for (index, _) in refused {
            let query = "UPDATE build_for SET published_at = $3 WHERE build = $1 AND index_name = $2";
            sqlx::query(query).bind(build).bind(index).bind(REFUSED).execute(&self.writer).await?;
        }
        Ok(())
    }

    /// An index got the wheel.
    pub async fn build_published(&self, build: i64, index: &str) -> Result<()> {
        let query = "UPDATE build_for SET published_at = $3 WHERE build = $1 AND index_name = $2 \
            AND (published_at IS NULL OR published_at = $4)";
        let query = sqlx::query(query).bind(build).bind(index).bind(super::now()).bind(REFUSED);
        query.execute(&self.writer).await?;
        Ok(())
    }
}

impl Tx {
    /// Takes a file name for a wheel that was built here; `false` if this run of the build has
    /// given a file already.
    pub async fn put_built(&mut self, built: &BuiltFile) -> Result<bool> {
        let put = sqlx::query(
            "INSERT INTO built_file (index_name, filename, project, version, source_filename, \
             source_sha256, build, fence, wheel_sha256, created_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) \
             ON CONFLICT (index_name, build, fence) DO NOTHING",
        )
        .bind(&built.index)
        .bind(&built.filename)
        .bind(&built.project)
        .bind(&built.version)
        .bind(&built.source_filename)
        .bind(&built.source_sha256)
        .bind(built.build)
        .bind(built.fence)
        .bind(&built.wheel_sha256)
        .bind(self.now)
        .execute(&mut *self.tx)
        .await?;
        Ok(put.rows_affected() > 0)
    }

    /// [`Tx::put_file`] for an index that may be gone by now.
    ///
    /// # Errors
    /// `Missing` if it is.
    pub async fn put_file_built(&mut self, file: &StoredFile) -> Result<Put> {
        let there: Option<String> = sqlx::query_scalar("SELECT name FROM namespace WHERE name = $1")
            .bind(&file.index)
            .fetch_optional(&mut *self.tx)
            .await?;
        match there {
            Some(_) => self.put_file(file, None).await,
            None => Err(crate::missing!("the index {} was deleted", file.index)),
        }
    }
}

fn built_file(row: &AnyRow) -> Result<BuiltFile> {
    let size: i64 = row.try_get(11)?;
    Ok(BuiltFile {
        index: row.try_get(0)?,
        filename: row.try_get(1)?,
        project: row.try_get(2)?,
        version: row.try_get(3)?,
        source_filename: row.try_get(4)?,
        source_sha256: row.try_get(5)?,
        build: row.try_get(6)?,
        fence: row.try_get(7)?,
        wheel_sha256: row.try_get(8)?,
        created_at: row.try_get(9)?,
        sha256: row.try_get(10)?,
        size: u64::try_from(size).map_err(Error::internal)?,
        metadata_sha256: row.try_get(12)?,
    })
}
