//! The key of a build holds all that its outcome follows from.

use super::{claim, key};
use crate::db::builds::Build;
use crate::names::{BuildContext, ProjectName};
use crate::words::{BuildSource, BuildState, Purpose, SourceKind};
use std::collections::BTreeSet;

fn build() -> Build {
    Build {
        claim: claimed("demo", Some("1.0")),
        source_sha256: Some("ab".into()),
        target: "cp312-test".into(),
        tools: "t1".into(),
        ..Build::new(context("alice/dev"), source())
    }
}

fn claimed(project: &str, version: Option<&str>) -> String {
    claim(ProjectName::new(project).as_ref(), version)
}

fn context(text: &str) -> BuildContext {
    BuildContext::parse(text).unwrap()
}

fn source() -> BuildSource {
    BuildSource { filename: "demo-1.0.tar.gz".into(), ..BuildSource::default() }
}

#[test]
fn whatever_the_outcome_follows_from_gives_another_key() {
    let text = || Some("x".to_owned());
    let builds = [
        build(),
        Build { claim: claimed("other", Some("1.0")), ..build() },
        Build { claim: claimed("demo", Some("2.0")), ..build() },
        Build { claim: claimed("demo", None), ..build() },
        Build { claim: claim(None, None), ..build() },
        Build { source_sha256: text(), ..build() },
        Build { given: true, ..build() },
        Build { platform_expected: true, ..build() },
        Build { target: "cp313-test".into(), ..build() },
        Build { recipe_sha256: text(), ..build() },
        Build { tools: "t2".into(), ..build() },
        Build { context: context("bob/dev"), ..build() },
        Build { purpose: Purpose::Metadata, ..build() },
        Build { source: BuildSource { filename: "demo-1.0.zip".into(), ..source() }, ..build() },
        Build { source: BuildSource { subdirectory: "lib".into(), ..source() }, ..build() },
        Build { source: BuildSource { published_at: Some(1), ..source() }, ..build() },
        Build { source: BuildSource { kind: SourceKind::Tree, ..source() }, ..build() },
    ];
    let keys: BTreeSet<String> = builds.iter().map(|build| key(build).unwrap()).collect();
    assert_eq!(keys.len(), builds.len());
}

#[test]
fn who_asks_and_how_urgently_is_no_part_of_the_key_and_neither_is_what_came_out() {
    let other = Build {
        id: 7,
        asked_by: "eve".into(),
        priority: 2,
        state: BuildState::Built,
        project: ProjectName::new("demo"),
        version: Some("1.0".into()),
        ..build()
    };
    assert_eq!(key(&other).unwrap(), key(&build()).unwrap());
    let tree = |filename: &str| {
        let source =
            BuildSource { kind: SourceKind::Tree, filename: filename.into(), ..BuildSource::default() };
        key(&Build { source, ..build() }).unwrap()
    };
    assert_eq!(tree("a"), tree("b"), "where a tree came from does not matter");
}
