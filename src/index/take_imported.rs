//! A release that comes from another server: what it had there becomes its rows, in one transaction.
//!
//! An upload is held against today's rules. What was published elsewhere comes as it is.

use super::Indexes;
use super::upload::{Form, refuse_status, release_key};
use crate::access::COMMAND_LINE;
use crate::conflict;
use crate::db::Tx;
use crate::db::attachments::Attachment;
use crate::db::events::NewEvent;
use crate::db::files::{Put, StoredFile};
use crate::error::{Error, Result};
use crate::names::{IndexName, ProjectName};
use crate::packaging::metadata::Metadata;
use crate::packaging::page::Yanked;
use crate::packaging::version::Version;
use crate::words::EventKind;
use serde_json::{Map, Value};

/// A release with its files and what stands beside them; their bytes are in the store.
#[derive(Debug)]
pub struct ImportedRelease {
    pub index: IndexName,
    pub project: ProjectName,
    pub version: Version,
    pub metadata: Metadata,
    /// Whether the metadata is better than what is known of the release.
    pub replaces: bool,
    pub yanked: Yanked,
    pub files: Vec<StoredFile>,
    pub attachments: Vec<Attachment>,
}

/// Metadata as its uploader claimed it: the fields of an upload form, in JSON.
pub fn claimed(project: &ProjectName, version: &str, fields: &Map<String, Value>) -> Metadata {
    let mut form = Form::default();
    for (key, value) in fields {
        let values = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
        values.iter().filter_map(Value::as_str).for_each(|text| form.push(key, text.to_owned()));
    }
    let mut metadata = form.metadata();
    if ProjectName::new(&metadata.name).as_ref() != Some(project) {
        metadata.name = project.to_string();
    }
    version.clone_into(&mut metadata.version);
    metadata
}

impl Indexes {
    /// Records a release, or what of it is new.
    ///
    /// # Errors
    /// `Conflict` if one of the names was taken meanwhile, `Forbidden` if the project takes no files.
    pub async fn take_imported(&self, release: ImportedRelease) -> Result<()> {
        let ImportedRelease { index, project, version, metadata, .. } = &release;
        let json = serde_json::to_string(metadata).map_err(Error::internal)?;
        let mut tx = Tx::begin(&self.db).await?;
        refuse_status(tx.project_status(index, project).await?, project)?;
        tx.put_project(index, project, &metadata.name).await?;
        let key = release_key(&mut tx, index, project, version).await?;
        tx.put_release(index, project, &key, &json, release.replaces).await?;
        for file in &release.files {
            let file = StoredFile { version: key.clone(), ..file.clone() };
            if let Put::Taken(known) = tx.put_file(&file, None).await?
                && (known.sha256 != file.sha256 || known.deleted_at.is_some())
            {
                return Err(conflict!(
                    "{index} had other bytes under the name {} before: names are never used again",
                    file.filename
                ));
            }
        }
        for attachment in &release.attachments {
            tx.put_attachment(&Attachment { version: key.clone(), ..attachment.clone() }).await?;
        }
        if let Some(reason) = release.yanked.why() {
            let reason = Some(reason).filter(|reason| !reason.is_empty());
            tx.set_yanked(index, project, &key, true, reason).await?;
        }
        let detail = format!("{key}: {} files", release.files.len());
        let event = NewEvent::of(COMMAND_LINE, EventKind::Imported).on(index).about(project);
        tx.commit(event.saying(&detail)).await?;
        self.changed(index, project);
        Ok(())
    }

    /// Registers a name that has no release, so that it is private here too.
    pub async fn take_imported_name(&self, index: &IndexName, project: &ProjectName) -> Result<()> {
        if self.db.stage_has(index, project).await? {
            return Ok(());
        }
        let mut tx = Tx::begin(&self.db).await?;
        tx.put_project(index, project, project.as_str()).await?;
        tx.commit(NewEvent::of(COMMAND_LINE, EventKind::Imported).on(index).about(project)).await?;
        self.changed(index, project);
        Ok(())
    }
}
