//! A project page as data: what every upstream page is read into and every answer is rendered from.

use std::collections::{HashMap, HashSet};

use serde::{Deserialize, Serialize};
use url::Url;

use super::filename::{ListedFilename, decode_once};
use super::upload_time::UploadTime;
use super::version::{self, Version};
use crate::error::{Error, Result};
use crate::names::ProjectName;
use crate::words::ProjectStatus;

mod left_out;
mod place;
pub use left_out::LeftOut;
pub use place::{FilePlace, Href};

/// One project on one index, as PEP 503/691 pages tell it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Page {
    #[serde(rename = "n")]
    pub name: ProjectName,
    #[serde(rename = "s", default, skip_serializing_if = "is_default")]
    pub status: ProjectStatus,
    #[serde(rename = "sr", default, skip_serializing_if = "is_default")]
    pub status_reason: Option<String>,
    #[serde(rename = "f", default, skip_serializing_if = "is_default")]
    pub files: Vec<File>,
    /// Versions that have no file but are known (PEP 700 `versions` is a superset of the files').
    #[serde(rename = "v", default, skip_serializing_if = "is_default")]
    pub more_versions: Vec<String>,
    /// `X-PyPI-Last-Serial`.
    #[serde(rename = "l", default, skip_serializing_if = "is_default")]
    pub serial: Option<u64>,
    /// What it does not list for whom it is written, the newest first. Of this answer alone: never stored.
    #[serde(skip)]
    pub left_out: Vec<LeftOut>,
}

/// One sdist, wheel or other artifact on a page.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct File {
    /// As its URL's last segment, percent-decoded once.
    #[serde(rename = "n")]
    pub filename: ListedFilename,
    #[serde(rename = "u")]
    pub place: FilePlace,
    #[serde(rename = "h", default, skip_serializing_if = "is_default")]
    pub hashes: Hashes,
    /// Verbatim, also when it is no valid specifier; never empty.
    #[serde(rename = "p", default, skip_serializing_if = "is_default")]
    pub requires_python: Option<String>,
    /// Bytes.
    #[serde(rename = "b", default, skip_serializing_if = "is_default")]
    pub size: Option<u64>,
    #[serde(rename = "t", default, skip_serializing_if = "is_default")]
    pub uploaded: Option<UploadTime>,
    #[serde(rename = "y", default, skip_serializing_if = "is_default")]
    pub yanked: Yanked,
    #[serde(rename = "m", default, skip_serializing_if = "is_default")]
    pub core_metadata: CoreMetadata,
    #[serde(rename = "a", default, skip_serializing_if = "is_default")]
    pub provenance: Provenance,
}

/// Lower-case hex digests.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hashes {
    #[serde(rename = "s", default, skip_serializing_if = "is_default")]
    pub sha256: Option<String>,
    /// Others an upstream gave, strongest first: (`sha512`, hex). Used to verify, never shown.
    #[serde(rename = "o", default, skip_serializing_if = "is_default")]
    pub others: Vec<(String, String)>,
}

/// PEP 592.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Yanked {
    #[default]
    No,
    Yes,
    /// Never empty.
    Because(String),
}

/// PEP 658/714: whether `{url}.metadata` exists.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum CoreMetadata {
    #[default]
    No,
    Yes,
    Sha256(String),
}

/// PEP 740: where the file's attestations are.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Provenance {
    At(String),
    #[default]
    No,
    /// Beside the file on this server; shown only once it was made absolute ([`Page::set_base`]).
    #[serde(skip)]
    Own,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// The algorithms we can verify besides sha256, strongest first, with the length of their hex.
const OTHER_ALGORITHMS: [(&str, usize); 4] = [("sha512", 128), ("sha384", 96), ("sha224", 56), ("md5", 32)];

impl Hashes {
    /// Takes a digest if we know the algorithm and `hex` has its length; the first of an
    /// algorithm stays.
    pub fn insert(&mut self, algorithm: &str, hex: &str) {
        let algorithm = algorithm.to_ascii_lowercase();
        if algorithm == "sha256" {
            self.sha256 = self.sha256.take().or_else(|| sha256_hex(hex));
            return;
        }
        let rank = |name: &str| OTHER_ALGORITHMS.iter().position(|(known, _)| *known == name);
        let Some((_, length)) = rank(&algorithm).and_then(|at| OTHER_ALGORITHMS.get(at)) else {
            return;
        };
        let known = self.others.iter().any(|(name, _)| *name == algorithm);
        if !known && let Some(hex) = lower_hex(hex, *length) {
            self.others.push((algorithm, hex));
            self.others.sort_by_key(|(name, _)| rank(name));
        }
    }

    pub fn is_empty(&self) -> bool {
        self.sha256.is_none() && self.others.is_empty()
    }
}

/// `text` in lower case if it is a sha256 in hex.
pub(super) fn sha256_hex(text: &str) -> Option<String> {
    lower_hex(text, 64)
}

fn lower_hex(text: &str, length: usize) -> Option<String> {
    let valid = text.len() == length && text.bytes().all(|b| b.is_ascii_hexdigit());
    valid.then(|| text.to_ascii_lowercase())
}

impl File {
    /// A file on `project`'s page of which nothing is known but its name.
    pub fn named(project: &ProjectName, filename: &str) -> Self {
        Self { filename: ListedFilename::new(project, filename), ..Self::default() }
    }
}

impl Provenance {
    /// Its URL, absolute.
    pub fn url(&self) -> Option<&str> {
        match self {
            Self::At(url) => Some(url),
            Self::No | Self::Own => None,
        }
    }
}

