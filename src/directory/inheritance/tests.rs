//! Inheritance as stories of small graphs.

use super::*;
use crate::directory::Mirror;
use proptest::prelude::*;

fn name(text: &str) -> IndexName {
    IndexName::parse(text).unwrap()
}

fn project(text: &str) -> ProjectName {
    ProjectName::new(text).unwrap()
}

fn index(text: &str, kind: IndexKind) -> (IndexName, Index) {
    let index = Index {
        name: name(text),
        kind,
        acl_read: vec![],
        acl_upload: vec![],
        acl_test_results: vec![],
        acl_manage: None,
        acl_admin: vec![],
        volatile: true,
        title: None,
        description: None,
        building: Default::default(),
        promises: false,
        doubtful: true,
        options: serde_json::Map::new(),
    };
    (name(text), index)
}

fn stage_of(text: &str, bases: &[&str], whitelist: &[&str]) -> (IndexName, Index) {
    let words = |list: &[&str]| list.iter().map(|word| (*word).to_owned()).collect();
    let bases = bases.iter().map(|base| name(base)).collect();
    index(text, IndexKind::Stage(Stage { bases, mirror_whitelist: words(whitelist), ..Stage::default() }))
}

fn mirror(text: &str) -> (IndexName, Index) {
    let mirror = Mirror { by_operator: true, ..Mirror::default() };
    index(text, IndexKind::Mirror(mirror))
}

fn directory(indexes: impl IntoIterator<Item = (IndexName, Index)>) -> Directory {
    Directory { indexes: indexes.into_iter().collect(), ..Directory::default() }
}

fn change(directory: &mut Directory, text: &str, change: impl FnOnce(&mut Stage)) {
    if let Some(Index { kind: IndexKind::Stage(stage), .. }) = directory.indexes.get_mut(&name(text)) {
        change(stage);
    }
}

fn sources(directory: &Directory, text: &str) -> Vec<String> {
    order(directory, &name(text)).sources.iter().map(ToString::to_string).collect()
}

/// What `a/top` shows of `demo` if `having` have it, as `index=part` words.
fn shown(directory: &Directory, having: &[&str]) -> Vec<String> {
    let order = order(directory, &name("a/top"));
    let parts = parts(directory, &order, &project("demo"), |index| having.contains(&index.as_str()));
    let word = |part| match part {
        SourcePart::Gives => "gives".to_owned(),
        SourcePart::HiddenBy(by) => format!("hidden by {by}"),
        SourcePart::ReservedBy(by) => format!("reserved by {by}"),
    };
    parts.into_iter().map(|(index, part)| format!("{index} {}", word(part))).collect()
}

#[test]
fn bases_are_walked_breadth_first_with_mirrors_last() {
    let directory = directory([
        stage_of("a/top", &["r/pypi", "a/left", "a/right"], &[]),
        stage_of("a/left", &["a/deep", "r/other"], &[]),
        stage_of("a/right", &["a/deep"], &[]),
        stage_of("a/deep", &[], &[]),
        mirror("r/pypi"),
        mirror("r/other"),
    ]);
    assert_eq!(sources(&directory, "a/top"), ["a/top", "a/left", "a/right", "a/deep", "r/pypi", "r/other"]);
    assert_eq!(sources(&directory, "r/pypi"), ["r/pypi"]);
}

#[test]
fn cycles_are_legal_and_missing_bases_are_skipped_and_both_are_reported() {
    let directory = directory([
        stage_of("a/top", &["a/left", "a/top", "x/gone"], &[]),
        stage_of("a/left", &["a/top"], &[]),
    ]);
    let order = order(&directory, &name("a/top"));
    assert_eq!(order.sources, [name("a/top"), name("a/left")]);
    assert_eq!(order.missing, [(name("a/top"), name("x/gone"))]);
    assert_eq!(order.cycles, [(name("a/top"), name("a/top")), (name("a/left"), name("a/top"))]);
}

