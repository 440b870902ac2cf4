//! Projects, releases and files inside a writing transaction.

use super::{Put, StoredFile, size};
use crate::db::Tx;
use crate::error::Result;
use crate::missing;
use crate::names::{IndexName, ProjectName};
use crate::packaging::filename::identity;
use crate::words::ProjectStatus;
use serde_json::Value;
use sqlx::Row;

impl Tx {
    /// Registers a project or notes that it changed; a `spelling` replaces the known one.
    ///
    /// # Errors
    /// `Missing` if the index was deleted meanwhile.
    pub async fn put_project(&mut self, index: &IndexName, name: &ProjectName, spelling: &str) -> Result<()> {
        let put = sqlx::query(
            "INSERT INTO project (index_name, name, spelling, status, serial) \
             SELECT $1, $2, $3, 'active', $4 WHERE EXISTS (SELECT 1 FROM namespace WHERE name = $1) \
             ON CONFLICT (index_name, name) DO UPDATE \
             SET spelling = excluded.spelling, serial = excluded.serial",
        )
        .bind(index)
        .bind(name)
        .bind(spelling)
        .bind(self.serial)
        .execute(&mut *self.tx)
        .await?;
        match put.rows_affected() {
            0 => Err(missing!("The stage {index} could not be found.")),
            _ => Ok(()),
        }
    }

    /// The project's status, if the project is known; stable until this transaction ends.
    pub async fn project_status(
        &mut self,
        index: &IndexName,
        project: &ProjectName,
    ) -> Result<Option<(ProjectStatus, Option<String>)>> {
        let row =
            sqlx::query("SELECT status, status_reason FROM project WHERE index_name = $1 AND name = $2")
                .bind(index)
                .bind(project)
                .fetch_optional(&mut *self.tx)
                .await?;
        let Some(row) = row else { return Ok(None) };
        Ok(Some((row.try_get("status")?, row.try_get("status_reason")?)))
    }

    /// Sets the PEP 792 status; `false` if there is no such project.
    pub async fn set_status(
        &mut self,
        index: &IndexName,
        project: &ProjectName,
        status: ProjectStatus,
        reason: Option<&str>,
    ) -> Result<bool> {
        let set = sqlx::query(
            "UPDATE project SET status = $3, status_reason = $4, serial = $5 \
             WHERE index_name = $1 AND name = $2",
        )
        .bind(index)
        .bind(project)
        .bind(status)
        .bind(reason)
        .bind(self.serial)
        .execute(&mut *self.tx)
        .await?;
        Ok(set.rows_affected() > 0)
    }

    /// The versions of a project that have a release row.
    pub async fn versions(&mut self, index: &IndexName, project: &ProjectName) -> Result<Vec<String>> {
        Ok(sqlx::query_scalar("SELECT version FROM release WHERE index_name = $1 AND project = $2")
            .bind(index)
            .bind(project)
            .fetch_all(&mut *self.tx)
            .await?)
    }

    /// Makes a release, or replaces its metadata if `replace`; yanks and its first time stay.
    pub async fn put_release(
        &mut self,
        index: &IndexName,
        project: &ProjectName,
        version: &str,
        metadata: &str,
        replace: bool,
    ) -> Result<()> {
        let put = sqlx::query(
            "INSERT INTO release (index_name, project, version, metadata, created_at) \
             VALUES ($1, $2, $3, $4, $5) ON CONFLICT (index_name, project, version) \
             DO UPDATE SET metadata = excluded.metadata WHERE $6 = 1",
        )
        .bind(index)
        .bind(project)
        .bind(version)
        .bind(metadata)
        .bind(self.now)
        .bind(i64::from(replace))
        .execute(&mut *self.tx)
        .await?;
        match put.rows_affected() {
            0 => Ok(()),
            _ => self.put_requirements(index, project, version, metadata).await,
        }
    }

