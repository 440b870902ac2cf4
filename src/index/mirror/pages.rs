//! Pages of a mirror: fresh ones from memory, others asked for once, stale ones while the upstream fails.

use super::asked::Asked;
use super::held::{Held, What};
use super::patience::{COLD_PATIENCE, within};
use super::state::{Down, MirrorPage, MirrorState, Mirrors};
use crate::bad_upstream;
use crate::db::mirror::UpstreamTopic;
use crate::directory::Index;
use crate::error::{Error, Result};
use crate::names::{NameList, ProjectName};
use crate::tools::time::{Micros, SECOND, now};
use crate::upstream::client;
use crate::upstream::pages::UpstreamKind;
use std::sync::Arc;
use std::time::Duration;

/// For so long a failing upstream is not asked again where something stale can be served.
const BACKOFF: i64 = 5 * SECOND;

/// For so long somebody waits for a fresh page when there is a stale one.
const PATIENCE: Duration = Duration::from_secs(5);

/// Something held, and whether the upstream could not be asked whether it is still true.
#[derive(Clone)]
pub struct Current {
    pub held: Arc<Held>,
    pub stale: bool,
    /// Nothing can be fetched at present.
    pub cut_off: bool,
    pub fresh_until: Micros,
}

impl Mirrors {
    /// What the upstream says of `project`, asking it only if what is known is no longer fresh
    /// (or `refresh` is set). `None`: the upstream says that it has no such project.
    ///
    /// # Errors
    /// `BadUpstream`, `Unavailable`, `Timeout`: nothing is known and the upstream fails.
    pub async fn page(
        &self,
        index: &Index,
        project: &ProjectName,
        refresh: bool,
    ) -> Result<Option<MirrorPage>> {
        self.project_page(&Asked::new(&self.0.config, index)?, project, refresh).await
    }

    pub(super) async fn project_page(
        &self,
        asked: &Asked,
        project: &ProjectName,
        refresh: bool,
    ) -> Result<Option<MirrorPage>> {
        if let Some(found) = self.flat_project(asked, project, refresh).await? {
            return Ok(found);
        }
        let current = self.current(asked, UpstreamTopic::Project(project.clone()), refresh).await?;
        match &current.held.what {
            What::Page(page) => Ok(Some(MirrorPage {
                page: page.clone(),
                fresh_until: current.fresh_until,
                stale: current.stale,
                cut_off: current.cut_off,
            })),
            // The upstream was found out to be a page of files.
            What::Flat(_) => Ok(self.flat_project(asked, project, false).await?.flatten()),
            _ => Ok(None),
        }
    }

    /// The project's page of a mirror that is one page of files; `None` if the mirror is not.
    async fn flat_project(
        &self,
        asked: &Asked,
        project: &ProjectName,
        refresh: bool,
    ) -> Result<Option<Option<MirrorPage>>> {
        if self.0.kind(asked).await? != Some(UpstreamKind::Flat) {
            return Ok(None);
        }
        let current = self.current(asked, UpstreamTopic::Root, refresh).await?;
        let What::Flat(body) = &current.held.what else { return Ok(None) };
        let (body, project) = (body.clone(), project.clone());
        let page = tokio::task::spawn_blocking(move || body.flat_page(&project)).await??;
        let Current { fresh_until, stale, cut_off, .. } = current;
        Ok(Some(page.map(|page| MirrorPage { page: Arc::new(page), fresh_until, stale, cut_off })))
    }

    /// The upstream's projects. May take long the first time.
    pub async fn names(&self, index: &Index) -> Result<Arc<NameList>> {
        let asked = &Asked::new(&self.0.config, index)?;
        if self.0.client.is_offline() {
            return self.0.names_here(asked).await;
        }
        let no_list = matches!(&index.kind, crate::directory::IndexKind::Mirror(m) if m.no_project_list);
        if no_list && self.0.kind(asked).await? != Some(UpstreamKind::Flat) {
            return self.0.names_asked_for(asked).await;
        }
        let current = self.current(asked, UpstreamTopic::Root, false).await?;
        match &current.held.what {
            What::Names(names) => Ok(names.clone()),
            What::Flat(body) => {
                let body = body.clone();
                Ok(Arc::new(tokio::task::spawn_blocking(move || body.flat_names()).await?))
            }
            _ => self.0.names_asked_for(asked).await,
        }
    }

