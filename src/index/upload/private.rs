//! What says `Private :: …` does not get where everybody sees it by accident.

use crate::directory::Index;
use crate::error::Result;
use crate::forbidden;
use crate::index::Indexes;
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
}
