//! The manifest: what is in a bundle, where it comes from, and what was refused.

use super::base::DeltaBase;
use super::file::BundledFile;
use crate::bad;
use crate::error::{Error, Result, clipped};
use crate::tools::hex;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// The version of this format.
pub const FORMAT: u32 = 1;
/// Bytes of the largest manifest.
pub const LARGEST_MANIFEST: u64 = 64 << 20;
/// The most files, those of the base included.
pub const MOST_FILES: usize = 100_000;
/// The most lines of anything else.
const MOST_LINES: usize = 20_000;

/// Where a bundle was made. Of one origin, a later bundle has a later serial or moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BundleOrigin {
    /// The identifier of the server's installation.
    pub installation: String,
    /// `user/index`
    pub index: String,
    /// The server's serial when the bundle was made.
    pub serial: i64,
}

/// Something that was asked for and is not in the bundle.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RefusedRequest {
    /// `demo>=2`
    pub requirement: String,
    /// Empty: for all of the bundle's.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub target: String,
    pub why: String,
}

/// What is signed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BundleManifest {
    pub format: u32,
    pub created: Timestamp,
    pub origin: BundleOrigin,
    /// Names of targets, sorted.
    pub targets: Vec<String>,
    /// As they were asked for.
    pub requirements: Vec<String>,
    /// The options of the index that limit what it shows.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub policy: BTreeMap<String, serde_json::Value>,
    /// Of a delta: what it builds upon.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base: Option<DeltaBase>,
    /// In the order of the archive, which is that of their names.
    pub files: Vec<BundledFile>,
    /// Of a delta: what is needed and already in its base, or in the base of that.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub held: Vec<BundledFile>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refused: Vec<RefusedRequest>,
}

/// What a manifest of any format says.
#[derive(Deserialize)]
struct AnyFormat {
    format: u32,
}

impl BundleManifest {
    /// The bytes that are signed.
    ///
    /// # Errors
    /// `Bad` for what [`BundleManifest::parse`] does not read.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        self.check()?;
        let mut bytes = serde_json::to_vec(self).map_err(Error::internal)?;
        bytes.push(b'\n');
        match bytes.len() as u64 > LARGEST_MANIFEST {
            true => Err(bad!("the manifest would be too large: make several bundles")),
            false => Ok(bytes),
        }
    }

    /// Reads a manifest.
    ///
    /// # Errors
    /// `Bad` with what is wrong, and with the format if a newer wheelwright wrote it.
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        let wrong = |error: serde_json::Error| bad!("the manifest is invalid: {error}");
        if bytes.len() as u64 > LARGEST_MANIFEST {
            return Err(bad!("the manifest is too large"));
        }
        let AnyFormat { format } = serde_json::from_slice(bytes).map_err(wrong)?;
        if format != FORMAT {
            return Err(bad!(
                "the bundle has format {format}, but this wheelwright reads format {FORMAT}: use a newer one"
            ));
        }
        let manifest: Self = serde_json::from_slice(bytes).map_err(wrong)?;
        manifest.check()?;
        Ok(manifest)
    }

    fn check(&self) -> Result<()> {
        let wrong = |what: &str| bad!("the manifest is invalid: {what}");
        if self.files.len() + self.held.len() > MOST_FILES {
            return Err(wrong("it has too many files"));
        }
        if [self.targets.len(), self.requirements.len(), self.refused.len()].iter().any(|n| *n > MOST_LINES) {
            return Err(wrong("it has too many lines"));
        }
        if self.base.is_none() && !self.held.is_empty() {
            return Err(wrong("it has files of a base, but no base"));
        }
        let mut names = BTreeSet::new();
        for file in self.files.iter().chain(&self.held) {
            file.check().map_err(|error| wrong(&error.to_string()))?;
            if !names.insert(file.filename.as_str()) {
                return Err(wrong(&format!("{} is in it twice", clipped(&file.filename, 200))));
            }
        }
        match self.files.is_sorted_by(|one, other| one.filename < other.filename) {
            true => Ok(()),
            false => Err(wrong("its files are not in order")),
        }
    }

    /// The file of this name that the bundle has or builds upon.
    pub fn find(&self, filename: &str) -> Option<&BundledFile> {
        self.files.iter().chain(&self.held).find(|file| file.filename == filename)
    }

    /// Bytes of all files.
    pub fn size(&self) -> u64 {
        self.files.iter().map(|file| file.size).sum()
    }

    /// The place of this bundle among those of its origin.
    pub fn order(&self) -> (i64, i64) {
        (self.origin.serial, self.created.as_microsecond())
    }
}

/// What a bundle is known by: the sha256 of its manifest.
pub fn identity(manifest: &[u8]) -> String {
    hex::sha256(manifest)
}

#[cfg(test)]
mod tests;
