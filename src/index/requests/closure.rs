//! What the installation of a requested release needs: noted with the request, so that approvers see it.

use super::Requests;
use crate::db::requests::StoredRequest;
use crate::error::{Error, Result};
use crate::names::ProjectName;
use serde::{Deserialize, Serialize};

/// What the resolver found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Closure {
    /// It was resolved for.
    pub target: String,
    /// The requested release is one of them.
    pub releases: Vec<NeededRelease>,
    /// Why there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// One release of a closure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NeededRelease {
    pub project: ProjectName,
    pub version: String,
}

impl Closure {
    /// As a row has it.
    pub(super) fn of(request: &StoredRequest) -> Option<Self> {
        serde_json::from_str(request.closure.as_deref()?).ok()
    }
}

impl Requests {
    /// The numbers of open requests whose closure is not known yet, the oldest first.
    pub async fn unresolved(&self) -> Result<Vec<i64>> {
        self.0.db.unresolved_requests().await
    }

    /// Notes what a request needs.
    pub async fn resolved(&self, id: i64, closure: &Closure) -> Result<()> {
        let text = serde_json::to_string(closure).map_err(Error::internal)?;
        self.0.db.resolved_request(id, &text).await
    }
}
