//! When an upstream is believed that it has no such project: at once for one it never told of, else if its own
//! list of projects agrees, or if it says so for a day.

use super::asked::Asked;
use super::held::{Held, What};
use super::state::MirrorState;
use crate::bad_upstream;
use crate::db::mirror::UpstreamTopic;
use crate::error::Result;
use crate::names::ProjectName;
use crate::tools::time::now;
use crate::upstream::client::shown;
use std::sync::Arc;

impl MirrorState {
    /// Whether it is believed that `project`, which is not there any more, is gone for good. A page
    /// that is kept is not given up for a single answer: behind it may be a broken upstream.
    ///
    /// # Errors
    /// `BadUpstream` if not yet: what is kept is served stale.
    pub(super) async fn believe_absence(
        self: &Arc<Self>,
        asked: &Asked,
        project: &ProjectName,
        known: Option<&Held>,
    ) -> Result<()> {
        let had = known.is_some_and(|held| matches!(&held.what, What::Page(page) if !page.files.is_empty()));
        if !had
            || self.is_unlisted(asked, project).await
            || self.gone.said(&asked.source_text(), project, now())
        {
            self.gone.settled(&asked.source_text(), project);
            return Ok(());
        }
        Err(bad_upstream!(
            "{} no longer has the project {project}, but the upstream's list of projects does not confirm \
             that: the mirror serves the last good page for a day. To drop it now, run `wheelwright mirror \
             forget {} {project}`",
            shown(&asked.project_url(project)),
            asked.index
        ))
    }

    /// Whether the upstream's own list of projects, which may be read for this, lacks `project`.
    pub(super) async fn is_unlisted(self: &Arc<Self>, asked: &Asked, project: &ProjectName) -> bool {
        if asked.no_list {
            return false;
        }
        let _turn = self.lists.lock().await;
        if self.down(asked, &UpstreamTopic::Root, now()).is_some() {
            return false;
        }
        let known = self.held(asked, &UpstreamTopic::Root).await.ok().flatten();
        let fresh =
            known.filter(|held| self.without_asking(asked, &UpstreamTopic::Root, held, now()).is_some());
        let list = match fresh {
            Some(held) => held,
            None => match self.ask_root(asked, None).await {
                Ok(Some(list)) => match self.remember(asked, &UpstreamTopic::Root, None, Some(list)).await {
                    Ok(held) => held,
                    Err(_) => return false,
                },
                Ok(None) => return false,
                Err(error) => {
                    // Every other project would have it tried again.
                    self.note_down(asked, &UpstreamTopic::Root, &error);
                    return false;
                }
            },
        };
        matches!(&list.what, What::Names(names) if !names.is_empty() && !names.contains(project))
    }
}
