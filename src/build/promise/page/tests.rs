//! Tests of what is promised on a page.

use super::*;
use crate::build::promise::{BUILD_TAG, Promise, original};
use crate::build::target::Target;
use crate::db::built::BuiltFile;
use crate::names::ProjectName;
use crate::packaging::choose::{FileChoice, FoundFile};
use crate::packaging::filename::WheelFilename;
use crate::packaging::page::Yanked;
use crate::packaging::upload_time::UploadTime;
use crate::packaging::version::VersionSpecifiers;
use proptest::prelude::*;
use std::str::FromStr;

fn target() -> Offered {
    let of =
        crate::packaging::tags::InterpreterTags { implementation: "cp", major: 3, minor: 12, abi: "cp312" };
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
    let place = FilePlace::Mirrored(owner(), "abc".into());
    File { place, ..File::named(&project(), name) }
}

fn project() -> ProjectName {
    ProjectName::new("my-demo").unwrap()
}

fn page(files: &[File]) -> Page {
    Page { files: files.to_vec(), ..Page::new(project()) }
}

fn names(files: &[File]) -> Vec<&str> {
    files.iter().map(|file| file.filename.as_str()).collect()
}

fn promised(page: &Page) -> Vec<File> {
    promises(page, &target(), &Known::default()).files
}

fn owner() -> IndexName {
    IndexName::parse("root/pypi").unwrap()
}

const PROMISE: &str = "my_demo-1.0-1ww-cp312-cp312-manylinux_2_36_x86_64.whl";

fn unasked() -> StoredPromise {
    StoredPromise::new(owner(), ProjectName::new("my-demo").unwrap(), "cp312-manylinux_2_36_x86_64", PROMISE)
}

fn asked(row: StoredPromise) -> Known {
    let row = StoredPromise { source_filename: "my_demo-1.0.tar.gz".into(), ..row };
    Known { asked: [((owner(), PROMISE.to_owned()), row)].into(), ..Known::default() }
}

#[test]
fn a_release_without_a_usable_wheel_is_promised_with_what_its_source_says() {
    let source = File {
        requires_python: Some(">=3.6".into()),
        uploaded: UploadTime::parse("2020-01-02T03:04:05Z"),
        yanked: Yanked::Because("old".into()),
        size: Some(7),
        hashes: Hashes { sha256: Some("a".repeat(64)), others: Vec::new() },
        ..file("my_demo-1.0.tar.gz")
    };
    let promised = promised(&page(std::slice::from_ref(&source)));
    let expected = File {
        filename: ListedFilename::new(&project(), PROMISE),
        place: FilePlace::Promised(owner(), "cp312-manylinux_2_36_x86_64".into()),
        hashes: Hashes::default(),
        size: None,
        core_metadata: CoreMetadata::Yes,
        ..source
    };
    assert_eq!(promised, [expected]);
    let url = format!("root/pypi/+w/cp312-manylinux_2_36_x86_64/{PROMISE}");
    assert_eq!(promised[0].href("").to_string(), url);
}

#[test]
fn a_release_is_promised_once_whatever_its_sources_are_packed_as() {
    let files = ["my-demo-1.0.zip", "my_demo-1.0.tar.gz", "my_demo-1.0.tar.bz2", "my-demo-1!2.0+a.tar.gz"];
    let promised = promised(&page(&files.map(file)));
    assert_eq!(names(&promised), [PROMISE, "my_demo-1!2.0+a-1ww-cp312-cp312-manylinux_2_36_x86_64.whl"]);
    let url = promised[1].href("").to_string();
    assert!(url.contains("/my_demo-1%212.0%2Ba-1ww-"), "{url}");
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
    let why = "its build for cp312 failed: compiler: no curses.h";
    let hopeless = [((owner(), "my_demo-1.0.tar.gz".to_owned()), WhyNot::new(why, Some(7)))].into();
    let failed = promises(&page, &target(), &Known { hopeless, ..Known::default() });
    let told: Vec<String> = failed.left_out.iter().map(ToString::to_string).collect();
    assert_eq!(
        (failed.files, told),
        (vec![], vec![format!("1.0 exists as source (my_demo-1.0.tar.gz), but {why}")])
    );
    let broken = StoredPromise { broken: Some("other dependencies".into()), ..unasked() };
    let broken = promises(&page, &target(), &asked(broken));
    assert_eq!(broken.files, []);
    assert!(
        broken.left_out[0].why.ends_with("than was promised: other dependencies"),
        "{:?}",
        broken.left_out
    );
    let quarantined = Page { status: crate::words::ProjectStatus::Quarantined, ..page };
    assert_eq!(promised(&quarantined), []);
}

#[test]
fn what_was_served_stays_listed_with_its_hash_beside_the_natural_wheel_and_without_a_worker() {
    let served = StoredPromise {
        sha256: Some("b".repeat(64)),
        size: Some(9),
        metadata_sha256: Some("c".repeat(64)),
        ..unasked()
    };
    let known = asked(served);
    let page = page(&[file("my_demo-1.0.tar.gz"), file("my_demo-1.0-py3-none-any.whl")]);
    let away = Offered::new(target().target, false);
    for offered in [target(), away] {
        let listed = promises(&page, &offered, &known).files;
        assert_eq!(names(&listed), [PROMISE]);
        assert_eq!(listed[0].hashes.sha256, Some("b".repeat(64)));
        assert_eq!(
            (listed[0].size, &listed[0].core_metadata),
            (Some(9), &CoreMetadata::Sha256("c".repeat(64)))
        );
    }
    let another = page_with_another_source();
    assert_eq!(
        names(&promises(&another, &target(), &known).files),
        ["my_demo-1.1-1ww-cp312-cp312-manylinux_2_36_x86_64.whl"]
    );
}

