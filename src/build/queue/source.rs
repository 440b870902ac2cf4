//! Where sources come from, and how their bytes become blobs.

use super::Queue;
use crate::access::Who;
use crate::db::builds::Build;
use crate::db::watches::Watch;
use crate::directory::{Directory, Index, IndexKind};
use crate::error::{Error, Result};
use crate::git::{self, Address, RepositoryAsker, WatchGrant};
use crate::index::files;
use crate::index::mirror::{Key, Located, url_key};
use crate::names::{IndexName, ProjectName};
use crate::packaging::filename::ListedFilename;
use crate::packaging::page::File;
use crate::tools::time::now;
use crate::upstream::guard::Guard;
use crate::{bad, lost, missing};
use futures::StreamExt;
use std::sync::Arc;

/// What tells a file from others of its name. The URL of ours ends in `+f/{3}/{13}/{filename}` or `+e/{key}/{filename}`;
/// `own` stands for it if it does not.
fn key_of<'a>(sha256: Option<&'a str>, url: &'a str, own: &'a str) -> Key<'a> {
    let by_hash = sha256.and_then(|hex| hex.get(..16)).map(Key::Hash);
    let by_url = url.split("+e/").nth(1).and_then(|rest| rest.split('/').next()).map(Key::Url);
    by_hash.or(by_url).unwrap_or(Key::Url(own))
}

impl Queue {
    /// The sha256 of an sdist that an index lists, whose bytes are here afterwards.
    ///
    /// # Errors
    /// If it cannot be fetched, or the index's policy refuses it.
    pub async fn stored_source(
        &self,
        index: &IndexName,
        project: &ProjectName,
        file: &File,
    ) -> Result<String> {
        let url = file.href("").to_string();
        self.index_file(index, project, &file.filename, (file.hashes.sha256.as_deref(), &url)).await
    }

    /// The sha256 of an index's file, whose bytes are here afterwards.
    pub(super) async fn index_file(
        &self,
        name: &IndexName,
        project: &ProjectName,
        filename: &str,
        (sha256, url): (Option<&str>, &str),
    ) -> Result<String> {
        let directory = self.0.indexes.directory();
        let index = directory.indexes.get(name).ok_or_else(|| missing!("index {name} no longer exists"))?;
        let behind = match index.is_curated() {
            true => Box::pin(self.behind(&directory, index, filename, (sha256, url))).await?,
            false => None,
        };
        let index = behind.unwrap_or(index);
        let listed = ListedFilename::new(project, filename);
        for at in [name, &index.name] {
            directory.quarantines.permit(at, project, listed.version())?;
        }
        let stored = match &index.kind {
            IndexKind::Stage(_) => {
                let file = self.0.db.file(&index.name, filename).await?;
                let file = file.filter(|file| file.deleted_at.is_none());
                file.ok_or_else(|| missing!("{filename} is no longer in {}", index.name))?.sha256
            }
            IndexKind::Mirror(mirror) => {
                let located = Box::pin(self.located(index, project, filename, (sha256, url))).await?;
                files::permit((&directory, name), mirror, &located.project, &located.file)?;
                self.0.indexes.mirrors.ensure(index, &located, "").await?.sha256.clone()
            }
        };
        match sha256 {
            Some(told) if told != stored => {
                Err(missing!("{filename} has changed since the build was requested: request the build again"))
            }
            _ if self.0.store.size(&stored).await?.is_none() => {
                Err(lost!("the server lost the bytes of {filename}"))
            }
            _ => Ok(stored),
        }
    }

    /// The mirror that has a file of a curated index, if that does not have it itself.
    async fn behind<'a>(
        &self,
        directory: &'a Arc<Directory>,
        index: &Index,
        filename: &str,
        (sha256, url): (Option<&str>, &str),
    ) -> Result<Option<&'a Index>> {
        if self.0.db.file(&index.name, filename).await?.is_some() {
            return Ok(None);
        }
        let own = url_key(url);
        self.0.indexes.views.mirror_behind(directory, index, filename, key_of(sha256, url, &own)).await
    }

    async fn located(
        &self,
        index: &Index,
        project: &ProjectName,
        filename: &str,
        (sha256, url): (Option<&str>, &str),
    ) -> Result<Located> {
        let own = url_key(url);
        let located =
            self.0.indexes.mirrors.locate_in(index, project, filename, key_of(sha256, url, &own)).await?;
        located.ok_or_else(|| missing!("{} no longer lists {filename}", index.name))
    }

    /// A repository that somebody named; `inside`: it may be on a private host that an administrator named.
    pub(super) fn stranger(&self, inside: bool) -> RepositoryAsker {
        RepositoryAsker::Stranger(if inside { self.0.fetching.guard.clone() } else { Guard::public() })
    }

    /// The tree of a watched tag, if that still names the commit.
    pub(super) async fn clone_tag(
        &self,
        url: &str,
        (watch, commit): (i64, &str),
        row: &mut Build,
    ) -> Result<()> {
        let watch = self.0.db.watch(watch).await?.ok_or_else(|| missing!("its watch was removed"))?;
        let address = Address::parse(url)?;
        self.clone_repository(&address, self.watch_asker(&watch, &address), row).await?;
        match row.source.commit.as_deref() {
            Some(found) if found == commit => Ok(()),
            found => Err(bad!(
                "the tag named commit {commit} when it was seen, and names {} now: make a new tag",
                found.unwrap_or("another one")
            )),
        }
    }

    /// How a watch asks for its repository, by the settings of now.
    pub(in crate::build) fn watch_asker(&self, watch: &Watch, address: &Address) -> RepositoryAsker {
        let credentials = &self.0.fetching.credentials;
        let credential =
            credentials.find(address, &watch.index, Who::watch(watch.id, &watch.owner).is_root());
        let grant = WatchGrant { disk: watch.by_operator, credential };
        RepositoryAsker::Watch(self.0.fetching.guard.clone(), grant)
    }

    /// A repository's tree, packed; its commit and date are noted with the source.
    pub(super) async fn clone_repository(
        &self,
        address: &Address,
        asker: RepositoryAsker,
        row: &mut Build,
    ) -> Result<()> {
        if self.is_offline() && address.host().is_some() {
            return Err(Error::Offline(
                "this server is offline and cannot clone: upload the source instead".into(),
            ));
        }
        // A name in the staging folder, gone with the spool.
        let place = self.0.store.spool().await?;
        let limits = git::GitLimits {
            bytes: self.0.largest.min(2 << 30),
            slowest: self.0.fetching.pace.rate,
            patience: self.0.fetching.pace.patience,
            ..git::GitLimits::default()
        };
        let tree = git::fetch(address, asker, limits, place.path()).await?;
        for warning in &tree.warnings {
            tracing::warn!(build = row.id, warning, "a cloned repository is not complete");
        }
        let mut spool = self.0.store.spool().await?;
        let mut pieces = tokio_util::io::ReaderStream::new(tokio::fs::File::open(place.path()).await?);
        while let Some(piece) = pieces.next().await {
            spool.write(piece?).await?;
        }
        let kept = self.0.store.keep(spool).await?;
        self.0.db.keep_tree(row.id, &kept.sha256, &tree.filename, kept.size, now()).await?;
        row.source_sha256 = Some(kept.sha256);
        row.source = tree.into_source();
        Ok(())
    }
}
