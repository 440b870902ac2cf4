//! What lock files name for a target: uv.lock, poetry.lock, pylock.toml, files of pinned requirements.

use crate::bad;
use crate::build::target::Target;
use crate::cli::requirements::{RequirementFiles, WantedThing};
use crate::error::Result;
use crate::packaging::poetrylock::PoetryLock;
use crate::packaging::pylock::{Lock, is_name};
use crate::packaging::requirement::Requirement;
use crate::packaging::uvlock::{NamedReleases, UvLock};
use crate::packaging::{choose, reqfile, version};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Lock files of other tools, and how to turn each into one that is read.
const OTHERS: [(&str, &str); 3] = [
    ("pdm.lock", "run pdm export -f pylock -o pylock.toml and name that file"),
    ("Pipfile.lock", "run pipenv requirements > requirements.txt and name that file"),
    ("pixi.lock", "name a uv.lock, a pylock.toml or a file of pinned requirements"),
];

/// All that some lock files name for a target.
#[derive(Debug, Default)]
pub struct LockedReleases {
    /// `demo==1.0`, each once.
    pub releases: Vec<String>,
    pub warnings: Vec<String>,
}

/// What one file names.
#[derive(Default)]
struct InLock {
    releases: BTreeSet<String>,
    /// What comes from elsewhere than an index.
    elsewhere: BTreeSet<String>,
    warnings: Vec<String>,
    requires_python: Option<String>,
}

/// Reads lock files; what is not for the target's environment is left out.
///
/// # Errors
/// `Bad`, with the file, for one that cannot be read, and for a requirement that is not pinned.
pub fn read(files: &[PathBuf], target: &Target) -> Result<LockedReleases> {
    let (mut all, mut warnings) = (BTreeSet::new(), Vec::new());
    for file in files {
        let shown = file.display();
        let found = in_lock(file, target)?;
        for what in &found.elsewhere {
            warnings.push(format!("{shown}: {what} does not come from an index: left out"));
        }
        if let Some(pythons) = found.requires_python
            && !choose::fits_python(&pythons, &target.version)
        {
            warnings.push(format!(
                "{shown} is for Python {pythons}, not for {}: a lock for it may name other versions",
                target.version
            ));
        }
        warnings.extend(found.warnings);
        all.extend(found.releases);
    }
    if all.is_empty() {
        return Err(bad!("the lock files name nothing that an index has"));
    }
    Ok(LockedReleases { releases: all.into_iter().collect(), warnings })
}

fn in_lock(file: &Path, target: &Target) -> Result<InLock> {
    let name = file.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    if let Some((_, advice)) = OTHERS.iter().find(|(other, _)| *other == name) {
        return Err(bad!("{} has a format that wheelwright does not read: {advice}", file.display()));
    }
    let placed = |error| bad!("{}: {error}", file.display());
    match name {
        "uv.lock" => uv_lock(&text_of(file)?, target).map_err(placed),
        "poetry.lock" => poetry_lock(&text_of(file)?, target).map_err(placed),
        name if is_name(name) => pylock(&text_of(file)?, target).map_err(placed),
        _ => requirements(file, target),
    }
}

fn text_of(file: &Path) -> Result<String> {
    std::fs::read_to_string(file).map_err(|error| bad!("cannot read {}: {error}", file.display()))
}

fn uv_lock(text: &str, target: &Target) -> Result<InLock> {
    let lock = UvLock::parse(text)?;
    Ok(InLock { requires_python: lock.requires_python.clone(), ..named(lock.named(&target.markers)?) })
}

fn poetry_lock(text: &str, target: &Target) -> Result<InLock> {
    let lock = PoetryLock::parse(text)?;
    let requires_python = lock.requires_python().map(str::to_owned);
    Ok(InLock { requires_python, ..named(lock.named(&target.markers)?) })
}

fn named(named: NamedReleases) -> InLock {
    let releases = named.releases.iter().map(|(project, version)| format!("{project}=={version}"));
    InLock { releases: releases.collect(), elsewhere: named.elsewhere, ..InLock::default() }
}

