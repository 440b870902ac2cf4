//! JSON: what is read from pages good and bad, and that each rule of writing is kept.

use super::*;
use crate::packaging::page::tests::{HOST, any_page, demo, file};
use proptest::prelude::*;
use serde_json::{Value, json};

fn project() -> ProjectName {
    ProjectName::new("demo-pkg").unwrap()
}

fn at() -> Url {
    Url::parse("https://files.example/simple/demo-pkg/").unwrap()
}

fn read(body: &Value) -> Result<Page> {
    parse(body.to_string().as_bytes(), &at(), &project())
}

/// The file read from a page of this one.
fn read_one(extra: Value) -> File {
    let mut file = json!({"filename": "demo_pkg-1.0.tar.gz", "url": "f/demo_pkg-1.0.tar.gz"});
    file.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
    read(&json!({"files": [file]})).unwrap().files.remove(0)
}

fn written(page: &Page) -> Value {
    serde_json::from_slice(&render(page, "../../")).unwrap()
}

fn has_null(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.iter().any(has_null),
        Value::Object(entries) => entries.values().any(has_null),
        _ => false,
    }
}

#[test]
fn a_page_as_pypi_writes_it_is_read_whole() {
    let sha = "a".repeat(64);
    let page = read(&json!({
        "meta": {"_last-serial": 123, "api-version": "1.4"}, "name": "demo-pkg",
        "project-status": {"status": "deprecated", "reason": "old"},
        "versions": ["0.9", "1.0"], "alternate-locations": [],
        "files": [{
            "filename": "demo_pkg-1.0-py3-none-any.whl", "url": "../../f/demo_pkg-1.0-py3-none-any.whl",
            "hashes": {"sha256": sha, "md5": "short", "blake2b": "x"}, "requires-python": ">=3.8",
            "size": 1234, "upload-time": "2026-01-02T03:04:05.678901Z", "yanked": "broken",
            "core-metadata": {"sha256": sha}, "provenance": null, "unknown": [{"a": 1.5}],
        }],
    }))
    .unwrap();
    assert_eq!((page.serial, page.status), (Some(123), ProjectStatus::Deprecated));
    assert_eq!(page.status_reason.as_deref(), Some("old"));
    assert_eq!(page.more_versions, ["0.9"]);
    let expected = File {
        place: FilePlace::Link(format!("{HOST}/f/demo_pkg-1.0-py3-none-any.whl")),
        hashes: Hashes { sha256: Some(sha.clone()), others: Vec::new() },
        requires_python: Some(">=3.8".into()),
        size: Some(1234),
        uploaded: UploadTime::parse("2026-01-02T03:04:05.678901Z"),
        yanked: Yanked::Because("broken".into()),
        core_metadata: CoreMetadata::Sha256(sha),
        ..file("demo_pkg-1.0-py3-none-any.whl")
    };
    assert_eq!(page.files, [expected]);
}

#[test]
fn values_of_a_wrong_kind_count_as_absent() {
    let odd = [json!(null), json!(-1), json!(1.5), json!([1]), json!({"a": null}), json!("")];
    let keys = ["hashes", "requires-python", "size", "upload-time", "yanked", "provenance"];
    for (value, key) in odd.iter().flat_map(|value| keys.map(|key| (value, key))) {
        assert_eq!(read_one(json!({key: value})), read_one(json!({})), "{key}: {value}");
    }
    assert_eq!(read_one(json!({"upload-time": "yesterday"})).uploaded, None);
}

#[test]
fn metadata_is_found_under_its_three_names() {
    let sha = "c".repeat(64);
    let dict = json!({"sha256": sha});
    for key in ["core-metadata", "data-dist-info-metadata", "dist-info-metadata"] {
        let file = read_one(json!({key: dict}));
        assert_eq!(file.core_metadata, CoreMetadata::Sha256(sha.clone()), "{key}");
        assert_eq!(read_one(json!({key: true})).core_metadata, CoreMetadata::Yes);
        assert_eq!(read_one(json!({key: {"sha512": "x"}})).core_metadata, CoreMetadata::Yes);
        assert_eq!(read_one(json!({key: "yes"})).core_metadata, CoreMetadata::No);
    }
    let file = read_one(json!({"core-metadata": false, "dist-info-metadata": dict}));
    assert_eq!(file.core_metadata, CoreMetadata::No);
    let file = read_one(json!({"core-metadata": null, "dist-info-metadata": dict}));
    assert_eq!(file.core_metadata, CoreMetadata::Sha256(sha));
}

