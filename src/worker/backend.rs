//! The build backend of a source (PEP 517): what the source says of it, and a call of its hooks.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::peek;
use crate::bad;
use crate::build::recipe::ConfigSetting;
use crate::build::tools::Tools;
use crate::error::Result;
use crate::packaging::metadata::Metadata;
use crate::packaging::requirement::Requirement;
use crate::packaging::version::{self, VersionSpecifiers};

/// Calls the hooks, inside.
pub const HOOKS: &str = include_str!("hooks.py");
/// Exit status of [`HOOKS`]: the backend requires more; the answer says what.
pub const EXTEND: i32 = 77;
/// Exit status of [`HOOKS`]: the backend has no hook for metadata.
pub const NO_HOOK: i32 = 79;

/// What builds a source that does not say what does.
const LEGACY: &str = "setuptools.build_meta:__legacy__";
/// From here on setuptools makes wheels without the project `wheel`.
const SETUPTOOLS_ALONE: &str = "70.1";
/// Bytes; real ones have a few thousand.
const PYPROJECT_LIMIT: u64 = 4 << 20;
const PKG_INFO_LIMIT: u64 = 16 << 20;

/// `build-system` of `pyproject.toml`, and what else is read there before anything runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BuildSystem {
    pub requires: Vec<Requirement>,
    /// `module:object`
    pub backend: String,
    /// Folders of the source where the backend itself lies.
    pub backend_path: Vec<String>,
    /// `project.requires-python`
    pub requires_python: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
