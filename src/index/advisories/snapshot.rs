//! The advisories in memory, by project.

use crate::names::ProjectName;
use crate::packaging::osv::Advisory;
use crate::packaging::version::Version;
use std::collections::HashMap;
use std::sync::Arc;

/// All advisories of one reading.
#[derive(Debug, Default)]
pub struct AdvisorySnapshot {
    by_project: HashMap<ProjectName, Vec<Arc<Advisory>>>,
    pub(super) count: usize,
}

impl AdvisorySnapshot {
    /// Adds an advisory, if it affects any project of PyPI.
    pub(super) fn add(&mut self, advisory: Advisory) {
        if advisory.withdrawn || advisory.affected.is_empty() {
            return;
        }
        self.count += 1;
        let advisory = Arc::new(advisory);
        for affected in &advisory.affected {
            let known = self.by_project.entry(affected.project.clone()).or_default();
            if known.last().is_none_or(|last| !Arc::ptr_eq(last, &advisory)) {
                known.push(advisory.clone());
            }
        }
    }

    /// The advisories that affect a release, in the order of the files.
    pub fn of(&self, project: &ProjectName, version: &Version) -> Vec<Arc<Advisory>> {
        let known = self.by_project.get(project).into_iter().flatten();
        known.filter(|advisory| advisory.affects(project, version)).cloned().collect()
    }
}
