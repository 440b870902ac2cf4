//! The copy of a wheel that is served under a promised name: its tags and metadata are those promised.

use super::{BUILD_TAG, Pinned, Promise};
use crate::db::promises::StoredPromise;
use crate::error::{Error, Result};
use crate::packaging::archive::MAX_TEXT;
use crate::packaging::filename::WheelFilename;
use crate::packaging::metadata::Metadata;
use crate::packaging::retag::{PlainWheel, RetagPlan};
use crate::packaging::wheel;
use crate::store::Store;
use crate::tools::time::SECOND;
use crate::{bad, lost};
use bytes::Bytes;
use std::io::Cursor;
use tokio::sync::Semaphore;

/// Copies at once in this process: each holds its wheel in memory twice.
static AT_ONCE: Semaphore = Semaphore::const_new(2);

/// Why a wheel is not what was promised, in one line.
type Unfit = String;

/// Stores a copy of the wheel `filename`, whose bytes are the blob `sha256`, under the promised name.
/// If metadata was served, it is that of the copy.
///
/// # Errors
/// `Lost` if bytes are not there. The inner error: the wheel is not what was promised.
pub(super) async fn copy(
    store: &Store,
    promise: &Promise,
    known: &StoredPromise,
    (filename, sha256): (&str, &str),
) -> Result<Result<Pinned, Unfit>> {
    if promise.target.accepts(filename).is_none() {
        return Ok(Err(format!(
            "the build made {filename}, which target {} does not accept",
            promise.target.name
        )));
    }
    // Never closed, so that nobody goes without a turn.
    let _turn = AT_ONCE.acquire().await;
    let bytes = whole(store, sha256, filename).await?;
    let told = match &known.metadata_sha256 {
        Some(sha256) => Some(whole(store, sha256, &format!("{}.metadata", promise.filename)).await?),
        None => None,
    };
    let order = Order {
        from: filename.to_owned(),
        to: promise.filename.clone(),
        tag: promise.target.telling_tag().to_owned(),
        timestamp: published(promise),
        told,
    };
    let written = tokio::task::spawn_blocking(move || order.write(&bytes)).await?;
    let (bytes, metadata) = match written {
        Ok(written) => written,
        Err(Error::Bad(why)) => return Ok(Err(why)),
        Err(error) => return Err(error),
    };
    let size = bytes.len() as u64;
    let metadata_sha256 = store.put(metadata).await?;
    Ok(Ok(Pinned { sha256: store.put(bytes).await?, size, metadata_sha256 }))
}

async fn whole(store: &Store, sha256: &str, what: &str) -> Result<Bytes> {
    let bytes = store.whole(sha256).await?;
    bytes.ok_or_else(|| lost!("the server lost the bytes of {what} (blob {sha256})"))
}

/// Seconds since 1970; archives of one wheel are alike whenever they are made.
fn published(promise: &Promise) -> i64 {
    promise.source.uploaded.map_or(0, |time| time.micros() / SECOND)
}

struct Order {
    from: String,
    to: String,
    tag: String,
    timestamp: i64,
    /// METADATA that was served.
    told: Option<Bytes>,
}

impl Order {
    /// The copy, and its METADATA.
    ///
    /// # Errors
    /// `Bad` if the wheel is not what was promised.
    fn write(&self, bytes: &[u8]) -> Result<(Bytes, Bytes)> {
        let mut wheel = PlainWheel::open(Cursor::new(bytes), &self.from)?;
        let name = format!("{}/METADATA", wheel.dist_info);
        let member = wheel.find(&name).cloned().ok_or_else(|| bad!("{} has no METADATA", self.from))?;
        let own = wheel.bytes(&member, MAX_TEXT)?;
        let mut plan = self.plan();
        if let Some(told) = self.told.as_ref().filter(|told| ***told != *own) {
            let said = Metadata::parse(told)?;
            if let Some(difference) = said.difference(&wheel.metadata) {
                return Err(bad!("the built wheel differs from its promised metadata: {difference}"));
            }
            plan.replaced.insert(name, told.to_vec());
        }
        let replaced = !plan.replaced.is_empty();
        if wheel.filename(&plan) != self.to {
            return Err(bad!("the build made {}, which cannot be renamed to {}", self.from, self.to));
        }
        let copy = wheel.write(&plan, Cursor::new(Vec::with_capacity(bytes.len())))?.into_inner();
        // The gate that every wheel passes; the original did with its own METADATA.
        let gate = if replaced { wheel::read_copy } else { wheel::read };
        let read = gate(&copy[..], &WheelFilename::parse(&self.to)?)?;
        Ok((copy.into(), read.metadata_bytes.into()))
    }

    fn plan(&self) -> RetagPlan {
        let mut tag = self.tag.splitn(3, '-').map(str::to_owned);
        let [python, abi, platform] = std::array::from_fn(|_| tag.next().unwrap_or_default());
        RetagPlan {
            platform: Some(vec![platform]),
            python_abi: Some((python, abi)),
            build: Some(BUILD_TAG.to_owned()),
            timestamp: self.timestamp,
            ..RetagPlan::default()
        }
    }
}
