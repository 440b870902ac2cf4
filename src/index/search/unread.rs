//! Projects that are read later: one that cannot be read must not keep others from being found.

use crate::error::Error;
use crate::names::{IndexName, ProjectName};
use crate::tools::failing::Failing;
use crate::tools::time::{Micros, SECOND, now};
use std::collections::BTreeSet;
use std::ops::Bound;
use std::time::Duration;

/// Projects, each on one index.
pub type Dirty = BTreeSet<(IndexName, ProjectName)>;

/// How long the reading of one project may take.
pub const LONGEST: Duration = Duration::from_secs(5);
/// How long those that failed are left alone.
const PAUSE: Micros = 10 * SECOND;
/// Mirrored projects in a row that took too long, after which no more of their kind are tried at once: the storage is down.
const SILENT: usize = 3;
/// Projects that are waiting; what is beyond is read again when it changes.
const MOST: usize = 200_000;

/// What waits to be read, and how reading goes.
#[derive(Default)]
pub struct Unread {
    waiting: Dirty,
    /// The one that was taken last.
    taken: Option<(IndexName, ProjectName)>,
    /// Not before this.
    at: Micros,
    silent: usize,
    failing: Failing,
}

impl Unread {
    /// Has projects read when there is time.
    pub fn add(&mut self, projects: Dirty) {
        self.at = 0;
        let room = MOST.saturating_sub(self.waiting.len());
        self.waiting.extend(projects.into_iter().take(room));
    }

    /// The next ones to read, at most so many.
    pub fn take(&mut self, most: usize) -> Dirty {
        if self.waiting.is_empty() || now() < self.at {
            return Dirty::new();
        }
        let from = self.taken.take().map_or(Bound::Unbounded, Bound::Excluded);
        let next: Dirty = self.waiting.range((from, Bound::Unbounded)).take(most).cloned().collect();
        self.taken = next.last().cloned();
        next
    }

    /// Begins to read several: one is tried even where none answered before.
    pub fn begin(&mut self) {
        self.silent = self.silent.min(SILENT - 1);
    }

    /// Whether it is of no use to try what needs the storage.
    pub fn is_silent(&self) -> bool {
        self.silent >= SILENT
    }

    /// Notes that a project was read, from the storage or not.
    pub fn read(&mut self, key: &(IndexName, ProjectName), stored: bool) {
        if stored {
            self.silent = 0;
        }
        if self.waiting.remove(key) && self.waiting.is_empty() {
            self.failing.note(&Ok(()), "");
        }
    }

    /// Notes that it was not.
    pub fn failed(&mut self, key: (IndexName, ProjectName), error: Error) {
        self.silent += usize::from(matches!(error, Error::Timeout(_)));
        let what = format!("the search knows {} of {} by its name alone: it cannot be read", key.1, key.0);
        self.failing.note(&Err(error), &what);
        if self.waiting.len() < MOST {
            self.waiting.insert(key);
        }
        self.at = now() + PAUSE;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(name: &str) -> (IndexName, ProjectName) {
        ("a/b".parse().unwrap(), name.parse().unwrap())
    }

    #[test]
    fn all_that_wait_have_their_turn_and_those_that_fail_a_pause() {
        let mut unread = Unread::default();
        unread.add([key("one"), key("three"), key("two")].into());
        assert_eq!(unread.take(2), [key("one"), key("three")].into());
        unread.read(&key("one"), true);
        assert_eq!(unread.take(2), [key("two")].into());
        unread.failed(key("two"), Error::Lost("its bytes".into()));
        assert_eq!(unread.take(2), [].into(), "after a failure");
        unread.at = 0;
        assert_eq!(unread.take(2), [].into(), "the end");
        assert_eq!(unread.take(2), [key("three"), key("two")].into(), "from the beginning");
    }

    #[test]
    fn a_storage_that_does_not_answer_is_tried_once_for_many() {
        let mut unread = Unread::default();
        for name in ["one", "two", "three"] {
            assert!(!unread.is_silent());
            unread.failed(key(name), Error::Timeout("no answer".into()));
        }
        assert!(unread.is_silent());
        unread.read(&key("hosted"), false);
        assert!(unread.is_silent(), "it needs no storage");
        unread.begin();
        assert!(!unread.is_silent());
        unread.read(&key("one"), true);
        unread.failed(key("two"), Error::Timeout("no answer".into()));
        assert!(!unread.is_silent());
    }
}
