//! What is known of files whose bytes are here, kept in memory so that serving one asks no database.

use super::mirror::{Key, stands_for};
use super::policy::{self, Rules, Verdict};
use super::stripes::Stripes;
use crate::access::{self, Who};
use crate::db::Db;
use crate::db::files::StoredFile;
use crate::directory::{Directory, Index, IndexKind, Mirror};
use crate::error::{Error, Result};
use crate::forbidden;
use crate::names::{IndexName, ProjectName};
use crate::packaging::filename::ListedFilename;
use crate::packaging::page::File;
use crate::packaging::version::Version;
use crate::tools::hex;
use crate::tools::time::now;
use bytes::Bytes;
use http::HeaderValue;
use moka::Equivalent;
use std::sync::{Arc, Weak};

/// Bytes of facts and small documents held in memory.
const MEMORY: u64 = 48 << 20;

/// A stored file, and what every answer about it says.
pub struct Facts {
    pub file: StoredFile,
    /// Of its name.
    pub version: Option<Version>,
    /// Its sha256.
    pub etag: HeaderValue,
    pub last_modified: Option<HeaderValue>,
    /// Anonymous askers may have it.
    pub public: bool,
    truth: Truth,
}

/// A small document that belongs to a file: METADATA.
pub struct Document {
    pub bytes: Bytes,
    pub etag: HeaderValue,
    pub public: bool,
    truth: Truth,
}

/// What something in memory was made from.
struct Truth {
    project: ProjectName,
    stamp: u64,
    directory: Weak<Directory>,
}

#[derive(Clone, PartialEq, Eq, Hash)]
struct Name {
    index: Box<str>,
    filename: Box<str>,
}

/// [`Name`] without owning it; hashes alike.
#[derive(Hash)]
struct NameRef<'a> {
    index: &'a str,
    filename: &'a str,
}

impl Equivalent<Name> for NameRef<'_> {
    fn equivalent(&self, name: &Name) -> bool {
        *self.index == *name.index && *self.filename == *name.filename
    }
}

/// All that is remembered of files.
pub struct Files {
    db: Db,
    stripes: Arc<Stripes>,
    facts: moka::sync::Cache<Name, Arc<Facts>>,
    metadata: moka::sync::Cache<Name, Arc<Document>>,
}

impl Files {
    pub fn new(db: Db, stripes: Arc<Stripes>) -> Self {
        let facts = moka::sync::Cache::builder().max_capacity(MEMORY / 2);
        let facts = facts.weigher(|name: &Name, _: &Arc<Facts>| 900 + 4 * size(name.filename.len()));
        let metadata = moka::sync::Cache::builder().max_capacity(MEMORY / 2);
        let metadata = metadata.weigher(|name: &Name, document: &Arc<Document>| {
            400 + 2 * size(name.filename.len()) + size(document.bytes.len())
        });
        Self { db, stripes, facts: facts.build(), metadata: metadata.build() }
    }

    /// The stored file of this name and key; `None` if its bytes are not here.
    ///
    /// # Errors
    /// `Gone` if it was deleted; `Forbidden` if the mirror's policy refuses it by now.
    pub async fn stored(
        &self,
        directory: &Arc<Directory>,
        index: &Index,
        filename: &str,
        key: Key<'_>,
    ) -> Result<Option<Arc<Facts>>> {
        let name = NameRef { index: index.name.as_str(), filename };
        if let Some(known) = self.facts.get(&name).filter(|known| self.is_true(&known.truth, directory)) {
            return Ok(Some(known).filter(|facts| fits(&facts.file, key)));
        }
        // The stamp must be older than the row, and the row alone knows the project.
        let Some(file) = self.db.file(&index.name, filename).await? else { return Ok(None) };
        let truth = self.truth(&file.project, directory);
        let Some(file) = self.db.file(&index.name, filename).await? else { return Ok(None) };
        if !fits(&file, key) {
            return Ok(None);
        }
        if file.deleted_at.is_some() {
            return Err(Error::Gone(format!("{filename} was deleted from {}", index.name)));
        }
        if let IndexKind::Mirror(mirror) = &index.kind {
            // What is stored has come of age: only the lists count.
            permit_ageless(mirror, &file.project, &file.filename)?;
        }
        let facts = Arc::new(Facts::new(file, is_public(directory, index), truth)?);
        // What is remembered belongs to this snapshot, so that serving it need not look again.
        directory.quarantines.permit(&index.name, &facts.file.project, facts.version.as_ref())?;
        self.facts.insert(Name { index: name.index.into(), filename: filename.into() }, facts.clone());
        Ok(Some(facts))
    }

