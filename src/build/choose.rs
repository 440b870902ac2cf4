//! Which file of a page is meant: the best wheel for a target, else the newest source that suits it.

use super::target::Target;
use crate::names::ProjectName;
use crate::packaging::filename::{Kind, SdistFilename, WheelFilename, describe};
use crate::packaging::page::{File, Page};
use crate::packaging::version::{self, Version, VersionSpecifiers};
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// A file of a page, with its version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    pub file: File,
    pub version: Version,
}

/// What a page has for a specifier and a target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Choice {
    Wheel(Found),
    Sdist(Found),
    /// Neither; why, in one line.
    Nothing(String),
}

/// The best wheel, whatever version it has among those that fit; without any, the newest source.
pub fn choose(page: &Page, specifiers: &VersionSpecifiers, target: &Target) -> Choice {
    if let Some(found) = wheel(page, specifiers, target) {
        return Choice::Wheel(found);
    }
    match sdist(page, specifiers, target) {
        Ok(found) => Choice::Sdist(found),
        Err(why) => Choice::Nothing(why),
    }
}

/// The newest wheel that fits; of its version the one whose tag the target likes best, then the
/// one with the highest build number.
pub fn wheel(page: &Page, specifiers: &VersionSpecifiers, target: &Target) -> Option<Found> {
    let ranks = target.ranks();
    let candidates = page.offered().iter().filter_map(|file| {
        let name = WheelFilename::parse(&file.filename).ok().filter(|name| name.name == page.name)?;
        let rank = ranks.rank(&name)?;
        let build = name.build_key().map(|(number, rest)| (number, rest.to_owned()));
        let version = name.version;
        suits(file, &version, specifiers, target).ok()?;
        Some(((version.clone(), Reverse(rank), build), Found { file: file.clone(), version }))
    });
    best(candidates.collect(), specifiers, |(version, ..)| version.any_prerelease())
}

/// The newest source distribution that fits; `.tar.gz` before other forms.
///
/// # Errors
/// Why there is none, in one line.
pub fn sdist(page: &Page, specifiers: &VersionSpecifiers, target: &Target) -> Result<Found, String> {
    let (mut candidates, mut refused) = (Vec::new(), Vec::new());
    for file in page.offered() {
        let Some(form) = form(&page.name, file) else { continue };
        let Ok(name) = SdistFilename::parse_for(&page.name, &file.filename) else { continue };
        match suits(file, &name.version, specifiers, target) {
            Ok(()) => {
                let key = (name.version.clone(), Reverse(form));
                candidates.push((key, Found { file: file.clone(), version: name.version }));
            }
            Err(why) => refused.push((name.version, why)),
        }
    }
    let found = best(candidates, specifiers, |(version, _)| version.any_prerelease());
    found.ok_or_else(|| why_none(page, specifiers, refused))
}

/// Every release's source distribution in its preferred form.
pub fn sdists(page: &Page) -> BTreeMap<Version, &File> {
    let mut best: BTreeMap<Version, (usize, &File)> = BTreeMap::new();
    for file in page.offered() {
        let Some(form) = form(&page.name, file) else { continue };
        let Ok(name) = SdistFilename::parse_for(&page.name, &file.filename) else { continue };
        match best.get(&name.version) {
            Some((known, _)) if *known <= form => {}
            _ => {
                // The key's spelling follows the file.
                best.remove(&name.version);
                best.insert(name.version, (form, file));
            }
        }
    }
    best.into_iter().map(|(version, (_, file))| (version, file)).collect()
}

/// Whether others have a platform wheel of this version, so that a pure one is suspicious.
pub fn has_platform_wheel(page: &Page, wanted: &Version) -> bool {
    let wheels = page.files.iter().filter_map(|file| WheelFilename::parse(&file.filename).ok());
    wheels
        .filter(|name| name.name == page.name && name.version == *wanted)
        .any(|name| name.platform.iter().all(|platform| platform != "any"))
}

/// The order in which forms of a source are preferred; `None`: no source.
fn form(project: &ProjectName, file: &File) -> Option<usize> {
    describe(project, &file.filename).filter(|described| described.kind == Kind::Sdist)?;
    const FORMS: [&str; 6] = [".tar.gz", ".zip", ".tgz", ".tar.bz2", ".tar.xz", ".tar"];
    FORMS.iter().position(|form| file.filename.ends_with(form))
}

fn suits(
    file: &File,
    version: &Version,
    specifiers: &VersionSpecifiers,
    target: &Target,
) -> Result<(), &'static str> {
    if !version::satisfies(specifiers, version) {
        return Err("");
    }
    if file.yanked.is_yanked() && !pins(specifiers) {
        return Err("it is yanked");
    }
    match &file.requires_python {
        Some(text) if !fits_python(text, &target.version) => {
            Err("its Requires-Python excludes this interpreter")
        }
        _ => Ok(()),
    }
}

/// Whether an interpreter's version satisfies `Requires-Python`; what cannot be read excludes none,
/// as installers have it.
pub fn fits_python(requires_python: &str, interpreter: &str) -> bool {
    match (version::forgiving_specifiers(requires_python), version::parse(interpreter)) {
        (Some(specifiers), Some(version)) => version::satisfies(&specifiers, &version),
        _ => true,
    }
}

/// PEP 592: only who names exactly one version gets a yanked one.
fn pins(specifiers: &VersionSpecifiers) -> bool {
    let clauses: Vec<String> = specifiers.iter().map(ToString::to_string).collect();
    clauses.iter().any(|clause| clause.starts_with("==") && !clause.ends_with(".*"))
}

/// PEP 440: pre-releases only where a clause names one, or where there is nothing else.
fn best<K: Ord>(
    mut candidates: Vec<(K, Found)>,
    specifiers: &VersionSpecifiers,
    is_pre: impl Fn(&K) -> bool,
) -> Option<Found> {
    let named = specifiers.iter().any(|clause| clause.version().any_prerelease());
    if !named && candidates.iter().any(|(key, _)| !is_pre(key)) {
        candidates.retain(|(key, _)| !is_pre(key));
    }
    candidates.into_iter().max_by(|a, b| a.0.cmp(&b.0)).map(|(_, found)| found)
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
        return format!("of {name} no source fits: the newest, {version}: {why}");
    }
    let has_source = page.files.iter().any(|file| form(name, file).is_some());
    match (has_source, specifiers.is_empty()) {
        (false, _) => format!("{name} has no source distribution there"),
        (true, true) => format!("{name} has no source distribution with a valid version there"),
        (true, false) => format!("{name} has no source distribution with a version {specifiers} there"),
    }
}

#[cfg(test)]
mod tests;
