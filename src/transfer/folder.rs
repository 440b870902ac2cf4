//! Every sdist and wheel of a folder: what pypiserver and find-links serve.

use super::bring::{Bringer, BroughtFile};
use super::bytes::{TakenBytes, spool_file};
use super::{Destination, ProgressWatch, TransferReport};
use crate::bad;
use crate::error::Result;
use crate::names::{IndexName, ProjectName};
use crate::packaging::filename::{ListedFilename, candidates};
use crate::tools::hex;
use crate::words::FileKind;
use std::path::{Path, PathBuf};

/// Takes what `folder` and those in it have and the index lacks.
///
/// # Errors
/// `Bad` if the folder cannot be read, `Missing` if there is no such index.
pub async fn import(
    to: Destination<'_>,
    folder: &Path,
    into: &IndexName,
    watch: ProgressWatch<'_>,
) -> Result<TransferReport> {
    let mut bringer = Bringer::new(to, into).await?;
    let folder = folder.to_owned();
    let found = tokio::task::spawn_blocking(move || distributions(&folder)).await??;
    let total = found.len() as u64;
    for (done, path) in found.iter().enumerate() {
        watch(into.as_str(), done as u64, total);
        bringer.take(path).await?;
    }
    Ok(bringer.report)
}

/// The paths of all files with the name of a sdist or a wheel, sorted. Hidden folders, and links to folders, are
/// left out.
fn distributions(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let entries = std::fs::read_dir(&folder)
            .map_err(|why| bad!("cannot read the folder {}: {why}", folder.display()))?;
        for entry in entries {
            let entry = entry?;
            let name = entry.file_name();
            let Some(name) = name.to_str().filter(|name| !name.starts_with('.')) else { continue };
            if entry.file_type()?.is_dir() {
                folders.push(entry.path());
            } else if read_name(name).is_some() && entry.path().is_file() {
                found.push(entry.path());
            }
        }
    }
    found.sort();
    Ok(found)
}

/// What the name of an sdist or a wheel says.
fn read_name(filename: &str) -> Option<(ProjectName, ListedFilename)> {
    let named = candidates(filename).into_iter().find_map(|project| {
        let listed = ListedFilename::parse(&project, filename)?;
        listed.version()?;
        Some((project, listed))
    });
    named.filter(|(_, listed)| matches!(listed.kind(), FileKind::Sdist | FileKind::Wheel))
}

impl Bringer<'_> {
    async fn take(&mut self, path: &Path) -> Result<()> {
        let what = path.display().to_string();
        let filename = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let Some((project, listed)) = read_name(filename) else { return Ok(()) };
        // What is here already is compared without a copy.
        if let Some(known) = self.to.db.file_of_any_spelling(&self.into, filename).await? {
            let path = path.to_owned();
            let sha256 = tokio::task::spawn_blocking(move || hex::file_sha256(&path)).await?;
            if sha256.is_ok_and(|sha256| sha256 == known.sha256) && known.deleted_at.is_none() {
                self.is_here(known.size);
                return Ok(());
            }
        }
        let TakenBytes { spool, digests } = match spool_file(self.to.store, path, |_| {}).await? {
            Ok(taken) => taken,
            Err(why) => {
                self.report.refuse(what, why);
                return Ok(());
            }
        };
        let version = listed.canonical_version().unwrap_or_default();
        let kind = listed.kind();
        self.bring(BroughtFile { what: &what, project: &project, version, kind, filename, spool, digests })
            .await
    }
}
