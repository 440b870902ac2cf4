//! A wheel from the builder becomes a file of an index: named, checked, stored, recorded.
//!
//! All but the last is `prepare_built`: what it gives is recorded by a transaction of its own, or together with others.

use super::built::{BUILDER, OwnWheels, alike, covered, narrowed, next_number, numbered, unnumbered};
use crate::db::Tx;
use crate::db::built::BuiltFile;
use crate::db::events::NewEvent;
use crate::db::files::{Put, StoredFile};
use crate::directory::Index;
use crate::error::{Error, Result};
use crate::index::Indexes;
use crate::index::upload::{Contents, Maker, read_archive, refuse_status, release_key};
use crate::names::IndexName;
use crate::packaging::filename::{DistFilename, WheelFilename, identity};
use crate::packaging::metadata::Metadata;
use crate::packaging::page::{File, Page};
use crate::packaging::retag::{PlainWheel, RetagPlan};
use crate::packaging::version::Version;
use crate::store::{Spool, SpooledDigests};
use crate::tools::time::{Micros, SECOND};
use crate::words::{EventKind, FileKind};
use crate::{bad, conflict, lost};
use bytes::Bytes;
use std::io::Cursor;

/// Attempts at a name; each fails only because somebody else took the same one meanwhile.
const ATTEMPTS: usize = 8;

/// A wheel as a worker handed it in, and where it comes from.
#[derive(Clone, Copy, Debug)]
pub struct Handed<'a> {
    pub build: i64,
    pub fence: i64,
    /// The audit trail's name of who asked for it.
    pub asked_by: &'a str,
    pub source_filename: &'a str,
    pub source_sha256: &'a str,
    /// When its source was published, if that is known.
    pub published_at: Option<Micros>,
    pub wheel: &'a str,
    pub wheel_sha256: &'a str,
    /// The name of the target that it was built for.
    pub target: &'a str,
    /// Why it is doubtful; empty: it is not.
    pub doubts: &'a [String],
    /// On a stage: somebody asked for it, so that it gets its plain name if that is free. What was
    /// built ahead has a build tag, lest it takes the name of a wheel that is uploaded later.
    pub wanted: bool,
}

/// What became of a wheel that was prepared for an index.
#[derive(Debug)]
pub enum PreparedWheel {
    /// The index has it under this name.
    Stands(String),
    New(Box<NewWheel>),
}

/// A wheel whose bytes are kept under a name that is free, to be recorded.
#[derive(Debug)]
pub struct NewWheel {
    /// As its rows will be, but for the times.
    pub built: BuiltFile,
    asked_by: String,
    published_at: Option<Micros>,
    is_of_stage: bool,
    version: Version,
    file: StoredFile,
    metadata: Metadata,
}

/// A file that is about to be recorded.
struct Ready {
    filename: String,
    digests: SpooledDigests,
    contents: Contents,
    metadata_sha256: String,
}

impl Indexes {
    /// Takes a wheel that was built here into `index`; the name it is served under. Asked again
    /// about the same run of a build it changes nothing.
    ///
    /// # Errors
    /// `Bad` if the wheel would be refused as an upload, a stage has other bytes under its name, or it is
    /// doubtful and the index wants none such; `Forbidden` if the project takes no files, `Missing` if the
    /// index is gone.
    pub async fn take_built(&self, index: &Index, handed: Handed<'_>) -> Result<String> {
        for _ in 0..ATTEMPTS {
            let new = match self.prepare_built(index, handed, &[]).await? {
                PreparedWheel::Stands(filename) => return Ok(filename),
                PreparedWheel::New(new) => new,
            };
            let mut tx = Tx::begin(&self.db).await?;
            if new.record(&mut tx).await? {
                tx.commit(new.event(&new.detail())).await?;
                self.changed(&index.name, &new.built.project);
                return Ok(new.built.filename);
            }
        }
        Err(conflict!("cannot add {} to {}: try again", handed.wheel, index.name))
    }

