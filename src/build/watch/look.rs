//! Looking at repositories: each when its time has come, some at once, one process for each.
//!
//! A repository that does not answer is asked ever more rarely, and delays no other one.

use super::decide::decide;
use super::{WatchRoom, Watches};
use crate::access::Who;
use crate::bad;
use crate::config::units;
use crate::db::Tx;
use crate::db::events::NewEvent;
use crate::db::watches::{Watch, WatchLook, WatchedTag};
use crate::error::{Error, Result};
use crate::git::{self, Address, GitLimits};
use crate::packaging::release_tag::TagPattern;
use crate::packaging::remote_tag::RemoteTag;
use crate::tools::failing::Failing;
use crate::tools::panics;
use crate::tools::time::{Micros, SECOND, now};
use crate::words::{EventKind, TagState};
use std::sync::{Arc, Weak};
use std::time::Duration;

/// How often rows are looked at.
const EVERY: Duration = Duration::from_millis(500);

/// A list of tags must have come after this time.
const LONGEST: Duration = Duration::from_secs(60);
/// A host that sends nothing for this time is given up on.
const PATIENCE: Duration = Duration::from_secs(20);
/// Tags of a watch, those that are gone included.
const MOST_KNOWN: usize = 40_000;
/// Bytes of what git keeps on disk for a list: next to nothing.
const BYTES: u64 = 64 << 20;
/// How much longer a lease lasts, in microseconds.
const LEEWAY: i64 = 60 * SECOND;

/// After so many failures in a row others are told.
const TOLD: i64 = 3;
/// The longest pause after failures, in microseconds.
const LONGEST_PAUSE: i64 = 86_400 * SECOND;
/// Bytes of an error that are kept.
const LONGEST_ERROR: usize = 1000;

impl Watches {
    /// Looks at repositories, and has their tags built, until `self` and all its clones are gone.
    pub fn tend(&self) {
        tokio::spawn(keep_looking(Arc::downgrade(&self.0)));
        tokio::spawn(keep_releasing(Arc::downgrade(&self.0)));
    }

    /// Looks at a repository now, unless another process does.
    ///
    /// # Errors
    /// What the repository answers; it is noted with the watch, too.
    pub async fn look(&self, watch: &Watch) -> Result<()> {
        let slot = self.0.slots.acquire().await;
        let looked = self.0.look((watch.id, false)).await;
        drop(slot);
        looked
    }
}

async fn keep_looking(room: Weak<WatchRoom>) {
    let mut failing = Failing::default();
    loop {
        tokio::time::sleep(EVERY).await;
        let Some(room) = room.upgrade() else { return };
        failing.note(&panics::caught(room.begin_looks()).await, "cannot read watches");
    }
}

async fn keep_releasing(room: Weak<WatchRoom>) {
    let mut failing = Failing::default();
    loop {
        tokio::time::sleep(EVERY).await;
        let Some(room) = room.upgrade() else { return };
        failing.note(&panics::caught(room.go_on()).await, "cannot release watched tags");
    }
}

impl WatchRoom {
    /// Starts a look at each repository whose time has come, whenever one more may be looked at.
    async fn begin_looks(self: &Arc<Self>) -> Result<()> {
        for watch in self.db.due_watches(now()).await? {
            if self.under_way.lock().contains(&watch.id) {
                continue;
            }
            let slot = self.slots.clone().acquire_owned().await.map_err(Error::internal)?;
            self.under_way.lock().insert(watch.id);
            let room = self.clone();
            tokio::spawn(async move {
                if let Err(error) = panics::caught(room.look((watch.id, true))).await {
                    let error = format!("{error:#}");
                    tracing::warn!(watch = watch.id, error, "cannot look at a watched repository");
                }
                room.under_way.lock().remove(&watch.id);
                drop(slot);
            });
        }
        Ok(())
    }

    /// `must_be_due`: another process may have looked meanwhile.
    async fn look(&self, (id, must_be_due): (i64, bool)) -> Result<()> {
        let at = now();
        let until = at + i64::try_from(LONGEST.as_micros()).unwrap_or(i64::MAX) + LEEWAY;
        let leased = self.db.lease_watch((id, must_be_due), &self.process, (at, until)).await?;
        let Some(watch) = leased else { return Ok(()) };
        let listed = match self.listed(&watch).await {
            Ok(listed) => listed,
            Err(error) => {
                self.failed(&watch, &error).await?;
                return Err(error);
            }
        };
        let pattern = TagPattern::parse(&watch.pattern)?;
        let known = self.db.watched_tags(id).await?;
        let changes = decide((id, at), &pattern, &known, &listed, None);
        if known.len() + changes.new.len() > MOST_KNOWN {
            let error = bad!(
                "the repository had more than {MOST_KNOWN} different tags since it is watched: remove the watch and add it again"
            );
            self.failed(&watch, &error).await?;
            return Err(error);
        }
        for (tag, commit) in changes.moved {
            self.moved(&watch, tag, &commit).await?;
        }
        let next_at = after(&watch, at);
        let look = WatchLook { looked_at: Some(at), next_at, failures: 0, error: None };
        self.db.watch_looked(&watch, &self.process, &look, &changes.new).await?;
        Ok(())
    }

