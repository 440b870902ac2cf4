//! Wheels that were built here, on the pages of the index that owns their source.
//!
//! On a mirror they are added files: what the upstream lists is never replaced. They have a build
//! tag (`1ww`), which grows with every rebuild, and follow their source: its upload time, its
//! Requires-Python, its yank, and they go when it goes. Any build tag wins over none, so one of them
//! steps back once others publish a wheel that serves everybody it serves; its URL serves on.

mod covers;

pub use covers::{covers, serves};

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

/// A wheel without a build tag, in its one spelling.
pub fn unnumbered(wheel: &WheelFilename) -> String {
    let [python, abi, platform] = [&wheel.python, &wheel.abi, &wheel.platform].map(|tags| tags.join("."));
    format!("{}-{}-{python}-{abi}-{platform}.whl", wheel.name.escaped(), wheel.version)
}

/// A doubtful wheel of the target with this name: others may get a better one by a build of their own, so it
/// serves the interpreter and the system that it was built for, and nobody else.
pub fn narrowed(wheel: &WheelFilename, target: &str) -> WheelFilename {
    let mut narrow = wheel.clone();
    let Some((interpreter, platform)) = target.split_once('-') else { return narrow };
    let letters = interpreter.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    narrow.python = vec![letters.to_owned()];
    if wheel.platform.iter().any(|platform| platform == "any") {
        narrow.platform = vec![platform.to_owned()];
    }
    narrow
}

/// The number in a build tag of ours.
fn number(wheel: &WheelFilename) -> Option<u64> {
    wheel.build_key().filter(|(_, rest)| *rest == MARK).map(|(number, _)| number)
}

/// Whether the two are the same but for their build tags.
pub fn alike(a: &WheelFilename, b: &WheelFilename) -> bool {
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
    OwnWheels { doubtful: doubtful(built), ..OwnWheels::added(names) }
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
    /// Those that may lack something.
    doubtful: HashSet<String>,
    /// A stage has some, under whatever names.
    some: bool,
}

impl OwnWheels {
    /// The one wheel of this name.
    pub fn one(filename: &str, is_doubtful: bool) -> Self {
        let doubtful = is_doubtful.then(|| filename.to_owned()).into_iter().collect();
        Self { tagged: [filename.to_owned()].into(), doubtful, ..Self::default() }
    }

    /// All that were added to an upstream's page.
    pub fn added(tagged: HashSet<String>) -> Self {
        Self { tagged, ..Self::default() }
    }

    /// Of a stage's files those that have a build tag, since they were built ahead of any request or once more.
    pub fn of_stage(files: &[StoredFile]) -> Self {
        let ours: Vec<&StoredFile> =
            files.iter().filter(|file| file.uploader.as_deref() == Some(BUILDER)).collect();
        let some = !ours.is_empty();
        let tagged = |name: &String| WheelFilename::parse(name).is_ok_and(|wheel| number(&wheel).is_some());
        let tagged = ours.iter().map(|file| file.filename.clone()).filter(tagged).collect();
        Self { tagged, some, ..Self::default() }
    }

    /// Whether none was built here.
    pub fn is_empty(&self) -> bool {
        self.tagged.is_empty() && !self.some
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
        self.doubtful = doubtful(built);
        self.replaced = replaced.map(|file| file.filename.clone()).collect();
        self
    }
}

/// Of the files that were built here those that may lack something.
fn doubtful(built: &[BuiltFile]) -> HashSet<String> {
    built.iter().filter(|file| !file.doubts.is_empty()).map(|file| file.filename.clone()).collect()
}

/// The names of our wheels on the page that have to step back, each with the one for which: another's that covers
/// it. One that is doubtful does for any that serves the same and is not.
pub fn covered(page: &Page, own: &OwnWheels) -> Vec<(String, String)> {
    let is_of = |names: &HashSet<String>, file: &File| names.contains(file.filename.as_str());
    let wheels: Vec<_> = page.files.iter().filter_map(|file| Some((file, file.filename.wheel()?))).collect();
    let good = |file: &File| !is_of(&own.doubtful, file);
    let others = |file: &File| good(file) && !is_of(&own.tagged, file) && !is_of(&own.replaced, file);
    let mine = wheels
        .iter()
        .filter(|(file, _)| !good(file) || is_of(&own.tagged, file) && !is_of(&own.replaced, file));
    let covered = mine.filter_map(|(file, wheel)| {
        let mut same = wheels.iter().filter(|(_, other)| other.version == wheel.version);
        let by = match good(file) {
            true => same.find(|(other, name)| others(other) && covers(name, wheel)),
            false => same.find(|(other, name)| good(other) && serves(name, wheel)),
        };
        Some((file.filename.to_string(), by?.0.filename.to_string()))
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
    let doubts = match built.doubts.is_empty() {
        true => String::new(),
        false => format!("; doubtful: {}", built.doubts.join("; ")),
    };
    format!("built here by build {} from {}{doubts}", built.build, built.source_filename)
}

#[cfg(test)]
mod tests;
