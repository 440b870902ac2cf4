//! Blobs as objects of an S3 bucket: `prefix/ab/cdef…`.

use super::blob::{Blob, SMALL, StoredBlob};
use super::key::BlobKey;
use super::s3;
use crate::config::S3Settings;
use crate::error::{Error, Result};
use crate::tools::time::{SECOND, now};
use crate::unavailable;
use bytes::Bytes;
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use object_store::aws::AmazonS3;
use object_store::path::Path;
use object_store::signer::{SignedUrlOptions, Signer};
use object_store::{GetOptions, GetRange, ObjectStore, ObjectStoreExt, WriteMultipart};
use sha2::{Digest, Sha256};
use std::fs::File;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::spawn_blocking;
use url::Url;

/// Bytes of one part of a multipart upload (10,000 parts at most: files up to 80 GiB).
const PART: usize = 8 << 20;

/// Parts of one file on their way at the same time.
const PARTS_AT_ONCE: usize = 4;

/// Microseconds after which an object that is stored again is sent again.
const FRESH: i64 = 600 * SECOND;

/// How long a presigned URL is good for.
const PRESIGNED_FOR: Duration = Duration::from_secs(300);

pub(super) struct Bucket {
    s3: AmazonS3,
    prefix: String,
    /// Large files are answered with a presigned redirect.
    pub(super) redirect: bool,
    /// Sizes that were seen, so that reading asks for one only once.
    sizes: moka::sync::Cache<BlobKey, u64>,
}

impl Bucket {
    /// `url` is `s3://bucket/prefix`; what `settings` leaves open comes from the usual `AWS_` variables.
    pub(super) async fn open(url: &str, settings: &S3Settings) -> Result<Self> {
        let (s3, prefix) = s3::connect("storage", url, settings)?;
        let sizes = moka::sync::Cache::new(100_000);
        let bucket = Self { s3, prefix, redirect: settings.redirect, sizes };
        bucket
            .size(BlobKey::of(b""))
            .await
            .map_err(|error| unavailable!("cannot use the storage {url}: {error}"))?;
        Ok(bucket)
    }

    pub(super) async fn put(&self, key: BlobKey, bytes: Bytes) -> Result<()> {
        let size = bytes.len() as u64;
        if self.has_fresh(key, size).await? {
            return Ok(());
        }
        self.s3.put(&self.path(key), bytes.into()).await.map_err(failed)?;
        self.sizes.insert(key, size);
        Ok(())
    }

    /// Whether it is there and was stored a moment ago. One that is older is put anew, with today's date: whoever collects what
    /// no row refers to must not take it for an old one while its row is being written.
    async fn has_fresh(&self, key: BlobKey, size: u64) -> Result<bool> {
        let meta = found(self.s3.head(&self.path(key)).await)?;
        let fresh = now().saturating_sub(FRESH);
        Ok(meta.is_some_and(|meta| meta.size == size && meta.last_modified.timestamp_micros() > fresh))
    }

    /// Sends a file in parts, reading off the async threads.
    pub(super) async fn put_file(&self, key: BlobKey, file: File, size: u64) -> Result<()> {
        if self.has_fresh(key, size).await? {
            return Ok(());
        }
        let file = Arc::new(file);
        if size <= PART as u64 {
            let bytes = read_part(file, 0, size).await?;
            self.s3.put(&self.path(key), bytes.into()).await.map_err(failed)?;
        } else {
            let upload = self.s3.put_multipart(&self.path(key)).await.map_err(failed)?;
            let mut upload = WriteMultipart::new_with_chunk_size(upload, PART);
            match send_parts(&mut upload, file, size).await {
                Ok(()) => upload.finish().await.map_err(failed)?,
                Err(error) => {
                    let _ = upload.abort().await;
                    return Err(error);
                }
            };
        }
        self.sizes.insert(key, size);
        Ok(())
    }

    /// A small blob, verified.
    pub(super) async fn fetch(&self, key: BlobKey) -> Result<Option<Bytes>> {
        let Some(found) = found(self.s3.get(&self.path(key)).await)? else { return Ok(None) };
        let bytes = found.bytes().await.map_err(failed)?;
        if BlobKey::of(&bytes) != key {
            return Err(rotten(key));
        }
        Ok(Some(bytes))
    }

    /// A large blob or a range of it. A whole one is hashed on the way, and its last bytes are
    /// held back until the hash is known to be right.
    pub(super) async fn stream(
        &self,
        key: BlobKey,
        size: u64,
        range: Option<Range<u64>>,
    ) -> Result<Option<Blob>> {
        let range = range.map(|range| range.start.min(size)..range.end.min(size)).filter(|r| *r != (0..size));
        if let Some(range) = &range
            && range.is_empty()
        {
            return Ok(Some(Blob::Bytes(Bytes::new())));
        }
        let options = GetOptions { range: range.clone().map(GetRange::Bounded), ..GetOptions::default() };
        let Some(answer) = found(self.s3.get_opts(&self.path(key), options).await)? else { return Ok(None) };
        let stream = answer.into_stream().map_err(failed).boxed();
        Ok(Some(match range {
            Some(range) => Blob::Stream { size: range.end - range.start, stream },
            None => Blob::Stream { size, stream: verified(key, stream) },
        }))
    }

