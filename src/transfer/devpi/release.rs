//! One release of an export: its files are read, kept, and recorded together.

use super::Import;
use super::dump::{DumpedFile, DumpedKind, Object};
use super::indexes::IndexPlace;
use super::stages::DumpedRelease;
use super::taken::ours;
use crate::db::files::StoredFile;
use crate::error::Result;
use crate::index::take_imported::{ImportedRelease, claimed};
use crate::names::ProjectName;
use crate::packaging::filename::ListedFilename;
use crate::packaging::metadata::Metadata;
use crate::packaging::page::Yanked;
use crate::packaging::version;
use crate::packaging::{opens, wheel};
use crate::tools::time::now;
use crate::transfer::Tally;
use crate::transfer::bytes::TakenBytes;
use crate::words::{FileKind, History, PassageKind};
use serde_json::Value;
use std::io::Cursor;

/// A release on its way in.
pub(super) struct Coming {
    pub release: ImportedRelease,
    /// The release's key, here.
    pub key: String,
    pub adding: Tally,
}

/// What an archive says of itself.
struct ReadArchive {
    /// Of a wheel.
    metadata: Option<(Metadata, Vec<u8>)>,
    /// What is wrong with it.
    doubt: Option<String>,
}

impl Import<'_> {
    pub(super) async fn release(
        &mut self,
        place: &IndexPlace,
        project: &ProjectName,
        text: &str,
        dumped: DumpedRelease,
    ) -> Result<()> {
        let Some(version) = version::parse(text) else {
            let why = format!("'{text}' is not a valid version (PEP 440), so no installer finds it");
            for file in &dumped.files {
                self.report.refuse(&file.path, &why);
            }
            if dumped.files.is_empty() {
                self.report.refuse(format!("{}: {project}", place.name), why);
            }
            return Ok(());
        };
        let known = self.to.db.releases(&place.name, project).await?;
        let known = known.into_iter().find(|known| version::same(&known.version, text));
        let release = ImportedRelease {
            index: place.name.clone(),
            project: project.clone(),
            metadata: claimed(project, text, &dumped.metadata),
            replaces: false,
            yanked: if known.is_none() { yanked(&dumped.metadata) } else { Yanked::No },
            version,
            files: Vec::new(),
            attachments: Vec::new(),
        };
        let adding = Tally { releases: known.is_none().into(), ..Tally::default() };
        self.report.present.releases += u64::from(known.is_some());
        let key = known.map_or_else(|| release.version.to_string(), |known| known.version);
        let mut coming = Coming { release, key, adding };
        // What is beside a file comes after it.
        let (files, beside): (Vec<_>, Vec<_>) =
            dumped.files.iter().partition(|file| file.kind == DumpedKind::Release);
        for file in files {
            self.file(&mut coming, file).await?;
        }
        for file in beside {
            self.attachment(&mut coming, file).await?;
        }
        if coming.adding == Tally::default() {
            return Ok(());
        }
        if !self.to.dry_run
            && let Err(why) = ours(self.to.indexes.take_imported(coming.release).await)?
        {
            self.report.refuse(format!("{}: {project} {text}", place.name), why);
            return Ok(());
        }
        self.report.added.add(&coming.adding);
        Ok(())
    }

    /// Takes the bytes of a file that is not here yet.
    async fn file(&mut self, coming: &mut Coming, file: &DumpedFile) -> Result<()> {
        let (index, project) = (coming.release.index.clone(), coming.release.project.clone());
        let filename = file.filename();
        let Some(listed) = ListedFilename::parse(&project, filename) else {
            let why = format!("{filename} is not the name of a file of {project}");
            self.report.refuse(&file.path, why);
            return Ok(());
        };
        let known = self.to.db.file_of_any_spelling(&index, filename).await?;
        if let Some(known) = &known
            && self.is_settled(file, known)
        {
            return Ok(());
        }
        let Some(taken) = self.bytes_of(file).await? else { return Ok(()) };
        if let Some(known) = known {
            self.compare(file, &known, &taken.digests.sha256);
            return Ok(());
        }
        let archive = read_archive(&taken, &project, filename, listed.kind()).await?;
        if let Some(doubt) = archive.doubt {
            self.report.note(&file.path, format!("was taken as it is, but does not install: {doubt}"));
        }
        coming.adding.files += 1;
        coming.adding.bytes += taken.digests.size;
        let (uploader, uploaded_at) = file.uploaded();
        let mut new = StoredFile {
            version: coming.key.clone(),
            kind: listed.kind(),
            uploader,
            uploaded_at: uploaded_at.unwrap_or_else(now),
            requires_python: coming.release.metadata.requires_python.clone(),
            history: history(&coming.release, file),
            ..StoredFile::new(index, project, filename)
        };
        if let Some((metadata, bytes)) = archive.metadata {
            new.requires_python.clone_from(&metadata.requires_python);
            if !self.to.dry_run {
                new.metadata_sha256 = Some(self.to.store.put(bytes.into()).await?);
            }
            coming.release.metadata = metadata;
            coming.release.replaces = true;
        }
        let digests = match self.to.dry_run {
            true => taken.digests,
            false => self.to.store.keep(taken.spool).await?,
        };
        new.sha256 = digests.sha256;
        (new.md5, new.blake2_256) = (Some(digests.md5), Some(digests.blake2_256));
        new.size = digests.size;
        coming.release.files.push(new);
        Ok(())
    }

    /// Whether nothing needs to be read of a file whose name is taken.
    fn is_settled(&mut self, file: &DumpedFile, known: &StoredFile) -> bool {
        if known.deleted_at.is_some() {
            self.report.note(&file.path, "was deleted here, and stays so");
            return true;
        }
        let md5 = file.hashes.others.iter().find(|(algorithm, _)| algorithm == "md5").map(|(_, hex)| hex);
        match (&file.hashes.sha256, md5, &known.md5) {
            (Some(told), _, _) => self.compare(file, known, told),
            (None, Some(told), Some(md5)) if told == md5 => self.compare(file, known, &known.sha256),
            _ => return false,
        }
        true
    }

    fn compare(&mut self, file: &DumpedFile, known: &StoredFile, sha256: &str) {
        if known.sha256 == sha256 {
            self.report.present.files += 1;
            self.report.present.bytes += known.size;
        } else {
            let why = format!(
                "{} has another file of this name, with sha256 {}: it stays, since files never change",
                known.index, known.sha256
            );
            self.report.refuse(&file.path, why);
        }
    }
}

