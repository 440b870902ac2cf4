//! Lock files (`pylock.toml`, PEP 751): which file of which project is installed where.

use super::choose::Chooser;
use super::filename::decode_once;
use super::requirement::Marker;
use super::version::{self, VersionSpecifiers};
use crate::bad;
use crate::error::Result;
use crate::names::ProjectName;
use crate::packaging::filename::WheelFilename;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;
use toml::value::Datetime;
use url::Url;

/// A lock file, in the order in which it is written.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Lock {
    /// `1.0`, or a later `1.x`.
    pub lock_version: String,
    /// Markers; the file is for environments where one of them holds.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub environments: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requires_python: Option<String>,
    /// Extras that its markers ask for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub extras: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dependency_groups: Vec<String>,
    /// The groups that count unless others are asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub default_groups: Vec<String>,
    pub created_by: String,
    #[serde(default)]
    pub packages: Vec<Package>,
}

/// One project. It has exactly one of a tree, an archive, or files of an index.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Package {
    pub name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// The condition under which it is installed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub marker: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requires_python: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub index: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vcs: Option<toml::Table>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub directory: Option<LockedFolder>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub archive: Option<LockedFile>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sdist: Option<LockedFile>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub wheels: Vec<LockedFile>,
}

/// A source tree on the same machine.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LockedFolder {
    /// Relative to the lock file, or absolute.
    pub path: String,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub editable: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subdirectory: Option<String>,
}

/// A wheel, a source distribution or another archive.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct LockedFile {
    /// Where the last part of the address is another.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub upload_time: Option<Datetime>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Relative to the lock file, or absolute.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// Hex digests by algorithm.
    #[serde(default)]
    pub hashes: BTreeMap<String, String>,
}

impl LockedFile {
    /// Its file name: what is said, else what its address ends in.
    pub fn filename(&self) -> Option<String> {
        let of_url =
            || Url::parse(self.url.as_deref()?).ok()?.path_segments()?.next_back().and_then(decode_once);
        let of_path = || Some(self.path.as_deref()?.rsplit(['/', '\\']).next()?.to_owned());
        self.name.clone().or_else(of_url).or_else(of_path)
    }
}

/// Whether a file is called like a lock file: `pylock.toml`, `pylock.dev.toml`.
pub fn is_name(filename: &str) -> bool {
    let Some(rest) = filename.strip_prefix("pylock.") else { return false };
    rest == "toml" || rest.strip_suffix(".toml").is_some_and(|name| !name.is_empty() && !name.contains('.'))
}

/// An environment that is installed into.
pub struct LockEnvironment<'a> {
    /// PEP 508's variables by name.
    pub markers: &'a BTreeMap<String, String>,
    /// Chooses among its wheels.
    pub chooser: &'a Chooser,
    pub extras: &'a BTreeSet<ProjectName>,
    /// `None`: the file's default groups.
    pub groups: Option<&'a [String]>,
}

impl Lock {
    /// Reads a lock file.
    ///
    /// # Errors
    /// `Bad` if it is none, or of a version that is not known.
    pub fn parse(text: &str) -> Result<Self> {
        let lock: Self = toml::from_str(text).map_err(|error| bad!("{}", error.to_string().trim()))?;
        if lock.lock_version.split('.').next() != Some("1") {
            return Err(bad!(
                "its lock-version is {:?}, but wheelwright supports only 1.0",
                lock.lock_version
            ));
        }
        Ok(lock)
    }

    /// The file's text.
    ///
    /// # Errors
    /// `Internal` if a value cannot be written.
    pub fn to_text(&self) -> Result<String> {
        toml::to_string(self).map_err(crate::error::Error::internal)
    }