    /// Names, checks and stores a wheel that was built here, so that [`NewWheel::record`] makes it a file of `index`.
    /// `beside` are those that are prepared already, and will be recorded together with it.
    ///
    /// # Errors
    /// As [`Indexes::take_built`].
    pub async fn prepare_built(
        &self,
        index: &Index,
        handed: Handed<'_>,
        beside: &[BuiltFile],
    ) -> Result<PreparedWheel> {
        let mut name = WheelFilename::parse(handed.wheel)?;
        if !handed.doubts.is_empty() {
            refuse_doubtful(index, handed.doubts)?;
            name = narrowed(&name, handed.target);
        }
        if index.is_stage()
            && let Some(project) = self.db.project(&index.name, &name.name).await?
        {
            refuse_status(Some((project.status, project.status_reason)), &name.name)?;
        }
        let mut known = self.db.built_files(&index.name, &name.name).await?;
        let beside = beside.iter().filter(|one| one.index == index.name && one.project == name.name);
        known.extend(beside.cloned());
        if let Some(known) = known.iter().find(|known| is_this(known, &name, handed)) {
            return Ok(PreparedWheel::Stands(known.filename.clone()));
        }
        if let Some(filename) = self.stands(index, &known, &name, handed).await? {
            return Ok(PreparedWheel::Stands(filename));
        }
        let filename = self.free_name(index, &known, &name, handed).await?;
        let ready = self.make_ready(&filename, handed).await?;
        Ok(PreparedWheel::New(Box::new(NewWheel::of(index, &name, handed, ready))))
    }

    /// The name under which a stage has these very bytes: the wheel's own, in any spelling.
    ///
    /// # Errors
    /// `Bad` if it has others that are not of the same source: nobody could tell what a build tag beside
    /// them means.
    async fn stands(
        &self,
        index: &Index,
        known: &[BuiltFile],
        name: &WheelFilename,
        handed: Handed<'_>,
    ) -> Result<Option<String>> {
        if !index.is_stage() || !handed.wanted {
            return Ok(None);
        }
        let plain = plain_name(name, handed);
        let there = self.db.file_of_any_spelling(&index.name, &plain).await?;
        let Some(there) = there.filter(|file| file.deleted_at.is_none()) else {
            // What is recorded together with it is not there yet.
            let other = known.iter().find(|one| {
                identity(&one.filename) == identity(&plain) && one.source_sha256 != handed.source_sha256
            });
            return other.map_or(Ok(None), |known| Err(of_another_source(known, handed)));
        };
        let same =
            |one: &BuiltFile| one.filename == there.filename && one.wheel_sha256 == handed.wheel_sha256;
        if there.sha256 == handed.wheel_sha256 || known.iter().any(same) {
            return Ok(Some(there.filename));
        }
        let Some(known) = known.iter().find(|one| one.filename == there.filename) else {
            return Err(bad!(
                "the index has another file named {}, and files never change: raise the version",
                handed.wheel
            ));
        };
        // Built again, or for another target, it gets a build tag beside the first.
        match known.source_sha256 == handed.source_sha256 {
            true => Ok(None),
            false => Err(of_another_source(known, handed)),
        }
    }

    /// A name that was never used.
    async fn free_name(
        &self,
        index: &Index,
        known: &[BuiltFile],
        name: &WheelFilename,
        handed: Handed<'_>,
    ) -> Result<String> {
        let mut used = self.db.used_filenames(&index.name, &name.name).await?;
        used.extend(known.iter().map(|known| known.filename.clone()));
        // A promised wheel may have other bytes; both may stand on one page.
        used.extend(self.db.promised_filenames(&index.name, &name.name).await?);
        let is_stage = index.is_stage();
        if is_stage && handed.wanted && !used.iter().any(|used| identity(used) == name.identity()) {
            return Ok(plain_name(name, handed));
        }
        if !is_stage && let Some(page) = self.mirrors.page(index, &name.name, false).await? {
            used.extend(page.page.files.iter().map(|file| file.filename.to_string()));
        }
        Ok(numbered(name, next_number(name, used.iter().map(String::as_str))))
    }

