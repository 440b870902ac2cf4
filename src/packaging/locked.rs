//! What a lock file of any kind names, with the hashes of its files: uv.lock, poetry.lock, pylock.toml, and pinned
//! requirements.

use super::lockhash;
use super::poetrylock::PoetryLock;
use super::pylock::{Lock, is_name};
use super::reqfile::{self, Said};
use super::requirement::Requirement;
use super::uvlock::{NamedReleases, UvLock};
use super::version;
use crate::bad;
use crate::error::Result;
use crate::names::ProjectName;
use std::collections::{BTreeMap, BTreeSet};
use toml::{Table, Value};

/// Bytes of the largest lock file.
pub const LARGEST_LOCK: usize = 32 << 20;
/// The most releases of one.
const MOST_RELEASES: usize = 20_000;

/// Lock files of other tools, and how to turn each into one that is read.
const OTHERS: [(&str, &str); 3] = [
    ("pdm.lock", "run pdm export -f pylock -o pylock.toml and name that file"),
    ("Pipfile.lock", "run pipenv requirements > requirements.txt and name that file"),
    ("pixi.lock", "name a uv.lock, a pylock.toml or a file of pinned requirements"),
];

/// What a lock file names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LockedFiles {
    /// Project and canonical version, with the sha256 of the files that may be taken; none: any file may.
    pub releases: BTreeMap<(ProjectName, String), BTreeSet<String>>,
    /// What comes from elsewhere than an index.
    pub elsewhere: BTreeSet<String>,
    /// The Pythons that it is for, if it says.
    pub requires_python: Option<String>,
}

/// The variables of PEP 508 by name; `None`: all environments.
pub type MarkerVariables<'a> = Option<&'a BTreeMap<String, String>>;

/// What a lock file that was read names for an environment.
type Named<'a> = Box<dyn Fn(MarkerVariables<'_>) -> Result<LockedFiles> + 'a>;

/// Reads a lock file by its name, for all environments.
///
/// # Errors
/// `Bad` if it cannot be read, names nothing, or has a requirement that is not pinned.
pub fn read(name: &str, text: &str) -> Result<LockedFiles> {
    Ok(read_for(name, text, &[None])?.pop().unwrap_or_default())
}

/// The same for each of these environments; for some of them, but not for all, it may name nothing.
///
/// # Errors
/// As [`read`] fails.
pub fn read_for(name: &str, text: &str, environments: &[MarkerVariables<'_>]) -> Result<Vec<LockedFiles>> {
    if let Some((_, advice)) = OTHERS.iter().find(|(other, _)| *other == name) {
        return Err(bad!("{name} has a format that wheelwright does not read: {advice}"));
    }
    if text.len() > LARGEST_LOCK {
        return Err(bad!("the lock file is larger than {LARGEST_LOCK} bytes"));
    }
    let named: Named<'_> = match name {
        "uv.lock" => uv_lock(text)?,
        "poetry.lock" => poetry_lock(text)?,
        name if is_name(name) => pylock(text)?,
        _ => Box::new(|environment: MarkerVariables<'_>| requirements(text, environment)),
    };
    let found = environments.iter().map(|environment| named(*environment)).collect::<Result<Vec<_>>>()?;
    match found.iter().map(|found| found.releases.len()).max() {
        None | Some(0) => Err(bad!("the lock file names nothing that an index has")),
        Some(count) if count > MOST_RELEASES => {
            Err(bad!("the lock file names {count} releases: the limit is {MOST_RELEASES}"))
        }
        Some(_) => Ok(found),
    }
}

fn uv_lock(text: &str) -> Result<Named<'_>> {
    let lock = UvLock::parse(text)?;
    let mut whole = all(text, "package", |package| {
        let source = package.get("source").and_then(Value::as_table);
        source.and_then(|source| source.keys().find(|kind| *kind != "registry").cloned())
    })?;
    whole.requires_python.clone_from(&lock.requires_python);
    Ok(Box::new(move |environment: MarkerVariables<'_>| match environment {
        Some(environment) => Ok(whole.only(lock.named(environment)?)),
        None => Ok(whole.clone()),
    }))
}

