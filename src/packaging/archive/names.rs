//! Member names: what no archive may call a member, and when two names are one file somewhere.

use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};

use unicode_normalization::UnicodeNormalization;

use super::{ArchiveResult, refuse};

/// Most bytes between two slashes; the limit of common file systems.
const MAX_SEGMENT: usize = 255;
/// Most segments of one name.
const MAX_DEPTH: usize = 100;
/// Most bytes of one name.
const MAX_NAME: usize = 4096;

/// Refuses a name that could leave the root, cannot be created somewhere, or reads differently
/// elsewhere. A directory's trailing slash must have been taken off.
pub(crate) fn check(name: &str) -> ArchiveResult<()> {
    if name.is_empty() {
        refuse!("a member has no name");
    }
    if name.len() > MAX_NAME {
        refuse!("a member name is longer than {MAX_NAME} bytes");
    }
    if name.chars().any(char::is_control) {
        refuse!("control character in member name {name:?}");
    }
    if name.contains('\\') {
        refuse!("backslash in member name {name:?}");
    }
    if name.starts_with('/') {
        refuse!("absolute member name {name:?}");
    }
    if name.as_bytes().get(1) == Some(&b':') && name.starts_with(|c: char| c.is_ascii_alphabetic()) {
        refuse!("drive letter in member name {name:?}");
    }
    for (depth, segment) in name.split('/').enumerate() {
        if depth >= MAX_DEPTH {
            refuse!("a member name is more than {MAX_DEPTH} directories deep");
        }
        match segment {
            "" => refuse!("empty segment in member name {name:?}"),
            // Windows strips them, so `...` is as good as `..`.
            _ if segment.trim_end_matches(['.', ' ']).is_empty() => {
                refuse!("segment {segment:?} in member name {name:?}")
            }
            _ if segment.len() > MAX_SEGMENT => {
                refuse!("a segment of a member name is longer than {MAX_SEGMENT} bytes")
            }
            _ => {}
        }
    }
    Ok(())
}

/// Refuses names that Windows takes for devices (`nul`, `aux.py`) or streams (`a:b`).
pub(crate) fn check_windows(name: &str) -> ArchiveResult<()> {
    for segment in name.split('/') {
        if segment.contains(':') {
            refuse!("colon in member name {name:?}");
        }
        let stem = segment.split('.').next().unwrap_or_default().trim_end();
        if is_device(&stem.to_ascii_uppercase()) {
            refuse!("Windows device name in member name {name:?}");
        }
    }
    Ok(())
}

fn is_device(stem: &str) -> bool {
    let numbered = |prefix| {
        stem.strip_prefix(prefix).is_some_and(|n| {
            // Windows folds the superscript digits too.
            let mut digits = n.chars();
            matches!(digits.next(), Some('1'..='9' | '¹' | '²' | '³')) && digits.next().is_none()
        })
    };
    matches!(stem, "CON" | "PRN" | "AUX" | "NUL" | "CONIN$" | "CONOUT$") || numbered("COM") || numbered("LPT")
}

/// The same for every spelling that some file system takes for the same file: case folded,
/// composed (NFC), without dots and spaces at the end of a segment.
pub(crate) fn fold(name: &str) -> String {
    let trim = |name: &str| {
        let segments: Vec<&str> =
            name.split('/').map(|segment| segment.trim_end_matches(['.', ' '])).collect();
        segments.join("/")
    };
    if name.is_ascii() {
        return trim(name).to_ascii_lowercase();
    }
    let lower: String = name.nfc().flat_map(char::to_lowercase).nfc().collect();
    trim(&lower)
}

/// The directories that hold `name`, outermost first.
pub(crate) fn above(name: &str) -> impl Iterator<Item = &str> {
    name.match_indices('/').filter_map(|(at, _)| name.get(..at))
}

/// Which names have come by, in eight bytes each: a hash under a random key, so that a crowd of
/// long names costs no memory and no one can choose names that collide.
#[derive(Default)]
pub(crate) struct SeenNames {
    key: RandomState,
    hashes: HashSet<u64>,
}

impl SeenNames {
    /// False if the name has been there before.
    pub(crate) fn insert(&mut self, name: &str) -> bool {
        self.hashes.insert(self.key.hash_one(name))
    }

    pub(crate) fn contains(&self, name: &str) -> bool {
        self.hashes.contains(&self.key.hash_one(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_file_fold_to_one_name() {
        for (a, b) in [
            ("a/B.py", "A/b.py"),
            ("a/b.", "a/b"),
            ("a/b ", "a/b"),
            ("caf\u{e9}", "cafe\u{301}"),
            ("CAF\u{c9}", "cafe\u{301}"),
            ("d./x", "d/x"),
        ] {
            assert_eq!(fold(a), fold(b), "{a:?} {b:?}");
        }
        assert_ne!(fold("a/b"), fold("a_b"));
    }

    #[test]
    fn names_that_leave_the_root_or_cannot_exist_are_refused() {
        let deep = "d/".repeat(100) + "x";
        let long = "n".repeat(256);
        for name in [
            "", "/a", "a//b", "./a", "a/..", "../a", "a/.../b", "a/ ", "a\\b", "C:x", "c:/x", "a\0b", "a\nb",
            "a\x7f", "a\u{85}b", &deep, &long,
        ] {
            assert!(check(name).is_err(), "{name:?}");
        }
        for name in ["a", "a/b c/d.py", "..a", "a..", "C", "\u{e9}/\u{4e00}", &"n".repeat(255)] {
            assert!(check(name).is_ok(), "{name:?}");
        }
    }

    #[test]
    fn windows_devices_are_known_with_and_without_extension() {
        for name in ["nul", "a/AUX.py", "Com1", "lpt9.txt.gz", "con .txt", "a:b", "COM\u{b9}"] {
            assert!(check_windows(name).is_err(), "{name:?}");
        }
        for name in ["null", "auxiliary.py", "com10", "com0", "common/con_.py", "lpt"] {
            assert!(check_windows(name).is_ok(), "{name:?}");
        }
    }
}