    /// The bytes under their final name, checked like a stranger's upload, durable.
    async fn make_ready(&self, filename: &str, handed: Handed<'_>) -> Result<Ready> {
        let mut bytes = self.whole_blob(handed.wheel_sha256).await?;
        if filename != handed.wheel {
            let (old, new) = (handed.wheel.to_owned(), filename.to_owned());
            let timestamp = handed.published_at.unwrap_or_default() / SECOND;
            let narrow = !handed.doubts.is_empty();
            let tagged = move || renamed(&bytes, &old, &new, (narrow, timestamp));
            bytes = tokio::task::spawn_blocking(tagged).await??;
        }
        let mut spool = self.store.spool().await?;
        spool.write(bytes).await?;
        spool.finish().await?;
        let contents = read_built(&spool, filename).await?;
        let digests = self.store.keep(spool).await?;
        let metadata_sha256 = self.store.put(contents.metadata_bytes.clone().into()).await?;
        Ok(Ready { filename: filename.to_owned(), digests, contents, metadata_sha256 })
    }

    async fn whole_blob(&self, sha256: &str) -> Result<Bytes> {
        let bytes = self.store.whole(sha256).await?;
        bytes.ok_or_else(|| lost!("the server lost the blob {sha256} of a built wheel"))
    }

    /// Whether a stage has a file with these bytes.
    pub async fn hosts(&self, index: &IndexName, filename: &str, sha256: &str) -> Result<bool> {
        let file = self.db.file(index, filename).await?;
        Ok(file.is_some_and(|file| file.deleted_at.is_none() && file.sha256 == sha256))
    }

    /// Whether the page of a stage has a wheel already, not from here, that serves whom this serves; with a
    /// `doubtful` one any does that has no doubts.
    pub async fn has_better(&self, index: &Index, wheel: &str, doubtful: bool) -> Result<Option<String>> {
        let Ok(name) = WheelFilename::parse(wheel) else { return Ok(None) };
        let files = self.db.project_files(&index.name, &name.name).await?;
        let files = files.into_iter().filter(|file| file.uploader.as_deref() != Some(BUILDER));
        let mut page = Page::new(name.name.clone());
        page.files = files.map(|file| File::named(&name.name, &file.filename)).collect();
        page.files.retain(|file| file.filename != *wheel);
        page.files.push(File::named(&name.name, wheel));
        let ours = OwnWheels::one(wheel, doubtful);
        Ok(covered(&page, &ours).into_iter().next().map(|(_, by)| by))
    }
}

impl NewWheel {
    fn of(index: &Index, name: &WheelFilename, handed: Handed<'_>, ready: Ready) -> Self {
        let file = StoredFile {
            version: name.version.to_string(),
            kind: FileKind::Wheel,
            sha256: ready.digests.sha256,
            md5: Some(ready.digests.md5),
            blake2_256: Some(ready.digests.blake2_256),
            size: ready.digests.size,
            requires_python: ready.contents.metadata.requires_python.clone(),
            metadata_sha256: Some(ready.metadata_sha256),
            uploader: Some(BUILDER.to_owned()),
            ..StoredFile::new(index.name.clone(), name.name.clone(), &ready.filename)
        };
        let built = BuiltFile {
            index: index.name.clone(),
            filename: ready.filename,
            project: name.name.clone(),
            version: file.version.clone(),
            source_filename: handed.source_filename.to_owned(),
            source_sha256: handed.source_sha256.to_owned(),
            build: handed.build,
            fence: handed.fence,
            wheel_sha256: handed.wheel_sha256.to_owned(),
            created_at: 0,
            sha256: file.sha256.clone(),
            size: file.size,
            metadata_sha256: file.metadata_sha256.clone(),
            target: None,
            doubts: handed.doubts.to_vec(),
        };
        Self {
            built,
            asked_by: handed.asked_by.to_owned(),
            published_at: handed.published_at,
            is_of_stage: index.is_stage(),
            version: name.version.clone(),
            file,
            metadata: ready.contents.metadata,
        }
    }

