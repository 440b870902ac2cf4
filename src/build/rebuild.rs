//! Rebuilds as they are shown: what is built again because of a requirement, and how far that is.

use crate::db::builds::BuildId;
use crate::names::{IndexName, ProjectName};
use crate::words::{BuildState, Failure, Moment, SetState};
use serde::{Deserialize, Serialize};

/// Builds that are published together; one that is only planned has neither number nor state.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RebuildView {
    pub id: Option<i64>,
    pub index: IndexName,
    /// The requirement, as it was asked for.
    pub because: String,
    pub keep_going: bool,
    pub state: Option<SetState>,
    /// When it was asked for.
    #[serde(default)]
    pub created: Option<Moment>,
    /// When it was published or withheld.
    #[serde(default)]
    pub ended: Option<Moment>,
    pub members: Vec<RebuiltView>,
    /// What cannot be built again now, although another version was used for it, or may have been; told once, when it
    /// is asked for.
    #[serde(default)]
    pub left_alone: Vec<LeftAlone>,
}

/// One wheel that is built again.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RebuiltView {
    pub project: Option<ProjectName>,
    pub version: Option<String>,
    pub target: String,
    /// The version of the requirement that the wheel was built against.
    pub was: String,
    /// What it is built against now: `numpy==2.5.0`.
    pub against: Option<String>,
    /// The build of that wheel.
    pub replaces: BuildId,
    pub build: Option<BuildId>,
    pub state: Option<BuildState>,
    pub failure: Option<Failure>,
    /// Why the build did not go well.
    pub trouble: Option<String>,
    /// Whether the index has the new wheel.
    pub published: bool,
}

/// A wheel that is not built again, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftAlone {
    pub project: ProjectName,
    pub version: String,
    /// Empty if nobody knows any more.
    pub target: String,
    /// The version that it was built against; `None` if nobody knows any more.
    pub was: Option<String>,
    pub why: String,
}
