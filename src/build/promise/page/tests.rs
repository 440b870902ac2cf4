//! Tests of what is promised on a page.

use super::*;
use crate::build::target::Target;
use crate::names::ProjectName;
use crate::packaging::page::Yanked;
use std::str::FromStr;

fn target() -> Offered {
    let of = crate::packaging::tags::Interpreter { implementation: "cp", major: 3, minor: 12, abi: "cp312" };
    let libc = crate::packaging::tags::Libc::Glibc(2, 36);
    let platform = crate::packaging::tags::Platform::Linux { arch: "x86_64".into(), libc };
    let target = Target {
        name: "cp312-manylinux_2_36_x86_64".into(),
        implementation: "cp".into(),
        version: "3.12.1".into(),
        abi: "cp312".into(),
        tags: crate::packaging::tags::accepted(&of, &platform),
        ..Target::default()
    };
    Offered::new(target, true)
}

fn file(name: &str) -> File {
    File { filename: name.into(), url: format!("root/pypi/+e/abc/{name}"), ..File::default() }
}

fn page(files: &[File]) -> Page {
    Page { files: files.to_vec(), ..Page::new(ProjectName::new("my-demo").unwrap()) }
}

fn names(files: &[File]) -> Vec<&str> {
    files.iter().map(|file| file.filename.as_str()).collect()
}

fn promised(page: &Page) -> Vec<File> {
    promises(page, &target(), &Known::default())
}

fn owner() -> IndexName {
    IndexName::parse("root/pypi").unwrap()
}

const PROMISE: &str = "my_demo-1.0-1ww-cp312-cp312-manylinux_2_36_x86_64.whl";

fn asked(row: StoredPromise) -> Known {
    let row = StoredPromise { source_filename: "my_demo-1.0.tar.gz".into(), ..row };
    Known { asked: [((owner(), PROMISE.to_owned()), row)].into(), ..Known::default() }
}

#[test]
fn a_release_without_a_usable_wheel_is_promised_with_what_its_source_says() {
    let source = File {
        requires_python: Some(">=3.6".into()),
        upload_time: Some("2020-01-02T03:04:05Z".into()),
        yanked: Yanked::Because("old".into()),
        size: Some(7),
        hashes: Hashes { sha256: Some("a".repeat(64)), others: Vec::new() },
        ..file("my_demo-1.0.tar.gz")
    };
    let promised = promised(&page(std::slice::from_ref(&source)));
    let expected = File {
        filename: PROMISE.into(),
        url: format!("root/pypi/+w/cp312-manylinux_2_36_x86_64/{PROMISE}"),
        hashes: Hashes::default(),
        size: None,
        core_metadata: CoreMetadata::Yes,
        ..source
    };
    assert_eq!(promised, [expected]);
}

#[test]
fn a_release_is_promised_once_whatever_its_sources_are_packed_as() {
    let files = ["my-demo-1.0.zip", "my_demo-1.0.tar.gz", "my_demo-1.0.tar.bz2", "my-demo-1!2.0+a.tar.gz"];
    let promised = promised(&page(&files.map(file)));
    assert_eq!(names(&promised), [PROMISE, "my_demo-1!2.0+a-1ww-cp312-cp312-manylinux_2_36_x86_64.whl"]);
    assert!(promised[1].url.contains("/my_demo-1%212.0%2Ba-1ww-"), "{}", promised[1].url);
}

#[test]
fn what_has_a_wheel_for_the_target_is_not_promised() {
    for wheel in ["py3-none-any", "cp38-abi3-manylinux2014_x86_64", "1ww-cp312-cp312-linux_x86_64"] {
        let page = page(&[file("my_demo-1.0.tar.gz"), file(&format!("my_demo-1.0-{wheel}.whl"))]);
        assert_eq!(promised(&page), [], "{wheel}");
    }
    for wheel in ["py2-none-any", "cp311-cp311-linux_x86_64", "cp312-cp312-manylinux_2_38_x86_64"] {
        let page = page(&[file("my_demo-1.0.tar.gz"), file(&format!("my_demo-1.0-{wheel}.whl"))]);
        assert_eq!(names(&promised(&page)), [PROMISE], "{wheel}");
    }
}

#[test]
fn what_excludes_the_interpreter_or_fails_or_broke_its_word_is_not_promised() {
    let source = file("my_demo-1.0.tar.gz");
    for (requires, promises) in [(">=3.13", 0), (">=2.7,<3", 0), (">=3.6.*", 1), ("nonsense", 1)] {
        let source = File { requires_python: Some(requires.into()), ..source.clone() };
        assert_eq!(promised(&page(&[source])).len(), promises, "{requires}");
    }
    let page = page(&[source]);
    let failed = [(owner(), "my_demo-1.0.tar.gz".to_owned())].into();
    assert_eq!(promises(&page, &target(), &Known { failed, ..Known::default() }), []);
    let broken = StoredPromise { broken: Some("other dependencies".into()), ..StoredPromise::default() };
    assert_eq!(promises(&page, &target(), &asked(broken)), []);
    let quarantined = Page { status: crate::packaging::page::Status::Quarantined, ..page };
    assert_eq!(promised(&quarantined), []);
}

#[test]
fn what_was_served_stays_listed_with_its_hash_beside_the_natural_wheel_and_without_a_worker() {
    let served = StoredPromise {
        sha256: Some("b".repeat(64)),
        size: Some(9),
        metadata_sha256: Some("c".repeat(64)),
        ..StoredPromise::default()
    };
    let known = asked(served);
    let page = page(&[file("my_demo-1.0.tar.gz"), file("my_demo-1.0-py3-none-any.whl")]);
    let away = Offered::new(target().target, false);
    for offered in [target(), away] {
        let listed = promises(&page, &offered, &known);
        assert_eq!(names(&listed), [PROMISE]);
        assert_eq!(listed[0].hashes.sha256, Some("b".repeat(64)));
        assert_eq!(
            (listed[0].size, &listed[0].core_metadata),
            (Some(9), &CoreMetadata::Sha256("c".repeat(64)))
        );
    }
    let another = page_with_another_source();
    assert_eq!(
        names(&promises(&another, &target(), &known)),
        ["my_demo-1.1-1ww-cp312-cp312-manylinux_2_36_x86_64.whl"]
    );
}

fn page_with_another_source() -> Page {
    page(&[file("my_demo-1.1.tar.gz")])
}

#[test]
fn metadata_that_was_served_is_told_by_its_hash_from_then_on() {
    let row = StoredPromise { metadata_sha256: Some("c".repeat(64)), ..StoredPromise::default() };
    let listed = promises(&page(&[file("my_demo-1.0.tar.gz")]), &target(), &asked(row));
    assert_eq!(
        (listed[0].hashes.is_empty(), &listed[0].core_metadata),
        (true, &CoreMetadata::Sha256("c".repeat(64)))
    );
}

#[test]
fn nobody_builds_for_a_target_that_is_away() {
    let away = Offered::new(target().target, false);
    assert_eq!(promises(&page(&[file("my_demo-1.0.tar.gz")]), &away, &Known::default()), []);
}

#[test]
fn a_name_leads_back_to_its_release() {
    let version = Version::from_str("1!2.0+a").unwrap();
    let name = filename(&ProjectName::new("my-demo").unwrap(), &version, &target().target);
    let parsed = WheelFilename::parse(&name).unwrap();
    assert_eq!(
        (parsed.version, super::super::is_name(&WheelFilename::parse(&name).unwrap())),
        (version, true)
    );
}
