//! What sdists say of themselves: their `PKG-INFO`, read once from bytes of the index and remembered.

use crate::build::queue::Queue;
use crate::error::{Error, Result};
use crate::lost;
use crate::names::{IndexName, ProjectName};
use crate::packaging::filename::SdistFilename;
use crate::packaging::metadata::{MendedMetadata, Metadata};
use crate::packaging::page::File;
use crate::packaging::requirement::Requirement;
use crate::packaging::{pyproject, sdist};
use crate::store::Blob;
use crate::tools::flight::{Flights, SharedResult};
use bytes::Bytes;
use futures::StreamExt;
use futures::future::{BoxFuture, Shared};
use std::sync::Arc;

/// Bytes of `PKG-INFO` held in memory.
const MEMORY: u64 = 16 << 20;

/// An sdist whose bytes are here.
#[derive(Debug)]
pub struct SdistFacts {
    pub sha256: String,
    /// `None` if it has none that can be read.
    pub pkg_info: Option<PkgInfo>,
    /// What it names as its build requirements; `None` if that cannot be read.
    pub requires: Option<Vec<Requirement>>,
    /// Its wheel takes hardly longer than its metadata.
    pub is_light: bool,
}

/// What its files say.
#[derive(Debug, Default)]
struct SdistFiles {
    pkg_info: Option<PkgInfo>,
    requires: Option<Vec<Requirement>>,
    is_light: bool,
}

#[derive(Debug)]
pub struct PkgInfo {
    pub bytes: Bytes,
    /// Holds for every wheel that is built of it.
    pub is_binding: bool,
    pub requires_python: Option<String>,
}

/// All that is remembered, and what is being read.
pub struct Sdists {
    known: moka::sync::Cache<String, Arc<SdistFacts>>,
    flights: Flights<Arc<SdistFacts>>,
}

impl Default for Sdists {
    fn default() -> Self {
        let weigh = |key: &String, said: &Arc<SdistFacts>| {
            let bytes = said.pkg_info.as_ref().map_or(0, |info| info.bytes.len());
            u32::try_from(400 + key.len() + bytes).unwrap_or(u32::MAX)
        };
        let known = moka::sync::Cache::builder().max_capacity(MEMORY).weigher(weigh).build();
        Self { known, flights: Flights::default() }
    }
}

impl Sdists {
    /// What a file of an index says. However many ask, it is fetched and read once, and to the end.
    pub fn of(
        &self,
        queue: &Queue,
        index: &IndexName,
        project: &ProjectName,
        file: &File,
    ) -> Shared<BoxFuture<'static, SharedResult<Arc<SdistFacts>>>> {
        let (index, file) = (index.clone(), file.clone());
        let key = format!("{index} {} {:?}", file.href(""), file.hashes.sha256);
        if let Some(said) = self.known.get(&key) {
            return futures::FutureExt::shared(Box::pin(std::future::ready(Ok(said))));
        }
        let (queue, project, known) = (queue.clone(), project.clone(), self.known.clone());
        self.flights.join(key.clone(), || async move {
            let sha256 = queue.stored_source(&index, &project, &file).await?;
            let name = SdistFilename::parse_for(&project, &file.filename)?;
            let SdistFiles { pkg_info, requires, is_light } = read(&queue, &sha256, name).await?;
            let said = Arc::new(SdistFacts { sha256, pkg_info, requires, is_light });
            known.insert(key, said.clone());
            Ok(said)
        })
    }
}

/// The `PKG-INFO` of a stored sdist and what builds it; nothing of one that the strict reader refuses.
async fn read(queue: &Queue, sha256: &str, name: SdistFilename) -> Result<SdistFiles> {
    let blob = queue.store().get(sha256, None).await?;
    let contents = match blob.ok_or_else(|| lost!("the server lost the bytes of the sdist {sha256}"))? {
        Blob::Bytes(bytes) => {
            tokio::task::spawn_blocking(move || sdist::read(&bytes[..], &name, true)).await?
        }
        Blob::Stream { mut stream, .. } => {
            let mut spool = queue.store().spool().await?;
            while let Some(piece) = stream.next().await {
                spool.write(piece?).await?;
            }
            spool.finish().await?;
            let read = move || {
                let file = std::fs::File::open(spool.path())?;
                sdist::read(&file, &name, true)
            };
            tokio::task::spawn_blocking(read).await?
        }
    };
    match contents {
        Ok(contents) => {
            let text = contents.pyproject.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
            let requires = pyproject::build_requirements(text.as_deref()).ok();
            let pkg_info = Some(PkgInfo::new(&contents.metadata, contents.metadata_bytes.into()));
            Ok(SdistFiles { pkg_info, requires, is_light: contents.is_light })
        }
        Err(Error::Bad(why)) => {
            tracing::debug!(sha256, why, "cannot read the metadata of an sdist");
            Ok(SdistFiles::default())
        }
        Err(error) => Err(error),
    }
}

impl PkgInfo {
    fn new(metadata: &Metadata, bytes: Bytes) -> Self {
        // As the wheel will have it.
        let bytes = MendedMetadata::of(&bytes, |_| true).bytes.into();
        Self {
            is_binding: metadata.is_binding() && metadata.validate_upload().is_ok(),
            requires_python: metadata.requires_python.clone(),
            bytes,
        }
    }
}
