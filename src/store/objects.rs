//! Objects under names of their own, below a prefix of a bucket: what others read without this server.

use super::s3;
use crate::config::S3Settings;
use crate::error::{Error, Result};
use crate::tools::time::Micros;
use crate::{forbidden, missing, unavailable};
use bytes::Bytes;
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use object_store::aws::AmazonS3;
use object_store::path::Path;
use object_store::signer::Signer;
use object_store::{
    Attribute, Attributes, ObjectStore, ObjectStoreExt, PutMultipartOptions, PutOptions, WriteMultipart,
};
use std::time::Duration;

/// Bytes of one part of a multipart upload; smaller objects are put at once.
const PART: u64 = 8 << 20;

/// Parts of one object on their way at the same time.
const PARTS_AT_ONCE: usize = 4;

/// What a browser or an installer is told of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ObjectKind {
    /// A page that is replaced when something changes.
    Html,
    /// The same for installers that read JSON.
    SimpleJson,
    /// A file whose bytes never change.
    File,
    /// METADATA of a wheel, which never changes either.
    Text,
    /// For nobody but us.
    State,
}

impl ObjectKind {
    fn attributes(self) -> Attributes {
        let (content_type, cache_control) = match self {
            Self::Html => ("text/html; charset=utf-8", "max-age=60"),
            Self::SimpleJson => ("application/vnd.pypi.simple.v1+json", "max-age=60"),
            Self::File => ("application/octet-stream", "max-age=31536000, immutable"),
            Self::Text => ("text/plain; charset=utf-8", "max-age=31536000, immutable"),
            Self::State => ("application/json", "no-store"),
        };
        [(Attribute::ContentType, content_type), (Attribute::CacheControl, cache_control)]
            .into_iter()
            .collect()
    }
}

/// How long the keys are good for that sign links.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyLife {
    /// Until somebody revokes them.
    Lasting,
    Until(Micros),
    /// They belong to a session that ends, and nobody says when.
    Unknown,
}

/// One object in a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredObject {
    /// Below the prefix.
    pub path: String,
    /// Bytes.
    pub size: u64,
}

/// A prefix of a bucket. Cheap to clone.
#[derive(Clone)]
pub struct ObjectFolder {
    s3: AmazonS3,
    prefix: String,
    url: String,
}

impl ObjectFolder {
    /// `url` is `s3://BUCKET/PREFIX`; `what` it is for is told in errors. Nothing is asked yet.
    ///
    /// # Errors
    /// `Bad` if the URL is not of this form, and without any credentials.
    pub fn open(what: &str, url: &str, settings: &S3Settings) -> Result<Self> {
        let (s3, prefix) = s3::connect(what, url, settings)?;
        Ok(Self { s3, prefix, url: url.trim_end_matches('/').to_owned() })
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    /// All of an object; `None` if there is none.
    pub async fn get(&self, path: &str) -> Result<Option<Bytes>> {
        match self.s3.get(&self.path(path)).await {
            Ok(found) => found.bytes().await.map(Some).map_err(|why| self.failed("read", path, &why)),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(why) => Err(self.failed("read", path, &why)),
        }
    }

    /// The same piece by piece.
    pub async fn stream(&self, path: &str) -> Result<Option<BoxStream<'static, Result<Bytes>>>> {
        match self.s3.get(&self.path(path)).await {
            Ok(found) => {
                let (folder, path) = (self.clone(), path.to_owned());
                let pieces = found.into_stream().map_err(move |why| folder.failed("read", &path, &why));
                Ok(Some(pieces.boxed()))
            }
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(why) => Err(self.failed("read", path, &why)),
        }
    }

    /// Puts an object in its place, or replaces it at once.
    pub async fn put(&self, path: &str, bytes: Bytes, kind: ObjectKind) -> Result<()> {
        let options = PutOptions { attributes: kind.attributes(), ..PutOptions::default() };
        let put = self.s3.put_opts(&self.path(path), bytes.into(), options).await;
        put.map(drop).map_err(|why| self.failed("write", path, &why))
    }