    /// The packages that are installed in an environment.
    ///
    /// # Errors
    /// `Bad` if the file is not for it, or if a marker cannot be read.
    pub fn wanted(&self, environment: &LockEnvironment<'_>) -> Result<Vec<&Package>> {
        let python = environment.markers.get("python_full_version").and_then(|text| version::parse(text));
        self.check_environment(environment, python.as_ref())?;
        let known: Vec<&str> = self.extras.iter().map(String::as_str).collect();
        let strange = environment.extras.iter().find(|extra| !known.contains(&extra.as_str()));
        if let Some(extra) = strange {
            return Err(bad!("the lock file has no extra {extra}"));
        }
        let mut all = Vec::new();
        for package in &self.packages {
            let Some(marker) = &package.marker else {
                all.push(package);
                continue;
            };
            if holds(&self.with_groups(marker, environment)?, environment) {
                all.push(package);
            }
        }
        Ok(all)
    }

    /// The packages that an environment gets with some extras and groups (PEP 508's variables by name), even if the
    /// file is for others.
    ///
    /// # Errors
    /// `Bad` if a marker cannot be read.
    pub fn named(&self, environment: &BTreeMap<String, String>) -> Result<Vec<&Package>> {
        let mut all = Vec::new();
        for package in &self.packages {
            let marker = package.marker.as_deref().map(Marker::parse).transpose()?;
            if marker.is_none_or(|marker| marker.may_hold(environment)) {
                all.push(package);
            }
        }
        Ok(all)
    }

    fn check_environment(
        &self,
        environment: &LockEnvironment<'_>,
        python: Option<&version::Version>,
    ) -> Result<()> {
        let needed = self.requires_python.as_deref().and_then(version::forgiving_specifiers);
        if let Some((needed, python)) = needed.zip(python)
            && !version::satisfies(&needed, python)
        {
            return Err(bad!("the lock file is for Python {needed}, but this is Python {python}"));
        }
        let mut fits = self.environments.is_empty();
        for text in &self.environments {
            fits |= holds(&Marker::parse(text)?, environment);
        }
        match fits {
            true => Ok(()),
            false => Err(bad!("the lock file is for other environments: {}", self.environments.join("; "))),
        }
    }

    /// A marker with its questions for dependency groups answered.
    fn with_groups(&self, text: &str, environment: &LockEnvironment<'_>) -> Result<Marker> {
        let groups = environment.groups.unwrap_or(&self.default_groups);
        let marker = Marker::parse(text)?;
        Ok(decided(marker, groups))
    }
}

/// `'test' in dependency_groups` becomes a comparison of two texts.
fn decided(marker: Marker, groups: &[String]) -> Marker {
    use super::requirement::Operand;
    let each = |parts: Vec<Marker>| parts.into_iter().map(|part| decided(part, groups)).collect();
    match marker {
        Marker::Any(parts) => Marker::Any(each(parts)),
        Marker::All(parts) => Marker::All(each(parts)),
        Marker::Compare(Operand::Text(name), operator, Operand::Variable("dependency_groups")) => {
            let normal = |name: &str| ProjectName::new(name).map(|name| name.as_str().to_owned());
            let is_in = groups.iter().any(|group| normal(group) == normal(&name));
            let left = if is_in == (operator == "in") { "yes" } else { "no" };
            Marker::Compare(Operand::Text(left.to_owned()), "in", Operand::Text("yes".to_owned()))
        }
        other => other,
    }
}

fn holds(marker: &Marker, environment: &LockEnvironment<'_>) -> bool {
    marker.holds(environment.markers, environment.extras)
}

impl Package {
    /// The wheel that an environment accepts best.
    pub fn wheel(&self, environment: &LockEnvironment<'_>) -> Option<(String, &LockedFile)> {
        let fitting = self.wheels.iter().filter_map(|file| {
            let filename = file.filename()?;
            let preference = environment.chooser.preference(&WheelFilename::parse(&filename).ok()?)?;
            Some(((preference, filename), file))
        });
        let ((_, filename), file) = fitting.max_by(|(one, _), (other, _)| one.cmp(other))?;
        Some((filename, file))
    }

    /// Whether its own limit allows this Python.
    pub fn fits_python(&self, version: &version::Version) -> bool {
        let needed = self.requires_python.as_deref().and_then(|text| VersionSpecifiers::from_str(text).ok());
        needed.is_none_or(|needed| version::satisfies(&needed, version))
    }
}

#[cfg(test)]
mod tests;
