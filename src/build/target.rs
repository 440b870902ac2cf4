//! What wheels are built for: one interpreter on one platform.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One interpreter (implementation, version, ABI) on one platform (ordered platform tags).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// `cp312-manylinux_2_36_x86_64`, or as the administrator named it.
    pub name: String,
    /// `cp` or `pp`, as in wheel tags.
    pub implementation: String,
    /// `3.12.1`
    pub version: String,
    /// `cp312`, `cp313t`, `cp27mu`, `pypy310_pp73`
    pub abi: String,
    /// All wheel tags it can install, best first: `cp312-cp312-manylinux_2_36_x86_64`.
    pub tags: Vec<String>,
    /// The values of PEP 508 environment markers.
    pub markers: BTreeMap<String, String>,
    /// `debian 12`, where known.
    pub distribution: String,
}
