//! All that a bundle brings becomes rows in one transaction: all of it, or nothing.

use super::Indexes;
use super::upload::{CarriedFile, refuse_status, release_key, same_or_refused};
use crate::access::Who;
use crate::conflict;
use crate::db::Tx;
use crate::db::bundles::ImportedBundle;
use crate::db::events::NewEvent;
use crate::db::files::Put;
use crate::error::Result;
use crate::names::{IndexName, ProjectName};
use crate::packaging::version;
use crate::words::{EventKind, FileKind};
use std::collections::BTreeMap;

/// A release that is yanked where the bundle comes from.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct CarriedYank {
    pub project: ProjectName,
    /// In canonical form.
    pub version: String,
    /// May be empty.
    pub reason: String,
}

/// What a bundle brings; the bytes are in the store.
pub struct BundleRows {
    pub record: ImportedBundle,
    pub files: Vec<CarriedFile>,
    pub yanks: Vec<CarriedYank>,
    /// Projects that were asked for and that the bundle does not have, and why.
    pub refused: Vec<(ProjectName, String)>,
}

impl Indexes {
    /// Records all of it.
    ///
    /// # Errors
    /// `Bad`, `Forbidden` or `Conflict` if something was taken or forbidden since it was looked at: then nothing is
    /// recorded.
    pub async fn take_bundle(&self, who: &Who, rows: BundleRows) -> Result<()> {
        let index = rows.record.index.clone();
        let mut by_project: BTreeMap<ProjectName, (Vec<&CarriedFile>, Vec<&CarriedYank>)> = BTreeMap::new();
        for carried in &rows.files {
            by_project.entry(carried.file.project.clone()).or_default().0.push(carried);
        }
        for yank in &rows.yanks {
            by_project.entry(yank.project.clone()).or_default().1.push(yank);
        }
        let mut tx = Tx::begin(&self.db).await?;
        if tx.has_newer_bundle(&rows.record).await? {
            return Err(conflict!("{index} got a newer bundle of {} meanwhile", rows.record.origin_index));
        }
        for (project, (files, yanks)) in &by_project {
            if !files.is_empty() {
                put_files(&mut tx, &index, project, files).await?;
            }
            for yank in yanks {
                put_yank(&mut tx, &index, yank).await?;
            }
            let detail = format!("{} files of bundle {}", files.len(), rows.record.manifest_sha256);
            let event = NewEvent::of(&who.label, EventKind::Imported).on(&index).about(project);
            tx.step(event.saying(&detail)).await?;
        }
        if !tx.put_imported_bundle(&rows.record).await? {
            return Err(conflict!("{index} got this bundle meanwhile"));
        }
        tx.settle_wishes(&index, &rows.refused).await?;
        let ImportedBundle { manifest_sha256, signers, who: user, .. } = &rows.record;
        let detail =
            format!("bundle {manifest_sha256}: {} files, signed by {signers}, by {user}", rows.files.len());
        tx.commit(NewEvent::of(&who.label, EventKind::BundleImported).on(&index).saying(&detail)).await?;
        by_project.keys().for_each(|project| self.changed(&index, project));
        Ok(())
    }
}

async fn put_files(
    tx: &mut Tx,
    index: &IndexName,
    project: &ProjectName,
    files: &[&CarriedFile],
) -> Result<()> {
    refuse_status(tx.project_status(index, project).await?, project)?;
    for carried in files {
        tx.put_project(index, project, &carried.spelling).await?;
        let mut file = carried.file.clone();
        file.version = release_key(tx, index, project, &carried.version).await?;
        let is_wheel = file.kind == FileKind::Wheel;
        tx.put_release(index, project, &file.version, &carried.metadata, is_wheel).await?;
        if let Put::Taken(known) = tx.put_file(&file, None).await? {
            same_or_refused(&known, &file.filename, &file.sha256)?;
        }
    }
    Ok(())
}

/// Yanks a release that is there.
async fn put_yank(tx: &mut Tx, index: &IndexName, yank: &CarriedYank) -> Result<()> {
    let here = tx.versions(index, &yank.project).await?;
    let Some(version) = here.into_iter().find(|known| version::same(known, &yank.version)) else {
        return Ok(());
    };
    let reason = Some(yank.reason.as_str()).filter(|reason| !reason.is_empty());
    tx.set_yanked(index, &yank.project, &version, true, reason).await.map(drop)
}
