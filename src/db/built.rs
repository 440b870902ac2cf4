//! Files that were built here: from what, by which build, and builds that are yet to be published.

use super::files::{Put, StoredFile};
use super::rows::row;
use super::{Db, Tx};
use crate::db::builds::{BuildId, in_list};
use crate::error::{Error, Result};
use crate::names::{IndexName, ProjectName};
use crate::tools::time::{Micros, now};
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row};

/// A file of an index that was built here, with what its row of `file` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BuiltFile {
    pub index: IndexName,
    pub filename: String,
    pub project: ProjectName,
    /// In canonical PEP 440 form.
    pub version: String,
    pub source_filename: String,
    pub source_sha256: String,
    pub build: BuildId,
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
    /// What its build is for, as far as that is still known; not kept with the file.
    pub target: Option<String>,
    /// Why it is doubtful; empty: it is not.
    pub doubts: Vec<String>,
}

/// A file that a mirror keeps because somebody asked for it.
#[derive(Clone, Debug)]
pub struct RequestedFile {
    pub project: ProjectName,
    pub version: String,
    pub filename: String,
    pub uploaded_at: Micros,
}

row!(RequestedFile of file { project, version, filename, uploaded_at });

/// An index that did not take the wheel of a build, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WheelRefusal {
    pub index: IndexName,
    pub why: String,
}

impl WheelRefusal {
    /// A line of `build.unpublished`.
    fn to_line(&self) -> String {
        format!("{}: {}", self.index, self.why.replace('\n', " "))
    }

    fn from_line(line: &str) -> Option<Self> {
        let (index, why) = line.split_once(": ")?;
        Some(Self { index: IndexName::parse(index)?, why: why.to_owned() })
    }
}

const BUILT: &str = "SELECT built_file.index_name, built_file.filename, built_file.project, \
    built_file.version, source_filename, built_file.source_sha256, built_file.build, built_file.fence, \
    built_file.wheel_sha256, \
    built_file.created_at, built_file.doubts, file.sha256, file.size, file.metadata_sha256, build.target \
    FROM built_file JOIN file ON file.index_name = built_file.index_name \
    AND file.filename = built_file.filename LEFT JOIN build ON build.id = built_file.build \
    WHERE built_file.index_name = $1 AND built_file.project = $2 AND file.deleted_at IS NULL \
    ORDER BY built_file.filename";

const UNPUBLISHED: &str = "SELECT id FROM build WHERE state = 'built' AND wheel_sha256 IS NOT NULL \
    AND (published_fence IS NULL OR published_fence <> fence OR EXISTS \
    (SELECT 1 FROM build_for WHERE build_for.build = build.id AND published_at IS NULL)) \
    AND (because IS NULL OR EXISTS (SELECT 1 FROM build_set_member m WHERE m.build = build.id AND released = 1)) \
    ORDER BY id LIMIT $1";

const REQUESTED: &str = "WHERE index_name = $1 AND url IS NOT NULL AND deleted_at IS NULL \
    AND (uploaded_at > $2 OR (uploaded_at = $2 AND filename > $3)) \
    ORDER BY uploaded_at, filename LIMIT $4";

/// Stands for the time of publication where an index refused the wheel: `build.unpublished` says why.
const REFUSED: Micros = 0;

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
    pub async fn built_files(&self, index: &IndexName, project: &ProjectName) -> Result<Vec<BuiltFile>> {
        let rows = sqlx::query(BUILT).bind(index).bind(project).fetch_all(&self.pool).await?;
        rows.iter().map(built_file).collect()
    }

    /// The project of a file that a mirror keeps of its upstream; `None` if there is none, or it was built here.
    pub async fn mirrored_project(&self, index: &IndexName, filename: &str) -> Result<Option<ProjectName>> {
        let project = sqlx::query_scalar(
            "SELECT project FROM file WHERE index_name = $1 AND filename = $2 AND deleted_at IS NULL \
             AND NOT EXISTS (SELECT 1 FROM built_file WHERE built_file.index_name = file.index_name \
             AND built_file.filename = file.filename)",
        );
        Ok(project.bind(index).bind(filename).fetch_optional(&self.pool).await?)
    }

    /// Every name that was ever used for a file of the project, deleted ones too.
    pub async fn used_filenames(&self, index: &IndexName, project: &ProjectName) -> Result<Vec<String>> {
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

    /// The next files that a mirror keeps because somebody asked for them, in the order in which they
    /// were stored, after this time and name.
    pub async fn requested_files(
        &self,
        index: &IndexName,
        after: &(Micros, String),
        limit: i64,
    ) -> Result<Vec<RequestedFile>> {
        let files = RequestedFile::select(REQUESTED).bind(index).bind(after.0).bind(&after.1).bind(limit);
        Ok(files.fetch_all(&self.pool).await?)
    }

    /// The indexes that have a file of this build's last run.
    pub async fn places_of_build(&self, build: BuildId) -> Result<Vec<IndexName>> {
        let query = "SELECT DISTINCT index_name FROM built_file JOIN build ON build.id = built_file.build \
            AND build.fence = built_file.fence WHERE build = $1 ORDER BY index_name";
        Ok(sqlx::query_scalar(query).bind(build).fetch_all(&self.pool).await?)
    }

    /// Indexes that are to get the wheel of a build, and how that stands.
    pub async fn build_indexes(&self, build: BuildId) -> Result<Vec<(IndexName, Publication)>> {
        let query = "SELECT index_name, published_at FROM build_for WHERE build = $1 ORDER BY index_name";
        let rows = sqlx::query(query).bind(build).fetch_all(&self.pool).await?;
        let read = |row: &AnyRow| -> Result<(IndexName, Publication)> {
            Ok((row.try_get("index_name")?, Publication::of(row.try_get("published_at")?)))
        };
        rows.iter().map(read).collect()
    }

    /// The same of several builds, with the number of each.
    pub async fn indexes_of_builds(
        &self,
        builds: &[BuildId],
    ) -> Result<Vec<(BuildId, IndexName, Publication)>> {
        if builds.is_empty() {
            return Ok(Vec::new());
        }
        let places = in_list(builds.len(), 1);
        let query = format!(
            "SELECT build, index_name, published_at FROM build_for WHERE build IN ({places}) ORDER BY build, index_name"
        );
        let mut query = sqlx::query(sqlx::AssertSqlSafe(query));
        for build in builds {
            query = query.bind(*build);
        }
        let rows = query.fetch_all(&self.pool).await?;
        let read = |row: &AnyRow| -> Result<(BuildId, IndexName, Publication)> {
            Ok((
                row.try_get("build")?,
                row.try_get("index_name")?,
                Publication::of(row.try_get("published_at")?),
            ))
        };
        rows.iter().map(read).collect()
    }

    /// The indexes that refused the wheel of a build, and why.
    pub async fn why_unpublished(&self, build: BuildId) -> Result<Vec<WheelRefusal>> {
        let why = sqlx::query_scalar("SELECT unpublished FROM build WHERE id = $1 AND state = 'built'");
        let why: Option<Option<String>> = why.bind(build).fetch_optional(&self.pool).await?;
        Ok(why.flatten().unwrap_or_default().lines().filter_map(WheelRefusal::from_line).collect())
    }

    /// Notes that the wheel of this run was brought to where it belongs, and who refused it.
    pub async fn note_published(&self, build: BuildId, fence: i64, refused: &[WheelRefusal]) -> Result<()> {
        let mut connection = self.writer.acquire().await?;
        note_published(&mut connection, (build, fence), refused).await
    }

    /// An index got the wheel.
    pub async fn build_published(&self, build: BuildId, index: &IndexName) -> Result<()> {
        let mut connection = self.writer.acquire().await?;
        build_published(&mut connection, build, index).await
    }
}

