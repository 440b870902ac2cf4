//! What else goes into a bundle: files of this machine, and what its base has already.

use crate::bad;
use crate::error::Result;
use crate::packaging::bundle::{BundleManifest, BundledFile, BundledKind, Carried, manifest};
use crate::tools::hex;
use crate::transfer::bundle::{OpenBundle, SignerTrust};
use std::path::{Path, PathBuf};

/// The base of a delta.
pub struct BundleBase {
    pub identity: String,
    pub manifest: BundleManifest,
}

impl BundleBase {
    /// Reads a bundle, or a manifest alone.
    ///
    /// # Errors
    /// `Bad` with the path if it is neither.
    pub async fn read(path: &Path) -> Result<Self> {
        let placed = |error| bad!("{}: {error}", path.display());
        let is_manifest = path.extension().is_some_and(|extension| extension == "json");
        if is_manifest {
            let bytes =
                std::fs::read(path).map_err(|error| bad!("cannot read {}: {error}", path.display()))?;
            let manifest = BundleManifest::parse(&bytes).map_err(placed)?;
            return Ok(Self { identity: manifest::identity(&bytes), manifest });
        }
        let bundle = OpenBundle::open(&[path.to_owned()], &SignerTrust::Nobody).await.map_err(placed)?;
        Ok(Self { identity: bundle.identity, manifest: bundle.manifest })
    }

    /// The file that the base, or a base of that, has with these bytes.
    pub fn has(&self, file: &BundledFile) -> bool {
        self.manifest.find(&file.filename).is_some_and(|known| known.sha256 == file.sha256)
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