#[test]
fn a_file_without_a_name_is_named_by_its_url_and_foreign_files_are_left_out() {
    let page = read(&json!({"files": [
        {"url": "demo_pkg-1%2B0.tar.gz"},
        {"filename": "other-1.0.tar.gz", "url": "x"},
        {"filename": "demo_pkg-1.0.tar.gz"},
        {"filename": "../demo_pkg-1.0.tar.gz", "url": "x"},
    ]}));
    let names: Vec<_> = page.unwrap().files.into_iter().map(|file| file.filename).collect();
    assert_eq!(names, ["demo_pkg-1+0.tar.gz"]);
}

#[test]
fn an_unknown_major_version_and_what_is_no_page_are_the_upstreams_fault() {
    for body in [json!({"meta": {"api-version": "2.0"}, "files": []}), json!({"detail": "no"}), json!([])] {
        assert!(matches!(read(&body), Err(Error::BadUpstream(_))), "{body}");
    }
    for version in [json!("1.99"), json!(1.0), json!(null)] {
        assert!(read(&json!({"meta": {"api-version": version}, "name": "Demo.PKG", "files": []})).is_ok());
    }
}

#[test]
fn a_page_proves_itself_by_its_name_or_by_a_file_of_the_project() {
    let file = |name: &str| json!([{"filename": name, "url": name}]);
    assert!(read(&json!({"files": file("demo_pkg-1.0.tar.gz")})).is_ok());
    assert!(read(&json!({"name": null, "files": file("demo_pkg-1.0.tar.gz")})).is_ok());
    for bad in [
        json!({"files": []}),
        json!({"meta": {"api-version": "1.0"}, "files": file("other-1.0.tar.gz")}),
        json!({"name": "other", "files": []}),
        json!({"name": "other", "files": file("demo_pkg-1.0.tar.gz")}),
    ] {
        assert!(matches!(read(&bad), Err(Error::BadUpstream(_))), "{bad}");
    }
}

