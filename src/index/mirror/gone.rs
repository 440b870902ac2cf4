//! Since when upstreams say that projects are gone which they told of before.

use crate::names::ProjectName;
use crate::tools::time::{Micros, SECOND};
use parking_lot::Mutex;
use std::collections::HashMap;

/// For so long an upstream that lists a project, or has no list, must say that it is gone.
const LONG_ENOUGH: i64 = 24 * 3600 * SECOND;

/// Projects whose absence waits for being believed.
const MOST: usize = 10_000;

/// Since when upstreams say that projects are gone which they told of before. In memory: after a
/// restart a day begins anew.
#[derive(Default)]
pub(super) struct Gone(Mutex<HashMap<(String, ProjectName), Micros>>);

impl Gone {
    /// Notes that `source` says so at `at`; whether it is believed by now.
    pub(super) fn said(&self, source: &str, project: &ProjectName, at: Micros) -> bool {
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
