//! A public type is told by its name alone: no name twice in the crate.

use super::text::{without_comments, without_tests};
use super::{read, sources};
use std::collections::BTreeMap;

#[test]
fn no_two_public_types_have_the_same_name() {
    let mut places: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for path in sources("src") {
        for line in without_tests(&without_comments(&read(&path))).0.lines() {
            if let Some(name) = public_type(line.trim()) {
                places.entry(name.to_owned()).or_default().push(path.display().to_string());
            }
        }
    }
    places.retain(|_, files| files.len() > 1);
    assert!(places.is_empty(), "names that say too little, for there are two: {places:#?}");
}

/// `pub(super) struct Room {` names `Room`.
fn public_type(line: &str) -> Option<&str> {
    let after = line.strip_prefix("pub")?;
    let after = if after.starts_with('(') { after.split_once(')')?.1 } else { after };
    let mut words = after.trim_start().split(|c: char| !c.is_alphanumeric() && c != '_');
    matches!(words.next()?, "struct" | "enum" | "trait" | "type").then(|| words.next())?
}
