//! What is recorded beside every wheel that is built here: from what, with what, how, and where.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The evidence of one build, kept as JSON.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Evidence {
    pub source: String,
    pub source_sha256: String,
    pub commit: Option<String>,
    pub target: String,
    /// The interpreter's own version text.
    pub interpreter: String,
    pub recipe_sha256: Option<String>,
    /// `user/index` that the requirements came from.
    pub context: String,
    /// Exact build requirements: name and version.
    pub requirements: BTreeMap<String, String>,
    /// Programs that took part: pip, auditwheel, patchelf, the compiler; name and version.
    pub tools: BTreeMap<String, String>,
    /// `plain`, `constraints: setuptools<58`, `as of 2019-05-01`, `recipe`, …; for people
    pub strategy: String,
    /// What was found beside the recipe and helped: a recipe itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub found: Option<serde_json::Value>,
    /// What of the source was changed before it was built: a `Cargo.lock` that did not match.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub changed: Vec<String>,
    /// `bubblewrap` or `none`
    pub sandbox: String,
    /// Seconds by step name.
    pub durations: BTreeMap<String, f64>,
    pub log_sha256: String,
    pub wheel_sha256: String,
    /// Shared libraries copied into the wheel.
    pub grafted: Vec<Grafted>,
    /// `None`: not tried.
    pub reproducible: Option<bool>,
    /// What the check did: modules imported, tests run.
    pub checked: Vec<String>,
    /// Why the wheel may lack something though it installs: an extension that did not compile, a module that
    /// cannot be imported. Empty: it is as good as a wheel gets.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub doubts: Vec<String>,
}

/// A library that repair copied into the wheel; whoever bundles it updates it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grafted {
    pub library: String,
    /// The distribution's package and its version, where the package manager knows them.
    pub package: Option<String>,
    pub version: Option<String>,
    pub sha256: String,
}
