//! Work that many wait for: done once, by a task that goes on when all have left.
//!
//! Who waits is a future that holds one receiver: no thread, no connection to the database.

use crate::build::queue::{Queue, Watching};
use crate::db::builds::{Build, BuildId};
use crate::error::{Error, Result};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;

/// The least that anybody is told to wait, and the most.
const RETRY: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(3600));
/// The least while nothing tells how long it will take.
const BLIND: Duration = Duration::from_secs(3);
/// Who waited less than this for a build is pip with its first request.
const FIRST: Duration = Duration::from_secs(13);
/// What a task looks at is renewed at least so often.
const LOOK: Duration = Duration::from_secs(30);

/// What becomes of asking for a promise.
#[derive(Clone, Debug)]
pub enum PromiseOutcome<T> {
    Ready(T),
    /// The build failed.
    Failed(Box<Build>),
    /// It was built and is not what had been promised: why, in one line.
    Broken(String),
    /// Not yet: to be asked again after this time.
    Later {
        build: Option<BuildId>,
        retry_after: Duration,
    },
}

/// How far the work is.
#[derive(Clone)]
struct Stand<T> {
    since: Instant,
    /// What it waits for just now, and how long such a build usually takes.
    build: Option<(Build, Option<Duration>)>,
    end: Option<Result<PromiseOutcome<T>, Arc<Error>>>,
}

type Running<T> = HashMap<String, watch::Receiver<Stand<T>>>;

/// Works of one kind, by key.
pub struct SharedWork<T>(Arc<Mutex<Running<T>>>);

impl<T> Default for SharedWork<T> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

/// Through this a work tells those who wait what it waits for itself.
pub struct PromiseProgress<T>(Arc<watch::Sender<Stand<T>>>);

/// Takes a work off the list when it ends, also by a panic.
struct Landing<T>(Arc<Mutex<Running<T>>>, String);

impl<T> Drop for Landing<T> {
    fn drop(&mut self) {
        self.0.lock().remove(&self.1);
    }
}

impl<T: Clone + Send + Sync + 'static> SharedWork<T> {
    /// Waits at most for `longest` for what is under way; `None` if nothing is.
    pub async fn join(
        &self,
        queue: &Queue,
        key: &str,
        longest: Duration,
    ) -> Option<Result<PromiseOutcome<T>>> {
        let progress = self.0.lock().get(key).cloned()?;
        Some(wait(progress, queue, longest).await)
    }

    /// The same, and begins `work` if nothing is under way.
    pub async fn hold<F>(
        &self,
        queue: &Queue,
        key: &str,
        longest: Duration,
        work: impl FnOnce(PromiseProgress<T>) -> F,
    ) -> Result<PromiseOutcome<T>>
    where
        F: Future<Output = Result<PromiseOutcome<T>>> + Send + 'static,
    {
        let progress = self.enter(key, work);
        wait(progress, queue, longest).await
    }

    fn enter<F>(&self, key: &str, work: impl FnOnce(PromiseProgress<T>) -> F) -> watch::Receiver<Stand<T>>
    where
        F: Future<Output = Result<PromiseOutcome<T>>> + Send + 'static,
    {
        let mut running = self.0.lock();
        if let Some(progress) = running.get(key) {
            return progress.clone();
        }
        let (tell, progress) = watch::channel(Stand { since: Instant::now(), build: None, end: None });
        running.insert(key.to_owned(), progress.clone());
        drop(running);
        let landing = Landing(self.0.clone(), key.to_owned());
        let tell = Arc::new(tell);
        let work = work(PromiseProgress(tell.clone()));
        tokio::spawn(async move {
            let end = work.await;
            // Whoever asks from now on finds what was stored, or begins anew.
            drop(landing);
            tell.send_modify(|progress| progress.end = Some(end.map_err(Arc::new)));
        });
        progress
    }
}