#[test]
fn a_project_list_is_read_normalised_sorted_and_unique() {
    let body = br#"{"meta":{"api-version":"1.4"},"projects":[{"name":"Zo\u0070e","_last-serial":1},
        {"name":"a_b"},{"name":"a.b"},{"name":null},{"other":[1,{"x":2}]}]}"#;
    assert_eq!(parse_names(body).unwrap().as_str(), "a-b\nzope\n");
    assert!(parse_names(b"{}").is_err());
    assert!(parse_names(br#"{"meta":{"api-version":"2.0"},"projects":[]}"#).is_err());
}

#[test]
fn a_page_is_written_exactly_like_this() {
    let mut wheel = file("demo_pkg-1.0+l-py3-none-any.whl");
    wheel.place = FilePlace::Renamed("root/pypi/+f/aaa/demo_pkg-1.0%2Bl-py3-none-any.whl".into());
    wheel.hashes.sha256 = Some("a".repeat(64));
    wheel.hashes.insert("md5", &"b".repeat(32));
    wheel.requires_python = Some(">=3.8".into());
    wheel.size = Some(1234);
    wheel.uploaded = UploadTime::parse("2026-01-02T03:04:05.678901Z");
    wheel.core_metadata = CoreMetadata::Sha256("c".repeat(64));
    let page = Page { files: vec![wheel], serial: Some(123), ..demo(&[]) };
    insta::assert_snapshot!(String::from_utf8(render(&page, "../../../../")).unwrap());
}

#[test]
fn a_yank_is_a_boolean_or_a_reason_that_is_not_empty() {
    let mut page = demo(&["demo_pkg-1.tar.gz", "demo_pkg-2.tar.gz", "demo_pkg-3.tar.gz"]);
    page.files[1].yanked = Yanked::Yes;
    page.files[2].yanked = Yanked::Because("why".into());
    let page = written(&page);
    let yanked: Vec<_> = (0..3).map(|at| &page["files"][at]["yanked"]).collect();
    assert_eq!(yanked, [&json!(false), &json!(true), &json!("why")]);
}

#[test]
fn without_every_size_the_page_claims_version_1_0() {
    let mut page = demo(&["demo_pkg-1.tar.gz", "demo_pkg-2.tar.gz"]);
    page.files[0].size = Some(1);
    assert_eq!(written(&page)["meta"]["api-version"], "1.0");
    page.files[1].size = Some(0);
    assert_eq!(written(&page)["meta"]["api-version"], "1.4");
    assert_eq!(written(&demo(&[]))["meta"]["api-version"], "1.4");
}

#[test]
fn hashes_are_always_there_and_only_sha256() {
    let mut page = demo(&["demo_pkg-1.tar.gz"]);
    page.files[0].hashes.insert("md5", &"b".repeat(32));
    assert_eq!(written(&page)["files"][0]["hashes"], json!({}));
}

#[test]
fn the_project_status_is_an_object() {
    assert_eq!(written(&demo(&[]))["project-status"], json!({"status": "active"}));
}

#[test]
fn a_quarantined_project_offers_no_files_but_keeps_its_versions() {
    let page = Page { status: ProjectStatus::Quarantined, ..demo(&["demo_pkg-1.0.tar.gz"]) };
    assert_eq!(written(&page)["files"], json!([]));
    assert_eq!(written(&page)["versions"], json!(["1.0"]));
}

#[test]
fn an_unreadable_python_constraint_is_not_shown() {
    let mut page = demo(&["demo_pkg-1.0.tar.gz"]);
    page.files[0].requires_python = Some("three".into());
    assert_eq!(written(&page)["files"][0].get("requires-python"), None);
}

#[test]
fn relative_urls_get_the_way_to_the_root_and_absolute_ones_stay() {
    let mut page = demo(&["demo_pkg-1.0.tar.gz"]);
    assert_eq!(written(&page)["files"][0]["url"], format!("{HOST}/packages/demo_pkg-1.0.tar.gz"));
    page.files[0].place = FilePlace::Renamed("f/x.tar.gz".into());
    assert_eq!(written(&page)["files"][0]["url"], "../../f/x.tar.gz");
}

#[test]
fn a_project_list_is_written_with_serials_where_known() {
    let mut out = Vec::new();
    render_names(&mut out, [("a", Some(1)), ("b", None)], Some(9)).unwrap();
    let expected = r#"{"meta":{"_last-serial":9,"api-version":"1.4"},"projects":[{"_last-serial":1,"name":"a"},{"name":"b"}]}"#;
    assert_eq!(String::from_utf8(out).unwrap(), expected);
    let mut out = Vec::new();
    render_names(&mut out, [], None).unwrap();
    assert_eq!(out, br#"{"meta":{"api-version":"1.4"},"projects":[]}"#);
}

proptest! {
    #[test]
    fn a_page_that_is_cut_anywhere_is_refused(page in any_page()) {
        let whole = render(&page, "../../");
        prop_assert!(parse(&whole, &at(), &page.name).is_ok());
        for end in 0..whole.len() {
            prop_assert!(parse(&whole[..end], &at(), &page.name).is_err(), "cut at {}", end);
        }
    }

    #[test]
    fn what_is_written_is_read_back_and_has_no_null(page in any_page()) {
        let body = render(&page, "");
        let again = parse(&body, &at(), &project()).unwrap();
        // Versions without files come back in order.
        let sorted = |page: &Page| Page { more_versions: page.versions(), ..page.clone() };
        prop_assert_eq!(sorted(&again), sorted(&page));
        prop_assert!(!has_null(&serde_json::from_slice(&body).unwrap()));
    }

    #[test]
    fn every_file_name_is_the_last_segment_of_its_url(page in any_page()) {
        for file in written(&page)["files"].as_array().unwrap() {
            let segment = file["url"].as_str().unwrap().rsplit('/').next().unwrap();
            prop_assert_eq!(super::super::filename::decode_once(segment).unwrap(), file["filename"].as_str().unwrap());
        }
    }

    #[test]
    fn reading_never_panics(
        bytes in prop::collection::vec(any::<u8>(), 0..200),
        soup in "\\{\"(files|projects|meta)\":(\\[|\\{|\"(url|name|hashes)\":|\"\\PC{0,5}\"|null|[0-9.e+-]{1,25}|true|\\]|\\}|,){0,30}",
    ) {
        for body in [bytes.as_slice(), soup.as_bytes()] {
            let _ = (parse(body, &at(), &project()), parse_names(body));
        }
    }
}
