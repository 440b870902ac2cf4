//! Names that meant something in an index that was deleted since: a mirror of that name gives them no other bytes.

use super::state::Mirrors;
use crate::db::names::UsedFile;
use crate::error::Result;
use crate::names::{IndexName, ProjectName};
use crate::packaging::filename::identity;
use crate::packaging::page::{File, Page};

/// Whether the name of `file`, in whatever spelling, meant other bytes, or bytes that nobody tells apart.
fn contradicts(used: &[UsedFile], file: &File) -> bool {
    if used.is_empty() {
        return false;
    }
    let own = identity(&file.filename);
    let same = |used: &&UsedFile| used.identity.as_ref() == Some(&own);
    // Exactly this spelling counts before another of the same name, as for uploads.
    let exact = used.iter().find(|used| used.filename == file.filename);
    let before = exact.or_else(|| used.iter().find(same));
    before.is_some_and(|before| file.hashes.sha256.as_deref() != Some(before.sha256.as_str()))
}

impl Mirrors {
    /// Takes away what [`contradicts`] an earlier promise.
    pub(super) async fn drop_used(&self, index: &IndexName, page: &mut Page) -> Result<()> {
        let used = self.0.db.used_files(index, &page.name).await?;
        page.files.retain(|file| !contradicts(&used, file));
        Ok(())
    }

    /// The same of a single file.
    pub(super) async fn meant_another(
        &self,
        index: &IndexName,
        project: &ProjectName,
        file: &File,
    ) -> Result<bool> {
        let used = self.0.db.used_files(index, project).await?;
        Ok(contradicts(&used, file))
    }
}
