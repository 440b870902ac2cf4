//! Watching a build: however many wait for it, one task looks at its row.

use super::watched::{SeenBuild, Watching, alike};
use super::{LOOK_AGAIN, Queue};
use crate::db::builds::{Build, BuildId};
use crate::error::Result;
use crate::tools::panics;
use crate::tools::time::now;
use crate::words::{BuildState, Purpose};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;

/// Earlier builds of a project that tell how long the next will take.
const OF_PROJECT: i64 = 15;
/// Earlier builds of other projects that do.
const OF_CLASS: i64 = 60;

impl Queue {
    /// Waits until the build has ended, at most for `longest`; then as it is.
    pub async fn wait(&self, id: BuildId, longest: Duration) -> Result<Build> {
        let until = Instant::now() + longest;
        let mut seen = self.get(id).await?;
        if seen.state.has_ended() || longest.is_zero() {
            return Ok(seen);
        }
        let mut watching = self.watch(id);
        while !seen.state.has_ended() && !self.is_closing() && Instant::now() < until {
            let closed = self.closed();
            let other = tokio::select! {
                other = watching.other_than(Some(&seen), until) => other?,
                () = closed => None,
            };
            seen = match other {
                Some(build) => build,
                None => return self.get(id).await,
            };
        }
        Ok(seen)
    }

    /// Watches a build together with all others who do.
    pub fn watch(&self, id: BuildId) -> Watching {
        let mut watched = self.0.watched.lock();
        if let Some(seen) = watched.get(&id) {
            return Watching(seen.clone());
        }
        let (tell, seen) = watch::channel(None);
        watched.insert(id, seen.clone());
        drop(watched);
        tokio::spawn(self.clone().look_at(id, tell));
        Watching(seen)
    }

    /// Looks until the build has ended or nobody watches any more.
    async fn look_at(self, id: BuildId, tell: watch::Sender<SeenBuild>) {
        let mut changed = self.0.changed.subscribe();
        loop {
            changed.mark_unchanged();
            let seen = panics::caught(self.get(id)).await.map_err(std::sync::Arc::new);
            let over = seen.as_ref().map_or(true, |build| build.state.has_ended());
            if over {
                self.0.watched.lock().remove(&id);
            }
            tell.send_if_modified(|before| {
                let same = matches!((&*before, &seen), (Some(Ok(before)), Ok(seen)) if alike(before, seen));
                if !same {
                    *before = Some(seen);
                }
                !same
            });
            if over {
                return;
            }
            {
                // Under the lock, so that nobody joins who would be left alone.
                let mut watched = self.0.watched.lock();
                // One is the map's own.
                if tell.receiver_count() <= 1 {
                    watched.remove(&id);
                    return;
                }
            }
            // The sender lives in `self`.
            let _ = tokio::time::timeout(LOOK_AGAIN, changed.changed()).await;
        }
    }

    /// How long such a build takes from its start, going by earlier ones: of the same project for
    /// whatever target, else of projects that others have platform wheels of as of this one, or
    /// have none. `None` where there were none.
    pub async fn expected(&self, build: &Build) -> Result<Option<Duration>> {
        let purpose = build.purpose;
        if let Some(project) = &build.project {
            let times = self.0.db.times_of_project(project, purpose, OF_PROJECT).await?;
            if let Some(median) = median(times) {
                return Ok(Some(median));
            }
        }
        let compiled = Some(build.platform_expected).filter(|_| build.purpose == Purpose::Wheel);
        Ok(median(self.0.db.times_of_class(compiled, purpose, OF_CLASS).await?))
    }
}

/// Of microseconds.
pub(super) fn median(mut times: Vec<i64>) -> Option<Duration> {
    times.sort_unstable();
    let middle = times.get(times.len() / 2)?;
    Some(Duration::from_micros(u64::try_from(*middle).ok()?))
}

impl Build {
    /// For how long it has been running; `None` while it is not.
    pub fn running_for(&self) -> Option<Duration> {
        let started = self.started_at.filter(|_| self.state == BuildState::Running)?;
        u64::try_from(now() - started).ok().map(Duration::from_micros)
    }
}

#[cfg(test)]
mod tests {
    use super::median;
    use std::time::Duration;

    #[test]
    fn the_median_is_one_of_them_and_of_none_there_is_none() {
        assert_eq!(median(vec![]), None);
        assert_eq!(median(vec![7]), Some(Duration::from_micros(7)));
        assert_eq!(median(vec![900, 1, 5]), Some(Duration::from_micros(5)));
        assert_eq!(median(vec![4, 3, 2, 1]), Some(Duration::from_micros(3)));
    }
}