    /// Sizes never change, so an answer that was seen is believed, except about absence.
    pub(super) async fn size(&self, key: BlobKey) -> Result<Option<u64>> {
        if let Some(size) = self.sizes.get(&key) {
            return Ok(Some(size));
        }
        let measured = self.measured(key).await?;
        if let Some(size) = measured {
            self.sizes.insert(key, size);
        }
        Ok(measured)
    }

    pub(super) async fn hash(&self, key: BlobKey) -> Result<Option<BlobKey>> {
        let Some(answer) = found(self.s3.get(&self.path(key)).await)? else { return Ok(None) };
        let mut stream = answer.into_stream();
        let mut sha256 = Sha256::new();
        while let Some(bytes) = stream.try_next().await.map_err(failed)? {
            sha256.update(&bytes);
        }
        Ok(Some(BlobKey::from(<[u8; 32]>::from(sha256.finalize()))))
    }

    pub(super) async fn presigned(&self, key: BlobKey, filename: &str) -> Result<Url> {
        let name: String = filename.chars().filter(|c| !matches!(c, '"' | '\\') && !c.is_control()).collect();
        let options = SignedUrlOptions::new().with_query([
            ("response-content-disposition", format!("attachment; filename=\"{name}\"")),
            ("response-content-type", "application/octet-stream".to_owned()),
        ]);
        let method = http::Method::GET;
        self.s3.signed_url_opts(method, &self.path(key), PRESIGNED_FOR, &options).await.map_err(failed)
    }

    pub(super) async fn remove(&self, key: BlobKey) -> Result<bool> {
        // S3 answers a delete of nothing like a delete of something.
        let there = self.measured(key).await?.is_some();
        self.sizes.invalidate(&key);
        found(self.s3.delete(&self.path(key)).await)?;
        Ok(there)
    }

    pub(super) fn list(&self) -> BoxStream<'static, Result<StoredBlob>> {
        let prefix = (!self.prefix.is_empty()).then(|| Path::from(self.prefix.as_str()));
        let entries = self.s3.list(prefix.as_ref()).map_err(failed);
        let named = entries.try_filter_map(async |meta| {
            let mut parts = meta.location.as_ref().rsplit('/');
            let (rest, shard) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
            let modified = meta.last_modified.timestamp_micros();
            Ok(BlobKey::parse(&format!("{shard}{rest}")).map(|key| StoredBlob {
                key,
                size: meta.size,
                modified,
            }))
        });
        named.boxed()
    }

    /// Asked of the bucket itself: an upload is not acknowledged by what is remembered.
    pub(super) async fn measured(&self, key: BlobKey) -> Result<Option<u64>> {
        Ok(found(self.s3.head(&self.path(key)).await)?.map(|meta| meta.size))
    }

    /// When it was stored last, in microseconds since 1970.
    pub(super) async fn modified(&self, key: BlobKey) -> Result<Option<i64>> {
        let meta = found(self.s3.head(&self.path(key)).await)?;
        Ok(meta.map(|meta| meta.last_modified.timestamp_micros()))
    }

    fn path(&self, key: BlobKey) -> Path {
        match self.prefix.as_str() {
            "" => Path::from(format!("{}/{}", key.shard(), key.rest())),
            prefix => Path::from(format!("{prefix}/{}/{}", key.shard(), key.rest())),
        }
    }
}

async fn send_parts(upload: &mut WriteMultipart, file: Arc<File>, size: u64) -> Result<()> {
    let mut start = 0;
    while start < size {
        let end = size.min(start + PART as u64);
        upload.wait_for_capacity(PARTS_AT_ONCE).await.map_err(failed)?;
        upload.put(read_part(file.clone(), start, end).await?);
        start = end;
    }
    Ok(())
}

async fn read_part(file: Arc<File>, start: u64, end: u64) -> Result<Bytes> {
    spawn_blocking(move || {
        let mut bytes = vec![0; usize::try_from(end - start).unwrap_or(0)];
        file.read_exact_at(&mut bytes, start)?;
        Ok(bytes.into())
    })
    .await?
}

/// Passes bytes on, one piece late, and fails instead of giving the last one if the hash is wrong.
fn verified(
    key: BlobKey,
    mut stream: BoxStream<'static, Result<Bytes>>,
) -> BoxStream<'static, Result<Bytes>> {
    let checked = async_stream::try_stream! {
        let mut sha256 = Sha256::new();
        let mut held: Option<Bytes> = None;
        while let Some(bytes) = stream.try_next().await? {
            sha256.update(&bytes);
            if let Some(earlier) = held.replace(bytes) {
                yield earlier;
            }
        }
        if BlobKey::from(<[u8; 32]>::from(sha256.finalize())) != key {
            Err(rotten(key))?;
        }
        if let Some(last) = held {
            yield last;
        }
    };
    checked.boxed()
}

fn rotten(key: BlobKey) -> Error {
    tracing::error!(%key, "the bucket returned bytes with a wrong hash");
    Error::internal(anyhow::anyhow!("the bucket's bytes for {key} have a wrong hash: restore the object"))
}

/// An answer, or `None` if there is no such object.
fn found<T>(answer: object_store::Result<T>) -> Result<Option<T>> {
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(object_store::Error::NotFound { .. }) => Ok(None),
        Err(error) => Err(failed(error)),
    }
}

fn failed(error: object_store::Error) -> Error {
    tracing::error!(%error, "the object store failed");
    unavailable!("the object store failed: try again, or see the log for details")
}

/// Small blobs are fetched whole before they are answered.
const _: () = assert!(SMALL <= PART as u64);
