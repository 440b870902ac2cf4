//! Who fetched which file: downloads added up by file, day, asker and installer.

use super::Db;
use super::rows::row;
use crate::error::Result;
use crate::names::{IndexName, ProjectName};
use crate::tools::time::Micros;
use sqlx::Row;
use sqlx::any::AnyRow;
use std::collections::HashMap;

/// Microseconds of a day.
pub const DAY: i64 = 86_400_000_000;

/// Downloads of one file on one day by one asker with one installer.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fetched {
    /// Since 1970, UTC.
    pub day: i64,
    pub index: IndexName,
    pub filename: String,
    /// An account; an address, if those are counted; empty: somebody without an account.
    pub asker: String,
    /// `pip 26.0`; empty: it does not say.
    pub installer: String,
    pub project: ProjectName,
    /// Canonical; empty: the file name tells none.
    pub version: String,
    pub count: i64,
    pub last_at: Micros,
}

/// Who fetched a file, with which installer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetcher {
    pub index: IndexName,
    pub filename: String,
    /// As [`Fetched::asker`].
    pub asker: String,
    pub installer: String,
    pub count: i64,
    /// Since 1970, UTC.
    pub first_day: i64,
    pub last_at: Micros,
}

impl<'r> sqlx::FromRow<'r, AnyRow> for Fetcher {
    fn from_row(row: &'r AnyRow) -> sqlx::Result<Self> {
        Ok(Self {
            index: row.try_get("index_name")?,
            filename: row.try_get("filename")?,
            asker: row.try_get("asker")?,
            installer: row.try_get("installer")?,
            count: row.try_get("count")?,
            first_day: row.try_get("first_day")?,
            last_at: row.try_get("last_at")?,
        })
    }
}

/// A file that was fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CountedFile {
    pub index: IndexName,
    pub filename: String,
    pub project: ProjectName,
    /// Canonical; empty: the file name tells none.
    pub version: String,
}

row!(CountedFile of file_use { index = index_name, filename, project, version });

/// How often a release was fetched from an index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchedRelease {
    pub project: ProjectName,
    /// Canonical; empty: the file name tells none.
    pub version: String,
    pub count: i64,
}

impl Db {
    /// Adds downloads to what is known, and notes that the files are in use. `counted`: whether they are counted at all.
    pub async fn add_fetched(&self, fetched: &[Fetched], counted: bool) -> Result<()> {
        let mut tx = self.quiet().await?;
        let used = "INSERT INTO file_use (index_name, filename, project, version, count, last_used_at) \
            VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (index_name, filename) DO UPDATE SET \
            count = file_use.count + excluded.count, \
            last_used_at = CASE WHEN excluded.last_used_at > file_use.last_used_at THEN excluded.last_used_at \
            ELSE file_use.last_used_at END";
        for one in fetched {
            sqlx::query(used)
                .bind(&one.index)
                .bind(&one.filename)
                .bind(&one.project)
                .bind(&one.version)
                .bind(if counted { one.count } else { 0 })
                .bind(one.day * DAY)
                .execute(&mut *tx)
                .await?;
        }
        let add = "INSERT INTO fetched (day, index_name, filename, asker, installer, project, version, count, last_at) \
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (day, index_name, filename, asker, installer) \
            DO UPDATE SET count = fetched.count + excluded.count, last_at = excluded.last_at";
        for one in fetched.iter().filter(|_| counted) {
            sqlx::query(add)
                .bind(one.day)
                .bind(&one.index)
                .bind(&one.filename)
                .bind(&one.asker)
                .bind(&one.installer)
                .bind(&one.project)
                .bind(&one.version)
                .bind(one.count)
                .bind(one.last_at)
                .execute(&mut *tx)
                .await?;
        }
        tx.commit().await?;
        Ok(())
    }

    /// How often each release of an index was fetched since a day, by project and version. `index`: `None` for all.
    pub async fn fetched_since(&self, index: Option<&IndexName>, day: i64) -> Result<Vec<FetchedRelease>> {
        let query = "SELECT project, version, CAST(sum(count) AS BIGINT) AS count FROM fetched \
            WHERE day >= $1 AND ($2 IS NULL OR index_name = $2) GROUP BY project, version ORDER BY project, version";
        let index = index.map(IndexName::as_str);
        let rows = sqlx::query(query).bind(day).bind(index).fetch_all(&self.pool).await?;
        let read = |row: &AnyRow| {
            Ok(FetchedRelease {
                project: row.try_get("project")?,
                version: row.try_get("version")?,
                count: row.try_get("count")?,
            })
        };
        rows.iter().map(read).collect()
    }