fn poetry_lock(text: &str) -> Result<Named<'_>> {
    let lock = PoetryLock::parse(text)?;
    let mut whole = all(text, "package", |package| {
        let kind = package.get("source")?.get("type")?.as_str()?;
        (kind != "legacy").then(|| kind.to_owned())
    })?;
    whole.requires_python = lock.requires_python().map(str::to_owned);
    Ok(Box::new(move |environment: MarkerVariables<'_>| match environment {
        Some(environment) => Ok(whole.only(lock.named(environment)?)),
        None => Ok(whole.clone()),
    }))
}

fn pylock(text: &str) -> Result<Named<'_>> {
    let lock = Lock::parse(text)?;
    let mut whole = all(text, "packages", |package| {
        let kinds = ["vcs", "directory", "archive"];
        kinds.into_iter().find(|kind| package.contains_key(*kind)).map(str::to_owned)
    })?;
    whole.requires_python.clone_from(&lock.requires_python);
    Ok(Box::new(move |environment: MarkerVariables<'_>| {
        let Some(environment) = environment else { return Ok(whole.clone()) };
        let named = lock.named(environment)?.into_iter().filter_map(|package| {
            let version = package.version.as_deref().and_then(version::canonical)?;
            Some((ProjectName::new(&package.name)?, version))
        });
        Ok(whole.only(NamedReleases { releases: named.collect(), elsewhere: whole.elsewhere.clone() }))
    }))
}

impl LockedFiles {
    /// What of it is named for an environment.
    fn only(&self, named: NamedReleases) -> Self {
        let releases = self.releases.iter().filter(|(release, _)| named.releases.contains(*release));
        Self {
            releases: releases.map(|(release, hashes)| (release.clone(), hashes.clone())).collect(),
            elsewhere: named.elsewhere,
            requires_python: self.requires_python.clone(),
        }
    }
}

/// All packages of a lock file in TOML; `elsewhere` tells what kind of place one comes from that is no index.
fn all(text: &str, key: &str, elsewhere: impl Fn(&Table) -> Option<String>) -> Result<LockedFiles> {
    let table: Table = toml::from_str(text).map_err(|error| bad!("{}", error.to_string().trim()))?;
    let mut found = LockedFiles::default();
    for package in table.get(key).and_then(Value::as_array).into_iter().flatten() {
        let Some(table) = package.as_table() else { continue };
        let told = |key: &str| table.get(key).and_then(Value::as_str);
        let Some(name) = told("name") else { continue };
        let project = ProjectName::new(name).ok_or_else(|| bad!("{name:?} is not a valid project name"))?;
        let (kind, written) = (elsewhere(table), told("version"));
        let Some(written) = written.filter(|_| kind.is_none()) else {
            found.elsewhere.extend(kind.map(|kind| format!("{project} ({kind})")));
            continue;
        };
        let version = version::canonical(written);
        let version = version.ok_or_else(|| bad!("{written:?} is not a version of {project}"))?;
        let hashes = lockhash::within(package)?.into_values();
        found.releases.entry((project, version)).or_default().extend(hashes);
    }
    Ok(found)
}

