//! Documentation: one zip for each release, kept as it came and served file by file.

use super::documentation_name;
use crate::access::{Who, may_read};
use crate::db::Tx;
use crate::db::attachments::Attachment;
use crate::directory::{Directory, Index, inheritance};
use crate::error::{Error, Result};
use crate::index::Indexes;
use crate::index::upload::{Content, Form, a_stage, event, may_upload, refuse_status, release_key};
use crate::names::{IndexName, ProjectName};
use crate::packaging::site::{Site, SiteFile};
use crate::packaging::version::{self, Version};
use crate::store::Spool;
use crate::tools::time::now;
use crate::words::{AttachmentKind, EventKind};
use crate::{bad, conflict, lost, missing};
use bytes::Bytes;
use std::sync::Arc;

/// The documentation that a path means, and where it lies.
#[derive(Clone, Debug)]
pub struct Documentation {
    pub index: IndexName,
    pub version: String,
    sha256: String,
}

/// A file of a documentation.
pub struct DocFile {
    pub bytes: Bytes,
    /// Of the zip that it is from: with its path, it names the bytes.
    pub sha256: String,
}

impl Indexes {
    /// Keeps the zip of a `doc_upload` as the documentation of its release; without a version, of the newest.
    ///
    /// # Errors
    /// `Bad` for what is no zip of files that can be served, `Conflict` if a non-volatile index has another.
    pub async fn add_documentation(
        &self,
        directory: &Directory,
        who: &Who,
        index: &Index,
        form: &Form,
        content: Option<Content>,
    ) -> Result<()> {
        a_stage(index)?;
        let project = form.project()?;
        may_upload(directory, who, index, &project)?;
        let content = content.ok_or_else(|| bad!("Upload payload does not have a file."))?;
        form.check_digests(&content.digests)?;
        let version = self.documented_version(index, &project, form).await?;
        check_documentation(&content.spool).await?;
        let digests = self.store.keep(content.spool).await?;
        let mut tx = Tx::begin(&self.db).await?;
        refuse_status(tx.project_status(&index.name, &project).await?, &project)?;
        let spelling = form.get("name").unwrap_or(project.as_str());
        tx.put_project(&index.name, &project, spelling).await?;
        let key = release_key(&mut tx, &index.name, &project, &version).await?;
        let metadata = serde_json::to_string(&form.metadata()).map_err(Error::internal)?;
        tx.put_release(&index.name, &project, &key, &metadata, false).await?;
        let name = documentation_name(&project, &key);
        if let Some(known) = tx.attachment(&index.name, &name).await? {
            if known.sha256 == digests.sha256 {
                return Ok(());
            }
            if !index.volatile {
                return Err(conflict!("{name} already exists in non-volatile index {}", index.name));
            }
        }
        let added = Attachment {
            index: index.name.clone(),
            project: project.clone(),
            version: key,
            kind: AttachmentKind::Documentation,
            name,
            about: None,
            sha256: digests.sha256,
            size: digests.size,
            passed: None,
            uploader: who.user.clone(),
            uploaded_at: now(),
            history: None,
        };
        tx.put_attachment(&added).await?;
        tx.commit(event(who, EventKind::Documentation, index, &project, &added.version)).await?;
        self.changed(&index.name, &project);
        Ok(())
    }

    async fn documented_version(&self, index: &Index, project: &ProjectName, form: &Form) -> Result<Version> {
        if let Some(text) = form.get("version") {
            return version::parse(text).ok_or_else(|| bad!("'{text}' is not a version by PEP 440"));
        }
        let known = self.db.releases(&index.name, project).await?;
        let known = known.iter().filter_map(|release| version::parse(&release.version));
        known
            .max()
            .ok_or_else(|| bad!("doczip has no version and '{project}' has no releases to derive one from"))
    }

