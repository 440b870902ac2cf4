//! Promises on a target's page, computed from what is stored: no build, and no request upstream.

use super::why_not::{WhyNot, Workshop};
use super::{Promises, filename};
use crate::build::targets::Offered;
use crate::db::promises::StoredPromise;
use crate::directory::Directory;
use crate::error::Result;
use crate::index::view::Amend;
use crate::names::{IndexName, ProjectName};
use crate::packaging::choose;
use crate::packaging::filename::ListedFilename;
use crate::packaging::page::{CoreMetadata, File, FilePlace, Hashes, LeftOut, Page, Provenance};
use crate::packaging::version::Version;
use crate::tools::time::{Micros, SECOND, now};
use futures::future::BoxFuture;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// How long a page is true that lacks a promise because of a failure: somebody may change the recipe
/// in its folder, which tells nobody.
const LACKING: i64 = 30 * SECOND;
/// The most releases of which a page says why it leaves them out.
const TOLD: usize = 100;

/// Adds to a page what is promised to a target.
pub struct ForTarget {
    pub promises: Promises,
    pub offered: Arc<Offered>,
}

impl Amend for ForTarget {
    fn key(&self) -> &str {
        &self.offered.key
    }

    fn amend<'a>(&'a self, page: &'a mut Page, directory: &'a Directory) -> BoxFuture<'a, Result<Micros>> {
        Box::pin(self.add(page, directory))
    }
}

/// A release's source, and the index that owns it.
struct Source<'a> {
    owner: &'a IndexName,
    file: &'a File,
}

impl Source<'_> {
    /// Its owner and name.
    fn key(&self) -> (&str, &str) {
        (self.owner.as_str(), &self.file.filename)
    }

    fn owned_key(&self) -> (IndexName, String) {
        (self.owner.clone(), self.file.filename.to_string())
    }
}

/// What is known of the promises of one page.
#[derive(Default)]
struct Known {
    /// By owner and file name: those that somebody asked for.
    asked: BTreeMap<(IndexName, String), StoredPromise>,
    /// By owner and the source's file name: sources that cannot be built now.
    hopeless: BTreeMap<(IndexName, String), WhyNot>,
}

impl ForTarget {
    async fn add(&self, page: &mut Page, directory: &Directory) -> Result<Micros> {
        let (known, until) = self.known(page, directory).await?;
        let Promised { files: promised, left_out } = promises(page, &self.offered, &known);
        page.left_out = left_out;
        if !promised.is_empty() {
            // One that was served comes before what else has its name: locks have its hash.
            page.files.splice(0..0, promised);
            page.dedupe();
            page.sort();
        }
        Ok(until)
    }

    async fn known(&self, page: &Page, directory: &Directory) -> Result<(Known, Micros)> {
        let sources = sources(page);
        let owners: BTreeSet<&IndexName> = sources.values().map(|source| source.owner).collect();
        let (mut known, mut until) = (Known::default(), Micros::MAX);
        let (target, project) = (&self.offered.target, &page.name);
        let db = self.promises.db();
        for owner in owners {
            for row in db.promises(owner, &target.name, project).await? {
                known.asked.insert((owner.clone(), row.filename.clone()), row);
            }
        }
        let mut workshop = Workshop::new(&self.promises, directory, &self.offered);
        // What is served needs no build.
        let served = self.offered.chooser.wheel_of_each(page);
        for (_, source) in sources.iter().filter(|(version, _)| !served.contains_key(version)) {
            if let Some(why) = workshop.lacks(source.owner, project, source.file).await? {
                // Somebody may upload what lacks, which tells this page nothing.
                until = now() + LACKING;
                known.hopeless.insert(source.owned_key(), why);
            }
        }
        let by_file: BTreeMap<_, _> =
            sources.iter().map(|(version, one)| (one.key(), (version, one))).collect();
        let doubtful = match sources.values().any(|source| refuses_doubtful(directory, source.owner)) {
            true => db.doubtful_builds(project, &target.name).await?,
            false => Vec::new(),
        };
        let failed = db.failed_builds(project, &target.name).await?;
        let ended =
            failed.iter().map(|build| (build, false)).chain(doubtful.iter().map(|build| (build, true)));
        for (build, is_doubtful) in ended {
            let file = (build.context.as_str(), build.source.filename.as_str());
            let Some((version, source)) = by_file.get(&file) else { continue };
            let same = source.file.hashes.sha256.as_ref().zip(build.source_sha256.as_ref());
            let other_bytes = same.is_some_and(|(listed, built)| listed != built);
            if other_bytes || is_doubtful && !refuses_doubtful(directory, source.owner) {
                continue;
            }
            until = now() + LACKING;
            if self.promises.queue().would_repeat(build, project, version, target).await? {
                let why = match is_doubtful {
                    true => WhyNot::doubtful(build, &target.name),
                    false => WhyNot::failed(build, &target.name),
                };
                known.hopeless.insert(source.owned_key(), why);
            }
        }
        Ok((known, until))
    }
}

