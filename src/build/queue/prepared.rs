//! For which indexes workers have environments before builds ask for them.

use super::Queue;
use crate::directory::Directory;

/// Indexes that one worker is told.
const MOST: usize = 8;

impl Queue {
    /// The mirrors that everybody may read: most sources come from there, and so do the tools that build
    /// them. None if `build.prepare` says no.
    pub fn to_prepare(&self, directory: &Directory) -> Vec<String> {
        if !self.0.prepares {
            return Vec::new();
        }
        let mirrors = directory.indexes.values().filter(|index| {
            index.is_mirror() && index.acl_read.iter().any(|principal| principal == ":ANONYMOUS:")
        });
        mirrors.map(|index| index.name.to_string()).take(MOST).collect()
    }
}
