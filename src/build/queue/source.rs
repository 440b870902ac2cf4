//! Where sources come from, and how their bytes become blobs before a worker is asked.

use super::plan::key;
use super::{BuildId, Builds};
use crate::build::failure::{Class, Failure};
use crate::build::job::{Source, SourceKind, Step};
use crate::db::builds::{Blocked, Edge, StoredBuild};
use crate::db::now;
use crate::directory::Kind;
use crate::error::{Error, Result};
use crate::git::{self, Address};
use crate::index::files;
use crate::index::mirror::{Key, Located, url_key};
use crate::missing;
use crate::names::IndexName;
use crate::names::ProjectName;
use crate::packaging::page::File;
use crate::tools::panics;
use crate::upstream::guard::Guard;
use futures::StreamExt;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// A fetch that takes longer has failed.
const LONGEST: Duration = Duration::from_secs(900);

/// Where a source is fetched from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Place {
    /// A file that an index has, or that its upstream lists.
    Index { index: String, project: String, filename: String, sha256: Option<String>, url: String },
    Repository {
        url: String,
        /// Private hosts may be asked that an administrator named; else public addresses alone.
        #[serde(default)]
        inside: bool,
    },
}

impl Place {
    pub(super) fn of(index: &IndexName, project: &ProjectName, file: &File) -> Self {
        Self::Index {
            index: index.as_str().to_owned(),
            project: project.to_string(),
            filename: file.filename.to_string(),
            sha256: file.hashes.sha256.clone(),
            url: file.href("").to_string(),
        }
    }
}

impl Builds {
    /// Begins to fetch a build's source, unless somebody else does.
    pub(super) async fn claim_fetch(&self, id: BuildId) -> Result<Option<StoredBuild>> {
        let until = now() + i64::try_from(LONGEST.as_micros()).unwrap_or(i64::MAX) + 10_000_000;
        self.0.db.claim_fetch(id, now(), until).await
    }

    /// Fetches the source of a claimed build; then it is queued, or failed.
    pub(super) async fn fetch(&self, mut row: StoredBuild) -> Result<()> {
        let fetched = match tokio::time::timeout(LONGEST, panics::caught(self.acquire(&mut row))).await {
            Ok(fetched) => fetched,
            Err(_) => Err(Error::Timeout(format!("it took longer than {} minutes", LONGEST.as_secs() / 60))),
        };
        if let Err(error) = fetched {
            let hint = format!("the source cannot be fetched: {error}; ask again once that is mended");
            self.fail(row.id, Some(row.fence), &Failure::new(Class::BadSource, Step::Fetch, hint)).await?;
            return Ok(());
        }
        self.queue_fetched(row).await
    }

    async fn queue_fetched(&self, mut row: StoredBuild) -> Result<()> {
        let source: Source = serde_json::from_str(&row.source).map_err(Error::internal)?;
        row.key = key(&row, &source);
        if self.0.db.build_fetched(&row).await? {
            self.call_workers();
            return Ok(());
        }
        // Another row has this key: what comes out of that is what comes out of this.
        let Some(same) = self.0.db.build_by_key(&row.key).await?.filter(|same| same.id != row.id) else {
            return Ok(());
        };
        self.0.db.join_build(same.id, row.priority, Some(&format!("build:{}", row.id)), None).await?;
        let edge = Edge { build: row.id, needs: same.id, requirement: String::new() };
        if self.0.db.block_build(row.id, row.fence, &[edge]).await? == Blocked::Waits {
            self.0.db.copy_outcome(same.id).await?;
            self.tell();
        }
        Ok(())
    }