    /// Takes a file name and what it means for ever, unless one of the two is taken: the unique keys
    /// decide between two who upload at once. An index that was deleted and made again gives none of its
    /// names other bytes either.
    pub async fn put_file(&mut self, file: &StoredFile, attestations: Option<&str>) -> Result<Put> {
        let before = self.used_before(&file.index, "", &file.filename).await?;
        if let Some(sha256) = before.filter(|sha256| *sha256 != file.sha256) {
            let gone = StoredFile { sha256, deleted_at: Some(self.now), ..file.clone() };
            return Ok(Put::Taken(Box::new(gone)));
        }
        let identity = identity(&file.filename);
        let put = sqlx::query(
            "INSERT INTO file (index_name, filename, project, version, kind, url, sha256, md5, blake2_256, \
             size, requires_python, metadata_sha256, attestations, uploader, uploaded_at, identity, history) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17) \
             ON CONFLICT DO NOTHING",
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
        .bind(attestations)
        .bind(&file.uploader)
        .bind(file.uploaded_at)
        .bind(&identity)
        .bind(&file.history)
        .execute(&mut *self.tx)
        .await?;
        if put.rows_affected() > 0 {
            return Ok(Put::New);
        }
        let row = sqlx::query(select_file!("WHERE index_name = $1 AND (filename = $2 OR identity = $3)"))
            .bind(&file.index)
            .bind(&file.filename)
            .bind(&identity)
            .fetch_one(&mut *self.tx)
            .await?;
        Ok(Put::Taken(Box::new(super::file(&row)?)))
    }

    /// Whether a release is yanked, and why: `false`, `true` or the reason.
    pub async fn yank_of(
        &mut self,
        index: &IndexName,
        project: &ProjectName,
        version: &str,
    ) -> Result<Value> {
        let of = "SELECT yanked_at, yanked_reason FROM release \
            WHERE index_name = $1 AND project = $2 AND version = $3";
        let row =
            sqlx::query(of).bind(index).bind(project).bind(version).fetch_optional(&mut *self.tx).await?;
        let Some(row) = row else { return Ok(Value::Null) };
        let (at, reason): (Option<i64>, Option<String>) =
            (row.try_get("yanked_at")?, row.try_get("yanked_reason")?);
        Ok(reason.map_or_else(|| at.is_some().into(), Value::from))
    }

    /// The files of a project, or of one of its releases, that stand on an index: at most 100, as the audit log tells
    /// of them.
    pub async fn files_in_brief(
        &mut self,
        index: &IndexName,
        project: &ProjectName,
        version: Option<&str>,
        filename: Option<&str>,
    ) -> Result<Value> {
        let rows = sqlx::query(
            "SELECT filename, sha256 FROM file WHERE index_name = $1 AND project = $2 AND deleted_at IS NULL \
             AND (version = $3 OR $4 = 1) AND (filename = $5 OR $6 = 1) ORDER BY filename LIMIT 100",
        );
        let rows = rows.bind(index).bind(project).bind(version).bind(i64::from(version.is_none()));
        let rows = rows.bind(filename).bind(i64::from(filename.is_none())).fetch_all(&mut *self.tx).await?;
        let mut files = serde_json::Map::new();
        for row in rows {
            files.insert(row.try_get("filename")?, row.try_get::<String, _>("sha256")?.into());
        }
        Ok(serde_json::json!({ "files": files }))
    }

    /// Sets or takes back a yank; `false` if there is no such release.
    pub async fn set_yanked(
        &mut self,
        index: &IndexName,
        project: &ProjectName,
        version: &str,
        yanked: bool,
        reason: Option<&str>,
    ) -> Result<bool> {
        let set = sqlx::query(
            "UPDATE release SET yanked_at = $4, yanked_reason = $5 \
             WHERE index_name = $1 AND project = $2 AND version = $3",
        )
        .bind(index)
        .bind(project)
        .bind(version)
        .bind(yanked.then_some(self.now))
        .bind(reason)
        .execute(&mut *self.tx)
        .await?;
        if set.rows_affected() == 0 {
            return Ok(false);
        }
        self.touch_project(index, project).await?;
        Ok(true)
    }

    pub async fn touch_project(&mut self, index: &IndexName, project: &ProjectName) -> Result<()> {
        sqlx::query("UPDATE project SET serial = $3 WHERE index_name = $1 AND name = $2")
            .bind(index)
            .bind(project)
            .bind(self.serial)
            .execute(&mut *self.tx)
            .await?;
        Ok(())
    }

    /// Marks one file deleted, so that its name stays taken; `false` if it is not there.
    pub async fn delete_file(
        &mut self,
        index: &IndexName,
        project: &ProjectName,
        filename: &str,
    ) -> Result<bool> {
        let deleted = sqlx::query(
            "UPDATE file SET deleted_at = $3 \
             WHERE index_name = $1 AND filename = $2 AND deleted_at IS NULL",
        )
        .bind(index)
        .bind(filename)
        .bind(self.now)
        .execute(&mut *self.tx)
        .await?;
        self.delete_results_of(index, filename).await?;
        self.touch_project(index, project).await?;
        Ok(deleted.rows_affected() > 0)
    }

    /// Deletes a release with its files; `false` if there is no such release.
    pub async fn delete_release(
        &mut self,
        index: &IndexName,
        project: &ProjectName,
        version: &str,
    ) -> Result<bool> {
        sqlx::query(
            "UPDATE file SET deleted_at = $4 \
             WHERE index_name = $1 AND project = $2 AND version = $3 AND deleted_at IS NULL",
        )
        .bind(index)
        .bind(project)
        .bind(version)
        .bind(self.now)
        .execute(&mut *self.tx)
        .await?;
        for query in [
            "DELETE FROM build WHERE context = $1 AND given = 0 AND project = $2 AND version = $3",
            "DELETE FROM learned WHERE context = $1 AND project = $2 AND version = $3",
        ] {
            sqlx::query(query).bind(index).bind(project).bind(version).execute(&mut *self.tx).await?;
        }
        let deleted =
            sqlx::query("DELETE FROM release WHERE index_name = $1 AND project = $2 AND version = $3")
                .bind(index)
                .bind(project)
                .bind(version)
                .execute(&mut *self.tx)
                .await?;
        self.touch_project(index, project).await?;
        Ok(deleted.rows_affected() > 0)
    }

    /// Deletes a project with its releases and files; `false` if there is no such project.
    pub async fn delete_project(&mut self, index: &IndexName, project: &ProjectName) -> Result<bool> {
        sqlx::query(
            "UPDATE file SET deleted_at = $3 WHERE index_name = $1 AND project = $2 AND deleted_at IS NULL",
        )
        .bind(index)
        .bind(project)
        .bind(self.now)
        .execute(&mut *self.tx)
        .await?;
        for query in [
            "DELETE FROM build WHERE context = $1 AND given = 0 AND project = $2",
            "DELETE FROM learned WHERE context = $1 AND project = $2",
        ] {
            sqlx::query(query).bind(index).bind(project).execute(&mut *self.tx).await?;
        }
        sqlx::query("DELETE FROM release WHERE index_name = $1 AND project = $2")
            .bind(index)
            .bind(project)
            .execute(&mut *self.tx)
            .await?;
        let deleted = sqlx::query("DELETE FROM project WHERE index_name = $1 AND name = $2")
            .bind(index)
            .bind(project)
            .execute(&mut *self.tx)
            .await?;
        Ok(deleted.rows_affected() > 0)
    }
}