    /// Writes its rows; `false` if the name or the run was taken meanwhile.
    pub async fn record(&self, tx: &mut Tx) -> Result<bool> {
        let mut file = self.file.clone();
        file.uploaded_at = self.published_at.unwrap_or(tx.now);
        if self.is_of_stage {
            file.version = put_release(tx, &file, &self.version, &self.metadata).await?;
        }
        if let Put::Taken(_) = tx.put_file_built(&file).await? {
            return Ok(false);
        }
        let built = BuiltFile { version: file.version, ..self.built.clone() };
        tx.put_built(&built).await
    }

    /// What the event of [`NewWheel::record`] says in detail.
    pub fn detail(&self) -> String {
        format!("{} by build {}", self.built.filename, self.built.build)
    }

    /// The event of [`NewWheel::record`].
    pub fn event<'a>(&'a self, detail: &'a str) -> NewEvent<'a> {
        let event = NewEvent::of(&self.asked_by, EventKind::Built).on(&self.built.index);
        event.about(&self.built.project).saying(detail)
    }
}

fn of_another_source(known: &BuiltFile, handed: Handed<'_>) -> Error {
    bad!(
        "the index has {} already: build {} made it from another source, {}. Files never change: raise the \
         version of one of them",
        handed.wheel,
        known.build,
        known.source_filename
    )
}

/// Whether `known` is what this run gave, or the same wheel from another build: a pure wheel comes
/// out alike whichever interpreter made it.
fn is_this(known: &BuiltFile, name: &WheelFilename, handed: Handed<'_>) -> bool {
    let same_run = known.build == handed.build && known.fence == handed.fence;
    let twin = known.build != handed.build
        && known.wheel_sha256 == handed.wheel_sha256
        && known.source_sha256 == handed.source_sha256
        && known.doubts.is_empty() == handed.doubts.is_empty()
        && WheelFilename::parse(&known.filename).is_ok_and(|known| alike(&known, name));
    same_run || twin
}

/// An index may want no wheels that may lack something.
fn refuse_doubtful(index: &Index, doubts: &[String]) -> Result<()> {
    match index.doubtful {
        true => Ok(()),
        false => Err(bad!(
            "the wheel is doubtful, and the index takes no such wheels (doubtful=false): {}",
            doubts.join("; ")
        )),
    }
}

/// The name without a build tag: as it was handed in, or narrowed.
fn plain_name(name: &WheelFilename, handed: Handed<'_>) -> String {
    if handed.doubts.is_empty() { handed.wheel.to_owned() } else { unnumbered(name) }
}

async fn read_built(spool: &Spool, filename: &str) -> Result<Contents> {
    let contents = read_archive(spool, DistFilename::parse(filename)?, Maker::Builder).await?;
    contents.metadata.validate_upload()?;
    Ok(contents)
}

/// The same wheel with the build tag of `filename` inside too (`Build:` in `WHEEL`), and with its other tags if
/// it is made `narrow`.
fn renamed(bytes: &[u8], handed: &str, filename: &str, (narrow, timestamp): (bool, i64)) -> Result<Bytes> {
    let name = WheelFilename::parse(filename)?;
    let mut plan = RetagPlan { build: name.build, timestamp, ..RetagPlan::default() };
    if narrow {
        plan.python_abi = Some((name.python.join("."), name.abi.join(".")));
        plan.platform = Some(name.platform);
    }
    let mut wheel = PlainWheel::open(Cursor::new(bytes), handed)?;
    let written = wheel.write(&plan, Cursor::new(Vec::with_capacity(bytes.len())))?;
    Ok(written.into_inner().into())
}

/// Project and release of a stage; returns the release's key. What an uploaded wheel said of the
/// release stays.
async fn put_release(
    tx: &mut Tx,
    file: &StoredFile,
    version: &Version,
    metadata: &Metadata,
) -> Result<String> {
    let (at, project) = (&file.index, &file.project);
    let known = tx.project_status(at, project).await?;
    let is_new = known.is_none();
    refuse_status(known, project)?;
    match is_new {
        true => tx.put_project(at, project, &metadata.name).await?,
        false => tx.touch_project(at, project).await?,
    }
    let key = release_key(tx, at, project, version).await?;
    let json = serde_json::to_string(metadata).map_err(Error::internal)?;
    tx.put_release(at, project, &key, &json, false).await?;
    Ok(key)
}
