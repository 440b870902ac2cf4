//! A word that rows, JSON and pages share is written in `words` alone.

use super::text::{without_comments, without_tests};
use super::{read, sources};
use std::path::Path;

/// Words of one part that mean nothing else, wherever they stand.
const UNMISTAKABLE: &[&str] = &[
    "archived",
    "blocked",
    "bubblewrap",
    "cancelled",
    "deprecated",
    "fetching",
    "quarantined",
    "queued",
    "running",
    "unyank",
    "yank",
];

/// Words of several parts that elsewhere mean something else.
const ALSO_ELSEWHERE: &[(&str, &str)] = &[
    ("requires-python", "a field of METADATA and of pages"),
    ("token revoked", "what is answered to whoever revokes one"),
];

/// `Queued = "queued",` declares one.
fn declared(line: &str) -> Option<&str> {
    let (variant, word) = line.trim().strip_suffix("\",")?.split_once(" = \"")?;
    variant.chars().all(char::is_alphanumeric).then_some(word)
}

#[test]
fn a_shared_word_is_written_in_words_alone() {
    let home = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/words");
    let (inside, outside): (Vec<_>, Vec<_>) =
        sources("src").into_iter().partition(|path| path.starts_with(&home));
    let declared: Vec<String> = inside
        .iter()
        .flat_map(|path| read(path).lines().filter_map(declared).map(str::to_owned).collect::<Vec<_>>())
        .collect();
    assert!(UNMISTAKABLE.iter().all(|word| declared.iter().any(|known| known == word)), "a word is gone");
    let is_told = |word: &&String| {
        let parts = word.contains([' ', '-', '_']);
        let other = ALSO_ELSEWHERE.iter().any(|(other, _)| other == word);
        parts && !other || UNMISTAKABLE.contains(&word.as_str())
    };
    let mut found = Vec::new();
    for path in outside {
        let text = without_tests(&without_comments(&read(&path))).0;
        for word in declared.iter().filter(is_told).filter(|word| text.contains(&format!("\"{word}\""))) {
            found.push(format!("{}: {word:?}", path.display()));
        }
    }
    assert!(found.is_empty(), "name these by their type: {found:#?}");
}