struct Pyproject {
    build_system: Option<Table>,
    project: Option<Project>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Table {
    requires: Option<Vec<String>>,
    build_backend: Option<String>,
    backend_path: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Project {
    requires_python: Option<String>,
}

impl BuildSystem {
    /// Reads `pyproject.toml`, as PEP 517 and 518 have it; without one setuptools builds.
    ///
    /// # Errors
    /// `Bad` if the file is no TOML, or what it says is no build system.
    pub fn read(pyproject: Option<&str>, tools: &Tools) -> Result<Self> {
        let pyproject: Pyproject = match pyproject {
            Some(text) => toml::from_str(text)
                .map_err(|e| bad!("cannot read pyproject.toml: {}", e.to_string().trim()))?,
            None => Pyproject::default(),
        };
        let requires_python = pyproject.project.and_then(|project| project.requires_python);
        let Some(table) = pyproject.build_system else {
            return Ok(Self { requires_python, ..Self::legacy(tools)? });
        };
        let Some(requires) = table.requires else {
            return Err(bad!("build-system in pyproject.toml has no requires (PEP 518): add it"));
        };
        let requires: Vec<Requirement> =
            requires.iter().map(|text| Requirement::parse(text)).collect::<Result<_>>()?;
        match table.build_backend {
            Some(backend) => Ok(Self {
                requires,
                backend,
                backend_path: table.backend_path.unwrap_or_default(),
                requires_python,
            }),
            // PEP 517: as if there were no pyproject.toml, with what is required.
            None => {
                let mut legacy = Self::legacy(tools)?;
                let named = |other: &Requirement| requires.iter().any(|own| own.name == other.name);
                legacy.requires.retain(|each| !named(each));
                legacy.requires.splice(0..0, requires);
                Ok(Self { requires_python, ..legacy })
            }
        }
    }

    fn legacy(tools: &Tools) -> Result<Self> {
        let mut requires = vec![Requirement::parse("setuptools")?];
        if version::compare(tools.setuptools, SETUPTOOLS_ALONE).is_lt() {
            requires.push(Requirement::parse("wheel")?);
        }
        Ok(Self { requires, backend: LEGACY.to_owned(), backend_path: Vec::new(), requires_python: None })
    }
}

/// What the files of an unpacked source say of it.
#[derive(Clone, Debug)]
pub struct SourceProject {
    pub system: BuildSystem,
    pub pkg_info: Option<Vec<u8>>,
}

impl SourceProject {
    /// Reads the unpacked source in `folder`; nothing may be running in there.
    ///
    /// # Errors
    /// `Bad` for what cannot be built from, with the reason.
    pub fn read(folder: &std::path::Path, tools: &Tools) -> Result<Self> {
        let pyproject = peek::file(folder, "pyproject.toml", PYPROJECT_LIMIT)?;
        let pyproject = pyproject
            .map(|bytes| String::from_utf8(bytes).map_err(|_| bad!("pyproject.toml is not UTF-8")))
            .transpose()?;
        let setup = peek::file(folder, "setup.py", PYPROJECT_LIMIT)?;
        if pyproject.is_none()
            && setup.is_none()
            && peek::file(folder, "setup.cfg", PYPROJECT_LIMIT)?.is_none()
        {
            return Err(bad!(
                "the source has neither pyproject.toml nor setup.py: wheelwright cannot build it"
            ));
        }
        let system = BuildSystem::read(pyproject.as_deref(), tools)?;
        Ok(Self { system, pkg_info: peek::file(folder, "PKG-INFO", PKG_INFO_LIMIT)? })
    }

    /// The specifiers that `python` (a full version) does not satisfy, if there are such.
    #[must_use]
    pub fn refuses_python(&self, python: &str) -> Option<String> {
        let python = version::parse(python)?;
        let from_metadata = (self.pkg_info.as_deref())
            .and_then(|bytes| Metadata::parse(bytes).ok())
            .and_then(|metadata| metadata.requires_python);
        let asked = [self.system.requires_python.clone(), from_metadata];
        asked.into_iter().flatten().find(|text| {
            text.parse::<VersionSpecifiers>().is_ok_and(|all| !version::satisfies(&all, &python))
        })
    }
}

/// What [`HOOKS`] is told.
#[derive(Clone, Debug, Serialize)]
pub struct HookPlan<'a> {
    pub backend: &'a str,
    pub backend_path: &'a [String],
    pub source: &'a str,
    pub out: &'a str,
    pub answer: &'a str,
    /// `wheel` or `metadata`
    pub hook: &'a str,
    pub config_settings: &'a BTreeMap<String, ConfigSetting>,
    /// `setup.py` is run as a program in place of the hook.
    pub script: bool,
    /// Requirements that the environment was made for, without blanks.
    pub given: Vec<String>,
    /// Names of what is in it.
    pub installed: Vec<&'a str>,
    /// Names of what the backend may ask for and does not get.
    pub without: &'a [String],
}

/// What [`HOOKS`] says; written by foreign code, so it is a claim.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct HookAnswer {
    pub made: Option<String>,
    /// What the backend requires beside `build-system.requires`.
    pub requires: Vec<String>,
}

/// How many extra requirements are believed.
const MOST_REQUIRES: usize = 500;

impl HookAnswer {
    /// Reads the answer that a run left in `folder`; an unreadable one is an empty one.
    #[must_use]
    pub fn read(folder: &std::path::Path, name: &str) -> Self {
        let bytes = peek::file(folder, name, 1 << 20).ok().flatten().unwrap_or_default();
        serde_json::from_slice(&bytes).unwrap_or_default()
    }

    /// The extra requirements as far as they hold for these markers.
    ///
    /// # Errors
    /// `Bad` for one that is no requirement.
    pub fn requirements(&self, markers: &BTreeMap<String, String>) -> Result<Vec<Requirement>> {
        if self.requires.len() > MOST_REQUIRES {
            return Err(bad!("the build backend names more than {MOST_REQUIRES} requirements"));
        }
        let all = self.requires.iter().map(|text| Requirement::parse(text)).collect::<Result<Vec<_>>>()?;
        Ok(applying(all, markers))
    }
}

/// Without those whose marker does not hold, and without markers.
#[must_use]
pub fn applying(requirements: Vec<Requirement>, markers: &BTreeMap<String, String>) -> Vec<Requirement> {
    let holds = |each: &Requirement| each.applies(markers, &BTreeSet::new());
    let plain = |each| Requirement { marker: None, ..each };
    requirements.into_iter().filter(holds).map(plain).collect()
}

#[cfg(test)]
mod tests;
