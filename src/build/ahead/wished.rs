//! Which targets building ahead is for.

use super::super::target::Target;
use crate::directory::Index;
use crate::tools::glob;

/// Of the targets that are offered those that the index wishes, in the order in which they are tried:
/// the oldest Python 3 first, as a stable-ABI wheel of it serves the newer ones.
pub(super) fn wished<'a>(index: &Index, offered: &'a [Target]) -> Vec<&'a Target> {
    let wanted = &index.building.targets;
    let is_wished = |target: &&Target| wanted.is_empty() || wanted.iter().any(|asked| fits(asked, target));
    let mut wished: Vec<&Target> = offered.iter().filter(is_wished).collect();
    wished.sort_by_key(|target| {
        let (major, minor) = target.python();
        (major < 3, target.implementation != "cp", minor, target.name.clone())
    });
    wished
}

/// A target's name, whole or abbreviated, or with `*` for any characters.
fn fits(asked: &str, target: &Target) -> bool {
    match asked.split_once('*') {
        None => target.matches(asked),
        Some(_) => {
            let [asked, name] = [asked, &target.name].map(str::to_ascii_lowercase);
            glob::matches(&asked, &name)
        }
    }
}
