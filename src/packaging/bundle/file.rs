//! One file of a bundle, as the manifest describes it.

use super::entry::{BundleEntry, LARGEST};
use crate::bad;
use crate::error::Result;
use crate::names::ProjectName;
use crate::packaging::filename::ListedFilename;
use crate::packaging::page::sha256_hex;
use crate::words::FileKind;
use serde::{Deserialize, Serialize};

/// Characters of the longest file name that stands in the archive as it is.
const IN_PATH: usize = 100;
/// Bytes of the longest text of a manifest.
const LONGEST: usize = 4096;

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BundledKind {
    Wheel,
    Sdist,
    /// Something that the creator put beside them: recipes, a database of advisories, the program itself.
    Other,
}

/// Where a file was before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Carried {
    /// In an index that mirrors another one; the file itself may be built there.
    Mirror,
    /// In an index that takes uploads: its name is private.
    Private,
    /// On the machine of whoever made the bundle.
    Machine,
}

/// How a wheel was built, if the server that the bundle comes from built it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileEvidence {
    pub build: i64,
    pub target: String,
    pub source: String,
    pub source_sha256: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recipe_sha256: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log_sha256: Option<String>,
    pub sandbox: String,
}

/// A file that a bundle has, or that it builds upon.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BundledFile {
    pub kind: BundledKind,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project: Option<ProjectName>,
    /// In canonical form.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    pub filename: String,
    /// Bytes.
    pub size: u64,
    pub sha256: String,
    pub from: Carried,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requires_python: Option<String>,
    /// Why it is yanked, if it is; may be empty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub yanked: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<FileEvidence>,
}

impl BundledFile {
    /// Its member in the archive. A name that is too long for tar is in the manifest only.
    pub fn entry(&self) -> BundleEntry {
        let name = if self.filename.len() <= IN_PATH { self.filename.as_str() } else { "file" };
        BundleEntry { path: format!("files/{}/{name}", self.sha256), size: self.size }
    }

    /// Whether an index takes it.
    pub fn is_distribution(&self) -> bool {
        self.kind != BundledKind::Other
    }

    /// Compares the sha256 of what arrived.
    ///
    /// # Errors
    /// `Bad` if it is another one.
    pub fn refuse_other(&self, sha256: &str) -> Result<()> {
        match self.sha256 == sha256 {
            true => Ok(()),
            false => Err(bad!(
                "the bundle is damaged: {} has sha256 {sha256} instead of {}. Copy it again",
                self.filename,
                self.sha256
            )),
        }
    }

    /// Looks for what must not be.
    ///
    /// # Errors
    /// `Bad` with the file's name.
    pub fn check(&self) -> Result<()> {
        let name = &self.filename;
        if !is_plain_name(name) {
            return Err(bad!("{name:?} is not a valid file name"));
        }
        if sha256_hex(&self.sha256).as_ref() != Some(&self.sha256) {
            return Err(bad!("{name} has an invalid sha256"));
        }
        if self.size > LARGEST {
            return Err(bad!("{name} is too large"));
        }
        let texts = [self.requires_python.as_ref(), self.yanked.as_ref()];
        if texts.into_iter().flatten().any(|text| text.len() > LONGEST || text.contains(['\0', '\n'])) {
            return Err(bad!("{name} has an invalid requires-python or reason of its yank"));
        }
        let (kind, named) = match (&self.project, &self.version) {
            (None, None) => (BundledKind::Other, true),
            (Some(project), Some(version)) => {
                let listed = ListedFilename::parse(project, name);
                let listed = listed.filter(|listed| listed.canonical_version() == Some(version));
                match listed.map(|listed| listed.kind()) {
                    Some(FileKind::Wheel) => (BundledKind::Wheel, true),
                    Some(FileKind::Sdist) => (BundledKind::Sdist, true),
                    _ => (BundledKind::Other, false),
                }
            }
            _ => (BundledKind::Other, false),
        };
        match named && kind == self.kind {
            true => Ok(()),
            false => Err(bad!("the name {name} does not say what the manifest says of the file")),
        }
    }
}

/// Whether a text is the name of one file on any system.
fn is_plain_name(name: &str) -> bool {
    let odd = |c: char| c.is_control() || "/\\:*?\"<>|".contains(c);
    !name.is_empty()
        && name.len() <= 255
        && !name.contains(odd)
        && !name.starts_with(['.', ' '])
        && !name.ends_with(['.', ' '])
}