    /// The documentation of a version, of the `latest` one that has any, or of the `stable` one; of the
    /// index or the first of its bases that has it.
    pub async fn documentation(
        &self,
        directory: &Arc<Directory>,
        who: &Who,
        index: &Index,
        project: &ProjectName,
        version: &str,
    ) -> Result<Documentation> {
        let walk = self.views.walk(directory, &index.name)?;
        let mut refused = None;
        for name in &walk.order.sources {
            let Some(source) = directory.indexes.get(name).filter(|index| index.is_stage()) else { continue };
            if source.name != index.name && !may_read(directory, who, source) {
                continue;
            }
            let known = self.db.attachments(name, project).await?;
            let docs: Vec<_> =
                known.iter().filter(|known| known.kind == AttachmentKind::Documentation).collect();
            let holding = inheritance::holding(directory, &walk.order, name, project);
            let held = |known: &Attachment| {
                let version = version::parse(&known.version);
                let one = directory.quarantines.of_any(&holding, project, version.as_ref())?;
                Some(one.refusal(project, version.as_ref()))
            };
            let free = docs.iter().copied().filter(|known| held(known).is_none());
            let Some(found) = meant(free, version) else {
                refused = refused.or_else(|| held(meant(docs.into_iter(), version)?));
                continue;
            };
            let (index, version) = (found.index.clone(), found.version.clone());
            return Ok(Documentation { index, version, sha256: found.sha256.clone() });
        }
        Err(refused.unwrap_or_else(|| missing!("{} has no documentation of {project} {version}", index.name)))
    }

    /// A file of a documentation; a folder's is its `index.html`. `None`: it is a folder whose URL lacks the
    /// slash.
    pub async fn documentation_file(&self, of: &Documentation, path: &str) -> Result<Option<DocFile>> {
        let path = path.to_owned();
        let found = self.in_site(of, move |site| site.read(&path)).await?;
        Ok(match found {
            SiteFile::Bytes(bytes) => Some(DocFile { bytes: bytes.into(), sha256: of.sha256.clone() }),
            SiteFile::Folder => None,
        })
    }

    /// The pages of a documentation in which all words of `query` stand, with their titles.
    pub async fn search_documentation(
        &self,
        of: &Documentation,
        query: &str,
    ) -> Result<Vec<(String, String)>> {
        let query = query.to_owned();
        self.in_site(of, move |site| site.search(&query)).await
    }

    async fn in_site<T: Send + 'static>(
        &self,
        of: &Documentation,
        read: impl FnOnce(&Site<'_, [u8]>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let bytes = self.store.whole(&of.sha256).await?;
        let bytes = bytes.ok_or_else(|| lost!("the server lost the documentation of blob {}", of.sha256))?;
        tokio::task::spawn_blocking(move || read(&Site::open(&bytes[..])?)).await?
    }
}

/// Whether a zip can be served as documentation.
///
/// # Errors
/// `Bad`, with the reason.
pub async fn check_documentation(spool: &Spool) -> Result<()> {
    let (path, small) = (spool.path().to_owned(), spool.bytes().cloned());
    tokio::task::spawn_blocking(move || match small {
        Some(bytes) => Site::check(&bytes[..]),
        None => Site::check(&std::fs::File::open(&path)?),
    })
    .await?
}

fn meant<'a>(known: impl Iterator<Item = &'a Attachment>, version: &str) -> Option<&'a Attachment> {
    let versions = known.filter_map(|known| Some((version::parse(&known.version)?, known)));
    match version {
        "latest" => versions.max_by(|a, b| a.0.cmp(&b.0)).map(|(_, known)| known),
        "stable" => {
            let stable = versions.filter(|(version, _)| !version.any_prerelease());
            stable.max_by(|a, b| a.0.cmp(&b.0)).map(|(_, known)| known)
        }
        text => {
            let asked = version::parse(text)?;
            versions.into_iter().find(|(version, _)| *version == asked).map(|(_, known)| known)
        }
    }
}
