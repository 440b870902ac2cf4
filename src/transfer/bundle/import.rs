//! A checked bundle becomes files of an index: all of it, or nothing.

use super::check::{BundleCheck, Looked, Taker};
use super::open::OpenBundle;
use crate::db::bundles::ImportedBundle;
use crate::error::{Error, Result};
use crate::index::take_bundle::{BundleRows, CarriedYank};
use crate::names::{IndexName, ProjectName};
use crate::packaging::bundle::{BundleManifest, BundledFile};
use crate::packaging::requirement::Requirement;
use crate::transfer::bring::Bringer;
use crate::transfer::{Destination, ProgressWatch};
use crate::{bad, conflict};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use tokio::io::AsyncWriteExt;

/// Imports what a check found to be right. The bundle is read once more, and again held against its hashes.
/// `user` is who does it, as this machine knows them. Files that no index takes go to the folder `others`, if there is one.
///
/// # Errors
/// `Conflict` if the check refused something, or if what it saw changed; then the database is as before.
pub async fn import(
    to: Destination<'_>,
    check: &BundleCheck,
    user: &str,
    others: Option<&Path>,
    watch: ProgressWatch<'_>,
) -> Result<()> {
    let (order, diff) = (&check.order, &check.diff);
    if let Some(fault) = diff.refused.first() {
        return Err(conflict!("{}: {}", fault.what, fault.why));
    }
    let Bringer { directory, who, .. } = Bringer::new(to, &order.into).await?;
    let taker = Taker { to, directory, who, into: order.into.clone() };
    let mut bundle = OpenBundle::open(&order.files, &order.trust).await?;
    let changed = || bad!("the bundle changed while it was read");
    if bundle.identity != diff.bundle {
        return Err(changed());
    }
    let new: BTreeSet<&str> = diff.new.iter().map(|file| file.filename.as_str()).collect();
    let (mut files, mut extracted) = (Vec::new(), Extracted::default());
    for (at, file) in check.manifest.files.iter().enumerate() {
        watch(&file.filename, at as u64, check.manifest.files.len() as u64);
        if let Some(folder) = others.filter(|_| !file.is_distribution()) {
            extracted.take(&mut bundle, file, folder).await?;
            continue;
        }
        match taker.look(&mut bundle, file, false).await {
            Ok(Some(mut carried)) => {
                to.indexes.keep_carried(&mut carried).await?;
                files.push(carried);
            }
            Ok(None) if new.contains(file.filename.as_str()) => {
                tracing::debug!(file.filename, "came meanwhile")
            }
            Ok(None) => {}
            Err(Looked::Refused(why)) => return Err(conflict!("{}: {why}", file.filename)),
            Err(Looked::Stopped(error)) => return Err(error),
        }
    }
    bundle.end().await?;
    let stored = to.store.put(bundle.manifest_bytes.clone()).await?;
    if stored != diff.bundle {
        return Err(changed());
    }
    let rows = BundleRows {
        record: record(&bundle, &order.into, files.len(), user)?,
        files,
        yanks: yanks(&check.manifest),
        refused: refused(&check.manifest),
    };
    // Before anything says that the bundle was imported: alone, these files are harmless.
    extracted.keep()?;
    to.indexes.take_bundle(&taker.who, rows).await
}

/// Writes the files that no index takes to a folder, of a bundle that was checked.
///
/// # Errors
/// `Bad` if the bundle changed since, or if the folder cannot be written to.
pub async fn extract(check: &BundleCheck, folder: &Path, watch: ProgressWatch<'_>) -> Result<()> {
    let mut bundle = OpenBundle::open(&check.order.files, &check.order.trust).await?;
    if bundle.identity != check.diff.bundle {
        return Err(bad!("the bundle changed while it was read"));
    }
    let mut extracted = Extracted::default();
    for (at, file) in check.manifest.files.iter().enumerate() {
        watch(&file.filename, at as u64, check.manifest.files.len() as u64);
        if !file.is_distribution() {
            extracted.take(&mut bundle, file, folder).await?;
            continue;
        }
        bundle.begin(file).await?;
        while !bundle.piece().await?.is_empty() {}
    }
    bundle.end().await?;
    extracted.keep()
}

fn record(bundle: &OpenBundle, into: &IndexName, files: usize, user: &str) -> Result<ImportedBundle> {
    let BundleManifest { origin, created, .. } = &bundle.manifest;
    Ok(ImportedBundle {
        index: into.clone(),
        manifest_sha256: bundle.identity.clone(),
        installation: origin.installation.clone(),
        origin_index: origin.index.clone(),
        origin_serial: origin.serial,
        created_at: created.as_microsecond(),
        signers: bundle.trusted.iter().cloned().collect::<Vec<_>>().join(","),
        files: i64::try_from(files).map_err(Error::internal)?,
        who: user.to_owned(),
        imported_at: 0,
    })
}

/// Releases of which every file is yanked where the bundle comes from.
fn yanks(manifest: &BundleManifest) -> Vec<CarriedYank> {
    let mut releases: BTreeMap<(&ProjectName, &str), Vec<Option<&str>>> = BTreeMap::new();
    for file in manifest.files.iter().chain(&manifest.held) {
        if let (Some(project), Some(version)) = (&file.project, &file.version) {
            releases.entry((project, version)).or_default().push(file.yanked.as_deref());
        }
    }
    let all = releases.into_iter().filter_map(|((project, version), yanks)| {
        let reasons: Vec<&str> = yanks.into_iter().collect::<Option<_>>()?;
        let reason = reasons.first().copied().unwrap_or_default().to_owned();
        Some(CarriedYank { project: project.clone(), version: version.to_owned(), reason })
    });
    all.collect()
}

/// The projects that the other side refused.
fn refused(manifest: &BundleManifest) -> Vec<(ProjectName, String)> {
    let named = manifest.refused.iter().filter_map(|refused| {
        let requirement = Requirement::parse(&refused.requirement).ok()?;
        Some((requirement.name, refused.why.clone()))
    });
    named.collect()
}

/// Files on their way into a folder, under names of their own.
#[derive(Default)]
struct Extracted(Vec<(PathBuf, PathBuf)>);

impl Extracted {
    async fn take(&mut self, bundle: &mut OpenBundle, file: &BundledFile, folder: &Path) -> Result<()> {
        let place = folder.join(&file.filename);
        let partial = folder.join(format!(".{}.{}.part", file.sha256, std::process::id()));
        let unwritten = |error: std::io::Error| bad!("cannot write {}: {error}", place.display());
        tokio::fs::create_dir_all(folder).await.map_err(unwritten)?;
        let mut to = tokio::fs::File::create(&partial).await.map_err(unwritten)?;
        self.0.push((partial, place.clone()));
        bundle.begin(file).await?;
        let mut hash = sha2::Sha256::default();
        loop {
            let piece = bundle.piece().await?;
            if piece.is_empty() {
                break;
            }
            sha2::Digest::update(&mut hash, &piece);
            to.write_all(&piece).await.map_err(unwritten)?;
        }
        to.sync_all().await.map_err(unwritten)?;
        file.refuse_other(&crate::tools::hex::encode(sha2::Digest::finalize(hash)))
    }

    fn keep(mut self) -> Result<()> {
        for (partial, place) in std::mem::take(&mut self.0) {
            std::fs::rename(&partial, &place)
                .map_err(|error| bad!("cannot write {}: {error}", place.display()))?;
        }
        Ok(())
    }
}

impl Drop for Extracted {
    fn drop(&mut self) {
        self.0.iter().for_each(|(partial, _)| drop(std::fs::remove_file(partial)));
    }
}
