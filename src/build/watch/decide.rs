//! What a list of tags means for a watch: pure functions.

use crate::db::watches::WatchedTag;
use crate::packaging::release_tag::TagPattern;
use crate::packaging::remote_tag::RemoteTag;
use crate::packaging::version::{self, Version};
use crate::tools::time::Micros;
use crate::words::TagState;
use std::collections::HashMap;

/// Which of the tags that are there at first are built.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Since {
    /// None: what comes later.
    #[default]
    Now,
    All,
    /// Those of this version and later ones.
    Version(Version),
}

impl Since {
    /// Reads `all` or a version.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "" => Some(Self::Now),
            "all" => Some(Self::All),
            text => version::parse(text).map(Self::Version),
        }
    }

    fn admits(&self, version: &Version) -> bool {
        match self {
            Self::Now => false,
            Self::All => true,
            Self::Version(first) => version >= first,
        }
    }
}

impl std::fmt::Display for Since {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Now => Ok(()),
            Self::All => f.write_str("all"),
            Self::Version(version) => version.fmt(f),
        }
    }
}

/// What is to be changed because of a list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TagChanges {
    /// Seen for the first time, in the order of their versions.
    pub new: Vec<WatchedTag>,
    /// As they were, with the commit that each names now.
    pub moved: Vec<(WatchedTag, String)>,
}

/// Compares the listed tags with those that are known. `since`: it is the first look.
pub fn decide(
    (watch, at): (i64, Micros),
    pattern: &TagPattern,
    known: &[WatchedTag],
    listed: &[RemoteTag],
    since: Option<&Since>,
) -> TagChanges {
    let by_name: HashMap<&str, &WatchedTag> = known.iter().map(|tag| (tag.tag.as_str(), tag)).collect();
    let mut changes = TagChanges::default();
    // The first tag of a version has it.
    let mut taken: HashMap<Version, String> = HashMap::new();
    for tag in known.iter().filter(|tag| tag.state != TagState::Skipped) {
        if let Some(version) = tag.version.as_deref().and_then(version::parse) {
            taken.entry(version).or_insert_with(|| tag.tag.clone());
        }
    }
    let mut fresh: Vec<(&RemoteTag, Result<Version, String>)> = Vec::new();
    for tag in listed {
        match by_name.get(tag.name.as_str()) {
            None => fresh.push((tag, pattern.version(&tag.name))),
            // What means no version may move: `latest`.
            Some(known) if matches!(known.state, TagState::Skipped | TagState::Moved) => {}
            Some(known) if known.commit == tag.commit => {}
            Some(known) => changes.moved.push(((*known).clone(), tag.commit.clone())),
        }
    }
    fresh.sort_by(|(a, a_version), (b, b_version)| {
        a_version.as_ref().ok().cmp(&b_version.as_ref().ok()).then_with(|| a.name.cmp(&b.name))
    });
    for (tag, version) in fresh {
        let (state, reason) = match &version {
            Err(why) => (TagState::Skipped, Some(why.clone())),
            Ok(version) => match taken.get(version) {
                Some(other) => (TagState::Skipped, Some(format!("the tag {other} has the same version"))),
                None if since.is_none_or(|since| since.admits(version)) => (TagState::Waiting, None),
                None => (TagState::Older, None),
            },
        };
        if let Ok(version) = &version {
            taken.entry(version.clone()).or_insert_with(|| tag.name.clone());
        }
        changes.new.push(WatchedTag {
            watch,
            tag: tag.name.clone(),
            commit: tag.commit.clone(),
            version: version.ok().map(|version| version.to_string()),
            state,
            reason,
            builds: Vec::new(),
            at,
        });
    }
    changes
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn remote(name: &str, commit: &str) -> RemoteTag {
        RemoteTag { name: name.to_owned(), commit: commit.to_owned() }
    }

    fn decided(known: &[WatchedTag], listed: &[RemoteTag], since: Option<&Since>) -> TagChanges {
        decide((1, 5), &TagPattern::parse("v{version}").unwrap(), known, listed, since)
    }

    fn states(changes: &TagChanges) -> Vec<(&str, TagState)> {
        changes.new.iter().map(|tag| (tag.tag.as_str(), tag.state)).collect()
    }

    #[test]
    fn at_first_only_what_was_asked_for_is_built() {
        let listed = [remote("v1.0", "a"), remote("v2.0", "b"), remote("nightly", "c"), remote("v10.0", "d")];
        let first = decided(&[], &listed, Some(&Since::Now));
        use TagState::{Older, Skipped, Waiting};
        assert_eq!(
            states(&first),
            [("nightly", Skipped), ("v1.0", Older), ("v2.0", Older), ("v10.0", Older)]
        );
        let some = decided(&[], &listed, Some(&Since::parse("2").unwrap()));
        assert_eq!(
            states(&some),
            [("nightly", Skipped), ("v1.0", Older), ("v2.0", Waiting), ("v10.0", Waiting)]
        );
        let all = decided(&[], &listed, Some(&Since::parse("all").unwrap()));
        assert_eq!(states(&all)[1..], [("v1.0", Waiting), ("v2.0", Waiting), ("v10.0", Waiting)]);
        // Later, an older version is a release like any other.
        let later = decided(&first.new, &[remote("v0.9", "e")], None);
        assert_eq!(states(&later), [("v0.9", Waiting)]);
    }

    #[test]
    fn a_tag_that_names_another_commit_is_told_once_and_one_without_version_may_move() {
        let known = decided(&[], &[remote("v1.0", "a"), remote("latest", "a")], Some(&Since::Now)).new;
        let moved = decided(&known, &[remote("v1.0", "b"), remote("latest", "b")], None);
        assert_eq!((moved.new.len(), moved.moved.len()), (0, 1));
        assert_eq!((moved.moved[0].0.tag.as_str(), moved.moved[0].1.as_str()), ("v1.0", "b"));
        let mut after = known;
        after[1].state = TagState::Moved;
        assert_eq!(decided(&after, &[remote("v1.0", "c")], None), TagChanges::default());
        // A tag that is gone changes nothing.
        assert_eq!(decided(&after, &[], None), TagChanges::default());
    }

    #[test]
    fn two_tags_of_one_version_are_one_release() {
        let changes = decided(&[], &[remote("v1.0", "a"), remote("v1", "b")], None);
        assert_eq!(states(&changes), [("v1", TagState::Waiting), ("v1.0", TagState::Skipped)]);
        assert_eq!(changes.new[1].reason.as_deref(), Some("the tag v1 has the same version"));
    }

    proptest! {
        #[test]
        fn what_was_decided_is_not_decided_again(names in proptest::collection::btree_set("v?[0-9a-c.]{1,5}", 0..12)) {
            let listed: Vec<RemoteTag> = names.iter().map(|name| remote(name, "a")).collect();
            let first = decided(&[], &listed, None);
            prop_assert_eq!(first.new.len(), listed.len());
            prop_assert_eq!(decided(&first.new, &listed, None), TagChanges::default());
            let mut versions: Vec<_> = first.new.iter().filter(|tag| tag.state == TagState::Waiting).map(|tag| version::parse(tag.version.as_deref().unwrap()).unwrap()).collect();
            let count = versions.len();
            prop_assert!(versions.is_sorted());
            versions.dedup();
            prop_assert_eq!(versions.len(), count);
        }
    }
}
