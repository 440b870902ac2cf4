//! The key of a build holds all that its outcome follows from.

use super::{claim, key};
use crate::build::job::{Source, SourceKind};
use crate::db::builds::StoredBuild;
use std::collections::BTreeSet;

fn row() -> StoredBuild {
    StoredBuild {
        claim: claim(Some("demo"), Some("1.0")),
        source_sha256: Some("ab".into()),
        target: "cp312-test".into(),
        tools: "t1".into(),
        context: "alice/dev".into(),
        ..StoredBuild::default()
    }
}

fn source() -> Source {
    Source { filename: "demo-1.0.tar.gz".into(), ..Source::default() }
}

#[test]
fn whatever_the_outcome_follows_from_gives_another_key() {
    let text = || Some("x".to_owned());
    let rows = [
        row(),
        StoredBuild { claim: claim(Some("other"), Some("1.0")), ..row() },
        StoredBuild { claim: claim(Some("demo"), Some("2.0")), ..row() },
        StoredBuild { claim: claim(Some("demo"), None), ..row() },
        StoredBuild { claim: claim(None, None), ..row() },
        StoredBuild { source_sha256: text(), ..row() },
        StoredBuild { given: true, ..row() },
        StoredBuild { platform_expected: true, ..row() },
        StoredBuild { target: "cp313-test".into(), ..row() },
        StoredBuild { recipe_sha256: text(), ..row() },
        StoredBuild { tools: "t2".into(), ..row() },
        StoredBuild { context: "bob/dev".into(), ..row() },
        StoredBuild { purpose: "metadata".into(), ..row() },
    ];
    let sources = [
        Source { filename: "demo-1.0.zip".into(), ..source() },
        Source { subdirectory: "lib".into(), ..source() },
        Source { published_at: Some(1), ..source() },
        Source { kind: SourceKind::Tree, ..source() },
    ];
    let mut keys: Vec<String> = rows.iter().map(|row| key(row, &source())).collect();
    keys.extend(sources.iter().map(|source| key(&row(), source)));
    assert_eq!(keys.iter().collect::<BTreeSet<_>>().len(), keys.len());
}

#[test]
fn who_asks_and_how_urgently_is_no_part_of_the_key_and_neither_is_what_came_out() {
    let other = StoredBuild {
        id: 7,
        asked_by: "eve".into(),
        priority: 2,
        state: "built".into(),
        project: Some("demo".into()),
        version: Some("1.0".into()),
        ..row()
    };
    assert_eq!(key(&other, &source()), key(&row(), &source()));
    let renamed = Source { kind: SourceKind::Tree, filename: "a".into(), ..Source::default() };
    let same = Source { filename: "b".into(), ..renamed.clone() };
    assert_eq!(key(&row(), &renamed), key(&row(), &same), "where a tree came from does not matter");
}