impl<T> PromiseProgress<T> {
    /// Waits until a build has ended, and tells those who wait how far it is.
    pub async fn follow(&self, queue: &Queue, id: BuildId) -> Result<Build> {
        let mut watching: Watching = queue.watch(id);
        let mut known: Option<Build> = None;
        let mut expected = None;
        loop {
            let until = Instant::now() + LOOK;
            let Some(build) = watching.other_than(known.as_ref(), until).await? else { continue };
            if build.state.has_ended() {
                return Ok(build);
            }
            if expected.is_none() {
                expected = Some(queue.expected(&build).await?);
            }
            let told = (build.clone(), expected.flatten());
            self.0.send_modify(|progress| progress.build = Some(told));
            known = Some(build);
        }
    }
}

async fn wait<T: Clone>(
    mut progress: watch::Receiver<Stand<T>>,
    queue: &Queue,
    longest: Duration,
) -> Result<PromiseOutcome<T>> {
    let ended = tokio::select! {
        ended = tokio::time::timeout(longest, progress.wait_for(|progress| progress.end.is_some())) => {
            ended.ok().map(|seen| seen.map(|seen| seen.end.clone()))
        }
        () = queue.closed() => None,
    };
    match ended {
        Some(Ok(Some(Ok(outcome)))) => Ok(outcome),
        Some(Ok(Some(Err(error)))) => Err(error.again()),
        Some(Ok(None) | Err(_)) => {
            Err(Error::internal(anyhow::anyhow!("the work on a promised wheel stopped without a result")))
        }
        None => {
            let progress = progress.borrow();
            let build = progress.build.as_ref();
            let elapsed =
                build.and_then(|(build, _)| build.running_for()).unwrap_or(progress.since.elapsed());
            let expected = build.and_then(|(_, expected)| *expected);
            let build = build.map(|(build, _)| build.id);
            Ok(PromiseOutcome::Later { build, retry_after: retry_after(elapsed, expected) })
        }
    }
}

/// When to ask again: once the time is over that such builds take. Where that is over already or
/// nothing is known, each pause is longer than the last: an installer that comes five more times
/// waits for ten minutes in all. What takes twice the time was not known.
fn retry_after(elapsed: Duration, expected: Option<Duration>) -> Duration {
    let pause = match expected.map(|expected| expected.checked_sub(elapsed)) {
        Some(Some(left)) => left,
        Some(None) if expected.is_some_and(|expected| elapsed < expected * 2) => (elapsed / 2).max(BLIND),
        // Most builds that outlast the first wait do so by little.
        Some(None) | None if elapsed < FIRST => BLIND,
        Some(None) | None => elapsed,
    };
    Duration::from_secs(pause.as_millis().div_ceil(1000) as u64).clamp(RETRY.0, RETRY.1)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Seconds that a client waits in all which is held for 12 s each time and comes five more times,
    /// for a build that never ends.
    fn patience(expected: Option<u64>) -> u64 {
        let mut at = 0;
        for _ in 0..5 {
            at += 12;
            let pause = retry_after(Duration::from_secs(at), expected.map(Duration::from_secs));
            assert!(pause >= Duration::from_secs(1));
            at += pause.as_secs();
        }
        at + 12
    }

    #[test]
    fn an_installer_that_comes_five_more_times_waits_for_ten_minutes() {
        assert!(patience(None) >= 600, "{}", patience(None));
        assert!(patience(Some(100)) >= 600, "{}", patience(Some(100)));
        assert!(patience(Some(1)) >= 600, "{}", patience(Some(1)));
    }

    #[test]
    fn what_is_known_of_the_time_is_what_is_told() {
        let after = |elapsed: u64, expected: u64| {
            retry_after(Duration::from_millis(elapsed), Some(Duration::from_millis(expected))).as_secs()
        };
        assert_eq!(after(12_000, 100_000), 88);
        assert_eq!(after(12_000, 12_001), 1, "a whole second at least");
        assert_eq!(after(12_000, 12_000), 1);
        assert_eq!(after(12_000, 11_999), 6, "late: half of what it took so far");
        assert_eq!(after(1_000, 100_000_000), 3600);
    }
}
