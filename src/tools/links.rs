//! Symbolic links in trees that others made.

use std::path::{Component, Path};

/// Whether a link in `folder`, a path below a tree's root, leads to somewhere in the same tree.
pub fn stays_inside(folder: &Path, target: &Path) -> bool {
    let mut depth = folder.components().count();
    for part in target.components() {
        match part {
            Component::Normal(_) => depth += 1,
            Component::CurDir => {}
            Component::ParentDir if depth > 0 => depth -= 1,
            _ => return false,
        }
    }
    !target.as_os_str().is_empty()
}
