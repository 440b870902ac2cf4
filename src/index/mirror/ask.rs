//! Asking an upstream for a project's page or for its list, and what its answer means.

use super::asked::Asked;
use super::held::{Held, What};
use super::state::MirrorState;
use crate::bad_upstream;
use crate::db::mirror::UpstreamTopic;
use crate::error::{Error, Result};
use crate::names::ProjectName;
use crate::packaging::page::Page;
use crate::tools::time::{Micros, now};
use crate::upstream::client;
use crate::upstream::pages::{self, FetchedPage, Reply, UpstreamKind, Validators};
use std::sync::Arc;

impl MirrorState {
    /// Asks the upstream, and keeps and remembers what it says.
    pub(super) async fn ask(
        self: &Arc<Self>,
        asked: &Asked,
        topic: UpstreamTopic,
        known: Option<Arc<Held>>,
        began: Micros,
    ) -> Result<Arc<Held>> {
        if let Some(held) = self.learnt_since(asked, &topic, began).await? {
            return Ok(held);
        }
        let source = asked.source_text();
        let known = known.filter(|held| held.source == source);
        let asking = async {
            let _turn = self.page_turns.take(&asked.index).await;
            match &topic {
                UpstreamTopic::Root => self.ask_root(asked, known.as_deref()).await,
                UpstreamTopic::Project(project) => self.ask_project(asked, project, known.as_deref()).await,
            }
        };
        let answer = asking.await.and_then(|learnt| not_older(asked, learnt, known.as_deref()));
        match answer {
            Ok(held) => {
                self.note_up(asked, &topic);
                self.remember(asked, &topic, known, held).await
            }
            Err(error) => {
                tracing::warn!(
                    index = %asked.index,
                    project = %topic,
                    %error,
                    "the upstream fails; serving stale pages"
                );
                self.note_down(asked, &topic, &error);
                Err(error)
            }
        }
    }

    async fn ask_project(
        self: &Arc<Self>,
        asked: &Asked,
        project: &ProjectName,
        known: Option<&Held>,
    ) -> Result<Option<Held>> {
        // A file is a page of files more often than not, and a short one.
        let kind = self.kind(asked).await?;
        if kind.is_none() && asked.is_file() && self.is_flat(asked).await? {
            return self.ask_root(asked, None).await;
        }
        let reply = self.read_project(asked, project, known).await;
        let found_nothing = matches!(reply, Ok(Reply::Missing) | Err(Error::BadUpstream(_)));
        if kind.is_none() && found_nothing {
            match self.is_flat(asked).await {
                Ok(true) => return self.ask_root(asked, None).await,
                // Nothing is believed of a mirror_url that is no index at all.
                Err(error @ Error::BadUpstream(_)) => return Err(error),
                _ => {}
            }
        }
        match reply? {
            Reply::NotModified => {
                self.gone.settled(&asked.source_text(), project);
                Ok(None)
            }
            Reply::Missing => {
                self.believe_absence(asked, project, known).await?;
                Ok(Some(self.nothing(asked)))
            }
            // Buckets refuse what they do not have. The page that is kept says that this one was there.
            Reply::Refused(error) => {
                let had = known.is_some_and(|held| matches!(held.what, What::Page(_)));
                match !had && self.is_unlisted(asked, project).await {
                    true => Ok(Some(self.nothing(asked))),
                    false => Err(error),
                }
            }
            Reply::Page((page, validators)) => {
                if kind.is_none() {
                    self.set_kind(asked, UpstreamKind::Simple).await;
                }
                self.gone.settled(&asked.source_text(), project);
                let serial = page.serial;
                Ok(Some(self.learnt(asked, What::Page(Arc::new(page)), validators, serial)))
            }
        }
    }

    fn nothing(&self, asked: &Asked) -> Held {
        self.learnt(asked, What::Nothing, Validators::default(), None)
    }

    /// Fetches a project's page and reads it.
    async fn read_project(
        &self,
        asked: &Asked,
        project: &ProjectName,
        known: Option<&Held>,
    ) -> Result<Reply<(Page, Validators)>> {
        let validators = known.map(|held| held.validators.clone()).unwrap_or_default();
        Ok(match self.fetch(asked, &asked.project_url(project), &validators).await? {
            Reply::Page(body) => {
                let validators = body.validators.clone();
                let page = match known.map(|held| &held.what) {
                    Some(What::Page(page)) => Some(page.clone()),
                    _ => None,
                };
                Reply::Page((body.into_page(project.clone(), page).await?, validators))
            }
            Reply::NotModified => Reply::NotModified,
            Reply::Missing => Reply::Missing,
            Reply::Refused(error) => Reply::Refused(error),
        })
    }

    pub(super) async fn ask_root(&self, asked: &Asked, known: Option<&Held>) -> Result<Option<Held>> {
        let validators = known.map(|held| held.validators.clone()).unwrap_or_default();
        let mut reply = self.fetch(asked, &asked.source.url, &validators).await?;
        if let (Reply::Missing, Some(slashed)) = (&reply, asked.slashed()) {
            reply = self.fetch(asked, &slashed, &validators).await?;
        }
        let body = match reply {
            Reply::NotModified => return Ok(None),
            Reply::Missing => {
                let at = client::shown(&asked.source.url);
                return Err(bad_upstream!("{at} does not exist: check mirror_url of the mirror"));
            }
            Reply::Refused(error) => return Err(error),
            Reply::Page(body) => body,
        };
        let (validators, serial) = (body.validators.clone(), body.serial);
        let what = tokio::task::spawn_blocking(move || match body.kind() {
            Some(UpstreamKind::Flat) => {
                body.whole("a page of files")?;
                Ok(What::Flat(Arc::new(body)))
            }
            _ => body.names().map(|names| What::Names(Arc::new(names))),
        });
        let what = what.await??;
        let kind = if matches!(what, What::Flat(_)) { UpstreamKind::Flat } else { UpstreamKind::Simple };
        self.note_kind(asked, kind);
        Ok(Some(self.learnt(asked, what, validators, serial)))
    }

    async fn fetch(&self, asked: &Asked, url: &url::Url, known: &Validators) -> Result<Reply<FetchedPage>> {
        pages::fetch(&self.client, &asked.source, url, known, self.config.limits.upstream_page).await
    }

    pub(super) fn learnt(
        &self,
        asked: &Asked,
        what: What,
        validators: Validators,
        serial: Option<u64>,
    ) -> Held {
        Held::new(asked.source_text(), what, validators, serial, now())
    }
}

/// Refuses an answer from a cache that stands still somewhere between the upstream and us.
fn not_older(asked: &Asked, learnt: Option<Held>, known: Option<&Held>) -> Result<Option<Held>> {
    let serials = learnt.as_ref().and_then(|learnt| learnt.serial).zip(known.and_then(|known| known.serial));
    match serials {
        Some((new, old)) if new < old => Err(bad_upstream!(
            "{} answered with an older page (serial {new}) than the stored one (serial {old}). To drop the \
             stored page, run `wheelwright mirror forget {} PROJECT`",
            client::shown(&asked.source.url),
            asked.index
        )),
        _ => Ok(learnt),
    }
}
