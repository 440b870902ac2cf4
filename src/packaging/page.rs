//! A project page as data: what every upstream page is read into and every answer is rendered from.

use super::name::ProjectName;

/// One project on one index, as PEP 503/691 pages tell it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    pub name: ProjectName,
    pub status: Status,
    pub status_reason: Option<String>,
    pub files: Vec<File>,
    /// Versions that have no file but are known (PEP 700 `versions` is a superset of the files').
    pub more_versions: Vec<String>,
    /// `X-PyPI-Last-Serial`.
    pub serial: Option<u64>,
}

/// PEP 792.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    #[default]
    Active,
    Archived,
    Quarantined,
    Deprecated,
}

/// One sdist, wheel or other artifact on a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// As its URL's last segment, percent-decoded once.
    pub filename: String,
    /// On an upstream page: absolute, without fragment. On our pages: relative to the server's
    /// root, already percent-encoded (`root/pypi/%2Bf/…` is written `root/pypi/+f/…`).
    pub url: String,
    pub hashes: Hashes,
    /// Verbatim, also when it is no valid specifier; never empty.
    pub requires_python: Option<String>,
    /// Bytes.
    pub size: Option<u64>,
    /// Verbatim if it is a valid PEP 700 time, else `None`.
    pub upload_time: Option<String>,
    pub yanked: Yanked,
    pub core_metadata: CoreMetadata,
    /// Absolute URL (PEP 740).
    pub provenance: Option<String>,
}

/// Lower-case hex digests.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hashes {
    pub sha256: Option<String>,
    /// Others an upstream gave, strongest first: (`sha512`, hex). Used to verify, never shown.
    pub others: Vec<(String, String)>,
}

/// PEP 592.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Yanked {
    #[default]
    No,
    Yes,
    /// Never empty.
    Because(String),
}

/// PEP 658/714: whether `{url}.metadata` exists.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum CoreMetadata {
    #[default]
    No,
    Yes,
    Sha256(String),
}