/// The log of a file; nothing if it says no more than who uploaded it to where it is.
pub(super) fn history(release: &ImportedRelease, file: &DumpedFile) -> Option<History> {
    let is_plain = match file.log.as_slice() {
        [] => true,
        [one] => one.what == PassageKind::Upload && one.dst.as_ref().is_none_or(|dst| *dst == release.index),
        _ => false,
    };
    (!is_plain).then(|| History(file.log.clone()))
}

/// What an export says of a release that was taken back.
pub(super) fn yanked(metadata: &Object) -> Yanked {
    match metadata.get("yanked") {
        Some(Value::Bool(true)) => Yanked::Yes,
        Some(Value::String(reason)) => Yanked::because(reason),
        _ => Yanked::No,
    }
}

async fn read_archive(
    taken: &TakenBytes,
    project: &ProjectName,
    filename: &str,
    kind: FileKind,
) -> Result<ReadArchive> {
    let (path, small) = (taken.spool.path().to_owned(), taken.spool.bytes().cloned());
    let (project, filename) = (project.clone(), filename.to_owned());
    tokio::task::spawn_blocking(move || {
        let checked = match &small {
            Some(bytes) => opens::check(&bytes[..], &project, &filename),
            None => opens::check(&std::fs::File::open(&path)?, &project, &filename),
        };
        let doubt = checked.err().map(|why| why.to_string());
        let read = match (kind, small) {
            (FileKind::Wheel, Some(bytes)) => wheel::read_metadata(Cursor::new(bytes)).ok(),
            (FileKind::Wheel, None) => wheel::read_metadata(std::fs::File::open(&path)?).ok(),
            _ => None,
        };
        let metadata = read.and_then(|bytes| Some((Metadata::parse(&bytes).ok()?, bytes)));
        Ok(ReadArchive { metadata, doubt })
    })
    .await?
}
