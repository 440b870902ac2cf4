//! A request as JSON, pages and the command line show it.

use super::closure::Closure;
use super::title;
use crate::access::COMMAND_LINE;
use crate::access::builds::user_of_label;
use crate::db::requests::StoredRequest;
use crate::names::{IndexName, ProjectName};
use crate::words::{Moment, RequestState};
use serde::{Deserialize, Serialize};

/// A request, and where it stands.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RequestView {
    pub id: i64,
    pub index: IndexName,
    pub project: ProjectName,
    /// `None`: any.
    pub version: Option<String>,
    /// `None`: unknown.
    pub target: Option<String>,
    pub state: RequestState,
    /// How often.
    pub asked: i64,
    pub first: Moment,
    pub last: Moment,
    /// The accounts that asked, for approvers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub askers: Option<Vec<String>>,
    /// What an installation needs; `None`: not resolved yet.
    pub closure: Option<Closure>,
    pub decided_by: Option<String>,
    pub decided: Option<Moment>,
    pub reason: Option<String>,
}

impl From<StoredRequest> for RequestView {
    fn from(row: StoredRequest) -> Self {
        let filled = |text: String| Some(text).filter(|text| !text.is_empty());
        let other = |label: &str| match label {
            COMMAND_LINE => Some("the command line".to_owned()),
            _ => label.strip_prefix("rule:").map(|rule| format!("rule {rule}")),
        };
        let by = row.decided_by.as_deref();
        Self {
            id: row.id,
            closure: Closure::of(&row),
            index: row.index,
            project: row.project,
            decided_by: by.and_then(|label| other(label).or_else(|| user_of_label(label).map(str::to_owned))),
            version: filled(row.version),
            target: filled(row.target),
            state: row.state,
            asked: row.asked,
            first: Moment(row.first_at),
            last: Moment(row.last_at),
            askers: Some(row.askers),
            decided: row.decided_at.map(Moment),
            reason: row.reason.and_then(filled),
        }
    }
}

impl RequestView {
    /// For those who may read the index, and no more.
    pub fn for_readers(self) -> Self {
        Self { askers: None, ..self }
    }

    /// `six 1.16.0`
    pub fn title(&self) -> String {
        title(&self.project, self.version.as_deref().unwrap_or_default())
    }
}
