//! Builds that failed, as a project's pages for a target need to know of them.

use super::BuildId;
use crate::db::Db;
use crate::db::rows::row;
use crate::error::Result;
use crate::names::{BuildContext, ProjectName};
use crate::tools::time::Micros;
use crate::words::{BuildSource, Class, Step};

/// Why a wheel of a listed source is not to be had: the parts of its build's key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailedBuild {
    pub id: BuildId,
    /// Owns the source.
    pub context: BuildContext,
    pub source: BuildSource,
    pub source_sha256: Option<String>,
    pub recipe_sha256: Option<String>,
    pub tools: String,
    pub class: Option<Class>,
    /// What to do next.
    pub hint: Option<String>,
    /// The first real error line of its log.
    pub line: Option<String>,
    /// In which it failed.
    pub step: Option<Step>,
    pub ended_at: Option<Micros>,
}

row!(FailedBuild of build {
    id, context, source, source_sha256, recipe_sha256, tools, class, hint, line, step, ended_at
});

const FAILED: &str = "WHERE project = $1 AND target = $2 AND state = 'failed' AND class <> 'cancelled' AND given = 0 AND because IS NULL \
    AND (purpose = 'wheel' OR class NOT IN ('metadata-hook', 'wrong-wheel')) ORDER BY id";

/// Their evidence is JSON as this program writes it.
const DOUBTFUL: &str = "WHERE project = $1 AND target = $2 AND state = 'built' AND given = 0 AND because IS NULL AND purpose = 'wheel' \
    AND evidence LIKE '%\"doubts\":[\"%' ORDER BY id";

impl Db {
    /// The builds of a project's listed sources that gave a doubtful wheel for a target.
    pub async fn doubtful_builds(&self, project: &ProjectName, target: &str) -> Result<Vec<FailedBuild>> {
        Ok(FailedBuild::select(DOUBTFUL).bind(project).bind(target).fetch_all(&self.pool).await?)
    }

    /// The builds of a project's listed sources that failed for a target; jobs for metadata too, unless a
    /// build may tell what they could not.
    pub async fn failed_builds(&self, project: &ProjectName, target: &str) -> Result<Vec<FailedBuild>> {
        Ok(FailedBuild::select(FAILED).bind(project).bind(target).fetch_all(&self.pool).await?)
    }
}