#[test]
fn a_source_is_seen_through_the_indexes_that_have_it_as_a_base_however_far() {
    let directory = directory([
        stage_of("a/top", &["a/left", "a/right"], &[]),
        stage_of("a/left", &["a/deep"], &[]),
        stage_of("a/right", &["r/pypi", "a/gone"], &[]),
        stage_of("a/deep", &["a/left", "r/pypi"], &[]),
        mirror("r/pypi"),
    ]);
    let order = order(&directory, &name("a/top"));
    let seen = |source: &str| {
        through(&directory, &order, &name(source)).iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(seen("a/right"), ["a/top", "a/right"]);
    assert_eq!(seen("a/deep"), ["a/top", "a/left", "a/deep"]);
    assert_eq!(seen("r/pypi"), ["a/top", "a/left", "a/right", "a/deep", "r/pypi"]);
}

#[test]
fn a_private_project_hides_its_name_in_mirrors() {
    let directory = directory([
        stage_of("a/top", &["a/base", "r/pypi"], &[]),
        stage_of("a/base", &[], &[]),
        mirror("r/pypi"),
    ]);
    assert_eq!(shown(&directory, &[]), ["a/top gives", "a/base gives", "r/pypi gives"]);
    assert_eq!(shown(&directory, &["a/top"]), ["a/top gives", "a/base gives", "r/pypi hidden by a/top"]);
    assert_eq!(shown(&directory, &["a/base"]), ["a/top gives", "a/base gives", "r/pypi hidden by a/base"]);
}

#[test]
fn a_whitelist_lets_the_mirror_through() {
    for entry in ["demo", "*"] {
        let directory = directory([stage_of("a/top", &["r/pypi"], &[entry]), mirror("r/pypi")]);
        assert_eq!(shown(&directory, &["a/top"]), ["a/top gives", "r/pypi gives"], "{entry}");
    }
    let other = directory([stage_of("a/top", &["r/pypi"], &["other"]), mirror("r/pypi")]);
    assert_eq!(shown(&other, &["a/top"]), ["a/top gives", "r/pypi hidden by a/top"]);
}

#[test]
fn intersection_is_plain_set_algebra_and_whitelisted_once_is_whitelisted() {
    // `*` on top and `demo` below have nothing in common; but at the top demo was whitelisted.
    let directory_of = |top: &[&str], base: &[&str]| {
        directory([
            stage_of("a/top", &["a/base", "r/pypi"], top),
            stage_of("a/base", &[], base),
            mirror("r/pypi"),
        ])
    };
    let last = |directory: &Directory, having: &[&str]| shown(directory, having).pop();
    assert_eq!(last(&directory_of(&["*"], &["demo"]), &["a/base"]).as_deref(), Some("r/pypi gives"));
    let below = directory_of(&[], &["demo"]);
    assert_eq!(last(&below, &["a/base"]).as_deref(), Some("r/pypi hidden by a/base"));
    let mut union = below.clone_for_tests();
    change(&mut union, "a/top", |stage| stage.whitelist_union = true);
    assert_eq!(last(&union, &["a/base"]).as_deref(), Some("r/pypi gives"));
    // The requested index decides how lists combine, not the base.
    let mut base_only = below;
    change(&mut base_only, "a/base", |stage| stage.whitelist_union = true);
    assert_eq!(last(&base_only, &["a/base"]).as_deref(), Some("r/pypi hidden by a/base"));
}

#[test]
fn a_hit_above_the_whitelisting_stage_is_taken_back() {
    let mut directory = directory([
        stage_of("a/top", &["a/base", "r/pypi"], &[]),
        stage_of("a/base", &[], &["demo"]),
        mirror("r/pypi"),
    ]);
    change(&mut directory, "a/top", |stage| stage.whitelist_union = true);
    assert_eq!(shown(&directory, &["a/top"]), ["a/top gives", "a/base gives", "r/pypi gives"]);
}

#[test]
fn a_reserved_name_never_reaches_a_mirror_in_any_spelling() {
    for pattern in ["demo", "De*", "*mo", "d*m*", "DEMO"] {
        let mut directory = directory([stage_of("a/top", &["r/pypi"], &["*"]), mirror("r/pypi")]);
        change(&mut directory, "a/top", |stage| stage.reserved = vec![pattern.into()]);
        assert_eq!(shown(&directory, &[]), ["a/top gives", "r/pypi reserved by a/top"], "{pattern}");
    }
    for pattern in ["demo-*", "dem", "", "emo"] {
        assert!(!reserves(pattern, &project("demo")), "{pattern}");
    }
    assert!(reserves("Acme_*", &project("acme.thing")));
    assert!(!reserves("acme-*", &project("acmething")));
}

impl Directory {
    fn clone_for_tests(&self) -> Self {
        Self {
            serial: self.serial,
            users: self.users.clone(),
            indexes: self.indexes.clone(),
            quarantines: self.quarantines.clone(),
            open_registration: false,
        }
    }
}

proptest! {
    /// Whatever the graph: the walk ends, names nothing twice, has mirrors last; and a mirror
    /// gives only if no stage has the project, or some whitelist names it.
    #[test]
    fn no_graph_lets_a_private_name_through(
        edges in prop::collection::vec((0..6usize, 0..8usize), 0..20),
        having in prop::collection::btree_set(0..6usize, 0..3),
        whitelisting in prop::collection::btree_set(0..6usize, 0..2),
        union: bool,
    ) {
        let label = |i: usize| if i < 6 { format!("a/s{i}") } else { format!("r/m{i}") };
        let mut stages: Vec<Stage> = vec![Stage { whitelist_union: union, ..Stage::default() }; 6];
        for (from, to) in edges {
            stages[from].bases.push(name(&label(to)));
        }
        for at in &whitelisting {
            stages[*at].mirror_whitelist.push("demo".into());
        }
        let stages = stages.into_iter().enumerate().map(|(i, s)| index(&label(i), IndexKind::Stage(s)));
        let directory = directory(stages.chain([mirror("r/m6")]));
        let order = order(&directory, &name("a/s0"));
        let unique: BTreeSet<_> = order.sources.iter().collect();
        prop_assert_eq!(unique.len(), order.sources.len());
        let has = |index: &IndexName| having.iter().any(|i| label(*i) == index.as_str());
        let walked = |set: &BTreeSet<usize>| set.iter().any(|i| unique.contains(&name(&label(*i))));
        for (source, part) in parts(&directory, &order, &project("demo"), has) {
            if source.as_str().starts_with("r/") && walked(&having) && !walked(&whitelisting) {
                prop_assert!(matches!(part, SourcePart::HiddenBy(_)));
            }
        }
    }
}
