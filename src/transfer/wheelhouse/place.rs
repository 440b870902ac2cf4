//! Where a wheelhouse stands: in a folder or in a bucket, for one way to keep it.

use super::folder::{HouseFolder, is_own, lost};
use super::tree::{TreeFile, TreePage};
use crate::error::Result;
use crate::store::{Blob, ObjectFolder, ObjectKind, Store};
use bytes::Bytes;
use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt, TryStreamExt, stream};
use std::collections::HashMap;

/// Objects on their way to a bucket at once.
const AT_ONCE: usize = 16;

#[derive(Clone)]
pub(super) enum HousePlace {
    Folder(HouseFolder),
    Bucket(ObjectFolder),
}

impl HousePlace {
    /// As people call it.
    pub(super) fn name(&self) -> String {
        match self {
            Self::Folder(folder) => folder.root().display().to_string(),
            Self::Bucket(bucket) => bucket.url().to_owned(),
        }
    }

    pub(super) async fn get(&self, path: &str) -> Result<Option<Vec<u8>>> {
        match self {
            Self::Folder(folder) => folder.get(path).await,
            Self::Bucket(bucket) => Ok(bucket.get(path).await?.map(|bytes| bytes.to_vec())),
        }
    }

    /// Whether nothing is there, where only what is ours may be.
    pub(super) async fn is_foreign(&self) -> Result<bool> {
        match self {
            // Looked at when it was opened.
            Self::Folder(_) => Ok(false),
            Self::Bucket(bucket) => Ok(bucket.list().next().await.transpose()?.is_some()),
        }
    }

    /// Every file of the tree, with its bytes.
    pub(super) async fn list(&self) -> Result<HashMap<String, u64>> {
        let found: Vec<(String, u64)> = match self {
            Self::Folder(folder) => folder.list().await?,
            Self::Bucket(bucket) => {
                bucket.list().map_ok(|object| (object.path, object.size)).try_collect().await?
            }
        };
        Ok(found.into_iter().filter(|(path, _)| !is_own(path)).collect())
    }

    /// Puts bytes of the store in their places.
    pub(super) async fn put_files(&self, store: &Store, files: Vec<TreeFile>) -> Result<()> {
        match self {
            Self::Folder(folder) => folder.put_files(store, files).await,
            Self::Bucket(bucket) => {
                all(files.into_iter().map(|file| send(bucket.clone(), store.clone(), file).boxed())).await
            }
        }
    }

    /// Replaces pages, each at once; in a folder when they are settled.
    pub(super) async fn put_pages(&self, pages: Vec<TreePage>) -> Result<()> {
        match self {
            Self::Folder(folder) => folder.put_pages(pages).await,
            Self::Bucket(bucket) => {
                let put = |page: TreePage| {
                    let bucket = bucket.clone();
                    async move { bucket.put(&page.path, page.bytes, page.kind).await }.boxed()
                };
                all(pages.into_iter().map(put)).await
            }
        }
    }

    /// Whatever was put is there for good when this returns, and what pages link to before the pages.
    pub(super) async fn settle(&self) -> Result<()> {
        match self {
            Self::Folder(folder) => folder.settle().await,
            Self::Bucket(_) => Ok(()),
        }
    }

    /// Writes something that is ours alone.
    pub(super) async fn put_own(&self, path: &str, bytes: Vec<u8>) -> Result<()> {
        let page = TreePage {
            path: path.to_owned(),
            bytes: Bytes::from(bytes),
            kind: ObjectKind::State,
            hash: String::new(),
        };
        self.put_pages(vec![page]).await?;
        self.settle().await
    }

    pub(super) async fn remove(&self, paths: Vec<String>) -> Result<()> {
        match self {
            Self::Folder(folder) => folder.remove(paths).await,
            Self::Bucket(bucket) => {
                let gone = |path: String| {
                    let bucket = bucket.clone();
                    async move { bucket.remove(&path).await }.boxed()
                };
                all(paths.into_iter().map(gone)).await
            }
        }
    }
}

/// Does some of them at once; ends at the first that fails.
async fn all(tasks: impl Iterator<Item = BoxFuture<'static, Result<()>>>) -> Result<()> {
    let tasks: Vec<_> = tasks.collect();
    stream::iter(tasks).buffer_unordered(AT_ONCE).try_collect().await
}

async fn send(bucket: ObjectFolder, store: Store, file: TreeFile) -> Result<()> {
    let blob = store.get(&file.sha256, None).await?;
    let blob = blob.ok_or_else(|| lost(&file.path))?;
    let size = match &blob {
        Blob::Bytes(bytes) => bytes.len() as u64,
        Blob::Stream { size, .. } => *size,
    };
    bucket.put_stream(&file.path, size, blob.into_stream(), file.kind).await
}
