//! A bundle held against an index, before anything of it is kept: every signature, hash and archive.

use super::open::{OpenBundle, SignerTrust};
use crate::access::Who;
use crate::conflict;
use crate::db::bundles::ImportedBundle;
use crate::directory::Directory;
use crate::error::{Error, Result};
use crate::index::upload::{CarriedFile, Content, Form};
use crate::missing;
use crate::names::IndexName;
use crate::packaging::bundle::{BundleManifest, BundledFile, RefusedRequest};
use crate::transfer::bring::Bringer;
use crate::transfer::{Destination, ImportFault, ProgressWatch};
use crate::words::Moment;
use serde::Serialize;
use std::path::PathBuf;
use std::sync::Arc;

/// Files that are named in one message.
const NAMED: usize = 10;

/// Which bundle goes where, and who must have signed it.
#[derive(Clone, Debug)]
pub struct CheckOrder {
    /// One file, or all volumes in any order.
    pub files: Vec<PathBuf>,
    pub into: IndexName,
    pub trust: SignerTrust,
}

/// What an import changes.
#[derive(Clone, Debug, Serialize)]
pub struct BundleDiff {
    /// The sha256 of the manifest.
    pub bundle: String,
    pub from: String,
    pub created: Moment,
    pub index: IndexName,
    pub signers: Vec<String>,
    pub targets: Vec<String>,
    /// The index got this bundle before: nothing is to be done.
    pub already: bool,
    pub new: Vec<DiffFile>,
    /// Files that the index has already.
    pub present: u64,
    /// Files that no index takes.
    pub others: Vec<DiffFile>,
    /// Files that the index cannot take, and why: then nothing is imported.
    pub refused: Vec<ImportFault>,
    /// What was asked for and is not in the bundle.
    pub unanswered: Vec<RefusedRequest>,
}

/// A file that an import brings.
#[derive(Clone, Debug, Serialize)]
pub struct DiffFile {
    pub filename: String,
    /// Bytes.
    pub size: u64,
    pub sha256: String,
}

impl DiffFile {
    fn of(file: &BundledFile) -> Self {
        Self { filename: file.filename.clone(), size: file.size, sha256: file.sha256.clone() }
    }
}

/// A bundle that was read to its end.
pub struct BundleCheck {
    pub order: CheckOrder,
    pub diff: BundleDiff,
    pub manifest: BundleManifest,
}

/// An index that takes files from a bundle.
pub(super) struct Taker<'a> {
    pub to: Destination<'a>,
    pub directory: Arc<Directory>,
    pub who: Who,
    pub into: IndexName,
}

impl BundleCheck {
    /// Reads a bundle to its end, and holds it against the index.
    ///
    /// # Errors
    /// `Missing` if there is no index that takes files, `Forbidden` without the signatures that are needed, `Conflict`
    /// for a bundle that is older than one that was imported or whose base is not here, `Bad` for a damaged one.
    pub async fn run(to: Destination<'_>, order: CheckOrder, watch: ProgressWatch<'_>) -> Result<Self> {
        let Bringer { directory, who, .. } = Bringer::new(to, &order.into).await?;
        let taker = Taker { to, directory, who, into: order.into.clone() };
        let mut bundle = OpenBundle::open(&order.files, &order.trust).await?;
        let known = to.db.imported_bundles(&order.into).await?;
        let mut diff = BundleDiff {
            bundle: bundle.identity.clone(),
            from: bundle.manifest.origin.index.clone(),
            created: Moment(bundle.manifest.created.as_microsecond()),
            index: order.into.clone(),
            signers: bundle.trusted.iter().cloned().collect(),
            targets: bundle.manifest.targets.clone(),
            already: known.iter().any(|known| known.manifest_sha256 == bundle.identity),
            new: Vec::new(),
            present: 0,
            others: Vec::new(),
            refused: Vec::new(),
            unanswered: bundle.manifest.refused.clone(),
        };
        if diff.already {
            return Ok(Self { order, diff, manifest: bundle.manifest });
        }
        refuse_older(&bundle.manifest, &known)?;
        taker.refuse_without_base(&bundle.manifest).await?;
        let files = bundle.manifest.files.clone();
        for (at, file) in files.iter().enumerate() {
            watch(&file.filename, at as u64, files.len() as u64);
            match taker.look(&mut bundle, file, true).await {
                Ok(Some(_)) => diff.new.push(DiffFile::of(file)),
                Ok(None) if file.is_distribution() => diff.present += 1,
                Ok(None) => diff.others.push(DiffFile::of(file)),
                Err(Looked::Refused(why)) => diff.refused.push(ImportFault::new(&file.filename, why)),
                Err(Looked::Stopped(error)) => return Err(error),
            }
        }
        bundle.end().await?;
        Ok(Self { order, diff, manifest: bundle.manifest })
    }
}

