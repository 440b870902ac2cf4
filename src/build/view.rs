//! A build as JSON tells of it: what the server writes, its pages show and the command line reads.

use crate::db::builds::BuildId;
use crate::names::{BuildContext, IndexName, ProjectName};
use crate::words::{BuildSource, BuildState, Evidence, Failure, Purpose, Step};
use serde::{Deserialize, Serialize};

/// What somebody may know of a build; times are RFC 3339.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct BuildView {
    pub id: BuildId,
    pub purpose: Purpose,
    pub state: BuildState,
    pub project: Option<ProjectName>,
    pub version: Option<String>,
    pub title: String,
    pub target: String,
    /// For those who may read it.
    pub context: Option<BuildContext>,
    /// Its origin is empty for those who may not know it.
    pub source: BuildSource,
    pub source_sha256: Option<String>,
    pub recipe_sha256: Option<String>,
    pub tools: String,
    pub priority: i64,
    pub worker: Option<String>,
    pub step: Option<Step>,
    pub failure: Option<Failure>,
    /// What came out.
    pub wheel: Option<WheelView>,
    pub metadata_sha256: Option<String>,
    pub evidence: Option<Evidence>,
    pub needs: Vec<NeedView>,
    pub indexes: Vec<DestinationView>,
    pub log_size: u64,
    pub log_sha256: Option<String>,
    pub asked_by: Option<String>,
    pub created: String,
    pub started: Option<String>,
    pub ended: Option<String>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct WheelView {
    pub filename: String,
    pub sha256: String,
    /// Bytes.
    pub size: u64,
    /// From the root.
    pub url: String,
}

/// A build that has to be done first.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct NeedView {
    pub build: BuildId,
    /// Empty: both are the same.
    pub requirement: String,
}

/// An index that is to get the wheel.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DestinationView {
    pub index: IndexName,
    /// Since when it has it.
    pub published: Option<String>,
    /// Why it refused it.
    pub refused: Option<String>,
}

impl BuildView {
    /// Whether an index is still to get the wheel.
    pub fn awaits_publication(&self) -> bool {
        self.state == BuildState::Built
            && self.indexes.iter().any(|index| index.published.is_none() && index.refused.is_none())
    }
}