    /// How often the files of a project were fetched from an index, ever; those that never were are missing.
    pub async fn fetched_files(
        &self,
        index: &IndexName,
        project: &ProjectName,
    ) -> Result<HashMap<String, i64>> {
        let query =
            "SELECT filename, count FROM file_use WHERE index_name = $1 AND project = $2 AND count > 0";
        let rows: Vec<(String, i64)> =
            sqlx::query_as(query).bind(index).bind(project).fetch_all(&self.pool).await?;
        Ok(rows.into_iter().collect())
    }

    /// Who fetched a release, from all days; who did last comes first, at most so many.
    pub async fn fetchers(&self, project: &ProjectName, version: &str, most: i64) -> Result<Vec<Fetcher>> {
        let query = "SELECT index_name, filename, asker, installer, CAST(sum(count) AS BIGINT) AS count, \
            min(day) AS first_day, max(last_at) AS last_at FROM fetched WHERE project = $1 AND version = $2 \
            GROUP BY index_name, filename, asker, installer \
            ORDER BY max(last_at) DESC, index_name, filename, asker, installer LIMIT $3";
        let rows = sqlx::query_as(query).bind(project).bind(version).bind(most);
        Ok(rows.fetch_all(&self.pool).await?)
    }

    /// The files that were ever fetched of a project, or under a file name.
    pub async fn counted_files(
        &self,
        project: Option<&ProjectName>,
        filename: &str,
    ) -> Result<Vec<CountedFile>> {
        let rows = CountedFile::select("WHERE project = $1 OR filename = $2 ORDER BY index_name, filename");
        let project = project.map(ProjectName::as_str).unwrap_or_default();
        Ok(rows.bind(project).bind(filename).fetch_all(&self.pool).await?)
    }

    /// The names of files with these bytes, wherever they are, those of promised wheels among them.
    pub async fn files_by_hash(&self, sha256: &str) -> Result<Vec<(ProjectName, String)>> {
        let rows = sqlx::query(
            "SELECT project, filename FROM file WHERE sha256 = $1 \
             UNION SELECT project, filename FROM promised_file WHERE sha256 = $1 ORDER BY filename",
        );
        let rows = rows.bind(sha256).fetch_all(&self.pool).await?;
        rows.iter().map(|row| Ok((row.try_get("project")?, row.try_get("filename")?))).collect()
    }

    /// Forgets the downloads of days before this one; those of one day at once.
    pub async fn forget_fetched(&self, before: i64) -> Result<()> {
        let oldest = "SELECT min(day) FROM fetched WHERE day < $1";
        while let Some(day) =
            sqlx::query_scalar::<_, Option<i64>>(oldest).bind(before).fetch_one(&self.pool).await?
        {
            sqlx::query("DELETE FROM fetched WHERE day = $1").bind(day).execute(&self.writer).await?;
        }
        Ok(())
    }

    /// Counts the downloads of askers with this first character as those of nobody in particular, day by day.
    pub async fn forget_addresses(&self, first: char) -> Result<()> {
        let oldest = "SELECT min(day) FROM fetched WHERE asker LIKE $1";
        let addresses = format!("{first}%");
        while let Some(day) =
            sqlx::query_scalar::<_, Option<i64>>(oldest).bind(&addresses).fetch_one(&self.pool).await?
        {
            let mut tx = self.quiet().await?;
            let add = "INSERT INTO fetched \
                (day, index_name, filename, asker, installer, project, version, count, last_at) \
                SELECT day, index_name, filename, '', installer, min(project), min(version), \
                CAST(sum(count) AS BIGINT), max(last_at) FROM fetched WHERE day = $1 AND asker LIKE $2 \
                GROUP BY day, index_name, filename, installer \
                ON CONFLICT (day, index_name, filename, asker, installer) \
                DO UPDATE SET count = fetched.count + excluded.count, last_at = CASE \
                WHEN excluded.last_at > fetched.last_at THEN excluded.last_at ELSE fetched.last_at END";
            sqlx::query(add).bind(day).bind(&addresses).execute(&mut *tx).await?;
            let drop = sqlx::query("DELETE FROM fetched WHERE day = $1 AND asker LIKE $2").bind(day);
            drop.bind(&addresses).execute(&mut *tx).await?;
            tx.commit().await?;
        }
        Ok(())
    }
}