fn requirements(text: &str, environment: MarkerVariables<'_>) -> Result<LockedFiles> {
    let mut found = LockedFiles::default();
    for line in reqfile::read(text) {
        let placed = |error| bad!("line {}: {error}", line.number);
        match line.said().map_err(placed)? {
            Said::Option(_) | Said::Constraints(_) => {}
            Said::Requirements(other) => {
                return Err(bad!("line {}: name {other} by itself: one file at a time is read", line.number));
            }
            Said::Editable(text) => drop(found.elsewhere.insert(text.to_owned())),
            Said::Wanted { text, hashes } => {
                let Ok(requirement) = Requirement::parse(text) else {
                    found.elsewhere.insert(text.to_owned());
                    continue;
                };
                if requirement.url.is_some() {
                    found.elsewhere.insert(requirement.name.to_string());
                    continue;
                }
                let marker = requirement.marker.as_ref().zip(environment);
                if marker.is_some_and(|(marker, environment)| !marker.may_hold(environment)) {
                    continue;
                }
                let (project, version) = reqfile::pin(text).ok_or_else(|| {
                    bad!("line {}: {text} is not pinned: run wheelwright compile first", line.number)
                })?;
                let hashes = hashes.iter().filter_map(|hash| hash.strip_prefix("sha256:"));
                let hashes = hashes.map(str::to_ascii_lowercase);
                found.releases.entry((project, version.to_string())).or_default().extend(hashes);
            }
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn releases(name: &str, text: &str, environment: bool) -> Vec<String> {
        let markers =
            [("sys_platform", "linux"), ("python_version", "3.13"), ("python_full_version", "3.13.1")];
        let markers = markers.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
        let found = read_for(name, text, &[environment.then_some(&markers)]).unwrap().remove(0);
        let told = found.releases.iter().map(|((project, version), hashes)| {
            let hashes: Vec<&str> = hashes.iter().map(|hash| &hash[..2]).collect();
            format!("{project}=={version} {}", hashes.join(",")).trim().to_owned()
        });
        told.collect()
    }

    #[test]
    fn each_kind_of_lock_file_names_releases_with_hashes_for_all_environments_or_one() {
        let (one, two) = ("1".repeat(64), "2".repeat(64));
        let uv = format!(
            "version = 1\n[[package]]\nname = 'Six'\nversion = '1.17'\nsource = {{ registry = 'x' }}\n\
             sdist = {{ url = 'https://h/six-1.17.tar.gz', hash = 'sha256:{one}' }}\n\
             wheels = [{{ url = 'https://h/six-1.17-py3-none-any.whl', hash = 'sha256:{two}' }}]\n\
             [[package]]\nname = 'app'\nversion = '1'\nsource = {{ virtual = '.' }}\n\
             dependencies = [{{ name = 'six', marker = \"sys_platform == 'win32'\" }}]\n"
        );
        assert_eq!(releases("uv.lock", &uv, false), ["six==1.17 11,22"]);
        let linux = BTreeMap::from([("sys_platform".into(), "linux".into())]);
        let nothing = read_for("uv.lock", &uv, &[Some(&linux)]).unwrap_err().to_string();
        assert!(nothing.contains("names nothing"), "{nothing}");
        let windows = BTreeMap::from([("sys_platform".into(), "win32".into())]);
        let each = read_for("uv.lock", &uv, &[Some(&linux), Some(&windows)]).unwrap();
        assert_eq!(each.iter().map(|found| found.releases.len()).collect::<Vec<_>>(), [0, 1]);
        let poetry = format!(
            "[[package]]\nname = 'a'\nversion = '1.0'\nfiles = [{{file = 'a-1.0.tar.gz', hash = 'sha256:{one}'}}]\n\
             [[package]]\nname = 'old'\nversion = '2'\nmarkers = \"python_version < '3'\"\n\
             [metadata]\nlock-version = '2.1'\n"
        );
        assert_eq!(releases("poetry.lock", &poetry, false), ["a==1.0 11", "old==2"]);
        assert_eq!(releases("poetry.lock", &poetry, true), ["a==1.0 11"]);
        let pylock = format!(
            "lock-version = '1.0'\ncreated-by = 'x'\n[[packages]]\nname = 'a'\nversion = '1.0'\n\
             [[packages.wheels]]\nurl = 'https://h/a-1.0-py3-none-any.whl'\nhashes = {{sha256 = '{two}'}}\n\
             [[packages]]\nname = 'tree'\n[packages.directory]\npath = '.'\n"
        );
        assert_eq!(releases("pylock.dev.toml", &pylock, true), ["a==1.0 22"]);
        let lines = format!("a==1.0 --hash=sha256:{one}\nwin==1 ; sys_platform == 'win32'\n");
        assert_eq!(releases("requirements.txt", &lines, false), ["a==1.0 11", "win==1"]);
        assert_eq!(releases("requirements.txt", &lines, true), ["a==1.0 11"]);
    }

    #[test]
    fn what_is_no_lock_file_is_refused_with_a_way_out() {
        for (name, text, expected) in [
            ("requirements.txt", "flask>=1\n", "line 1: flask>=1 is not pinned"),
            ("requirements.txt", "-r more.txt\n", "name more.txt by itself"),
            ("requirements.txt", "# nothing\n", "names nothing"),
            ("pdm.lock", "", "pdm export"),
            ("uv.lock", "version = 3\n", "version is 3"),
            ("uv.lock", "version = 1\n[[package]]\nname = 'a'\nversion = 'x'\n", "not a version of a"),
            ("pylock.toml", "x", "key"),
        ] {
            let error = read(name, text).unwrap_err().to_string();
            assert!(error.contains(expected), "{name}: {error}");
        }
    }
}
