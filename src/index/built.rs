//! Wheels that were built here, on the pages of the index that owns their source.
//!
//! On a mirror they are added files: what the upstream lists is never replaced. They have a build
//! tag (`1ww`), which grows with every rebuild, and follow their source: its upload time, its
//! Requires-Python, its yank, and they go when it goes. Any build tag wins over none, so one of them
//! steps back once others publish a wheel that serves everybody it serves; its URL serves on.

mod covers;

pub use covers::covers;

use crate::db::built::BuiltFile;
use crate::db::files::StoredFile;
use crate::names::{IndexName, ProjectName};
use crate::packaging::filename::{ListedFilename, WheelFilename};
use crate::packaging::page::{CoreMetadata, File, FilePlace, Hashes, Page, Provenance};
use std::collections::HashSet;

/// The uploader of what was built here.
pub const BUILDER: &str = ":builder";

/// What build tags of ours end in.
const MARK: &str = "ww";

/// The name of a wheel as its `number`-th build here, in its one spelling; an earlier build tag goes.
pub fn numbered(wheel: &WheelFilename, number: u64) -> String {
    let [python, abi, platform] = [&wheel.python, &wheel.abi, &wheel.platform].map(|tags| tags.join("."));
    format!("{}-{}-{number}{MARK}-{python}-{abi}-{platform}.whl", wheel.name.escaped(), wheel.version)
}

/// The number in a build tag of ours.
fn number(wheel: &WheelFilename) -> Option<u64> {
    wheel.build_key().filter(|(_, rest)| *rest == MARK).map(|(number, _)| number)
}

/// Whether the two are the same but for their build tags.
fn alike(a: &WheelFilename, b: &WheelFilename) -> bool {
    let plain = |wheel: &WheelFilename| WheelFilename { build: None, ..wheel.clone() }.identity();
    plain(a) == plain(b)
}

/// The next number for `wheel`, where all these names were used.
pub fn next_number<'a>(wheel: &WheelFilename, used: impl Iterator<Item = &'a str>) -> u64 {
    let used = used.filter_map(|name| WheelFilename::parse(name).ok());
    let last = used.filter(|other| alike(other, wheel)).filter_map(|other| number(&other)).max();
    last.unwrap_or(0).saturating_add(1)
}

/// Adds to an upstream's page what was built here from its sdists; returns what was added. `all` is what the
/// upstream lists: the page may lack sdists that cannot be had now, and their wheels are here all the same.
pub fn add(index: &IndexName, page: &mut Page, all: &Page, built: &[BuiltFile]) -> OwnWheels {
    let added = built.iter().filter_map(|built| {
        let taken = page.files.iter().any(|file| file.filename == built.filename);
        let mut sources = page.files.iter().chain(&all.files);
        let source = sources.find(|file| file.filename == built.source_filename)?;
        let told = source.hashes.sha256.as_deref();
        (!taken && told.is_none_or(|told| told == built.source_sha256))
            .then(|| listed(index, &page.name, built, source))
    });
    let added: Vec<File> = added.collect();
    let names = added.iter().map(|file| file.filename.to_string()).collect();
    page.files.extend(added);
    OwnWheels::added(names)
}

fn listed(index: &IndexName, project: &ProjectName, built: &BuiltFile, source: &File) -> File {
    File {
        filename: ListedFilename::new(project, &built.filename),
        place: FilePlace::Hosted(index.clone()),
        hashes: Hashes { sha256: Some(built.sha256.clone()), others: Vec::new() },
        requires_python: source.requires_python.clone(),
        size: Some(built.size),
        uploaded: source.uploaded,
        yanked: source.yanked.clone(),
        core_metadata: built.metadata_sha256.clone().map_or(CoreMetadata::No, CoreMetadata::Sha256),
        provenance: Provenance::No,
    }
}

/// Wheels on a page that were built here, as far as they may step back.
#[derive(Debug, Default)]
pub struct OwnWheels {
    /// With a build tag of ours.
    tagged: HashSet<String>,
    /// Under plain names, where their source was built again for their target: they hide nothing of that.
    replaced: HashSet<String>,
}

impl OwnWheels {
    /// All that were added to an upstream's page.
    pub fn added(tagged: HashSet<String>) -> Self {
        Self { tagged, replaced: HashSet::new() }
    }

    /// Of a stage's files those that have a build tag, since they were built ahead of any request or once more.
    pub fn of_stage(files: &[StoredFile]) -> Self {
        let ours = files.iter().filter(|file| file.uploader.as_deref() == Some(BUILDER));
        let tagged = |name: &String| WheelFilename::parse(name).is_ok_and(|wheel| number(&wheel).is_some());
        Self::added(ours.map(|file| file.filename.clone()).filter(tagged).collect())
    }

    pub fn is_empty(&self) -> bool {
        self.tagged.is_empty()
    }

    /// The same, with what is known of them: a build that ran again goes before what it gave first.
    pub fn knowing(mut self, built: &[BuiltFile]) -> Self {
        let (again, plain): (Vec<_>, Vec<_>) =
            built.iter().partition(|file| self.tagged.contains(&file.filename));
        let same = |a: &BuiltFile, b: &BuiltFile| {
            a.source_sha256 == b.source_sha256
                && (a.build == b.build || a.target.is_some() && a.target == b.target)
        };
        let replaced = plain.iter().filter(|file| again.iter().any(|later| same(file, later)));
        self.replaced = replaced.map(|file| file.filename.clone()).collect();
        self
    }
}

/// The names of our wheels that others' wheels on the page cover, each with the one that does.
pub fn covered(page: &Page, own: &OwnWheels) -> Vec<(String, String)> {
    let wheels = page.files.iter().filter_map(|file| Some((file, file.filename.wheel()?)));
    let wheels = wheels.filter(|(file, _)| !own.replaced.contains(file.filename.as_str()));
    let (mine, others): (Vec<_>, Vec<_>) =
        wheels.partition(|(file, _)| own.tagged.contains(file.filename.as_str()));
    let covered = mine.iter().filter_map(|(file, wheel)| {
        let by = others.iter().find(|(_, other)| other.version == wheel.version && covers(other, wheel))?;
        Some((file.filename.to_string(), by.0.filename.to_string()))
    });
    covered.collect()
}

/// Takes from the page those of our wheels that others' wheels cover.
pub fn step_back(page: &mut Page, own: &OwnWheels) {
    let covered = covered(page, own);
    if !covered.is_empty() {
        page.files.retain(|file| !covered.iter().any(|(name, _)| *name == file.filename));
    }
}

/// Where a file comes from, in the words of `+explain`.
pub fn origin(built: &BuiltFile) -> String {
    format!("built here by build {} from {}", built.build, built.source_filename)
}

#[cfg(test)]
mod tests;