impl Yanked {
    /// Yanked for `reason`; an empty reason is none.
    pub fn because(reason: &str) -> Self {
        match reason.trim().is_empty() {
            true => Self::Yes,
            false => Self::Because(reason.to_owned()),
        }
    }

    /// The reason of a yank, empty without one; `None` if it is not yanked.
    pub fn why(&self) -> Option<&str> {
        match self {
            Self::No => None,
            Self::Yes => Some(""),
            Self::Because(reason) => Some(reason),
        }
    }

    pub fn is_yanked(&self) -> bool {
        *self != Self::No
    }
}

impl Page {
    /// A page without files.
    pub fn new(name: ProjectName) -> Self {
        Self {
            name,
            status: ProjectStatus::Active,
            status_reason: None,
            files: Vec::new(),
            more_versions: Vec::new(),
            serial: None,
            left_out: Vec::new(),
        }
    }

    /// Orders the files by version, then file name, so that equal content renders to equal bytes.
    pub fn sort(&mut self) {
        fn key(file: &File) -> (Option<&Version>, &str) {
            (file.filename.version(), &file.filename)
        }
        self.files.sort_by(|one, other| key(one).cmp(&key(other)));
    }

    /// Drops repetitions of a file name; the first stays, which is the one installers choose.
    pub fn dedupe(&mut self) {
        let mut seen: HashSet<String> = HashSet::new();
        self.files.retain(|file| seen.insert(file.filename.to_string()));
    }

    /// All known versions in their canonical spelling, in order, each once (PEP 700).
    pub fn versions(&self) -> Vec<String> {
        let more = self.more_versions.iter();
        let more: Vec<String> =
            more.map(|text| version::canonical(text).unwrap_or_else(|| text.clone())).collect();
        let of_files = self.files.iter().map(|file| &file.filename);
        let of_files = of_files.filter_map(|name| Some((name.canonical_version()?, name.version().cloned())));
        let more = more.iter().map(|text| (text.as_str(), version::parse(text)));
        let unique: HashMap<&str, Option<Version>> = of_files.chain(more).collect();
        let mut keyed: Vec<_> = unique.into_iter().map(|(text, version)| (version, text)).collect();
        keyed.sort_unstable();
        keyed.into_iter().map(|(_, text)| text.to_owned()).collect()
    }

    /// The files an installer may be offered: none while quarantined (PEP 792).
    pub fn offered(&self) -> &[File] {
        match self.status {
            ProjectStatus::Quarantined => &[],
            _ => &self.files,
        }
    }

    /// Whether a provenance is ours, so that the page depends on where its reader sees the server.
    pub fn has_own_provenance(&self) -> bool {
        self.files.iter().any(|file| file.provenance == Provenance::Own)
    }

    /// Makes our provenance URLs absolute, as PEP 740 wants them; `base` ends in `/`.
    pub fn set_base(&mut self, base: &str) {
        for file in self.files.iter_mut().filter(|file| file.provenance == Provenance::Own) {
            file.provenance = file.provenance_href(base).map_or(Provenance::No, Provenance::At);
        }
    }

    /// Keeps of `versions` those that no file has.
    pub(super) fn set_more_versions(&mut self, versions: impl IntoIterator<Item = String>) {
        self.more_versions.clear();
        let mut seen: HashSet<String> = self.versions().into_iter().collect();
        for text in versions {
            let version = version::canonical(&text).unwrap_or(text);
            if !version.is_empty() && seen.insert(version.clone()) {
                self.more_versions.push(version);
            }
        }
    }

    /// Everything the page holds, in the compact form the database keeps.
    pub fn to_stored(&self) -> Vec<u8> {
        // Strings, numbers and lists only: there is nothing here that JSON cannot express.
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// Reads what [`Page::to_stored`] wrote.
    pub fn from_stored(bytes: &[u8]) -> Result<Self> {
        let mut page: Self = serde_json::from_slice(bytes)
            .map_err(|e| Error::internal(anyhow::Error::new(e).context("a stored page")))?;
        for file in &mut page.files {
            file.filename = ListedFilename::new(&page.name, &file.filename);
        }
        Ok(page)
    }
}

/// Where a link of an upstream page leads.
pub(super) struct FileLink {
    /// Absolute, without fragment and credentials.
    pub url: String,
    /// The last path segment, decoded once; empty for a directory.
    pub filename: String,
    /// Digests from the fragment.
    pub hashes: Hashes,
}

/// Resolves `href` against `base`. `None` for anything that is no link to a file we could fetch:
/// other schemes, and local files unless the page is local too.
pub(super) fn resolve(base: &Url, href: &str) -> Option<FileLink> {
    let mut url = base.join(href.trim()).ok()?;
    let fetchable = match url.scheme() {
        "http" | "https" => true,
        "file" => base.scheme() == "file",
        _ => false,
    };
    if !fetchable {
        return None;
    }
    // A relative link inherits the page's credentials; they must not be stored with every file.
    if !url.username().is_empty() || url.password().is_some() {
        url.set_username("").ok()?;
        url.set_password(None).ok()?;
    }
    let mut hashes = Hashes::default();
    for (key, value) in url.fragment().unwrap_or("").split('&').filter_map(|p| p.split_once('=')) {
        hashes.insert(key, value);
    }
    url.set_fragment(None);
    let filename = decode_once(url.path_segments()?.next_back()?)?;
    Some(FileLink { filename, hashes, url: url.into() })
}

#[cfg(test)]
pub(in crate::packaging) mod tests;
