//! Recipes: how a project is built, and tested, where the plain way fails.
//!
//! A recipe is a TOML file ([`read`] is its strict reader, [`keys`] the table of what it may hold).
//! Those of one build lie on top of each other: what holds for all projects, what the project says,
//! what it says for some versions or targets ([`layer`]). What comes out is a [`Recipe`]: everything
//! about one build, nothing about others, so that its hash stays when only others' parts change.

mod draft;
mod entry;
mod export;
mod join;
pub mod keys;
mod layer;
mod load;
mod read;
mod read_value;
mod shipped;

pub use draft::draft;
pub use entry::{RecipeEntry, RecipeOrigin};
pub use export::{Finding, export, version_range};
pub use load::{RecipeBook, Recipes, folder};
pub use read::RecipeFile;

use crate::error::{Error, Result};
use crate::tools::hex;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The layers put together for one version and one target; workers get it as JSON.
///
/// What is not said is left out of the JSON: a key that a later version of this program knows does
/// not change the hash of recipes without it. A worker that does not know a key refuses the job.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Recipe {
    /// System packages of the target's own distribution.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub packages: Vec<String>,
    #[serde(skip_serializing_if = "is_default")]
    pub build: RecipeBuild,
    #[serde(skip_serializing_if = "is_default")]
    pub repair: Repair,
    #[serde(skip_serializing_if = "is_default")]
    pub test: Test,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RecipeBuild {
    /// Build requirements beside those that the source names.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub requires: Vec<String>,
    /// Projects that the source names as build requirements, and that are left out.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub without: Vec<String>,
    /// What build requirements must satisfy if they are needed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub constraints: Vec<String>,
    /// `setup.py` is run as a program, as before there were build backends.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub script: bool,
    /// The day whose state of the index build requirements come from, `2019-05-01`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub as_of: Option<String>,
    /// The generator, `Cython<3`, that makes again what it once made of the sources beside it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub regenerate: Option<String>,
    /// C sources are adjusted to the C API of Pythons that are newer than they are.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub adjust_c_api: bool,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub env: BTreeMap<String, String>,
    /// For the build backend (PEP 517).
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub config_settings: BTreeMap<String, ConfigSetting>,
    /// Unified diffs, applied to the source with one leading folder of their paths taken off.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub patches: Vec<Patch>,
    /// Shell commands, run in the unpacked and patched source before anything is read in it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub before: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expect: Option<Expect>,
    /// Built twice, to tell whether the same comes out.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub reproducible: bool,
    /// Seconds, instead of the worker's limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout: Option<u64>,
    /// Bytes, instead of the worker's limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory: Option<u64>,
}

/// A config setting may be given several times.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum ConfigSetting {
    Once(String),
    Often(Vec<String>),
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Patch {
    /// The file it came from.
    pub name: String,
    pub text: String,
}

/// Which kind of wheel is right; the other is a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Expect {
    Platform,
    Pure,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Repair {
    /// Libraries that are left to the system where the wheel is installed (`libcuda.so.1`).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub exclude: Vec<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Test {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub requires: Vec<String>,
    /// System packages that only the tests need; those of the build are not there.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub packages: Vec<String>,
    /// Modules that must be importable from the installed wheel.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub import: Vec<String>,
    /// Files and folders of the source that the tests need; they alone are copied to where the
    /// commands run, so that not the source is tested but the wheel.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sources: Vec<String>,
    /// Shell commands run once the services are ready, before the tests.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub before: Vec<String>,
    /// A shell command that exits with 0 if the wheel is good.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub env: BTreeMap<String, String>,
    #[serde(rename = "service", skip_serializing_if = "Vec::is_empty")]
    pub services: Vec<Service>,
}

/// A program that runs while the tests do. `{dir}` in its texts is an empty folder of its own;
/// `{NAME.dir}` in the tests' commands and environment is the same.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Service {
    pub name: String,
    /// System packages of the target's own distribution.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub packages: Vec<String>,
    /// Shell commands before it is started.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub setup: Vec<String>,
    /// Stays in the foreground.
    pub start: String,
    /// Asked again until it exits with 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ready: Option<String>,
    /// Seconds that getting ready may take.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub patience: Option<u64>,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

impl Recipe {
    /// Reads what a server sent.
    pub fn from_json(value: &serde_json::Value) -> Result<Self> {
        serde_json::from_value(value.clone()).map_err(|e| {
            crate::bad!("cannot follow the recipe ({e}): this worker may be older than the server")
        })
    }

    pub fn to_json(&self) -> Result<serde_json::Value> {
        serde_json::to_value(self).map_err(Error::internal)
    }

    /// One text for one meaning: keys sorted, nothing that was not said.
    pub fn canonical(&self) -> Result<String> {
        fn write(value: &serde_json::Value) -> String {
            match value {
                serde_json::Value::Object(map) => {
                    let sorted: BTreeMap<&String, String> = map.iter().map(|(k, v)| (k, write(v))).collect();
                    let each =
                        sorted.iter().map(|(k, v)| format!("{}:{v}", serde_json::Value::from(k.as_str())));
                    format!("{{{}}}", each.collect::<Vec<_>>().join(","))
                }
                serde_json::Value::Array(items) => {
                    format!("[{}]", items.iter().map(write).collect::<Vec<_>>().join(","))
                }
                other => other.to_string(),
            }
        }
        Ok(write(&self.to_json()?))
    }

    /// Of the canonical JSON, in hexadecimal: a part of the build's key.
    pub fn sha256(&self) -> Result<String> {
        Ok(hex::sha256(self.canonical()?))
    }

    /// System packages that the tests and their services need.
    pub fn test_packages(&self) -> Vec<String> {
        let of_services = self.test.services.iter().flat_map(|service| &service.packages);
        let mut all: Vec<String> = self.test.packages.iter().chain(of_services).cloned().collect();
        all.sort();
        all.dedup();
        all
    }

    /// Whether there is anything to run once the wheel is installed.
    pub fn has_tests(&self) -> bool {
        self.test.command.is_some() || !self.test.import.is_empty()
    }
}

#[cfg(test)]
mod tests;
