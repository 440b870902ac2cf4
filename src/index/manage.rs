//! What its keepers do to what an index holds: yank, set a project's status, delete.

use super::Indexes;
use super::upload::event;
use crate::access::Who;
use crate::db::Tx;
use crate::directory::{Index, IndexKind};
use crate::error::Result;
use crate::names::ProjectName;
use crate::packaging::version;
use crate::words::{EventKind, ProjectStatus};
use crate::{forbidden, missing};
use serde_json::json;

/// PEP 592.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Yank {
    /// With a reason, never empty, or without.
    Yes(Option<String>),
    /// Takes it back.
    No,
}

impl Indexes {
    /// Yanks a release, or takes that back; returns the release's own spelling of its version.
    pub async fn yank(
        &self,
        who: &Who,
        index: &Index,
        project: &ProjectName,
        version: &str,
        yank: &Yank,
    ) -> Result<String> {
        a_stage(index)?;
        let (what, yanked, reason) = match yank {
            Yank::Yes(reason) => (EventKind::Yank, true, reason.as_deref()),
            Yank::No => (EventKind::Unyank, false, None),
        };
        let name = &index.name;
        let mut tx = Tx::begin(&self.db).await?;
        let key = release(&mut tx, index, project, version).await?;
        let before = json!({"yanked": tx.yank_of(name, project, &key).await?}).to_string();
        tx.set_yanked(name, project, &key, yanked, reason).await?;
        let after = json!({"yanked": tx.yank_of(name, project, &key).await?}).to_string();
        tx.commit(event(who, what, index, project, &key).before(&before).after(&after)).await?;
        self.changed(name, project);
        Ok(key)
    }

    /// Sets a project's status (PEP 792).
    pub async fn set_status(
        &self,
        who: &Who,
        index: &Index,
        project: &ProjectName,
        status: ProjectStatus,
        reason: Option<&str>,
    ) -> Result<()> {
        a_stage(index)?;
        let mut tx = Tx::begin(&self.db).await?;
        let before = tx.project_status(&index.name, project).await?;
        let before = before.map(|(status, reason)| json!({"status": status, "reason": reason}).to_string());
        if !tx.set_status(&index.name, project, status, reason).await? {
            return Err(no_project(project));
        }
        let detail = format!("{status:?}").to_ascii_lowercase();
        let after = json!({"status": status, "reason": reason}).to_string();
        let event = event(who, EventKind::ProjectStatus, index, project, &detail);
        tx.commit(event.before(before.as_deref().unwrap_or("null")).after(&after)).await?;
        self.changed(&index.name, project);
        Ok(())
    }

    /// Deletes one file. Its name stays taken: it is never used for other bytes.
    pub async fn delete_file(
        &self,
        who: &Who,
        index: &Index,
        project: &ProjectName,
        filename: &str,
        force: bool,
    ) -> Result<()> {
        a_stage(index)?;
        if !(index.volatile || force) {
            return Err(forbidden!(
                "cannot delete a file on the non-volatile index {}: use ?force",
                index.name
            ));
        }
        let mut tx = Tx::begin(&self.db).await?;
        let before = tx.files_in_brief(&index.name, project, None, Some(filename)).await?.to_string();
        if !tx.delete_file(&index.name, project, filename).await? {
            return Err(missing!("package '{filename}' doesn't exist"));
        }
        tx.commit(event(who, EventKind::FileDeleted, index, project, filename).before(&before)).await?;
        self.changed(&index.name, project);
        Ok(())
    }

    /// Deletes a release with its files; the last release takes its project along.
    pub async fn delete_release(
        &self,
        who: &Who,
        index: &Index,
        project: &ProjectName,
        version: &str,
        force: bool,
    ) -> Result<String> {
        a_stage(index)?;
        if !(index.volatile || force) {
            return Err(forbidden!("cannot delete version on non-volatile index {}: use ?force", index.name));
        }
        let name = &index.name;
        let mut tx = Tx::begin(&self.db).await?;
        let key = release(&mut tx, index, project, version).await?;
        let before = tx.files_in_brief(name, project, Some(&key), None).await?.to_string();
        tx.delete_release(name, project, &key).await?;
        if tx.versions(name, project).await?.is_empty() {
            tx.delete_project(name, project).await?;
        }
        tx.commit(event(who, EventKind::ReleaseDeleted, index, project, &key).before(&before)).await?;
        self.changed(name, project);
        Ok(key)
    }

    /// Deletes a project with all its releases and files.
    pub async fn delete_project(
        &self,
        who: &Who,
        index: &Index,
        project: &ProjectName,
        force: bool,
    ) -> Result<()> {
        a_stage(index)?;
        if !(index.volatile || force) {
            return Err(forbidden!(
                "project '{project}' is on non-volatile index {}: use ?force",
                index.name
            ));
        }
        let mut tx = Tx::begin(&self.db).await?;
        let before = tx.files_in_brief(&index.name, project, None, None).await?.to_string();
        if !tx.delete_project(&index.name, project).await? {
            return Err(missing!("project not found"));
        }
        tx.commit(event(who, EventKind::ProjectDeleted, index, project, "").before(&before)).await?;
        self.changed(&index.name, project);
        Ok(())
    }
}

/// The key of the release that `version` names, in whatever spelling.
async fn release(tx: &mut Tx, index: &Index, project: &ProjectName, version: &str) -> Result<String> {
    let known = tx.versions(&index.name, project).await?;
    let asked = version::parse(version);
    let same =
        known.into_iter().find(|known| known == version || asked.is_some() && version::parse(known) == asked);
    same.ok_or_else(|| {
        missing!("version '{version}' of project '{project}' not found on stage '{}'", index.name)
    })
}

fn a_stage(index: &Index) -> Result<()> {
    match index.kind {
        IndexKind::Stage(_) => Ok(()),
        IndexKind::Mirror(_) => Err(forbidden!(
            "{} is a mirror: you cannot change its projects. Use the option deny to hide one",
            index.name
        )),
    }
}

fn no_project(project: &ProjectName) -> crate::error::Error {
    missing!("no project '{project}'")
}
