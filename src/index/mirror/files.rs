//! Files of a mirror: which one a URL of ours means, and where its bytes come from.

use super::asked::Asked;
use super::listed::{parsed, stands_for};
use super::running::{Begun, Download};
use super::state::{Key, Located, Mirrors};
use crate::db::files::StoredFile;
use crate::directory::{Index, IndexKind};
use crate::error::{Error, Result};
use crate::index::policy;
use crate::names::ProjectName;
use crate::packaging::filename::candidates;
use crate::packaging::page::File;
use crate::tools::time::SECOND;
use crate::upstream;
use crate::upstream::client::no_copy;
use crate::{bad_upstream, lost};
use bytes::Bytes;
use std::ops::Range;
use std::sync::Arc;

/// A page that does not list a file is asked for again only if it is older:
/// otherwise URLs made up by anybody would each cost a request.
const RECENT: i64 = 30 * SECOND;

/// Bytes of a range that is passed through; whoever wants more wants the file.
const SMALL_RANGE: u64 = 4 << 20;

impl Key<'_> {
    fn fits(&self, file: &File) -> bool {
        match self {
            Self::Hash(key) => file.hashes.sha256.as_deref().is_some_and(|hex| hex.starts_with(key)),
            Self::Url(key) => stands_for(key, file.link()),
        }
    }
}

impl Mirrors {
    /// The upstream's file behind one of our URLs. `None`: it lists no such file.
    pub async fn locate(&self, index: &Index, filename: &str, key: Key<'_>) -> Result<Option<Located>> {
        let mut failed = None;
        for project in candidates(filename) {
            match self.locate_in(index, &project, filename, key).await {
                Ok(Some(located)) => return Ok(Some(located)),
                Ok(None) => {}
                Err(error) => failed = Some(error),
            }
        }
        // What is not known because the upstream fails is not said to be missing.
        failed.map_or(Ok(None), Err)
    }

    /// The same of a file of this project: no other page is looked at.
    pub async fn locate_in(
        &self,
        index: &Index,
        project: &ProjectName,
        filename: &str,
        key: Key<'_>,
    ) -> Result<Option<Located>> {
        if matches!(key, Key::Hash(hex) if hex.len() != 16) {
            return Ok(None);
        }
        if let IndexKind::Mirror(mirror) = &index.kind
            && let Some(reason) = policy::refused(mirror, project)
        {
            return Err(Error::Forbidden(reason));
        }
        for refresh in [false, true] {
            let page = match self.page(index, project, refresh).await {
                Err(Error::Offline(_)) => return Err(no_copy(filename)),
                told => told?,
            };
            let Some(page) = page else { break };
            let fits = |file: &&File| file.filename == filename && key.fits(file);
            if let Some(file) = page.page.files.iter().find(fits) {
                let other = self.meant_another(&index.name, project, file).await?;
                return Ok((!other).then(|| Located { project: project.clone(), file: file.clone() }));
            }
            if page.stale || !self.is_older(index, project, RECENT).await? {
                break;
            }
        }
        Ok(None)
    }

    /// The file's bytes: from the store, or from the upstream while they are stored, once it is the
    /// asker's turn. No name: the server itself.
    pub async fn download(&self, index: &Index, located: &Located, asker: &str) -> Result<Download> {
        if let Some(row) = self.stored(index, located).await?
            && let Some(download) = self.kept_bytes(&row).await?
        {
            return Ok(download);
        }
        let asked = self.online(index, located)?;
        match self.0.downloading(&asked, located, asker).await?.begin(&located.file).await? {
            Begun::Coming(download) => Ok(download),
            Begun::Stored(row) => self
                .kept_bytes(&row)
                .await?
                .ok_or_else(|| lost!("the server lost the bytes of {}", located.file.filename)),
        }
    }

    /// Stores the file if it is not stored yet, and waits for that (for ranges).
    ///
    /// # Errors
    /// As the download fails; `Full` if the disk has no room for it.
    pub async fn ensure(&self, index: &Index, located: &Located, asker: &str) -> Result<Arc<StoredFile>> {
        if let Some(row) = self.stored(index, located).await?
            && self.0.store.size(&row.sha256).await?.is_some()
        {
            return Ok(Arc::new(row));
        }
        // Passed on alone, it would be here for nobody.
        self.0.store.has_reserve()?;
        let asked = self.online(index, located)?;
        self.0.downloading(&asked, located, asker).await?.end().await
    }

    /// How large the file is, for HEAD: from what is known, or from the upstream's own HEAD.
    /// `None`: nobody tells before it was downloaded.
    pub async fn size(&self, index: &Index, located: &Located) -> Result<Option<u64>> {
        if let Some(row) = self.stored(index, located).await? {
            return Ok(Some(row.size));
        }
        if located.file.size.is_some() {
            return Ok(located.file.size);
        }
        let asked = self.online(index, located)?;
        let url = parsed(&located.file)?;
        upstream::files::size(&self.0.client, &asked.source, &url).await
    }

    /// A small range of a file that is not stored, straight from the upstream: installers that
    /// read METADATA from the end of a huge wheel would give up waiting for all of it. Such bytes
    /// cannot be verified alone (the installer verifies what it puts together). `None`: stored
    /// already, too large, or the upstream has no ranges; use [`Mirrors::ensure`].
    pub async fn range(&self, index: &Index, located: &Located, range: Range<u64>) -> Result<Option<Bytes>> {
        let length = range.end.saturating_sub(range.start);
        if length > SMALL_RANGE || self.stored(index, located).await?.is_some() {
            return Ok(None);
        }
        let asked = self.online(index, located)?;
        let url = parsed(&located.file)?;
        self.0.needed();
        upstream::files::range(&self.0.client, &asked.source, &url, range).await
    }

    fn online(&self, index: &Index, located: &Located) -> Result<Asked> {
        if self.0.client.is_offline() {
            return Err(no_copy(&located.file.filename));
        }
        Asked::new(&self.0.config, index)
    }

    /// The row of a file whose bytes are here.
    ///
    /// # Errors
    /// `BadUpstream` if the upstream has other bytes now: they are not served under this name.
    pub(super) async fn stored(&self, index: &Index, located: &Located) -> Result<Option<StoredFile>> {
        let filename = located.file.filename.as_str();
        let row = self.0.db.file(&index.name, filename).await?;
        let Some(row) = row.filter(|row| row.deleted_at.is_none()) else { return Ok(None) };
        match &located.file.hashes.sha256 {
            Some(told) if !row.hash_told => {
                let dropped = self.0.settle_one(&index.name, &located.project, &row, told).await?;
                Ok(Some(row).filter(|_| !dropped))
            }
            Some(told) if *told != row.sha256 => {
                tracing::error!(
                    index = index.name.as_str(),
                    filename,
                    kept = row.sha256,
                    upstream = told,
                    "the upstream changed a file that this server already served"
                );
                Err(bad_upstream!(
                    "the upstream changed {filename} after this server served it with sha256 {}: the server \
                     keeps the first version",
                    row.sha256
                ))
            }
            _ => Ok(Some(row)),
        }
    }

    async fn kept_bytes(&self, row: &StoredFile) -> Result<Option<Download>> {
        let Some(blob) = self.0.store.get(&row.sha256, None).await? else { return Ok(None) };
        let (size, sha256) = (Some(row.size), Some(row.sha256.clone()));
        Ok(Some(Download { size, sha256, stream: blob.into_stream() }))
    }
}
