//! What an index tells beyond prepared pages: all its files, a release's core metadata.

use super::curation;
use super::mirror::Key;
use super::sight::{Sight, UnapprovedFiles, reads};
use super::view::Views;
use crate::access::Who;
use crate::directory::inheritance::InheritanceOrder;
use crate::directory::{Directory, Index, IndexKind};
use crate::error::Result;
use crate::names::{IndexName, ProjectName};
use crate::packaging::metadata::Metadata;
use crate::packaging::page::{CoreMetadata, File, FilePlace, Page};
use crate::packaging::version;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

/// sha256 to what else is known of the same bytes: md5 and blake2b-256, in hex.
pub type Digests = HashMap<String, (Option<String>, Option<String>)>;

impl Views {
    /// Digests of a project's files, as far as their bytes are here. Bytes are the same wherever
    /// they are, so this tells nobody more than the sha256 does.
    pub async fn digests(
        &self,
        directory: &Arc<Directory>,
        index: &Index,
        project: &ProjectName,
    ) -> Result<Digests> {
        let walk = self.walk(directory, &index.name)?;
        let mut digests = Digests::new();
        for source in &walk.order.sources {
            let files = self.sources().db.project_files(source, project).await?;
            digests.extend(files.into_iter().map(|file| (file.sha256, (file.md5, file.blake2_256))));
        }
        Ok(digests)
    }

    /// The files of `index` and of the stages among its bases: each project's first of a name.
    pub async fn own_files(&self, directory: &Arc<Directory>, index: &Index, who: &Who) -> Result<Vec<File>> {
        let walk = self.walk(directory, &index.name)?;
        let readable = walk.readable(directory, who);
        let stage = |name: &IndexName| directory.indexes.get(name).is_some_and(Index::is_stage);
        // Mirrors are last, so the bits of the stages stay where they are.
        let sources: Vec<IndexName> = walk.order.sources.iter().filter(|name| stage(name)).cloned().collect();
        let mut names = BTreeSet::new();
        for (at, name) in sources.iter().enumerate() {
            if reads(readable, at) {
                names.extend(self.sources().db.projects(name).await?);
            }
        }
        let order = InheritanceOrder { sources, ..InheritanceOrder::default() };
        let (order, whole) = (&order, None);
        let sight =
            Sight { directory, order, readable, as_of: None, whole, unapproved: UnapprovedFiles::Hidden };
        let mut files = Vec::new();
        for name in &names {
            files.extend(self.sources().project(sight, name, false).await?.page.offered().iter().cloned());
        }
        Ok(files)
    }

    /// The core metadata of one release on `page`: from the database if it is hosted, else from
    /// a wheel that offers it; empty if nobody tells.
    pub async fn metadata(
        &self,
        directory: &Arc<Directory>,
        index: &Index,
        page: &Page,
        version: &str,
        who: &Who,
    ) -> Result<Metadata> {
        let walk = self.walk(directory, &index.name)?;
        let readable = walk.readable(directory, who);
        for (at, name) in walk.order.sources.iter().enumerate() {
            let may = reads(readable, at);
            let Some(source) = directory.indexes.get(name).filter(|_| may) else { continue };
            let found = match source.kind {
                IndexKind::Stage(_) => self.hosted_metadata(name, &page.name, version).await?,
                IndexKind::Mirror(_) => self.metadata_of_wheel(directory, source, page, version).await,
            };
            if let Some(found) = found {
                return Ok(found);
            }
        }
        Ok(Metadata::default())
    }

    async fn hosted_metadata(
        &self,
        index: &IndexName,
        project: &ProjectName,
        version: &str,
    ) -> Result<Option<Metadata>> {
        let releases = self.sources().db.releases(index, project).await?;
        let release = releases.iter().find(|release| version::same(&release.version, version));
        Ok(release.and_then(|release| serde_json::from_str(&release.metadata).ok()))
    }

    /// Of a wheel that the page promises metadata of; best effort.
    async fn metadata_of_wheel(
        &self,
        directory: &Directory,
        index: &Index,
        page: &Page,
        version: &str,
    ) -> Option<Metadata> {
        let curated = |owner: &IndexName| directory.indexes.get(owner).is_some_and(Index::is_curated);
        let theirs = |owner: &IndexName| *owner == index.name || curated(owner);
        let wheel = page.files.iter().find(|file| {
            file.owner().is_some_and(theirs)
                && file.core_metadata != CoreMetadata::No
                && file.filename.canonical_version().is_some_and(|known| version::same(known, version))
        })?;
        wheel.hashes.sha256.as_ref()?;
        self.mirrored_metadata(index, wheel).await.ok()?
    }

    /// The core metadata of one file of a release, which `index` owns; `None` if nobody tells.
    pub async fn metadata_of_file(
        &self,
        directory: &Directory,
        index: &Index,
        project: &ProjectName,
        version: &str,
        file: &File,
    ) -> Result<Option<Metadata>> {
        if index.is_mirror() {
            return self.mirrored_metadata(index, file).await;
        }
        let hosted = self.hosted_metadata(&index.name, project, version).await?;
        if hosted.is_some() || !index.is_curated() {
            return Ok(hosted);
        }
        for mirror in curation::supplied(directory, &index.name) {
            let Some(mirror) = directory.indexes.get(&mirror) else { continue };
            if let Some(found) = self.mirrored_metadata(mirror, file).await? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    async fn mirrored_metadata(&self, index: &Index, file: &File) -> Result<Option<Metadata>> {
        let mirrors = &self.sources().mirrors;
        let key = match (&file.place, &file.hashes.sha256) {
            (FilePlace::Hosted(_), Some(sha256)) => sha256.get(..16).map(Key::Hash),
            (FilePlace::Mirrored(_, key), _) => Some(Key::Url(key)),
            _ => None,
        };
        let Some(key) = key.filter(|_| file.core_metadata != CoreMetadata::No) else { return Ok(None) };
        let Some(located) = mirrors.locate(index, &file.filename, key).await? else { return Ok(None) };
        let bytes = mirrors.metadata(index, &located).await?;
        Ok(Metadata::parse(&bytes).ok())
    }
}