/// Of the bundles of one origin, none comes after a later one: an old version would come back with it.
fn refuse_older(manifest: &BundleManifest, known: &[ImportedBundle]) -> Result<()> {
    let origin = &manifest.origin;
    let same = known
        .iter()
        .filter(|known| known.installation == origin.installation && known.origin_index == origin.index);
    let newest = same.max_by_key(|known| (known.origin_serial, known.created_at));
    match newest {
        Some(newest) if (newest.origin_serial, newest.created_at) >= manifest.order() => Err(conflict!(
            "the bundle was made {}, and {} has a newer one of {}, made {}: make a new bundle on the other side",
            Moment(manifest.created.as_microsecond()).second(),
            newest.index,
            origin.index,
            Moment(newest.created_at).second()
        )),
        _ => Ok(()),
    }
}

/// Why a file is not taken.
pub(super) enum Looked {
    /// The index does not take this one.
    Refused(String),
    /// The bundle is not what it should be, or this server cannot go on.
    Stopped(Error),
}

impl From<Error> for Looked {
    fn from(error: Error) -> Self {
        Self::Stopped(error)
    }
}

impl Taker<'_> {
    /// Makes sure that the index has what a delta builds upon.
    async fn refuse_without_base(&self, manifest: &BundleManifest) -> Result<()> {
        let Some(base) = &manifest.base else { return Ok(()) };
        let mut lost = Vec::new();
        for file in manifest.held.iter().filter(|file| file.is_distribution()) {
            let known = self.to.db.file_of_any_spelling(&self.into, &file.filename).await?;
            if !known.is_some_and(|known| known.sha256 == file.sha256 && known.deleted_at.is_none()) {
                lost.push(file.filename.as_str());
            }
        }
        if lost.is_empty() {
            return Ok(());
        }
        let more = if lost.len() > NAMED { ", …" } else { "" };
        let named = lost.get(..NAMED.min(lost.len())).unwrap_or_default().join(", ");
        Err(conflict!(
            "the bundle builds upon {base}, and {} does not have what that brings ({named}{more}): import that one \
             first, or make this one again without --since",
            self.into
        ))
    }

    /// Reads the next file of a bundle, which is this one, and holds it against hash and index; `None` if the index
    /// has it, or takes no such file.
    pub async fn look(
        &self,
        bundle: &mut OpenBundle,
        file: &BundledFile,
        ask: bool,
    ) -> Result<Option<CarriedFile>, Looked> {
        bundle.begin(file).await?;
        let mut spool = self.to.store.spool().await?;
        loop {
            let piece = bundle.piece().await?;
            if piece.is_empty() {
                break;
            }
            spool.write(piece).await?;
        }
        let digests = spool.finish().await?;
        file.refuse_other(&digests.sha256)?;
        let (Some(project), Some(version)) = (&file.project, &file.version) else { return Ok(None) };
        let mut form = Form::default();
        form.push("name", project.to_string());
        form.push("version", version.clone());
        let kind = if file.filename.ends_with(".whl") { "bdist_wheel" } else { "sdist" };
        form.push("filetype", kind.to_owned());
        let content = Content { filename: file.filename.clone(), content_type: None, spool, digests };
        let index = self.directory.indexes.get(&self.into);
        let index = index.ok_or_else(|| missing!("the index {} was deleted", self.into))?;
        let looked =
            self.to.indexes.look_at_carried(&self.directory, &self.who, index, &form, content, ask).await;
        looked.map_err(|error| match error {
            Error::Bad(why) | Error::Conflict(why) | Error::Forbidden(why) => Looked::Refused(why),
            other => Looked::Stopped(other),
        })
    }
}
