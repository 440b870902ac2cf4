//! What is read of an export, and that nothing in one can stop the reader.

use super::*;
use proptest::prelude::*;
use serde_json::json;

#[test]
fn every_known_version_is_read_and_no_other() {
    let dump = |version: Value| {
        let json = json!({"dumpversion": version, "users": {}, "indexes": {}}).to_string();
        Dump::read(json.as_bytes()).map(|dump| dump.version)
    };
    assert_eq!(dump(json!("1")).unwrap(), DumpVersion::One);
    assert_eq!(dump(json!(2)).unwrap(), DumpVersion::Two);
    assert_eq!(dump(json!("3")).unwrap(), DumpVersion::Three);
    let why = dump(json!("4")).unwrap_err().to_string();
    assert_eq!(why, "the export has the dump version '4': wheelwright reads versions 1, 2 and 3");
    for text in ["", "[]", "{}", "{\"dumpversion\": \"2\", \"users\": []}", "{\"dumpversion\": \"2\""] {
        assert!(Dump::read(text.as_bytes()).is_err(), "{text}");
    }
}

#[test]
fn spellings_of_one_name_are_one_project() {
    let index = DumpedIndex::read(json!({
        "indexconfig": {},
        "projects": {"foo_bar": {"1.0": {"name": "foo_bar"}}, "foo-bar": {"1.1": {"name": "foo-bar"}}, "-": {}},
    }));
    let project = &index.projects[&ProjectName::new("foo.bar").unwrap()];
    assert_eq!(project.versions.keys().collect::<Vec<_>>(), ["1.0", "1.1"]);
    assert_eq!(index.faults, [ImportFault::new("project \"-\"", "is not a valid project name")]);
}

#[test]
fn version_three_has_its_versions_a_step_deeper() {
    let index = DumpedIndex::read(json!({
        "indexconfig": {},
        "projects": {"hello": {
            "config": {"name": "Hello", "inheritance_rules": ["allow all"]}, "versions": {"1.0": {"name": "Hello"}},
        }},
    }));
    let project = &index.projects[&ProjectName::new("hello").unwrap()];
    assert_eq!(project.rules, ["allow all"]);
    assert_eq!(project.versions["1.0"]["name"], "Hello");
}

#[test]
fn a_file_has_the_uploader_and_the_time_of_its_last_upload() {
    let sha256 = "5".repeat(64);
    let file = DumpedFile::read(&json!({
        "type": "releasefile", "projectname": "Hello", "version": "1.0", "relpath": "ann/dev/hello/1.0/hello-1.0.tar.gz",
        "entrymapping": {"hash_spec": format!("sha256={sha256}"), "last_modified": "Sat, 21 Nov 2026 09:30:58 GMT"},
        "log": [
            {"what": "overwrite", "who": null, "when": [2026, 11, 21, 9, 30, 58], "count": 1},
            {"what": "upload", "who": "ann", "when": [2026, 11, 21, 9, 31, 0], "dst": "ann/dev"},
            {"what": "push", "who": "bob", "when": [2026, 11, 21, 9, 32, 0], "src": "ann/dev", "dst": "ann/prod"},
            {"what": "of a later devpi"},
        ],
    }))
    .unwrap();
    assert_eq!(file.uploaded(), (Some("ann".into()), Some(1_795_253_460_000_000)));
    assert_eq!((file.log.len(), file.log[0].count), (3, Some(1)));
    assert_eq!(file.hashes.sha256, Some(sha256));
    assert_eq!(file.filename(), "hello-1.0.tar.gz");
    let silent = DumpedFile { log: vec![], ..file };
    assert_eq!(silent.uploaded(), (None, Some(1_795_253_458_000_000)));
}

#[test]
fn a_result_with_the_hash_of_the_tested_file_has_no_hash() {
    let (tested, own) = ("a".repeat(64), "b".repeat(64));
    let result = |sha256: &str| {
        DumpedFile::read(&json!({
            "type": "toxresult", "projectname": "hello", "version": "1.0",
            "relpath": format!("ann/dev/hello/sha256={tested}/hello-1.0.tar.gz.toxresult-0"),
            "for_entrypath": "ann/dev/+f/aaa/aaaaaaaaaaaaa/hello-1.0.tar.gz",
            "entrymapping": {"hashes": {"sha256": sha256}},
        }))
        .unwrap()
    };
    assert_eq!(result(&tested).hashes, Hashes::default());
    assert_eq!(result(&own).hashes.sha256, Some(own));
    assert_eq!(result("").tested.as_deref(), Some("hello-1.0.tar.gz"));
}

/// JSON with the keys of an export in any place.
fn anything() -> impl Strategy<Value = Value> {
    let key = prop::sample::select(vec![
        "users",
        "indexes",
        "dumpversion",
        "indexconfig",
        "projects",
        "files",
        "type",
        "projectname",
        "version",
        "relpath",
        "entrymapping",
        "hashes",
        "hash_spec",
        "md5",
        "sha256",
        "last_modified",
        "for_entrypath",
        "log",
        "what",
        "who",
        "when",
        "dst",
        "src",
        "count",
        "config",
        "versions",
        "inheritance_rules",
        "name",
        "pwhash",
        "pwsalt",
        "created",
        "bases",
        "ann/dev",
        "hello",
        "1.0",
        "mirror_url",
        "yanked",
    ]);
    let text = prop_oneof![
        Just("1".to_owned()),
        Just("2".to_owned()),
        Just("releasefile".to_owned()),
        Just("toxresult".to_owned()),
        Just("hello".to_owned()),
        Just("upload".to_owned()),
        Just("../..".to_owned()),
        "\\PC{0,12}",
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        text.prop_map(Value::from),
    ];
    leaf.prop_recursive(7, 64, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::hash_map(key.clone().prop_map(str::to_owned), inner, 0..6)
                .prop_map(|pairs| Value::Object(pairs.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn no_json_stops_the_reader(value in anything(), projects in anything(), files in prop::collection::vec(anything(), 0..5)) {
        let whole = json!({"dumpversion": "2", "users": {}, "indexes": {"ann/dev": value.clone()}});
        let dump = Dump::read(whole.to_string().as_bytes()).unwrap();
        dump.indexes.into_iter().for_each(|(_, index)| drop(DumpedIndex::read(index)));
        let given = files.len();
        let index = DumpedIndex::read(json!({"indexconfig": {}, "projects": projects, "files": files}));
        // Nothing is lost without a word.
        let told = index.faults.iter().filter(|fault| !fault.what.starts_with("project ")).count();
        prop_assert_eq!(index.files.len() + told, given);
        for file in &index.files {
            let _ = (file.filename(), file.uploaded());
        }
        let _ = Dump::read(value.to_string().as_bytes());
    }
}