fn page_with_another_source() -> Page {
    page(&[file("my_demo-1.1.tar.gz")])
}

#[test]
fn metadata_that_was_served_is_told_by_its_hash_from_then_on() {
    let row = StoredPromise { metadata_sha256: Some("c".repeat(64)), ..unasked() };
    let listed = promises(&page(&[file("my_demo-1.0.tar.gz")]), &target(), &asked(row)).files;
    assert_eq!(
        (listed[0].hashes.is_empty(), &listed[0].core_metadata),
        (true, &CoreMetadata::Sha256("c".repeat(64)))
    );
}

#[test]
fn nobody_builds_for_a_target_that_is_away() {
    let away = Offered::new(target().target, false);
    assert_eq!(promises(&page(&[file("my_demo-1.0.tar.gz")]), &away, &Known::default()).files, []);
}

#[test]
fn a_name_leads_back_to_its_release() {
    let version = Version::from_str("1!2.0+a").unwrap();
    let name = filename(&ProjectName::new("my-demo").unwrap(), &version, &target().target);
    let parsed = WheelFilename::parse(&name).unwrap();
    assert_eq!((parsed.version, parsed.build.as_deref()), (version, Some(BUILD_TAG)));
}

/// A page of files with random versions, forms, limits and yanks.
fn any_page() -> impl Strategy<Value = Page> {
    let version = prop::sample::select(vec!["1.0", "1.0.0", "1.1", "2.0rc1", "1!0.1"]);
    let form = prop::sample::select(vec![
        ".tar.gz",
        ".zip",
        "-py3-none-any.whl",
        "-py2-none-any.whl",
        "-3-cp312-cp312-linux_x86_64.whl",
        "-cp39-abi3-manylinux2014_x86_64.manylinux_2_17_x86_64.whl",
        "-cp312-cp312-win_amd64.whl",
    ]);
    let python = prop::sample::select(vec![None, Some(">=3.8"), Some(">=3.13")]);
    let files = prop::collection::vec((version, form, python, any::<bool>()), 0..12);
    files.prop_map(|files| {
        let files = files.into_iter().map(|(version, form, python, yanked)| File {
            requires_python: python.map(str::to_owned),
            yanked: if yanked { Yanked::Yes } else { Yanked::No },
            ..file(&format!("my_demo-{version}{form}"))
        });
        let mut page = page(&files.collect::<Vec<_>>());
        page.dedupe();
        page.sort();
        page
    })
}

proptest! {
    #[test]
    fn a_page_and_the_queue_agree_on_what_is_built_and_installers_take_it(page in any_page()) {
        let offered = target();
        let promised = promises(&page, &offered, &Known::default()).files;
        let whole = Page { files: page.files.iter().chain(&promised).cloned().collect(), ..page.clone() };
        for (version, source) in sources(&page) {
            let name = filename(&page.name, &version, &offered.target);
            let is_promised = promised.iter().any(|file| file.filename == name);
            let has_wheel = offered.chooser.wheel_of_each(&page).contains_key(&version);
            let runs = offered.chooser.fits_python(source.file.requires_python.as_deref());
            prop_assert_eq!(is_promised, runs && !has_wheel, "{}", name);
            if is_promised {
                let pinned = VersionSpecifiers::from_str(&format!("=={version}")).unwrap();
                let built = offered.chooser.sdist(&page, &pinned).unwrap();
                prop_assert_eq!(&built.file.filename, &source.file.filename);
                let FileChoice::Wheel(FoundFile { file, .. }) = offered.chooser.choose(&whole, &pinned) else {
                    panic!("{name} is not taken");
                };
                prop_assert_eq!(&file.filename, &name);
            }
        }
    }

    #[test]
    fn a_promise_is_kept_with_the_wheel_that_installers_would_take(
        built in prop::collection::vec((0usize..4, any::<bool>()), 0..8),
    ) {
        let forms = ["py3-none-any", "cp312-cp312-linux_x86_64", "cp38-abi3-linux_x86_64", "py2-none-any"];
        let source = file("my_demo-1.0.tar.gz");
        let row = |(at, (form, is_of)): (usize, &(usize, bool))| BuiltFile {
            index: owner(),
            filename: format!("my_demo-1.0-{at}ww-{}.whl", forms[*form]),
            project: ProjectName::new("my-demo").unwrap(),
            version: "1.0".into(),
            source_filename: if *is_of { source.filename.to_string() } else { "my-demo-1.0.zip".into() },
            source_sha256: String::new(),
            build: 1,
            fence: 1,
            wheel_sha256: String::new(),
            created_at: 1,
            sha256: String::new(),
            size: 1,
            metadata_sha256: None,
            target: None,
            doubts: Vec::new(),
        };
        let rows: Vec<BuiltFile> = built.iter().enumerate().map(row).collect();
        let of_source = rows.iter().filter(|row| row.source_filename == source.filename);
        let page = page(&of_source.map(|row| file(&row.filename)).collect::<Vec<_>>());
        let offered = target();
        let taken = offered.chooser.wheel(&page, &VersionSpecifiers::empty());
        let promise = Promise {
            index: owner(),
            project: page.name.clone(),
            version: Version::from_str("1.0").unwrap(),
            filename: PROMISE.to_owned(),
            source,
            target: offered.target,
        };
        let kept = original::best(rows, &promise);
        prop_assert_eq!(kept.map(|row| row.filename), taken.map(|found| found.file.filename.to_string()));
    }
}
