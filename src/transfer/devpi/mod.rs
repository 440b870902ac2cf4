//! A whole devpi server from its export: users, indexes, files, documentation, results of tests.

mod attachments;
pub mod dump;
mod indexes;
mod mirrored;
mod options;
mod release;
mod stages;
mod taken;
mod times;
mod users;

use super::{Destination, ProgressWatch, TransferReport};
use crate::bad;
use crate::error::{Error, Result};
use dump::{Dump, DumpVersion};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// What to import, and how.
#[derive(Clone, Debug, Default)]
pub struct DevpiOrder {
    /// With `dataindex.json` in it.
    pub folder: PathBuf,
    /// Indexes of these types are left out without a word.
    pub skipped_types: Vec<String>,
    /// Whether root's password becomes that of the export.
    pub root_password: bool,
}

/// An import at work.
struct Import<'a> {
    to: Destination<'a>,
    watch: ProgressWatch<'a>,
    report: TransferReport,
    /// Real: without links.
    folder: PathBuf,
    version: DumpVersion,
    root_password: bool,
    skipped_types: Vec<String>,
    /// Who is here now.
    users: BTreeSet<String>,
}

/// Imports what an export has and this server lacks.
///
/// # Errors
/// `Bad` if the folder has no export that can be read; then nothing was imported. What is wrong with a part of
/// it stands in the report.
pub async fn import(
    to: Destination<'_>,
    order: DevpiOrder,
    watch: ProgressWatch<'_>,
) -> Result<TransferReport> {
    let folder = order.folder.clone();
    let (dump, folder) = tokio::task::spawn_blocking(move || read(&folder)).await??;
    let report = TransferReport { dry_run: to.dry_run, ..TransferReport::default() };
    let mut import = Import {
        to,
        watch,
        report,
        folder,
        version: dump.version,
        root_password: order.root_password,
        skipped_types: order.skipped_types,
        users: BTreeSet::from(["root".to_owned()]),
    };
    import.users(dump.users).await?;
    // The names first, as the bases of one are others; then each with its files.
    let mut indexes = BTreeMap::new();
    for (name, index) in dump.indexes {
        if let Some((name, index)) = import.readable(&name, index) {
            indexes.insert(name, index);
        }
    }
    let made = import.indexes(&indexes).await?;
    let total = indexes.values().map(|index| index.files.len() as u64).sum();
    let mut done = 0;
    for (name, index) in indexes {
        let Some(place) = made.get(&name) else { continue };
        match place.is_mirror {
            true => import.mirrored(place, index, &mut done, total).await?,
            false => import.stage(place, index, &mut done, total).await?,
        }
    }
    Ok(import.report)
}

fn read(folder: &Path) -> Result<(Dump, PathBuf)> {
    let path = folder.join("dataindex.json");
    let bytes = std::fs::read(&path).map_err(|why| {
        bad!("cannot read {}: {why}. Give the folder that devpi-export wrote", path.display())
    })?;
    let folder = folder.canonicalize().map_err(Error::from)?;
    Ok((Dump::read(&bytes)?, folder))
}
