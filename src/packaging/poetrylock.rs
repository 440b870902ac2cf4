//! Poetry's lock files (`poetry.lock`): which releases they name for an environment.

use super::requirement::Marker;
use super::uvlock::NamedReleases;
use super::version;
use crate::bad;
use crate::error::Result;
use crate::names::ProjectName;
use serde::Deserialize;
use std::collections::BTreeMap;

/// What is read of a lock file. Since 2.1, every package says where it is for.
#[derive(Debug, Deserialize)]
pub struct PoetryLock {
    #[serde(default, rename = "package")]
    packages: Vec<PoetryPackage>,
    #[serde(default)]
    metadata: PoetryMetadata,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct PoetryMetadata {
    #[serde(default)]
    lock_version: String,
    python_versions: Option<String>,
}

#[derive(Debug, Deserialize)]
struct PoetryPackage {
    name: ProjectName,
    version: String,
    markers: Option<PoetryMarkers>,
    source: Option<PoetrySource>,
}

/// One marker, or one for each group of dependencies.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum PoetryMarkers {
    All(String),
    ByGroup(BTreeMap<String, String>),
}

#[derive(Debug, Deserialize)]
struct PoetrySource {
    #[serde(rename = "type")]
    kind: Option<String>,
    url: Option<String>,
}

impl PoetrySource {
    /// `git https://…`; `None`: an index.
    fn elsewhere(&self) -> Option<String> {
        let kind = self.kind.as_deref().filter(|kind| *kind != "legacy")?;
        Some(format!("{kind} {}", self.url.as_deref().unwrap_or_default()))
    }
}

impl PoetryLock {
    /// Reads a lock file.
    ///
    /// # Errors
    /// `Bad` if it is none, or one of an older Poetry, which does not say what is for which environment.
    pub fn parse(text: &str) -> Result<Self> {
        let lock: Self = toml::from_str(text).map_err(|error| bad!("{}", error.to_string().trim()))?;
        let told = &lock.metadata.lock_version;
        let mut numbers = told.split('.').map(|part| part.parse::<u32>().unwrap_or_default());
        match (numbers.next(), numbers.next()) {
            (Some(2), Some(1..)) => Ok(lock),
            _ => Err(bad!(
                "its lock-version is {told:?}, but wheelwright reads 2.1 of poetry.lock: run poetry lock with Poetry 2, or \
                 poetry export -o requirements.txt and name that file"
            )),
        }
    }

    /// The Pythons that it is for.
    pub fn requires_python(&self) -> Option<&str> {
        self.metadata.python_versions.as_deref()
    }

    /// What it names for an environment (PEP 508's variables by name), with all groups and extras.
    ///
    /// # Errors
    /// `Bad` if a marker or a version cannot be read.
    pub fn named(&self, environment: &BTreeMap<String, String>) -> Result<NamedReleases> {
        let mut found = NamedReleases::default();
        for package in &self.packages {
            let markers: Vec<&String> = match &package.markers {
                None => Vec::new(),
                Some(PoetryMarkers::All(marker)) => vec![marker],
                Some(PoetryMarkers::ByGroup(markers)) => markers.values().collect(),
            };
            let holds = |text: &&String| Ok(text.is_empty() || Marker::parse(text)?.may_hold(environment));
            let holds = markers.iter().map(holds).collect::<Result<Vec<bool>>>()?;
            if !holds.is_empty() && !holds.contains(&true) {
                continue;
            }
            if let Some(place) = package.source.as_ref().and_then(PoetrySource::elsewhere) {
                found.elsewhere.insert(format!("{} ({place})", package.name));
                continue;
            }
            let known = version::canonical(&package.version);
            let known =
                known.ok_or_else(|| bad!("{:?} is not a version of {}", package.version, package.name))?;
            found.releases.insert((package.name.clone(), known));
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOCK: &str = r#"
[[package]]
name = "Six"
version = "1.17.0"
optional = false
groups = ["main"]
files = [{file = "six-1.17.0-py2.py3-none-any.whl", hash = "sha256:00"}]

[[package]]
name = "colorama"
version = "0.4.6"
groups = ["main", "dev"]
markers = {main = "sys_platform == 'win32'", dev = "python_version < '3.9'"}

[[package]]
name = "tomli"
version = "2.0"
markers = "python_version < '3.11'"

[[package]]
name = "speed"
version = "3.0"
optional = true
markers = "extra == 'fast'"

[package.source]
type = "legacy"
url = "https://host/simple"

[[package]]
name = "tool"
version = "1.0"

[package.source]
type = "git"
url = "https://host/tool"

[metadata]
lock-version = "2.1"
python-versions = ">=3.9"
"#;

    #[test]
    fn an_environment_gets_what_has_a_marker_that_may_hold() {
        let lock = PoetryLock::parse(LOCK).unwrap();
        let environment = [("sys_platform", "linux"), ("python_version", "3.13")];
        let environment = environment.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let named = lock.named(&environment).unwrap();
        let releases: Vec<String> =
            named.releases.iter().map(|(project, version)| format!("{project}=={version}")).collect();
        assert_eq!(releases, ["six==1.17.0", "speed==3.0"]);
        assert_eq!(named.elsewhere.into_iter().collect::<Vec<_>>(), ["tool (git https://host/tool)"]);
        assert_eq!(lock.requires_python(), Some(">=3.9"));
    }

    #[test]
    fn an_older_lock_does_not_say_enough() {
        for text in ["", "[metadata]\nlock-version = '1.1'\n", "[metadata]\nlock-version = '2.0'\n"] {
            let error = PoetryLock::parse(text).unwrap_err().to_string();
            assert!(error.contains("with Poetry 2"), "{error}");
        }
        assert!(PoetryLock::parse("package = 1").is_err());
    }
}