/// Whether an index takes no doubtful wheels: a promise that only such a one would keep cannot be kept.
fn refuses_doubtful(directory: &Directory, owner: &IndexName) -> bool {
    directory.indexes.get(owner).is_some_and(|index| !index.doubtful)
}

fn sources(page: &Page) -> BTreeMap<Version, Source<'_>> {
    let all = choose::sdist_of_each(page).into_iter();
    all.filter_map(|(version, file)| Some((version, Source { owner: file.owner()?, file }))).collect()
}

/// What a page gets for a target.
#[derive(Debug, Default)]
struct Promised {
    files: Vec<File>,
    left_out: Vec<LeftOut>,
}

/// One for each release that has a source and no wheel that the target can use, and every one that
/// was served before; and why there is none of others.
fn promises(page: &Page, offered: &Offered, known: &Known) -> Promised {
    let target = &offered.target;
    let served = offered.chooser.wheel_of_each(page);
    let mut promised = Promised::default();
    // The newest is told first.
    for (version, source) in sources(page).into_iter().rev() {
        let name = filename(&page.name, &version, target);
        let row = known.asked.get(&(source.owner.clone(), name.clone()));
        let row = row.filter(|row| row.source_filename == source.file.filename);
        let exists = row.is_some_and(|row| row.sha256.is_some());
        let runs = offered.chooser.fits_python(source.file.requires_python.as_deref());
        let is_wanted = runs && !served.contains_key(&version);
        let hopeless = known.hopeless.get(&source.owned_key()).cloned();
        match hopeless.or_else(|| WhyNot::broken(row?)) {
            why if exists || why.is_none() && is_wanted && offered.open => {
                promised.files.push(listed(&page.name, &source, &name, &target.name, row));
            }
            Some(why) if is_wanted && promised.left_out.len() < TOLD => {
                promised.left_out.push(why.of(&version, source.file));
            }
            _ => {}
        }
    }
    promised.files.reverse();
    promised
}

/// Everything but the bytes follows the source.
fn listed(
    project: &ProjectName,
    source: &Source<'_>,
    name: &str,
    target: &str,
    row: Option<&StoredPromise>,
) -> File {
    let metadata = row.and_then(|row| row.metadata_sha256.clone());
    File {
        filename: ListedFilename::new(project, name),
        place: FilePlace::Promised(source.owner.clone(), target.to_owned()),
        hashes: Hashes { sha256: row.and_then(|row| row.sha256.clone()), others: Vec::new() },
        requires_python: source.file.requires_python.clone(),
        size: row.and_then(|row| row.size),
        uploaded: source.file.uploaded,
        yanked: source.file.yanked.clone(),
        core_metadata: metadata.map_or(CoreMetadata::Yes, CoreMetadata::Sha256),
        provenance: Provenance::No,
    }
}

#[cfg(test)]
mod tests;