    /// What the upstream says of `topic`, at most as old as the mirror's options allow.
    async fn current(&self, asked: &Asked, topic: UpstreamTopic, refresh: bool) -> Result<Current> {
        let at = now();
        let held = self.0.held(asked, &topic).await?;
        if let Some(held) = &held {
            if self.0.client.is_offline() {
                let fresh_until = at + asked.lifetime;
                return Ok(Current { held: held.clone(), stale: false, cut_off: true, fresh_until });
            }
            if !refresh && let Some(current) = self.0.without_asking(asked, &topic, held, at) {
                return Ok(current);
            }
        } else if self.0.client.is_offline() {
            return Err(client::no_copy(&match &topic {
                UpstreamTopic::Project(project) => format!("the project {project} of {}", asked.index),
                UpstreamTopic::Root => format!("the list of projects of {}", asked.index),
            }));
        } else if !refresh
            && let Some(error) = self.0.down(asked, &topic, at).filter(|e| matches!(e, Error::Timeout(_)))
        {
            // To wait for the same silence again would keep everybody waiting.
            return Err(error);
        }
        let (inner, mine, known) = (self.0.clone(), asked.clone(), held.clone());
        let key = format!("{} {topic}", asked.index);
        let is_page = matches!(topic, UpstreamTopic::Project(_));
        let flight = self.0.pages.join(key, || async move { inner.ask(&mine, topic, known, at).await });
        let stale = held.filter(|held| !matches!(held.what, What::Nothing | What::UnreadNames));
        let outcome = match &stale {
            // It lands without us, for the next who asks.
            Some(held) => match tokio::time::timeout(PATIENCE, flight).await {
                Ok(outcome) => outcome,
                Err(_) => return Ok(stale_now(held, true, now())),
            },
            None if is_page => within(COLD_PATIENCE, flight).await,
            None => flight.await,
        };
        match (outcome, stale) {
            (Ok(held), _) => {
                let fresh_until = asked.fresh_until(&held);
                Ok(Current { fresh_until, stale: false, cut_off: false, held })
            }
            (Err(error), Some(held)) => Ok(stale_now(&held, is_silence(&error), now())),
            (Err(error), None) => Err(error.again()),
        }
    }
}

impl Mirrors {
    /// Whether what is known of a project is older than so many microseconds.
    pub(super) async fn is_older(&self, index: &Index, project: &ProjectName, age: i64) -> Result<bool> {
        let asked = Asked::new(&self.0.config, index)?;
        let topic = match self.0.kind(&asked).await? {
            Some(UpstreamKind::Flat) => UpstreamTopic::Root,
            _ => UpstreamTopic::Project(project.clone()),
        };
        let held = self.0.held(&asked, &topic).await?;
        Ok(held.is_none_or(|held| now().saturating_sub(held.checked_at) > age))
    }
}

fn stale_now(held: &Arc<Held>, cut_off: bool, now: Micros) -> Current {
    Current { held: held.clone(), stale: true, cut_off, fresh_until: now + BACKOFF }
}

/// Whether the upstream did not answer at all, rather than badly.
fn is_silence(error: &Error) -> bool {
    matches!(error, Error::Unavailable(_) | Error::Timeout(_))
}

impl Asked {
    fn fresh_until(&self, held: &Held) -> Micros {
        let lifetime = match held.what {
            What::Nothing => self.negative_lifetime,
            _ => self.lifetime,
        };
        held.checked_at.saturating_add(lifetime)
    }
}

impl MirrorState {
    /// What is held of `topic`, from memory or the database, where another process may have put
    /// something newer.
    pub(super) async fn held(&self, asked: &Asked, topic: &UpstreamTopic) -> Result<Option<Arc<Held>>> {
        let key = (asked.index.clone(), topic.clone());
        let hot = self.hot.get(&key);
        let at = now();
        if let Some(held) = &hot
            && (self.without_asking(asked, topic, held, at).is_some() || self.client.is_offline())
        {
            return Ok(hot);
        }
        if let Some(held) = &hot {
            let stored = self.db.upstream_checked_at(&key.0, &key.1).await?;
            if stored.is_none_or(|stored| stored <= held.checked_at) {
                return Ok(hot);
            }
        }
        let Some(row) = self.db.upstream_page(&key.0, &key.1).await? else { return Ok(None) };
        let topic = topic.clone();
        let held = tokio::task::spawn_blocking(move || Held::from_row(&topic, row)).await?;
        match held {
            Ok(held) => {
                let held = Arc::new(held);
                self.hot.insert(key, held.clone());
                Ok(Some(held))
            }
            Err(error) => {
                let (index, project) = key;
                tracing::warn!(%index, %project, %error, "cannot read a stored page; fetching it again");
                Ok(None)
            }
        }
    }

    /// The answer if nobody has to be asked: it is fresh, or the upstream is known to be down.
    pub(super) fn without_asking(
        &self,
        asked: &Asked,
        topic: &UpstreamTopic,
        held: &Arc<Held>,
        at: Micros,
    ) -> Option<Current> {
        if matches!(held.what, What::UnreadNames) {
            return None;
        }
        let fresh_until = asked.fresh_until(held);
        // A clock that was set back must not keep a page for ever.
        let fresh = held.source == asked.source.url.as_str() && held.checked_at <= at && at < fresh_until;
        if fresh {
            return Some(Current { held: held.clone(), stale: false, cut_off: false, fresh_until });
        }
        let down = self.down(asked, topic, at).filter(|_| !matches!(held.what, What::Nothing))?;
        Some(stale_now(held, is_silence(&down), at))
    }

