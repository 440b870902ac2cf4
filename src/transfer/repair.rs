//! Repairing what a check found: bytes come back from a backup, from the wheel that they belong to, or from the
//! upstream that they came from.

use super::backup::OpenBackup;
use crate::access::SERVER;
use crate::db::Db;
use crate::db::blobs::FileOfBlob;
use crate::error::{Error, Result};
use crate::index::Indexes;
use crate::index::fsck::BlobFault;
use crate::index::mirror::{Key, url_key};
use crate::lost;
use crate::packaging::wheel;
use crate::store::{BlobKey, Spool, Store};
use futures::TryStreamExt;
use futures::stream::BoxStream;
use serde::Serialize;

/// What is repaired.
#[derive(Clone, Copy)]
pub struct RepairPlace<'a> {
    pub db: &'a Db,
    pub store: &'a Store,
    pub indexes: &'a Indexes,
    /// Where bytes may be taken from.
    pub from: Option<&'a OpenBackup>,
}

/// What became of a fault.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BlobRepair {
    pub sha256: String,
    pub used_by: Vec<String>,
    /// Where the right bytes came from.
    pub repaired_from: Option<String>,
    /// What to do about what cannot be repaired.
    pub advice: Option<String>,
}

/// Tries to repair each fault.
pub async fn repair(place: RepairPlace<'_>, faults: &[BlobFault]) -> Result<Vec<BlobRepair>> {
    let mut repairs = Vec::new();
    for fault in faults {
        let done = place.one(fault).await?;
        let (repaired_from, advice) = match done {
            Ok(from) => (Some(from), None),
            Err(advice) => (None, Some(advice)),
        };
        let (sha256, used_by) = (fault.sha256.clone(), fault.used_by.clone());
        repairs.push(BlobRepair { sha256, used_by, repaired_from, advice });
    }
    Ok(repairs)
}

impl RepairPlace<'_> {
    /// Where the bytes came from, or what to do instead.
    async fn one(&self, fault: &BlobFault) -> Result<Result<String, String>> {
        let Some(key) = BlobKey::parse(&fault.sha256) else {
            return Ok(Err("the row names no sha256: delete the file and upload it again".into()));
        };
        if let Some(backup) = self.from
            && let Some(bytes) = backup.blob(key).await?
        {
            match self.take(key, bytes).await {
                Ok(()) => return Ok(Ok(format!("the backup {}", backup.name))),
                // There are other ways.
                Err(Error::Lost(_)) => {}
                Err(other) => return Err(other),
            }
        }
        let files = self.db.files_of_blob(&fault.sha256).await?;
        if files.is_empty() && self.db.forget_remote_metadata(&fault.sha256).await? > 0 {
            self.store.remove_older(key, i64::MAX).await?;
            return Ok(Ok("the upstream, when somebody asks for it".into()));
        }
        let mut advice = None;
        for file in files {
            let tried = match (&file.url, file.is_metadata) {
                (_, true) => self.metadata_of_wheel(key, &file).await,
                (Some(url), false) => self.fetch_again(key, &file, url).await,
                (None, false) => continue,
            };
            match tried {
                Ok(from) => return Ok(Ok(from)),
                Err(why) => advice = advice.or(Some(why.to_string())),
            }
        }
        Ok(Err(advice.unwrap_or_else(|| match self.from {
            Some(_) => {
                "the backup does not have it whole: try an older one with --at, or delete the file".into()
            }
            None => "name a backup with --from, or delete it and upload or build it again".into(),
        })))
    }

    /// Keeps bytes if they are the right ones.
    async fn take(&self, key: BlobKey, mut bytes: BoxStream<'static, Result<bytes::Bytes>>) -> Result<()> {
        let mut spool = self.store.spool().await?;
        while let Some(piece) = bytes.try_next().await? {
            spool.write(piece).await?;
        }
        self.keep(key, spool).await
    }

    async fn keep(&self, key: BlobKey, mut spool: Spool) -> Result<()> {
        if spool.finish().await?.sha256 != key.to_string() {
            return Err(lost!("{key} does not match its hash there either"));
        }
        // A bucket keeps an object of the same size.
        self.store.remove_older(key, i64::MAX).await?;
        self.store.keep(spool).await.map(drop)
    }

    async fn metadata_of_wheel(&self, key: BlobKey, file: &FileOfBlob) -> Result<String> {
        let wheel = self.store.get(&file.sha256, None).await?;
        let mut bytes = wheel.ok_or_else(|| lost!("{} is missing, too", file.filename))?.into_stream();
        let mut copy = self.store.spool().await?;
        while let Some(piece) = bytes.try_next().await? {
            copy.write(piece).await?;
        }
        if copy.finish().await?.sha256 != file.sha256 {
            return Err(lost!("{} is damaged, too", file.filename));
        }
        let path = copy.path().to_owned();
        let metadata =
            tokio::task::spawn_blocking(move || wheel::read_metadata(std::fs::File::open(path)?)).await??;
        let mut spool = self.store.spool().await?;
        spool.write(metadata.into()).await?;
        self.keep(key, spool).await?;
        Ok(file.filename.clone())
    }

    async fn fetch_again(&self, key: BlobKey, file: &FileOfBlob, url: &str) -> Result<String> {
        let FileOfBlob { index: name, filename, sha256, .. } = file;
        let directory = self.indexes.directory();
        let index = directory.indexes.get(name).ok_or_else(|| lost!("index {name} is gone"))?;
        let (mirrors, by_url) = (&self.indexes.mirrors, url_key(url));
        let mut located = None;
        for key in [Key::Hash(sha256.get(..16).unwrap_or_default()), Key::Url(&by_url)] {
            if located.is_none() {
                located = mirrors.locate(index, filename, key).await?;
            }
        }
        let located = located.ok_or_else(|| {
            lost!("the upstream of {name} does not have {filename} with this hash any more")
        })?;
        self.store.has_reserve()?;
        self.store.remove_older(key, i64::MAX).await?;
        let stored = mirrors.ensure(index, &located, SERVER).await?;
        match stored.sha256 == *sha256 && self.store.verify(key).await? == Some(true) {
            true => Ok(format!("the upstream of {name}")),
            false => Err(lost!("the upstream of {name} has another {filename} now")),
        }
    }
}