async fn note_published(
    connection: &mut AnyConnection,
    (build, fence): (BuildId, i64),
    refused: &[WheelRefusal],
) -> Result<()> {
    let why: Vec<String> = refused.iter().map(WheelRefusal::to_line).collect();
    let why = Some(why.join("\n")).filter(|text| !text.is_empty());
    sqlx::query("UPDATE build SET published_fence = $2, unpublished = $3 WHERE id = $1")
        .bind(build)
        .bind(fence)
        .bind(why)
        .execute(&mut *connection)
        .await?;
    for WheelRefusal { index, .. } in refused {
        let query = "UPDATE build_for SET published_at = $3 WHERE build = $1 AND index_name = $2";
        sqlx::query(query).bind(build).bind(index).bind(REFUSED).execute(&mut *connection).await?;
    }
    Ok(())
}

async fn build_published(connection: &mut AnyConnection, build: BuildId, index: &IndexName) -> Result<()> {
    let query = "UPDATE build_for SET published_at = $3 WHERE build = $1 AND index_name = $2 \
        AND (published_at IS NULL OR published_at = $4)";
    let query = sqlx::query(query).bind(build).bind(index).bind(now()).bind(REFUSED);
    query.execute(connection).await?;
    Ok(())
}

impl Tx {
    /// As [`Db::note_published`].
    pub async fn note_published(&mut self, run: (BuildId, i64), refused: &[WheelRefusal]) -> Result<()> {
        note_published(&mut self.tx, run, refused).await
    }

    /// As [`Db::build_published`].
    pub async fn build_published(&mut self, build: BuildId, index: &IndexName) -> Result<()> {
        build_published(&mut self.tx, build, index).await
    }

    /// Takes a file name for a wheel that was built here; `false` if this run of the build has
    /// given a file already.
    pub async fn put_built(&mut self, built: &BuiltFile) -> Result<bool> {
        let put = sqlx::query(
            "INSERT INTO built_file (index_name, filename, project, version, source_filename, \
             source_sha256, build, fence, wheel_sha256, created_at, doubts) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) \
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
        .bind(Some(lines(&built.doubts)).filter(|text| !text.is_empty()))
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

/// One reason a line.
fn lines(doubts: &[String]) -> String {
    let plain = doubts.iter().map(|why| why.replace('\n', " "));
    plain.collect::<Vec<_>>().join("\n")
}

fn built_file(row: &AnyRow) -> Result<BuiltFile> {
    let doubts: Option<String> = row.try_get("doubts")?;
    let size: i64 = row.try_get("size")?;
    Ok(BuiltFile {
        index: row.try_get("index_name")?,
        filename: row.try_get("filename")?,
        project: row.try_get("project")?,
        version: row.try_get("version")?,
        source_filename: row.try_get("source_filename")?,
        source_sha256: row.try_get("source_sha256")?,
        build: row.try_get("build")?,
        fence: row.try_get("fence")?,
        wheel_sha256: row.try_get("wheel_sha256")?,
        created_at: row.try_get("created_at")?,
        sha256: row.try_get("sha256")?,
        size: u64::try_from(size).map_err(Error::internal)?,
        metadata_sha256: row.try_get("metadata_sha256")?,
        target: row.try_get("target")?,
        doubts: doubts.unwrap_or_default().lines().map(str::to_owned).collect(),
    })
}
