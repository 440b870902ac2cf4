//! Uploads: what must be true of a file before an index takes it, in the order PyPI checks it.
//!
//! Each step is a function that passes or refuses. Nothing is kept before the last refusal; then
//! the bytes are made durable, then the rows are committed, then the pages change.

mod agreement;
mod base;
mod beforehand;
mod candidate;
mod carried;
mod form;
mod private;

use crate::tools::time::now;
pub use beforehand::{CheckedFile, check_file};
use candidate::Candidate;
pub(super) use candidate::Contents;
pub use carried::CarriedFile;
pub use form::{Content, Form};

use super::Indexes;
use crate::access::{self, Decision, Need, Who};
use crate::db::Tx;
use crate::db::events::NewEvent;
use crate::db::files::{Put, StoredFile};
use crate::directory::{Directory, Index, IndexKind};
use crate::error::{Error, Result};
use crate::names::{IndexName, ProjectName};
use crate::packaging::archive::ReadAt;
use crate::packaging::filename::{DistFilename, ListedFilename, SdistFilename};
use crate::packaging::sdist::{self, SdistContents};
use crate::packaging::version;
use crate::packaging::wheel::{self, WheelContents};
use crate::store::{Spool, SpooledDigests};
use crate::words::{EventKind, FileKind, ProjectStatus};
use crate::{bad, forbidden, missing};

/// What became of an upload that was not refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Uploaded {
    New,
    /// The same bytes were here under this name: nothing changed.
    Same,
}

/// What the checks of an upload found.
enum Examined<'a> {
    Same,
    New(Box<Accepted<'a>>),
}

/// An upload that passed, and of which nothing is kept yet.
struct Accepted<'a> {
    candidate: Candidate<'a>,
    spool: Spool,
    digests: SpooledDigests,
    contents: Contents,
}

impl Indexes {
    /// Takes an upload into a stage, or refuses it without a trace.
    ///
    /// # Errors
    /// `Missing` for a mirror, `Forbidden` without permission for this project or if its status
    /// forbids new files, `Bad` for everything that is wrong with form or file.
    pub async fn upload(
        &self,
        directory: &Directory,
        who: &Who,
        index: &Index,
        form: &Form,
        content: Option<Content>,
    ) -> Result<Uploaded> {
        match self.examine(directory, who, index, form, content, false).await? {
            Examined::Same => Ok(Uploaded::Same),
            Examined::New(accepted) => self.take(*accepted).await,
        }
    }

    /// Takes a file that was published elsewhere into a stage, through the same checks as an upload. Where those
    /// are stricter than installers, as with names from before PEP 625, what installers take is taken.
    /// In a dry run nothing is kept.
    ///
    /// # Errors
    /// As [`Indexes::upload`].
    pub async fn bring(
        &self,
        directory: &Directory,
        who: &Who,
        index: &Index,
        form: &Form,
        content: Content,
        dry_run: bool,
    ) -> Result<Uploaded> {
        match self.examine(directory, who, index, form, Some(content), true).await? {
            Examined::Same => Ok(Uploaded::Same),
            Examined::New(_) if dry_run => Ok(Uploaded::New),
            Examined::New(accepted) => self.take(*accepted).await,
        }
    }