    /// The tags, if the watch's owner may still upload to its index.
    async fn listed(&self, watch: &Watch) -> Result<Vec<RemoteTag>> {
        self.may_upload(&Who::watch(watch.id, &watch.owner), &watch.index)?;
        self.tags(watch, &Address::parse(&watch.url)?).await
    }

    /// What the repository of a watch lists.
    pub(super) async fn tags(&self, watch: &Watch, address: &Address) -> Result<Vec<RemoteTag>> {
        if self.queue.is_offline() && address.host().is_some() {
            return Err(Error::Offline("this server is offline and does not look at repositories".into()));
        }
        let limits = GitLimits { time: LONGEST, bytes: BYTES, patience: PATIENCE, ..GitLimits::default() };
        // A name in the staging folder.
        let place = self.queue.store().spool().await?;
        git::tags(address, self.queue.watch_asker(watch, address), limits, place.path()).await
    }

    async fn failed(&self, watch: &Watch, error: &Error) -> Result<()> {
        let failures = watch.failures.saturating_add(1);
        let said: String = error.to_string().chars().take(LONGEST_ERROR).collect();
        let look = WatchLook {
            looked_at: None,
            next_at: now().saturating_add(jittered(pause(watch.every, failures))),
            failures,
            error: Some(said.clone()),
        };
        if self.db.watch_looked(watch, &self.process, &look, &[]).await? && failures == TOLD {
            let detail = format!("{TOLD} looks of watch {} at {} failed: {said}", watch.id, watch.url);
            let tx = Tx::begin(&self.db).await?;
            let label = Who::watch(watch.id, &watch.owner).label;
            let event = NewEvent::of(&label, EventKind::RepositoryUnreachable).on(&watch.index);
            tx.commit(event.saying(&detail)).await?;
        }
        Ok(())
    }

    /// An alarm: what was or is to be released is not what the tag names now.
    async fn moved(&self, watch: &Watch, mut tag: WatchedTag, commit: &str) -> Result<()> {
        let (was, before) = (tag.commit.clone(), tag.state);
        tag.reason = Some(format!(
            "the tag moved from {was} to {commit}, and releases never change: make a new tag{}",
            if before == TagState::Published { ". The index has the wheels of the first commit" } else { "" }
        ));
        (tag.state, tag.at) = (TagState::Moved, now());
        let mut tx = Tx::begin(&self.db).await?;
        if tx.tag_became(before, &tag).await? {
            let detail = format!("{} of watch {}: {was} became {commit}", tag.tag, watch.id);
            let label = Who::watch(watch.id, &watch.owner).label;
            let event = NewEvent::of(&label, EventKind::TagMoved).on(&watch.index);
            tx.commit(event.saying(&detail)).await?;
            tracing::warn!(watch = watch.id, tag = tag.tag, was, now = commit, "a watched tag moved");
        }
        Ok(())
    }
}

/// When the next look is after one that went well.
pub(super) fn after(watch: &Watch, at: Micros) -> Micros {
    at.saturating_add(jittered(watch.every.saturating_mul(SECOND)))
}

/// The pause after so many failures in a row: twice as long each time, up to a day.
fn pause(every: i64, failures: i64) -> i64 {
    let doubled = u32::try_from(failures.saturating_sub(1)).unwrap_or(u32::MAX).min(30);
    let every = every.saturating_mul(SECOND);
    every.saturating_mul(1 << doubled).min(LONGEST_PAUSE.max(every))
}

/// A tenth more or less, so that many watches spread.
fn jittered(pause: i64) -> i64 {
    let tenth = pause / 10;
    pause + if tenth > 0 { rand::random_range(-tenth..=tenth) } else { 0 }
}

/// `10m`, as an interval is shown.
pub(super) fn shown(every: i64) -> String {
    units::show_seconds(u64::try_from(every).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repository_that_is_dead_is_asked_ever_more_rarely() {
        let pauses: Vec<i64> = (1..=9).map(|failures| pause(600, failures) / SECOND).collect();
        assert_eq!(pauses, [600, 1200, 2400, 4800, 9600, 19200, 38400, 76800, 86400]);
        assert_eq!(pause(600, i64::MAX), LONGEST_PAUSE);
        // Who looks less than once a day does so after failures, too.
        assert_eq!(pause(200_000, 4), 200_000 * SECOND);
        for _ in 0..100 {
            assert!((540 * SECOND..=660 * SECOND).contains(&jittered(600 * SECOND)));
        }
        assert_eq!(jittered(0), 0);
    }
}
