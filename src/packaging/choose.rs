//! The one choice of a file: what a page has for a target, in the order in which installers prefer it.
//!
//! A page is asked one of two questions. *What is installed?* The file that pip and uv would take for a
//! specifier ([`Chooser::wheel`], [`Chooser::sdist`], [`Chooser::choose`]): yanked files only for those
//! who pin them (PEP 592), pre-releases only for those who name one or have nothing else (PEP 440), and
//! nothing whose Requires-Python excludes the interpreter. *What is there?* The best file of each release
//! ([`Chooser::wheel_of_each`], [`sdist_of_each`]), yanked or not, for pages that list releases.

use super::filename::WheelFilename;
use super::page::{File, Page};
use super::tags::Ranks;
use super::version::{self, Version, VersionSpecifiers};
use crate::words::FileKind;
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// What decides which files a target takes, prepared for many files.
#[derive(Clone, Debug)]
pub struct Chooser {
    ranks: Ranks,
    /// `None`: a version that cannot be read, which no Requires-Python excludes.
    python: Option<Version>,
}

/// How well a target likes a wheel, among wheels of one version: the greatest is taken.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Preference {
    rank: Reverse<usize>,
    build: Option<(u64, String)>,
}

/// A file of a page, with its version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundFile<'p> {
    pub file: &'p File,
    pub version: Version,
}

/// What a page has for a specifier and a target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FileChoice<'p> {
    Wheel(FoundFile<'p>),
    Sdist(FoundFile<'p>),
    /// Neither; why, in one line.
    Nothing(String),
}

/// A file that comes into question: its version, and how well it is liked among those of that version.
type Candidate<'p, K> = (Version, K, &'p File);

impl Chooser {
    /// For an interpreter of version `python` that accepts `tags`, best first.
    pub fn new(tags: &[String], python: &str) -> Self {
        Self { ranks: Ranks::new(tags), python: version::parse(python) }
    }

    /// How well the target likes a wheel: by its best tag, then by its build number. `None`: it does not
    /// install it.
    pub fn preference(&self, wheel: &WheelFilename) -> Option<Preference> {
        let build = wheel.build_key().map(|(number, rest)| (number, rest.to_owned()));
        Some(Preference { rank: Reverse(self.ranks.rank(wheel)?), build })
    }

    /// Whether the interpreter satisfies `Requires-Python`.
    pub fn fits_python(&self, requires_python: Option<&str>) -> bool {
        requires_python.zip(self.python.as_ref()).is_none_or(|(text, python)| admits(text, python))
    }

    /// The best wheel, whatever version it has among those that fit; without any, the newest source.
    pub fn choose<'p>(&self, page: &'p Page, specifiers: &VersionSpecifiers) -> FileChoice<'p> {
        if let Some(found) = self.wheel(page, specifiers) {
            return FileChoice::Wheel(found);
        }
        self.sdist(page, specifiers).map_or_else(FileChoice::Nothing, FileChoice::Sdist)
    }

    /// The newest wheel that fits; of its version the one that the target likes best.
    pub fn wheel<'p>(&self, page: &'p Page, specifiers: &VersionSpecifiers) -> Option<FoundFile<'p>> {
        self.wheels(page, specifiers).pop()
    }

    /// All wheels that fit, the best last.
    pub fn wheels<'p>(&self, page: &'p Page, specifiers: &VersionSpecifiers) -> Vec<FoundFile<'p>> {
        let fits = |(version, _, file): &Candidate<'p, _>| self.fits(file, version, specifiers).is_ok();
        installable(self.accepted(page).filter(fits).collect(), specifiers)
    }

    /// The newest source distribution that fits; `.tar.gz` before other forms.
    ///
    /// # Errors
    /// Why there is none, in one line.
    pub fn sdist<'p>(&self, page: &'p Page, specifiers: &VersionSpecifiers) -> Result<FoundFile<'p>, String> {
        let (mut fitting, mut refused) = (Vec::new(), Vec::new());
        for (version, form, file) in sdists(page) {
            match self.fits(file, &version, specifiers) {
                Ok(()) => fitting.push((version, form, file)),
                Err(why) => refused.push((version, why)),
            }
        }
        let found = installable(fitting, specifiers).pop();
        found.ok_or_else(|| why_none(page, specifiers, refused))
    }

    /// The wheel of every release that the target takes; a yanked one where there is no other.
    pub fn wheel_of_each<'p>(&self, page: &'p Page) -> BTreeMap<Version, &'p File> {
        let accepted = self.accepted(page);
        best_of_each(accepted.map(|(version, key, file)| (version, (!file.yanked.is_yanked(), key), file)))
    }

    /// The wheels that the target can install.
    fn accepted<'p>(&self, page: &'p Page) -> impl Iterator<Item = Candidate<'p, (Preference, &'p str)>> {
        page.offered().iter().filter_map(|file| {
            let wheel = file.filename.wheel()?;
            Some((wheel.version.clone(), (self.preference(wheel)?, file.filename.as_str()), file))
        })
    }

    fn fits(
        &self,
        file: &File,
        version: &Version,
        specifiers: &VersionSpecifiers,
    ) -> Result<(), &'static str> {
        if !version::satisfies(specifiers, version) {
            return Err("");
        }
        if file.yanked.is_yanked() && !pins(specifiers) {
            return Err("it is yanked");
        }
        match self.fits_python(file.requires_python.as_deref()) {
            true => Ok(()),
            false => Err("its Requires-Python excludes this Python"),
        }
    }
}