    /// All that is looked at before anything is kept.
    async fn examine<'a>(
        &self,
        directory: &Directory,
        who: &'a Who,
        index: &'a Index,
        form: &'a Form,
        content: Option<Content>,
        elsewhere: bool,
    ) -> Result<Examined<'a>> {
        a_stage(index)?;
        let (project, version) = form.identity()?;
        let content = content.ok_or_else(|| bad!("Upload payload does not have a file."))?;
        may_upload(directory, who, index, &project)?;
        let (name, odd) = named(form, &content, &project, &version)?;
        form.check_digests(&content.digests)?;
        let candidate = Candidate { index, who, form, name, filename: content.filename };
        let sha256 = &content.digests.sha256;
        if let Some(error) = odd
            && !(elsewhere || self.is_published(directory, &candidate, sha256).await?)
        {
            return Err(error);
        }
        if self.is_there(&candidate, &content.digests).await? {
            return Ok(Examined::Same);
        }
        form.check_attestations(&candidate.filename, sha256)?;
        let contents = match read_uploaded(&content.spool, candidate.name.clone(), form).await {
            // Stricter than what is published may nobody be who only brings it along.
            Err(Error::Bad(_)) if elsewhere || self.is_published(directory, &candidate, sha256).await? => {
                base::read_published(&content.spool, &candidate, elsewhere).await?
            }
            read => read?,
        };
        if !elsewhere {
            self.refuse_private(index, &contents.metadata)?;
        }
        self.check_status(&index.name, &project).await?;
        let (spool, digests) = (content.spool, content.digests);
        Ok(Examined::New(Box::new(Accepted { candidate, spool, digests, contents })))
    }

    /// Keeps what was examined.
    async fn take(&self, accepted: Accepted<'_>) -> Result<Uploaded> {
        let Accepted { candidate, spool, digests, contents } = accepted;
        let added = self.programs.ask(&candidate.upcoming(&digests, &contents.metadata)).await?;
        // One at a time per name, so that of two uploads at once the second meets the first's
        // row here and leaves no bytes behind. Between processes the unique key decides.
        let _one = self.keeping.lock((candidate.index.name.clone(), candidate.name.identity())).await;
        if self.is_there(&candidate, &digests).await? {
            return Ok(Uploaded::Same);
        }
        self.has_room(candidate.index, digests.size).await?;
        let digests = self.store.keep(spool).await?;
        self.record(&candidate, &digests, contents, added.as_deref()).await
    }

    /// Registers a project and a release without a file (`:action=submit`), as devpi does. What
    /// a file said of the release before stays.
    pub async fn register(&self, directory: &Directory, who: &Who, index: &Index, form: &Form) -> Result<()> {
        a_stage(index)?;
        let (project, version) = form.identity()?;
        may_upload(directory, who, index, &project)?;
        let metadata = form.metadata();
        self.refuse_private(index, &metadata)?;
        let json = serde_json::to_string(&metadata).map_err(Error::internal)?;
        let mut tx = Tx::begin(&self.db).await?;
        refuse_status(tx.project_status(&index.name, &project).await?, &project)?;
        tx.put_project(&index.name, &project, &metadata.name).await?;
        let key = release_key(&mut tx, &index.name, &project, &version).await?;
        tx.put_release(&index.name, &project, &key, &json, false).await?;
        tx.commit(event(who, EventKind::Register, index, &project, &key)).await?;
        self.changed(&index.name, &project);
        Ok(())
    }

    /// The duplicate check: true if the same bytes are here under this name, in any spelling: a file
    /// has one name, the one that it came with first.
    async fn is_there(&self, candidate: &Candidate<'_>, digests: &SpooledDigests) -> Result<bool> {
        match self.db.file_of_any_spelling(&candidate.index.name, &candidate.filename).await? {
            Some(known) => same_or_refused(&known, &candidate.filename, &digests.sha256).map(|()| true),
            None => Ok(false),
        }
    }

    async fn check_status(&self, index: &IndexName, project: &ProjectName) -> Result<()> {
        let known = self.db.project(index, project).await?;
        refuse_status(known.map(|known| (known.status, known.status_reason)), project)
    }

    /// The rows, once the bytes are durable.
    async fn record(
        &self,
        candidate: &Candidate<'_>,
        digests: &SpooledDigests,
        contents: Contents,
        added: Option<&str>,
    ) -> Result<Uploaded> {
        let (index, project) = (&candidate.index.name, candidate.project());
        let is_wheel = candidate.kind() == FileKind::Wheel;
        // Installers would take an sdist's PKG-INFO for final, and it may hold dynamic fields.
        let metadata_sha256 = match is_wheel {
            true => Some(self.store.put(contents.metadata_bytes.into()).await?),
            false => None,
        };
        let json = serde_json::to_string(&contents.metadata).map_err(Error::internal)?;
        let mut file = StoredFile {
            kind: candidate.kind(),
            sha256: digests.sha256.clone(),
            md5: Some(digests.md5.clone()),
            blake2_256: Some(digests.blake2_256.clone()),
            size: digests.size,
            requires_python: contents.metadata.requires_python.clone(),
            metadata_sha256,
            uploader: Some(candidate.who.user.clone().unwrap_or_else(|| candidate.who.label.clone())),
            uploaded_at: now(),
            ..StoredFile::new(index.clone(), project.clone(), &candidate.filename)
        };
        let mut tx = Tx::begin(&self.db).await?;
        refuse_status(tx.project_status(index, project).await?, project)?;
        tx.put_project(index, project, &contents.metadata.name).await?;
        file.version = release_key(&mut tx, index, project, candidate.name.version()).await?;
        // A wheel's metadata is final; an sdist's may be amended while a wheel is built from it.
        tx.put_release(index, project, &file.version, &json, is_wheel).await?;
        if let Put::Taken(known) = tx.put_file(&file, candidate.form.attestations()).await? {
            return same_or_refused(&known, &candidate.filename, &digests.sha256).map(|()| Uploaded::Same);
        }
        let event = event(candidate.who, EventKind::Upload, candidate.index, project, &candidate.filename);
        let after = serde_json::json!({"sha256": file.sha256, "size": file.size}).to_string();
        tx.commit(event.adding(added).after(&after)).await?;
        self.changed(index, project);
        Ok(Uploaded::New)
    }
}

/// What the file's name means; and what is wrong with it if only a published file may have it.
fn named(
    form: &Form,
    content: &Content,
    project: &ProjectName,
    version: &version::Version,
) -> Result<(DistFilename, Option<Error>)> {
    form.check_filename(content, project, version).map(|name| (name, None)).or_else(|error| {
        let old = SdistFilename::parse_for(project, &content.filename).ok();
        let plain = ListedFilename::parse(project, &content.filename).is_some();
        match old.filter(|name| plain && name.version == *version) {
            Some(name) => Ok((DistFilename::Sdist(name), Some(error))),
            None => Err(error),
        }
    })
}