    /// What answers say about a file that no index lists by itself: a promised wheel.
    pub fn facts_of(&self, directory: &Arc<Directory>, index: &Index, file: StoredFile) -> Result<Facts> {
        let truth = self.truth(&file.project, directory);
        let undated = Facts::new(file, is_public(directory, index), truth)?;
        Ok(Facts { last_modified: None, ..undated })
    }

    /// METADATA remembered by [`Files::remember_metadata`], if it is still true.
    pub fn metadata(
        &self,
        directory: &Arc<Directory>,
        index: &Index,
        filename: &str,
    ) -> Option<Arc<Document>> {
        let name = NameRef { index: index.name.as_str(), filename };
        self.metadata.get(&name).filter(|known| self.is_true(&known.truth, directory))
    }

    /// Remembers METADATA. `stamp` is the project's, read before the bytes were.
    pub fn remember_metadata(
        &self,
        directory: &Arc<Directory>,
        index: &Index,
        filename: &str,
        project: (&ProjectName, u64),
        bytes: Bytes,
    ) -> Result<Arc<Document>> {
        let etag = etag(&hex::sha256(&bytes))?;
        let (project, stamp) = project;
        let truth = Truth { project: project.clone(), stamp, directory: Arc::downgrade(directory) };
        let document = Arc::new(Document { bytes, etag, public: is_public(directory, index), truth });
        let name = Name { index: index.name.as_str().into(), filename: filename.into() };
        self.metadata.insert(name, document.clone());
        Ok(document)
    }

    fn truth(&self, project: &ProjectName, directory: &Arc<Directory>) -> Truth {
        let stamp = self.stripes.stamp(project);
        Truth { project: project.clone(), stamp, directory: Arc::downgrade(directory) }
    }

    fn is_true(&self, truth: &Truth, directory: &Arc<Directory>) -> bool {
        truth.stamp == self.stripes.stamp(&truth.project)
            && std::ptr::eq(truth.directory.as_ptr(), Arc::as_ptr(directory))
    }
}

impl Facts {
    fn new(file: StoredFile, public: bool, truth: Truth) -> Result<Self> {
        let etag = etag(&file.sha256)?;
        let last_modified = jiff::Timestamp::from_microsecond(file.uploaded_at)
            .ok()
            .and_then(|at| HeaderValue::try_from(at.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()).ok());
        let version = ListedFilename::new(&file.project, &file.filename).version().cloned();
        Ok(Self { file, version, etag, last_modified, public, truth })
    }
}

fn size(bytes: usize) -> u32 {
    u32::try_from(bytes).unwrap_or(u32::MAX / 8)
}

fn etag(hex: &str) -> Result<HeaderValue> {
    HeaderValue::try_from(format!("\"{hex}\"")).map_err(Error::internal)
}

/// Whether anonymous askers may have the files of an index: the one rule for `public` and
/// `private` in their answers, be the bytes here or on their way.
pub fn is_public(directory: &Directory, index: &Index) -> bool {
    access::may_read(directory, &Who::default(), index)
}

/// Whether this is the file that the URL means.
fn fits(file: &StoredFile, key: Key<'_>) -> bool {
    match key {
        Key::Hash(hex) => hex.len() == 16 && file.sha256.starts_with(hex),
        Key::Url(hex) => file.url.as_deref().is_some_and(|url| stands_for(hex, url)),
    }
}

/// Whether a mirror's policy lets a file through that its upstream lists, and that is not in quarantine.
///
/// # Errors
/// `Forbidden`, with the reason.
pub fn permit(
    (directory, index): (&Directory, &IndexName),
    mirror: &Mirror,
    project: &ProjectName,
    file: &File,
) -> Result<()> {
    directory.quarantines.permit(index, project, file.filename.version())?;
    if let Some(reason) = policy::refused(mirror, project) {
        return Err(Error::Forbidden(reason));
    }
    permitted(&file.filename, Rules::new(mirror, now(), None).verdict(project, file))
}

fn permitted(filename: &str, verdict: Verdict) -> Result<()> {
    match verdict {
        Verdict::Listed => Ok(()),
        Verdict::Hidden(reason) => Err(forbidden!("{filename} is not served: {reason}")),
    }
}

/// Whether a mirror's lists let a file through that was served before.
///
/// # Errors
/// `Forbidden`, with the reason.
pub fn permit_ageless(mirror: &Mirror, project: &ProjectName, filename: &str) -> Result<()> {
    if let Some(reason) = policy::refused(mirror, project) {
        return Err(Error::Forbidden(reason));
    }
    let listed = ListedFilename::new(project, filename);
    permitted(filename, policy::by_lists(mirror, project, listed.version()))
}