fn pylock(text: &str, target: &Target) -> Result<InLock> {
    let lock = Lock::parse(text)?;
    let mut found = InLock { requires_python: lock.requires_python.clone(), ..InLock::default() };
    for package in lock.named(&target.markers)? {
        let is_listed = package.vcs.is_none() && package.directory.is_none() && package.archive.is_none();
        match package.version.as_deref().filter(|_| is_listed) {
            Some(text) => {
                let release = version::canonical(text).and_then(|version| {
                    Some(format!("{}=={version}", crate::names::ProjectName::new(&package.name)?))
                });
                let release = release.ok_or_else(|| bad!("{} {text} is not a release", package.name))?;
                found.releases.insert(release);
            }
            None => drop(found.elsewhere.insert(package.name.clone())),
        }
    }
    Ok(found)
}

fn requirements(file: &Path, target: &Target) -> Result<InLock> {
    let read = RequirementFiles::read(&[], &[file.to_owned()], &[])?;
    let mut found = InLock { warnings: read.warnings, ..InLock::default() };
    let may_apply = |requirement: &Requirement| {
        requirement.marker.as_ref().is_none_or(|marker| marker.may_hold(&target.markers))
    };
    for wish in read.wishes {
        match wish.thing {
            WantedThing::Listed(requirement) if !may_apply(&requirement) => {}
            WantedThing::Listed(_) => {
                let (project, version) = reqfile::pin(&wish.text).ok_or_else(|| {
                    bad!("{}: {} is not pinned: run wheelwright compile first", wish.by, wish.text)
                })?;
                found.releases.insert(format!("{project}=={version}"));
            }
            WantedThing::Source(source) => drop(found.elsewhere.insert(source.shown)),
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(name: &str, text: &str) -> Result<LockedReleases> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join(name);
        std::fs::write(&file, text).unwrap();
        std::fs::create_dir(folder.path().join("folder")).unwrap();
        let markers =
            [("sys_platform", "linux"), ("python_version", "3.13"), ("python_full_version", "3.13.1")];
        let markers = markers.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
        read(&[file], &Target { version: "3.13.1".into(), markers, ..Target::default() })
    }

    #[test]
    fn each_kind_of_lock_file_names_what_is_for_the_target() {
        let pylock = "lock-version = '1.0'\ncreated-by = 'x'\nenvironments = [\"python_version == '3.9'\"]\n\
                      [[packages]]\nname = 'Demo'\nversion = '1.0.0'\n\
                      [[packages]]\nname = 'win'\nversion = '1'\nmarker = \"sys_platform == 'win32'\"\n\
                      [[packages]]\nname = 'more'\nversion = '2'\nmarker = \"'x' in extras\"\n\
                      [[packages]]\nname = 'tree'\n[packages.directory]\npath = '.'\n";
        let read = told("pylock.dev.toml", pylock).unwrap();
        assert_eq!(read.releases, ["demo==1.0.0", "more==2"]);
        assert!(read.warnings[0].contains("tree does not come from an index"), "{:?}", read.warnings);
        let lines = "Demo==1.0  --hash=sha256:00\nwin==1 ; sys_platform == 'win32'\n./folder\n";
        assert_eq!(told("requirements.txt", lines).unwrap().releases, ["demo==1.0"]);
        let uv =
            "version = 1\nrequires-python = '>=3.9,<3.12'\n[[package]]\nname = 'six'\nversion = '1.17'\n";
        let read = told("uv.lock", uv).unwrap();
        assert_eq!(read.releases, ["six==1.17"]);
        assert!(
            read.warnings[0].contains("is for Python >=3.9,<3.12, not for 3.13.1"),
            "{:?}",
            read.warnings
        );
    }

    #[test]
    fn what_is_no_lock_file_is_refused_with_a_way_out() {
        for (name, text, expected) in [
            ("requirements.in", "flask>=1\n", "requirements.in:1: flask>=1 is not pinned"),
            ("poetry.lock", "", "poetry export"),
            ("pdm.lock", "", "pdm export"),
            ("uv.lock", "version = 3\n", "version is 3"),
            ("pylock.toml", "x", "pylock.toml: "),
            ("requirements.txt", "# nothing\n", "name nothing"),
        ] {
            let error = told(name, text).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }
}
