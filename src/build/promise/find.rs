//! From a promise's URL back to the promise, and whether what was served of it still may be.

use super::{Promise, Promises};
use crate::access::Who;
use crate::db::promises::StoredPromise;
use crate::directory::{Directory, Index, IndexKind};
use crate::error::{Error, Result};
use crate::index::files;
use crate::index::mirror::Key;
use crate::missing;
use crate::names::IndexName;
use crate::packaging::choose;
use crate::packaging::filename::{ListedFilename, WheelFilename};
use std::sync::Arc;

impl Promises {
    /// The promise that has this name; the index must be one that `who` may read.
    ///
    /// # Errors
    /// `Missing` if nobody builds for the target, or if the index lists no source that this name could
    /// be promised for.
    pub async fn find(&self, who: &Who, index: &IndexName, target: &str, filename: &str) -> Result<Promise> {
        let nothing = || missing!("{filename} is not a promised wheel for {target} on {index}");
        let wheel = WheelFilename::parse(filename).map_err(|_| nothing())?;
        let target = self.targets().offers().await?.named(target)?.target.clone();
        if super::filename(&wheel.name, &wheel.version, &target) != filename {
            return Err(nothing());
        }
        let directory = self.indexes().directory();
        let found = directory.indexes.get(index).ok_or_else(nothing)?;
        let page = self.indexes().views.page(&directory, found, &wheel.name, who).await?;
        let mut sources = choose::sdist_of_each(&page);
        let source = sources.remove(&wheel.version).ok_or_else(nothing)?;
        Ok(Promise {
            index: index.clone(),
            source: source.clone(),
            project: wheel.name,
            version: wheel.version,
            filename: filename.to_owned(),
            target,
        })
    }

    /// Whether what was served once may still be: its source is not deleted, and no policy refuses it.
    ///
    /// # Errors
    /// `Gone` or `Forbidden` with the reason.
    pub async fn permit(&self, directory: &Arc<Directory>, row: &StoredPromise) -> Result<()> {
        let index = directory.indexes.get(&row.index);
        let index = index.ok_or_else(|| missing!("index {} does not exist", row.index))?;
        let source = ListedFilename::new(&row.project, &row.source_filename);
        directory.quarantines.permit(&row.index, &row.project, source.version())?;
        match &index.kind {
            IndexKind::Mirror(mirror) => files::permit_ageless(mirror, &row.project, &row.source_filename),
            IndexKind::Stage(_) => {
                let source = self.db().file(&row.index, &row.source_filename).await?;
                if source.is_none() && index.is_curated() {
                    return self.permit_behind(directory, index, row).await;
                }
                match source.is_some_and(|source| source.deleted_at.is_none()) {
                    true => Ok(()),
                    false => {
                        Err(Error::Gone(format!("{} was deleted from {}", row.source_filename, row.index)))
                    }
                }
            }
        }
    }

    /// The same of a source that a curated index lists of a mirror.
    async fn permit_behind(
        &self,
        directory: &Arc<Directory>,
        index: &Index,
        row: &StoredPromise,
    ) -> Result<()> {
        let hash = row.source_sha256.as_deref().and_then(|hex| hex.get(..16)).unwrap_or_default();
        let views = &self.indexes().views;
        let mirror = views.mirror_behind(directory, index, &row.source_filename, Key::Hash(hash)).await?;
        match mirror.map(|mirror| &mirror.kind) {
            Some(IndexKind::Mirror(mirror)) => {
                files::permit_ageless(mirror, &row.project, &row.source_filename)
            }
            _ => Err(Error::Gone(format!("{} is no longer on {}", row.source_filename, row.index))),
        }
    }
}
