//! uv's lock files (`uv.lock`): which releases they name for an environment.
//!
//! A lock is for every platform: what an environment gets is found by walking from the projects that the lock is of,
//! along the dependencies whose markers hold. Extras and dependency groups of those projects all count.

use super::requirement::Marker;
use super::version;
use crate::bad;
use crate::error::Result;
use crate::names::ProjectName;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

/// Releases, and what is named besides.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NamedReleases {
    /// Project and version in canonical form.
    pub releases: BTreeSet<(ProjectName, String)>,
    /// What comes from elsewhere than an index: `app (git+https://…)`.
    pub elsewhere: BTreeSet<String>,
}

/// What is read of a lock file.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct UvLock {
    version: u32,
    /// The Pythons that it is for.
    pub requires_python: Option<String>,
    #[serde(default, rename = "package")]
    packages: Vec<UvPackage>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct UvPackage {
    name: ProjectName,
    version: Option<String>,
    #[serde(default)]
    source: toml::Table,
    #[serde(default)]
    resolution_markers: Vec<String>,
    #[serde(default)]
    dependencies: Vec<UvDependency>,
    #[serde(default)]
    optional_dependencies: BTreeMap<String, Vec<UvDependency>>,
    #[serde(default)]
    dev_dependencies: BTreeMap<String, Vec<UvDependency>>,
}

#[derive(Debug, Deserialize)]
struct UvDependency {
    name: ProjectName,
    version: Option<String>,
    source: Option<toml::Table>,
    #[serde(default)]
    extra: Vec<String>,
    marker: Option<String>,
}

impl UvPackage {
    /// Whether it is a project that the lock is of: a member of the workspace, or a folder beside it.
    fn is_root(&self) -> bool {
        ["virtual", "editable"].iter().any(|kind| self.source.contains_key(*kind))
    }

    /// `git+https://…`, or the kind and the place of any other source; `None`: an index.
    fn elsewhere(&self) -> Option<String> {
        let (kind, place) = self.source.iter().next()?;
        let place = place.as_str().unwrap_or_default();
        match kind.as_str() {
            "registry" => None,
            "git" => Some(format!("git+{place}")),
            _ => Some(format!("{kind} {place}")),
        }
    }
}

impl UvLock {
    /// Reads a lock file.
    ///
    /// # Errors
    /// `Bad` if it is none, or of a version that is not known.
    pub fn parse(text: &str) -> Result<Self> {
        let lock: Self = toml::from_str(text).map_err(|error| bad!("{}", error.to_string().trim()))?;
        match lock.version {
            1 => Ok(lock),
            other => Err(bad!("its version is {other}, but wheelwright reads version 1 of uv.lock only")),
        }
    }

    /// What it names for an environment (PEP 508's variables by name).
    ///
    /// # Errors
    /// `Bad` if a marker or a version cannot be read.
    pub fn named(&self, environment: &BTreeMap<String, String>) -> Result<NamedReleases> {
        let mut found = NamedReleases::default();
        for at in self.reached(environment)? {
            let package = &self.packages[at];
            let Some(text) = package.version.as_ref().filter(|_| package.elsewhere().is_none()) else {
                // The projects themselves are nobody's to build.
                let place = package.elsewhere().filter(|_| !package.is_root());
                found.elsewhere.extend(place.map(|place| format!("{} ({place})", package.name)));
                continue;
            };
            let known = version::canonical(text);
            let known = known.ok_or_else(|| bad!("{text:?} is not a version of {}", package.name))?;
            found.releases.insert((package.name.clone(), known));
        }
        Ok(found)
    }