pub(super) fn a_stage(index: &Index) -> Result<()> {
    match index.kind {
        IndexKind::Stage(_) => Ok(()),
        IndexKind::Mirror(_) => Err(missing!(
            "cannot submit to mirror index {0}: {0} is a mirror and does not accept uploads",
            index.name
        )),
    }
}

/// The permission again, now that the project is known: a token may be limited to one.
pub(super) fn may_upload(
    directory: &Directory,
    who: &Who,
    index: &Index,
    project: &ProjectName,
) -> Result<()> {
    let decided =
        access::decide(directory, who, Need::Upload, Some(&index.name), Some(project.as_str()), None);
    match decided {
        Decision::Allowed => Ok(()),
        _ if who.scope.is_some() => {
            Err(forbidden!("The given token isn't allowed to upload to project '{project}'."))
        }
        _ => Err(forbidden!(
            "The user '{}' isn't allowed to upload to project '{project}'.",
            who.user.as_deref().unwrap_or(&who.label)
        )),
    }
}

pub(super) fn same_or_refused(known: &StoredFile, filename: &str, sha256: &str) -> Result<()> {
    let spelling = match known.filename == filename {
        true => String::new(),
        false if known.kind == FileKind::Sdist => {
            format!(" Only one sdist may be uploaded per release. '{filename}' is another one.")
        }
        false => format!(" '{filename}' is another spelling of that name."),
    };
    if known.deleted_at.is_some() {
        return Err(bad!(
            "This filename was previously used by a file that has since been deleted.{spelling} \
             Use a different version."
        ));
    }
    if known.sha256 != sha256 {
        return Err(bad!(
            "File already exists ('{}', with sha256 hash '{}').{spelling} Use a different version: what \
             was published once never changes.",
            known.filename,
            known.sha256
        ));
    }
    Ok(())
}

pub(super) fn refuse_status(
    known: Option<(ProjectStatus, Option<String>)>,
    project: &ProjectName,
) -> Result<()> {
    let Some((status, reason)) = known else { return Ok(()) };
    if matches!(status, ProjectStatus::Active | ProjectStatus::Deprecated) {
        return Ok(());
    }
    let reason = reason.map(|reason| format!(" ({reason})")).unwrap_or_default();
    Err(forbidden!("Project '{project}' is {status}{reason} and does not accept new files."))
}

/// Under which spelling a version is kept: that of its first file (`1.0` and `1.0.0` are one release).
pub(super) async fn release_key(
    tx: &mut Tx,
    index: &IndexName,
    project: &ProjectName,
    version: &version::Version,
) -> Result<String> {
    let known = tx.versions(index, project).await?;
    let same = known.into_iter().find(|known| version::parse(known).as_ref() == Some(version));
    Ok(same.unwrap_or_else(|| version.to_string()))
}

/// Reads an archive strictly and holds it against the form.
async fn read_uploaded(spool: &Spool, name: DistFilename, form: &Form) -> Result<Contents> {
    let contents = read_archive(spool, name, Maker::Publisher).await?;
    contents.metadata.validate_upload()?;
    form.agrees_with(&contents.metadata)?;
    Ok(contents)
}

/// Who made an archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Maker {
    /// Somebody who publishes it.
    Publisher,
    /// Our builder: whatever it writes must be exact.
    Builder,
}

/// Reads the archive strictly, on a thread where blocking is allowed.
pub(super) async fn read_archive(spool: &Spool, name: DistFilename, maker: Maker) -> Result<Contents> {
    let (path, small) = (spool.path().to_owned(), spool.bytes().cloned());
    tokio::task::spawn_blocking(move || match small {
        Some(bytes) => read_source(&bytes[..], &name, maker),
        None => read_source(&std::fs::File::open(&path)?, &name, maker),
    })
    .await?
}

fn read_source<S: ReadAt + ?Sized>(source: &S, name: &DistFilename, maker: Maker) -> Result<Contents> {
    match name {
        DistFilename::Wheel(name) => {
            let WheelContents { metadata, metadata_bytes } = match maker {
                Maker::Publisher => wheel::read_published(source, name)?,
                Maker::Builder => wheel::read(source, name)?,
            };
            Ok(Contents { metadata, metadata_bytes })
        }
        DistFilename::Sdist(name) => {
            let SdistContents { metadata, metadata_bytes, .. } = sdist::read(source, name, true)?;
            Ok(Contents { metadata, metadata_bytes })
        }
    }
}

pub(super) fn event<'a>(
    who: &'a Who,
    what: EventKind,
    index: &'a Index,
    project: &'a ProjectName,
    detail: &'a str,
) -> NewEvent<'a> {
    NewEvent::of(&who.label, what).on(&index.name).about(project).saying(detail)
}

#[cfg(test)]
mod tests;
