//! What else goes into a bundle: files of this machine, and what its base has already.

use super::closure::{PAGES, index_of};
use crate::bad;
use crate::client::ServerClient;
use crate::error::{Error, Result};
use crate::names::{IndexName, ProjectName};
use crate::packaging::bundle::{BundleManifest, BundledFile, BundledKind, Carried, DeltaBase, manifest};
use crate::tools::hex;
use crate::transfer::bundle::{OpenBundle, SignerTrust, volumes_beside};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use url::Url;

/// What the other side has already, as `--since` names it.
#[derive(Clone, Debug)]
pub enum BundleSince {
    /// A bundle, one of its volumes, or its manifest.
    Bundle(PathBuf),
    /// An index of this side with what was carried over.
    Index(IndexName),
}

impl FromStr for BundleSince {
    type Err = Error;

    /// A file that exists is meant before an index of the same name.
    fn from_str(text: &str) -> Result<Self> {
        let path = PathBuf::from(text);
        match IndexName::parse(text).filter(|_| !path.exists()) {
            Some(index) => Ok(Self::Index(index)),
            None => Ok(Self::Bundle(path)),
        }
    }
}

/// The base of a delta.
pub struct BundleBase {
    pub name: DeltaBase,
    /// The sha256 of what it has, by file name.
    files: BTreeMap<String, String>,
}

impl BundleBase {
    /// Reads a bundle, or sees that the index is there.
    ///
    /// # Errors
    /// `Bad` with the path if it is no bundle, or with the index if that can be none; what the server answers.
    pub async fn open(since: &BundleSince, server: &ServerClient) -> Result<Self> {
        let index = match since {
            BundleSince::Bundle(path) => return Self::of_bundle(path).await,
            BundleSince::Index(index) => index,
        };
        let options = server.index_options(index).await.map_err(|error| match error {
            Error::Missing(_) => {
                bad!("--since {index}: there is no such file, and no such index that you may read")
            }
            other => other,
        })?;
        match options.kind.as_str() {
            "mirror" => {
                Err(bad!("--since {index}: it is a mirror, which lists more than was carried; name a stage"))
            }
            _ => Ok(Self { name: DeltaBase::Index(index.clone()), files: BTreeMap::new() }),
        }
    }

    async fn of_bundle(path: &Path) -> Result<Self> {
        let placed = |error| bad!("{}: {error}", path.display());
        let is_manifest = path.extension().is_some_and(|extension| extension == "json");
        let (identity, manifest) = if is_manifest {
            let bytes =
                std::fs::read(path).map_err(|error| bad!("cannot read {}: {error}", path.display()))?;
            (manifest::identity(&bytes), BundleManifest::parse(&bytes).map_err(placed)?)
        } else {
            let bundle =
                OpenBundle::open(&volumes_beside(path)?, &SignerTrust::Nobody).await.map_err(placed)?;
            (bundle.identity, bundle.manifest)
        };
        let files = manifest.files.into_iter().chain(manifest.held);
        Ok(Self {
            name: DeltaBase::Bundle(identity),
            files: files.map(|file| (file.filename, file.sha256)).collect(),
        })
    }

    /// Looks up which of these an index has on itself: what it shows of others was not carried. A bundle told it already.
    ///
    /// # Errors
    /// What the server answers.
    pub async fn look_up(
        &mut self,
        server: &ServerClient,
        wanted: impl Iterator<Item = &BundledFile>,
    ) -> Result<()> {
        let DeltaBase::Index(index) = &self.name else { return Ok(()) };
        let projects: BTreeSet<ProjectName> = wanted.filter_map(|file| file.project.clone()).collect();
        let page = |project| async move { server.page(index.as_str(), &project).await };
        let mut pages = stream::iter(projects.into_iter().map(page)).buffered(PAGES);
        while let Some(page) = pages.try_next().await? {
            for file in page.into_iter().flat_map(|page| page.files) {
                let url = Url::parse(file.link()).ok();
                let is_own = url.and_then(|url| index_of(server, &url)).is_some_and(|owner| owner == *index);
                if let (true, Some(sha256)) = (is_own, &file.hashes.sha256) {
                    self.files.insert(file.filename.to_string(), sha256.clone());
                }
            }
        }
        Ok(())
    }

    /// Whether it has the file with these bytes.
    pub fn has(&self, file: &BundledFile) -> bool {
        self.files.get(&file.filename).is_some_and(|sha256| *sha256 == file.sha256)
    }
}

/// Describes files of this machine that are put beside the others.
///
/// # Errors
/// `Bad` with the path of one that cannot be read or carried.
pub fn included(paths: &[PathBuf]) -> Result<Vec<(BundledFile, PathBuf)>> {
    let one = |path: &PathBuf| -> Result<(BundledFile, PathBuf)> {
        let shown = path.display();
        let unreadable = |error: std::io::Error| bad!("cannot read {shown}: {error}");
        let filename = path.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
        let size = std::fs::metadata(path).map_err(unreadable)?.len();
        let file = BundledFile {
            kind: BundledKind::Other,
            project: None,
            version: None,
            filename,
            size,
            sha256: hex::file_sha256(path).map_err(unreadable)?,
            from: Carried::Machine,
            requires_python: None,
            yanked: None,
            evidence: None,
        };
        file.check().map_err(|error| bad!("{shown}: {error}"))?;
        Ok((file, path.clone()))
    };
    paths.iter().map(one).collect()
}
