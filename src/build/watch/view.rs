//! Watches and their tags as JSON, pages and the command line show them: without secrets.

use super::Watches;
use super::look::shown;
use crate::access::builds::user_of_label;
use crate::db::watches::{Watch, WatchedTag};
use crate::error::Result;
use crate::names::IndexName;
use crate::packaging::version;
use crate::words::{Moment, TagState};
use serde::{Deserialize, Serialize};

/// A watch.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct WatchView {
    pub id: i64,
    pub index: IndexName,
    pub url: String,
    pub tags: String,
    /// Empty: all that are offered.
    pub targets: Vec<String>,
    pub every: String,
    /// `all`, or a version, if older tags were built at first.
    #[serde(rename = "from")]
    pub since: Option<String>,
    pub owner: String,
    /// `None`: the command line.
    pub created_by: Option<String>,
    pub created: Moment,
    pub last_look: Moment,
    pub next_look: Moment,
    /// Looks in a row that failed, and why.
    pub failures: i64,
    pub error: Option<String>,
}

/// What became of a tag.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TagView {
    pub tag: String,
    pub commit: String,
    pub version: Option<String>,
    pub state: TagState,
    pub reason: Option<String>,
    pub builds: Vec<i64>,
    pub at: Moment,
}

impl From<Watch> for WatchView {
    fn from(watch: Watch) -> Self {
        Self {
            id: watch.id,
            index: watch.index,
            url: watch.url,
            tags: watch.pattern,
            targets: watch.targets,
            every: shown(watch.every),
            since: Some(watch.since).filter(|text| !text.is_empty()),
            owner: watch.owner,
            created_by: user_of_label(&watch.created_by).map(str::to_owned),
            created: Moment(watch.created_at),
            last_look: Moment(watch.looked_at),
            next_look: Moment(watch.next_at),
            failures: watch.failures,
            error: watch.error,
        }
    }
}

impl WatchView {
    /// For those who may read the index, and no more: what a repository's host says may be none of their business.
    pub fn for_readers(self) -> Self {
        let error = self.error.map(|_| "the last look failed".to_owned());
        Self { error, ..self }
    }
}

impl TagView {
    /// For those who may read the index, and no more: a reason may quote the log of a build that they may not see.
    pub fn for_readers(self) -> Self {
        let reason = self.reason.filter(|_| self.state != TagState::Failed);
        Self { reason, ..self }
    }
}

impl From<WatchedTag> for TagView {
    fn from(tag: WatchedTag) -> Self {
        Self {
            tag: tag.tag,
            commit: tag.commit,
            version: tag.version,
            state: tag.state,
            reason: tag.reason,
            builds: tag.builds,
            at: Moment(tag.at),
        }
    }
}

impl Watches {
    /// The tags of a watch, the newest version first, and those that mean none behind.
    pub async fn tags(&self, watch: i64) -> Result<Vec<TagView>> {
        let mut tags = self.0.db.watched_tags(watch).await?;
        let version = |tag: &WatchedTag| tag.version.as_deref().and_then(version::parse);
        tags.sort_by(|a, b| version(b).cmp(&version(a)).then_with(|| a.tag.cmp(&b.tag)));
        Ok(tags.into_iter().map(TagView::from).collect())
    }
}
