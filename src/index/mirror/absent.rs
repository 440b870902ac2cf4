//! When an upstream is believed that it has no such project: at once for one it never told of, else if its own
//! list of projects agrees, or if it says so for a day.

use super::Inner;
use super::asked::{Asked, Topic};
use super::held::{Held, What};
use crate::db::{Micros, now};
use crate::error::{Error, Result};
use crate::names::ProjectName;
use crate::upstream::client::shown;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;

/// For so long an upstream that lists a project, or has no list, must say that it is gone.
const LONG_ENOUGH: Micros = 24 * 3600 * 1_000_000;

/// Projects whose absence waits for being believed.
const MOST: usize = 10_000;

/// Since when upstreams say that projects are gone which they told of before. In memory: after a
/// restart a day begins anew.
#[derive(Default)]
pub struct Gone(Mutex<HashMap<(String, ProjectName), Micros>>);

impl Gone {
    /// Notes that `source` says so at `at`; whether it is believed by now.
    fn said(&self, source: &str, project: &ProjectName, at: Micros) -> bool {
        let mut since = self.0.lock();
        let key = (source.to_owned(), project.clone());
        if !since.contains_key(&key) && since.len() >= MOST {
            return false;
        }
        let first = since.entry(key).or_insert(at);
        // A clock that was set back begins anew.
        *first = (*first).min(at);
        at - *first >= LONG_ENOUGH
    }

    /// The project is there again, or its absence is known.
    pub(super) fn settled(&self, source: &str, project: &ProjectName) {
        let mut since = self.0.lock();
        if !since.is_empty() {
            since.remove(&(source.to_owned(), project.clone()));
        }
    }
}

impl Inner {
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
        Err(Error::BadUpstream(format!(
            "{} no longer has the project {project}, but the upstream's list of projects does not confirm \
             that: the mirror serves the last good page for a day. To drop it now, run `wheelwright mirror \
             forget {} {project}`",
            shown(&asked.project_url(project)),
            asked.index
        )))
    }

    /// Whether the upstream's own list of projects, which may be read for this, lacks `project`.
    pub(super) async fn is_unlisted(self: &Arc<Self>, asked: &Asked, project: &ProjectName) -> bool {
        if asked.no_list {
            return false;
        }
        let _turn = self.lists.lock().await;
        if self.down(asked, &Topic::Root, now()).is_some() {
            return false;
        }
        let known = self.held(asked, &Topic::Root).await.ok().flatten();
        let fresh = known.filter(|held| self.without_asking(asked, &Topic::Root, held, now()).is_some());
        let list = match fresh {
            Some(held) => held,
            None => match self.ask_root(asked, None).await {
                Ok(Some(list)) => match self.remember(asked, &Topic::Root, None, Some(list)).await {
                    Ok(held) => held,
                    Err(_) => return false,
                },
                Ok(None) => return false,
                Err(error) => {
                    // Every other project would have it tried again.
                    self.note_down(asked, &Topic::Root, &error);
                    return false;
                }
            },
        };
        matches!(&list.what, What::Names(names) if !names.is_empty() && !names.contains(project))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> ProjectName {
        ProjectName::new(text).unwrap()
    }

    #[test]
    fn who_says_for_a_day_that_a_project_is_gone_is_believed() {
        let gone = Gone::default();
        let six = name("six");
        assert!(!gone.said("a", &six, 5));
        assert!(!gone.said("a", &six, LONG_ENOUGH));
        assert!(!gone.said("b", &six, 2 * LONG_ENOUGH), "each upstream for itself");
        assert!(gone.said("a", &six, LONG_ENOUGH + 5));
        gone.settled("a", &six);
        assert!(!gone.said("a", &six, 3 * LONG_ENOUGH), "it was there in between");
    }

    #[test]
    fn what_waits_for_being_believed_is_bounded() {
        let gone = Gone::default();
        for number in 0..MOST {
            assert!(!gone.said("a", &name(&format!("p{number}")), 0));
        }
        assert!(!gone.said("a", &name("one-too-many"), 0));
        assert!(!gone.said("a", &name("one-too-many"), LONG_ENOUGH), "it is not given up");
        assert!(gone.said("a", &name("p0"), LONG_ENOUGH));
        assert_eq!(gone.0.lock().len(), MOST);
    }
}