    /// Why the upstream, or this page of it, is left alone at present, if it is.
    pub(super) fn down(&self, asked: &Asked, topic: &UpstreamTopic, at: Micros) -> Option<Error> {
        let down = self.down.lock();
        let keys = [(asked.source_text(), None), (asked.source_text(), Some(topic.clone()))];
        let mut noted = keys.iter().filter_map(|key| down.get(key));
        // A clock that was set back must not prolong it.
        let noted = noted.find(|down| at < down.until && at + BACKOFF >= down.until)?;
        Some(noted.error.again())
    }

    /// What somebody else learnt since `began`: whoever looked before that was kept, and came when its
    /// flight had landed, must not ask once more.
    pub(super) async fn learnt_since(
        &self,
        asked: &Asked,
        topic: &UpstreamTopic,
        began: Micros,
    ) -> Result<Option<Arc<Held>>> {
        let flat = self.kind(asked).await? == Some(UpstreamKind::Flat);
        let topic = if flat { &UpstreamTopic::Root } else { topic };
        let held = self.held(asked, topic).await?;
        let is_news = |held: &Arc<Held>| {
            held.source == asked.source_text()
                && (began..=now()).contains(&held.checked_at)
                && !matches!(held.what, What::UnreadNames)
        };
        Ok(held.filter(is_news))
    }

    pub(super) fn note_up(&self, asked: &Asked, topic: &UpstreamTopic) {
        let mut down = self.down.lock();
        if !down.is_empty() {
            down.remove(&(asked.source_text(), None));
            down.remove(&(asked.source_text(), Some(topic.clone())));
        }
    }

    /// Leaves the upstream alone for a while, or only the page that it fails to tell.
    pub(super) fn note_down(&self, asked: &Asked, topic: &UpstreamTopic, error: &Error) {
        let whole = is_silence(error);
        let until = now() + BACKOFF;
        let mut down = self.down.lock();
        down.retain(|_, down| now() < down.until);
        let key = (asked.source_text(), Some(topic.clone()).filter(|_| !whole));
        down.insert(key, Down { until, error: error.again() });
    }

    /// Keeps what was learnt. `None`: it is as it was.
    pub(super) async fn remember(
        self: &Arc<Self>,
        asked: &Asked,
        topic: &UpstreamTopic,
        known: Option<Arc<Held>>,
        learnt: Option<Held>,
    ) -> Result<Arc<Held>> {
        // Asked for a project, the upstream turned out to be a page of files.
        let flat = matches!(&learnt, Some(Held { what: What::Flat(_), .. }));
        let topic = if flat { &UpstreamTopic::Root } else { topic };
        let fresh = known.is_none();
        let (held, same) = match (learnt, known) {
            (None, Some(known)) => (Held { checked_at: now(), ..(*known).clone() }, true),
            (None, None) => {
                return Err(bad_upstream!("the upstream answered 304 to a request without a condition"));
            }
            (Some(learnt), known) => unchanged(learnt, known.as_deref()),
        };
        let held = Arc::new(held);
        self.hot.insert((asked.index.clone(), topic.clone()), held.clone());
        let one_too_many = matches!(held.what, What::Nothing) && fresh && !self.absent.one_more();
        let kept = if one_too_many {
            Ok(())
        } else if same {
            self.db.touch_upstream_page(&asked.index, topic, held.checked_at).await
        } else {
            let packing = held.clone();
            let row = tokio::task::spawn_blocking(move || packing.to_row()).await??;
            self.db.keep_upstream_page(&asked.index, topic, &row).await
        };
        if let (What::Page(page), false) = (&held.what, same) {
            self.after_fetching(asked, page);
        }
        if let Err(error) = kept {
            // What was learnt is true all the same; after a restart it is asked for again.
            tracing::error!(index = %asked.index, project = %topic, %error, "cannot store an upstream's page");
        }
        Ok(held)
    }
}

/// If an upstream without validators says what it said before, what was made of that stays valid.
fn unchanged(learnt: Held, known: Option<&Held>) -> (Held, bool) {
    let same_validators = known.is_some_and(|known| known.validators == learnt.validators);
    match (&learnt.what, known.map(|known| &known.what)) {
        (What::Page(new), Some(What::Page(old))) if **new == **old => {
            (Held { what: What::Page(old.clone()), ..learnt }, same_validators)
        }
        (What::Nothing, Some(What::Nothing)) => (learnt, same_validators),
        _ => (learnt, false),
    }
}
