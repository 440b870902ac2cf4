//! Stamps that tell whether something about a project changed: what is kept in memory is valid
//! while the stamp that was read *before* it was made is still the same.

use crate::names::ProjectName;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};

/// Enough that two busy projects seldom share one; sharing costs a needless look, no more.
const COUNT: usize = 4096;

/// One counter per stripe of project names, whatever their index: bases make pages of one index
/// depend on others.
pub struct Stripes {
    hasher: RandomState,
    counters: Box<[AtomicU64]>,
}

impl Default for Stripes {
    fn default() -> Self {
        let counters = (0..COUNT).map(|_| AtomicU64::new(0)).collect();
        Self { hasher: RandomState::new(), counters }
    }
}

impl Stripes {
    fn of(&self, project: &ProjectName) -> Option<&AtomicU64> {
        let at = usize::try_from(self.hasher.hash_one(project) % COUNT as u64).unwrap_or_default();
        self.counters.get(at)
    }

    /// The present stamp of a project.
    pub fn stamp(&self, project: &ProjectName) -> u64 {
        self.of(project).map_or(0, |counter| counter.load(Ordering::Acquire))
    }

    /// Everything made of this project before is no longer valid.
    pub fn bump(&self, project: &ProjectName) {
        if let Some(counter) = self.of(project) {
            counter.fetch_add(1, Ordering::AcqRel);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bump_is_seen_by_its_project() {
        let demo = "demo".parse().unwrap();
        let stripes = Stripes::default();
        let before = stripes.stamp(&demo);
        stripes.bump(&demo);
        assert_ne!(stripes.stamp(&demo), before);
    }
}
