//! What folders take up on their disk.

use std::path::PathBuf;

/// Bytes and entries.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Usage {
    pub bytes: u64,
    pub files: u64,
}

/// Counts without following links, and stops once there are more than `most` entries.
pub(super) fn usage(mut folders: Vec<PathBuf>, most: u64) -> Usage {
    let mut used = Usage::default();
    while let Some(folder) = folders.pop() {
        // What vanishes while we look is not there.
        let Ok(entries) = std::fs::read_dir(&folder) else { continue };
        for entry in entries.flatten() {
            used.files += 1;
            if used.files > most {
                return used;
            }
            let Ok(facts) = entry.metadata() else { continue };
            used.bytes += on_disk(&facts);
            if facts.is_dir() {
                folders.push(entry.path());
            }
        }
    }
    used
}

fn on_disk(facts: &std::fs::Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::blocks(facts) * 512
}
