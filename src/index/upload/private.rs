//! What says `Private :: …` does not get where everybody sees it by accident.

use crate::directory::Index;
use crate::error::Result;
use crate::forbidden;
use crate::index::Indexes;
use crate::index::kept::says_private;
use crate::index::push::PushedRelease;
use crate::names::ProjectName;
use crate::packaging::metadata::Metadata;

impl Indexes {
    /// The index that gets what names no index is where people err.
    ///
    /// # Errors
    /// `Forbidden` for a private project there, if everybody may read it.
    pub(in crate::index) fn refuse_private(&self, index: &Index, metadata: &Metadata) -> Result<()> {
        let is_default = self.default_upload.as_deref() == Some(index.name.as_str());
        let is_public = index.acl_read.iter().any(|principal| principal == ":ANONYMOUS:");
        if !(is_default && is_public && metadata.is_private()) {
            return Ok(());
        }
        Err(forbidden!(
            "a classifier of {} says 'Private ::', and everybody may read {}: upload it to another index, set \
             acl_read of this one, or remove the classifier",
            metadata.name,
            index.name
        ))
    }

    /// Whether a project says that it must not leave: by the release at hand, or by another one there.
    pub async fn is_private(
        &self,
        index: &Index,
        project: &ProjectName,
        release: &PushedRelease,
    ) -> Result<bool> {
        let sources = std::slice::from_ref(&index.name);
        Ok(says_private(&release.metadata) || self.views.is_private(sources, project).await?)
    }
}