    /// Makes the source a blob and notes its hash.
    async fn acquire(&self, row: &mut StoredBuild) -> Result<()> {
        let place = row.fetch.as_deref().ok_or_else(|| missing!("nothing says where it is"))?;
        match serde_json::from_str(place).map_err(Error::internal)? {
            Place::Index { index, project, filename, sha256, url } => {
                let stored = self.index_file(&index, &project, &filename, (sha256.as_deref(), &url)).await?;
                row.source_sha256 = Some(stored);
            }
            Place::Repository { url, inside } => self.clone_repository(&url, inside, row).await?,
        }
        Ok(())
    }

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
        let told = (file.hashes.sha256.as_deref(), url.as_str());
        self.index_file(index.as_str(), project.as_str(), &file.filename, told).await
    }

    /// The sha256 of an index's file, whose bytes are here afterwards.
    async fn index_file(
        &self,
        index: &str,
        project: &str,
        filename: &str,
        (sha256, url): (Option<&str>, &str),
    ) -> Result<String> {
        let directory = self.0.indexes.directory();
        let name = IndexName::parse(index).and_then(|name| directory.indexes.get(&name));
        let index = name.ok_or_else(|| missing!("there is no index {index} any more"))?;
        let stored = match &index.kind {
            Kind::Stage(_) => {
                let file = self.0.db.file(index.name.as_str(), filename).await?;
                let file = file.filter(|file| file.deleted_at.is_none());
                file.ok_or_else(|| missing!("{filename} is not in {} any more", index.name))?.sha256
            }
            Kind::Mirror(mirror) => {
                let located = self.located(index, project, filename, (sha256, url)).await?;
                files::permit(mirror, &located.project, &located.file)?;
                self.0.indexes.mirrors.ensure(index, &located, "").await?.sha256.clone()
            }
        };
        match sha256 {
            Some(told) if told != stored => {
                Err(missing!("{filename} has other bytes than it had when it was asked for"))
            }
            _ if self.0.store.size(&stored).await?.is_none() => {
                Err(Error::Lost(format!("the bytes of {filename} are lost")))
            }
            _ => Ok(stored),
        }
    }

    async fn located(
        &self,
        index: &crate::directory::Index,
        project: &str,
        filename: &str,
        (sha256, url): (Option<&str>, &str),
    ) -> Result<Located> {
        // The URL of ours ends in `+f/{3}/{13}/{filename}` or `+e/{key}/{filename}`.
        let by_hash = sha256.and_then(|hex| hex.get(..16)).map(Key::Hash);
        let by_url = url.split("+e/").nth(1).and_then(|rest| rest.split('/').next()).map(Key::Url);
        let own = url_key(url);
        let key = by_hash.or(by_url).unwrap_or(Key::Url(&own));
        let located = self.0.indexes.mirrors.locate(index, filename, key).await?;
        located
            .filter(|located| located.project.as_str() == project)
            .ok_or_else(|| missing!("{} does not list {filename} any more", index.name))
    }

    /// A repository's tree, packed; its commit and date are noted with the source.
    async fn clone_repository(&self, url: &str, inside: bool, row: &mut StoredBuild) -> Result<()> {
        if self.0.offline {
            return Err(Error::Offline(
                "this server is offline and clones nothing: upload the source instead".into(),
            ));
        }
        let address = Address::parse(url)?;
        // A name in the staging folder, gone with the spool.
        let place = self.0.store.spool().await?;
        let limits = git::Limits {
            bytes: self.0.largest.min(2 << 30),
            slowest: self.0.pace.rate,
            patience: self.0.pace.patience,
            ..git::Limits::default()
        };
        let guard = if inside { self.0.guard.clone() } else { Guard::public() };
        let tree = git::fetch(&address, git::Asker::Stranger(guard), limits, place.path()).await?;
        let mut spool = self.0.store.spool().await?;
        let mut pieces = tokio_util::io::ReaderStream::new(tokio::fs::File::open(place.path()).await?);
        while let Some(piece) = pieces.next().await {
            spool.write(piece?).await?;
        }
        let kept = self.0.store.keep(spool).await?;
        self.0.db.keep_tree(row.id, &kept.sha256, &tree.filename, kept.size, now()).await?;
        row.source_sha256 = Some(kept.sha256);
        let source = Source {
            kind: SourceKind::Tree,
            filename: tree.filename,
            origin: tree.origin,
            subdirectory: tree.subdirectory,
            published_at: tree.committed_at,
            commit: tree.commit,
        };
        row.source = serde_json::to_string(&source).map_err(Error::internal)?;
        Ok(())
    }
}