    /// The same of bytes that come one after the other. What breaks off leaves nothing.
    pub async fn put_stream(
        &self,
        path: &str,
        size: u64,
        mut bytes: BoxStream<'static, Result<Bytes>>,
        kind: ObjectKind,
    ) -> Result<()> {
        if size <= PART {
            let parts: Vec<Bytes> = bytes.try_collect().await?;
            return self.put(path, parts.concat().into(), kind).await;
        }
        let failed = |why: object_store::Error| self.failed("write", path, &why);
        let options = PutMultipartOptions { attributes: kind.attributes(), ..Default::default() };
        let upload = self.s3.put_multipart_opts(&self.path(path), options).await.map_err(failed)?;
        let mut upload =
            WriteMultipart::new_with_chunk_size(upload, usize::try_from(PART).unwrap_or(usize::MAX));
        let sent = async {
            while let Some(bytes) = bytes.try_next().await? {
                upload.wait_for_capacity(PARTS_AT_ONCE).await.map_err(failed)?;
                upload.put(bytes);
            }
            Ok(())
        };
        match sent.await {
            Ok(()) => upload.finish().await.map(drop).map_err(failed),
            Err(error) => {
                let _ = upload.abort().await;
                Err(error)
            }
        }
    }

    /// Removes an object, if there is one.
    pub async fn remove(&self, path: &str) -> Result<()> {
        match self.s3.delete(&self.path(path)).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(why) => Err(self.failed("delete", path, &why)),
        }
    }

    /// Every object below the prefix, in no order.
    pub fn list(&self) -> BoxStream<'static, Result<StoredObject>> {
        let prefix = (!self.prefix.is_empty()).then(|| Path::from(self.prefix.as_str()));
        let folder = self.clone();
        let found = self.s3.list(prefix.as_ref()).map(move |entry| {
            let meta = entry.map_err(|why| folder.failed("list", "", &why))?;
            let path = meta.location.as_ref();
            let path = path.strip_prefix(&folder.prefix).unwrap_or(path).trim_start_matches('/').to_owned();
            Ok(StoredObject { path, size: meta.size })
        });
        found.boxed()
    }

    /// A URL at which anybody gets the object for so many seconds from now on.
    pub async fn presigned(&self, path: &str, seconds: u64) -> Result<String> {
        let lasts = Duration::from_secs(seconds);
        let signed = self.s3.signed_url(http::Method::GET, &self.path(path), lasts).await;
        signed.map(String::from).map_err(|why| self.failed("sign a link to", path, &why))
    }

    /// How long the keys last; `variable` reads the environment.
    pub async fn key_life(&self, variable: impl Fn(&str) -> Option<String>) -> Result<KeyLife> {
        let keys = self.s3.credentials().get_credential().await;
        let keys = keys.map_err(|why| self.failed("get the credentials of", "", &why))?;
        if keys.token.as_ref().is_none_or(String::is_empty) {
            return Ok(KeyLife::Lasting);
        }
        let ends = variable("AWS_CREDENTIAL_EXPIRATION");
        let ends = ends.and_then(|text| text.parse::<jiff::Timestamp>().ok());
        Ok(ends.map_or(KeyLife::Unknown, |at| KeyLife::Until(at.as_microsecond())))
    }

    fn path(&self, path: &str) -> Path {
        match self.prefix.as_str() {
            "" => Path::from(path),
            prefix => Path::from(format!("{prefix}/{path}")),
        }
    }

    /// What a refusal means: which bucket, what was tried, and the way out.
    fn failed(&self, action: &str, path: &str, why: &object_store::Error) -> Error {
        let what = match path {
            "" => self.url.clone(),
            path => format!("{}/{path}", self.url),
        };
        let text = why.to_string();
        if text.contains("RequestTimeTooSkewed") {
            return unavailable!(
                "cannot {action} {what}: the clock of this machine and the bucket's are too far apart: set \
                 this machine's clock (NTP), then try again"
            );
        }
        if text.contains("NoSuchBucket") {
            return missing!(
                "cannot {action} {what}: there is no such bucket: create it, or name another one"
            );
        }
        match why {
            object_store::Error::PermissionDenied { .. } | object_store::Error::Unauthenticated { .. } => {
                tracing::debug!(error = %text, "the bucket refused");
                forbidden!(
                    "cannot {action} {what}: the bucket refused it. Check the access key, and give it \
                     s3:GetObject, s3:PutObject, s3:DeleteObject and s3:ListBucket for this prefix"
                )
            }
            _ => {
                tracing::debug!(error = %text, "the bucket failed");
                unavailable!("cannot {action} {what}: the object store failed: {}", in_short(&text))
            }
        }
    }
}

/// The beginning of what a store says: whole answers are long.
fn in_short(text: &str) -> String {
    let line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    crate::error::clipped(&line, 300)
}