/// Every release's source distribution in its preferred form.
pub fn sdist_of_each(page: &Page) -> BTreeMap<Version, &File> {
    best_of_each(sdists(page))
}

/// Whether others have a platform wheel of this version, so that a pure one is suspicious.
pub fn has_platform_wheel(page: &Page, wanted: &Version) -> bool {
    let wheels = page.files.iter().filter_map(|file| file.filename.wheel());
    wheels
        .filter(|wheel| wheel.version == *wanted)
        .any(|wheel| wheel.platform.iter().all(|platform| platform != "any"))
}

/// Whether an interpreter's version satisfies `Requires-Python`; what cannot be read excludes none,
/// as installers have it.
pub fn fits_python(requires_python: &str, interpreter: &str) -> bool {
    version::parse(interpreter).is_none_or(|python| admits(requires_python, &python))
}

fn admits(requires_python: &str, python: &Version) -> bool {
    let specifiers = version::forgiving_specifiers(requires_python);
    specifiers.is_none_or(|specifiers| version::satisfies(&specifiers, python))
}

/// The source distributions, those in the preferred form before others.
fn sdists(page: &Page) -> impl Iterator<Item = Candidate<'_, (Reverse<usize>, Reverse<&str>)>> {
    page.offered().iter().filter_map(|file| {
        let key = (Reverse(form(file)?), Reverse(file.filename.as_str()));
        Some((file.filename.version()?.clone(), key, file))
    })
}

/// The order in which forms of a source are preferred; `None`: no source.
fn form(file: &File) -> Option<usize> {
    const FORMS: [&str; 6] = [".tar.gz", ".zip", ".tgz", ".tar.bz2", ".tar.xz", ".tar"];
    let forms = (file.filename.kind() == FileKind::Sdist).then_some(FORMS)?;
    forms.iter().position(|form| file.filename.ends_with(form))
}

/// PEP 592: only who names exactly one version gets a yanked one.
fn pins(specifiers: &VersionSpecifiers) -> bool {
    let clauses: Vec<String> = specifiers.iter().map(ToString::to_string).collect();
    clauses.iter().any(|clause| clause.starts_with("==") && !clause.ends_with(".*"))
}

/// What installers consider, the best last. PEP 440: pre-releases only where a clause names one, or where
/// there is nothing else.
fn installable<'p, K: Ord>(
    mut candidates: Vec<Candidate<'p, K>>,
    specifiers: &VersionSpecifiers,
) -> Vec<FoundFile<'p>> {
    let named = specifiers.iter().any(|clause| clause.version().any_prerelease());
    if !named && candidates.iter().any(|(version, ..)| !version.any_prerelease()) {
        candidates.retain(|(version, ..)| !version.any_prerelease());
    }
    candidates.sort_by(in_order);
    candidates.into_iter().map(|(version, _, file)| FoundFile { file, version }).collect()
}

/// Of each version the best. The spelling of the version is that of its file.
fn best_of_each<'p, K: Ord>(
    candidates: impl Iterator<Item = Candidate<'p, K>>,
) -> BTreeMap<Version, &'p File> {
    let mut candidates: Vec<_> = candidates.collect();
    candidates.sort_by(in_order);
    // The last of a version stays.
    candidates.into_iter().map(|(version, _, file)| (version, file)).collect()
}

fn in_order<K: Ord>(one: &Candidate<'_, K>, other: &Candidate<'_, K>) -> std::cmp::Ordering {
    (&one.0, &one.1).cmp(&(&other.0, &other.1))
}

fn why_none(
    page: &Page,
    specifiers: &VersionSpecifiers,
    mut refused: Vec<(Version, &'static str)>,
) -> String {
    let name = &page.name;
    refused.retain(|(_, why)| !why.is_empty());
    refused.sort();
    if let Some((version, why)) = refused.last() {
        return format!("no source distribution of {name} fits: {version}, the newest: {why}");
    }
    let has_source = page.files.iter().any(|file| form(file).is_some());
    match (has_source, specifiers.is_empty()) {
        (false, _) => format!("{name} has no source distribution on the index"),
        (true, true) => format!("{name} has no source distribution with a valid version on the index"),
        (true, false) => {
            format!("{name} has no source distribution with a version {specifiers} on the index")
        }
    }
}

#[cfg(test)]
mod tests;