    /// The packages that an environment gets, by their place.
    fn reached(&self, environment: &BTreeMap<String, String>) -> Result<BTreeSet<usize>> {
        let holds = |text: &String| Marker::parse(text).map(|marker| marker.may_hold(environment));
        let mut by_name: BTreeMap<&ProjectName, Vec<usize>> = BTreeMap::new();
        for (at, package) in self.packages.iter().enumerate() {
            let forks = package.resolution_markers.iter().map(holds).collect::<Result<Vec<_>>>()?;
            if forks.is_empty() || forks.contains(&true) {
                by_name.entry(&package.name).or_default().push(at);
            }
        }
        let mut roots: Vec<usize> =
            (0..self.packages.len()).filter(|at| self.packages[*at].is_root()).collect();
        if roots.is_empty() {
            // Of a script: it is all that is named.
            roots = by_name.values().flatten().copied().collect();
        }
        let mut open: Vec<&UvDependency> = Vec::new();
        let mut seen: BTreeSet<usize> = roots.iter().copied().collect();
        let mut extras: BTreeSet<(usize, &str)> = BTreeSet::new();
        for root in roots {
            let package = &self.packages[root];
            let groups = package.optional_dependencies.values().chain(package.dev_dependencies.values());
            open.extend(package.dependencies.iter().chain(groups.flatten()));
        }
        while let Some(dependency) = open.pop() {
            if !dependency.marker.as_ref().map(holds).transpose()?.unwrap_or(true) {
                continue;
            }
            for at in by_name.get(&dependency.name).into_iter().flatten().copied() {
                let package = &self.packages[at];
                let fits = dependency.version.is_none() || dependency.version == package.version;
                if !fits || dependency.source.as_ref().is_some_and(|source| *source != package.source) {
                    continue;
                }
                if seen.insert(at) {
                    open.extend(&package.dependencies);
                }
                for extra in &dependency.extra {
                    if extras.insert((at, extra)) {
                        open.extend(package.optional_dependencies.get(extra).into_iter().flatten());
                    }
                }
            }
        }
        Ok(seen)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOCK: &str = r#"
version = 1
revision = 3
requires-python = ">=3.9"

[[package]]
name = "app"
version = "0.1"
source = { virtual = "." }
dependencies = [
    { name = "Lib", extra = ["fast"] },
    { name = "colorama", marker = "sys_platform == 'win32'" },
    { name = "numpy", version = "1.26.4", source = { registry = "https://host/simple" }, marker = "python_full_version < '3.10'" },
    { name = "numpy", version = "2.5.0", source = { registry = "https://host/simple" }, marker = "python_full_version >= '3.10'" },
    { name = "tool" },
]

[package.dev-dependencies]
dev = [{ name = "tests" }]

[[package]]
name = "lib"
version = "1.0.post0"
source = { registry = "https://host/simple" }

[package.optional-dependencies]
fast = [{ name = "speed" }]
slow = [{ name = "never" }]

[[package]]
name = "speed"
version = "3"
source = { registry = "https://host/simple" }

[[package]]
name = "never"
version = "3"
source = { registry = "https://host/simple" }

[[package]]
name = "colorama"
version = "0.4"
source = { registry = "https://host/simple" }

[[package]]
name = "numpy"
version = "1.26.4"
source = { registry = "https://host/simple" }
resolution-markers = ["python_full_version < '3.10'"]

[[package]]
name = "numpy"
version = "2.5.0"
source = { registry = "https://host/simple" }
resolution-markers = ["python_full_version >= '3.10'"]

[[package]]
name = "tests"
version = "8.0"
source = { registry = "https://host/simple" }

[[package]]
name = "tool"
version = "1"
source = { git = "https://host/tool?rev=v1#00" }
"#;

    fn named(text: &str, python: &str) -> (Vec<String>, Vec<String>) {
        let environment = [("sys_platform", "linux"), ("python_full_version", python)];
        let environment = environment.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let named = UvLock::parse(text).unwrap().named(&environment).unwrap();
        let releases = named.releases.iter().map(|(project, version)| format!("{project}=={version}"));
        (releases.collect(), named.elsewhere.into_iter().collect())
    }

    #[test]
    fn an_environment_gets_what_is_reached_by_markers_that_hold() {
        let (releases, elsewhere) = named(LOCK, "3.13.1");
        assert_eq!(releases, ["lib==1.0.post0", "numpy==2.5.0", "speed==3", "tests==8.0"]);
        assert_eq!(elsewhere, ["tool (git+https://host/tool?rev=v1#00)"]);
        assert!(named(LOCK, "3.9.2").0.contains(&"numpy==1.26.4".to_owned()));
    }

    #[test]
    fn without_a_project_all_that_a_lock_has_counts_and_another_version_of_it_is_refused() {
        let script =
            "version = 1\n[[package]]\nname = 'six'\nversion = '1.17'\n[package.source]\nregistry = 'x'\n";
        assert_eq!(named(script, "3.13.1").0, ["six==1.17"]);
        let error = UvLock::parse("version = 2\n").unwrap_err().to_string();
        assert!(error.contains("version is 2"), "{error}");
        assert!(UvLock::parse("[[package]]\nname = 1").is_err());
    }
}
