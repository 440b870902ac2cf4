//! Pages as data: order, repetitions, versions, the stored form, links; and pages to try others with.

use super::*;
use crate::packaging::filename::encode_segment;
use proptest::prelude::*;

pub(in crate::packaging) const HOST: &str = "https://files.example";

/// A file of `demo-pkg` as an upstream lists it, with nothing known but its name.
pub(in crate::packaging) fn file(filename: &str) -> File {
    let place = FilePlace::Link(format!("{HOST}/packages/{}", encode_segment(filename)));
    File { place, ..File::named(&project(), filename) }
}

fn project() -> ProjectName {
    ProjectName::new("demo-pkg").unwrap()
}

pub(in crate::packaging) fn demo(filenames: &[&str]) -> Page {
    let mut page = Page::new(project());
    page.files = filenames.iter().map(|filename| file(filename)).collect();
    page
}

/// Printable text that is more than blanks.
fn text() -> impl Strategy<Value = String> {
    "\\PC{0,12}[a-z&<>\"'\\n\\t][\\PC\\n]{0,12}".prop_filter("blank", |text| !text.trim().is_empty())
}

fn any_file() -> impl Strategy<Value = File> {
    let filename = prop_oneof![
        "demo_pkg-[0-9]{1,2}(\\.[0-9]){0,2}(rc1|\\.post2|\\+a\\.b|)-(1ww-)?py3-none-any\\.whl",
        "[dD]emo[-_.]pkg-([0-9]!)?[0-9]{1,2}(\\.[0-9]){0,2}\\.(tar\\.gz|zip)",
    ];
    let yanked = prop_oneof![Just(Yanked::No), Just(Yanked::Yes), text().prop_map(Yanked::Because),];
    let core_metadata = prop_oneof![
        Just(CoreMetadata::No),
        Just(CoreMetadata::Yes),
        "[0-9a-f]{64}".prop_map(CoreMetadata::Sha256),
    ];
    let python = prop_oneof![Just(">=3.8,<4"), Just("!=3.0.*"), Just(">=3.6.*"), Just("~=3.9")];
    let hash = proptest::option::of("[0-9a-f]{64}");
    let python = proptest::option::of(python.prop_map(str::to_owned));
    (filename, hash, python, yanked, core_metadata, any::<Option<u64>>(), any::<bool>()).prop_map(
        |(filename, sha256, requires_python, yanked, core_metadata, size, proven)| File {
            hashes: Hashes { sha256, others: Vec::new() },
            uploaded: size.and_then(|_| UploadTime::parse("2026-01-02T03:04:05.678901Z")),
            provenance: match proven {
                true => Provenance::At(format!("{HOST}/integrity?a=1&b='2'")),
                false => Provenance::No,
            },
            requires_python,
            size,
            yanked,
            core_metadata,
            ..file(&filename)
        },
    )
}

/// Pages as they come from an upstream.
pub(in crate::packaging) fn any_page() -> impl Strategy<Value = Page> {
    let status = prop_oneof![
        Just((ProjectStatus::Active, None)),
        Just((ProjectStatus::Archived, None)),
        text().prop_map(|reason| (ProjectStatus::Deprecated, Some(reason))),
    ];
    let files = prop::collection::vec(any_file(), 0..8);
    (files, status, any::<Option<u64>>(), prop::collection::vec("[1-9]\\.[0-9]", 0..4)).prop_map(
        |(files, (status, status_reason), serial, versions)| {
            let mut page = Page { status, status_reason, files, serial, ..demo(&[]) };
            page.set_more_versions(versions);
            page
        },
    )
}

#[test]
fn files_are_ordered_by_version_then_name_and_unknown_versions_come_first() {
    let mut page = demo(&[
        "demo_pkg-1.10.tar.gz",
        "demo_pkg-1.9.tar.gz",
        "demo_pkg-1.9-py3-none-any.whl",
        "demo_pkg-odd.tar.gz",
        "demo_pkg-1.10rc1.tar.gz",
    ]);
    page.sort();
    let order: Vec<_> = page.files.iter().map(|file| file.filename.as_str()).collect();
    assert_eq!(
        order,
        [
            "demo_pkg-odd.tar.gz",
            "demo_pkg-1.9-py3-none-any.whl",
            "demo_pkg-1.9.tar.gz",
            "demo_pkg-1.10rc1.tar.gz",
            "demo_pkg-1.10.tar.gz",
        ]
    );
}

#[test]
fn of_files_with_one_name_the_first_stays() {
    let mut page = demo(&["demo_pkg-1.tar.gz", "demo_pkg-2.tar.gz", "demo_pkg-1.tar.gz"]);
    page.files[2].size = Some(7);
    page.dedupe();
    assert_eq!(page.files.len(), 2);
    assert_eq!(page.files[0].size, None);
}

#[test]
fn versions_are_canonical_unique_ordered_and_include_those_without_files() {
    let mut page = demo(&["demo_pkg-1.0-1.tar.gz", "demo_pkg-1.0.post1-py3-none-any.whl"]);
    page.set_more_versions(["2.0".into(), "1.0-1".into(), "0.9".into(), "2.0".into()]);
    assert_eq!(page.more_versions, ["2.0", "0.9"]);
    assert_eq!(page.versions(), ["0.9", "1.0.post1", "2.0"]);
}

#[test]
fn digests_of_a_wrong_length_or_unknown_algorithm_are_not_taken() {
    let mut hashes = Hashes::default();
    hashes.insert("sha256", "abc");
    hashes.insert("blake2b", &"a".repeat(128));
    assert!(hashes.is_empty());
    hashes.insert("MD5", &"A".repeat(32));
    hashes.insert("sha512", &"b".repeat(128));
    hashes.insert("sha256", &"C".repeat(64));
    hashes.insert("sha256", &"d".repeat(64));
    assert_eq!(hashes.sha256, Some("c".repeat(64)));
    let others: Vec<_> = hashes.others.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(others, ["sha512", "md5"]);
}

#[test]
fn a_link_loses_its_fragment_and_credentials_but_keeps_its_query() {
    let page = Url::parse("https://user:secret@files.example/simple/demo-pkg/").unwrap();
    let sha = "a".repeat(64);
    let link = resolve(&page, &format!("../f/demo%2Bpkg-1.zip?token=x#egg=demo&sha256={sha}")).unwrap();
    assert_eq!(link.url, format!("{HOST}/simple/f/demo%2Bpkg-1.zip?token=x"));
    assert_eq!(link.filename, "demo+pkg-1.zip");
    assert_eq!(link.hashes.sha256, Some(sha));
}

#[test]
fn a_link_from_the_net_never_leads_to_a_local_file() {
    let page = Url::parse("https://files.example/simple/demo-pkg/").unwrap();
    for href in ["file:///etc/demo-1.zip", "javascript:x", "mailto:x", "data:,x", "ftp://h/x.zip"] {
        assert!(resolve(&page, href).is_none(), "{href}");
    }
    let local = Url::parse("file:///srv/links/index.html").unwrap();
    assert_eq!(resolve(&local, "demo-1.zip").unwrap().url, "file:///srv/links/demo-1.zip");
}

#[test]
fn what_is_stored_names_the_other_digests_too() {
    let mut page = demo(&["demo_pkg-1.tar.gz"]);
    page.files[0].hashes.insert("md5", &"a".repeat(32));
    assert_eq!(Page::from_stored(&page.to_stored()).unwrap(), page);
    assert!(Page::from_stored(b"{").is_err());
    assert!(Page::from_stored(br#"{"n":"Not_Normal!"}"#).is_err());
}

proptest! {
    #[test]
    fn the_stored_form_gives_back_the_page(page in any_page()) {
        prop_assert_eq!(Page::from_stored(&page.to_stored()).unwrap(), page);
    }

    #[test]
    fn reading_a_stored_page_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = Page::from_stored(&bytes);
    }

    #[test]
    fn sorting_twice_changes_nothing(mut page in any_page()) {
        page.sort();
        let once = page.clone();
        page.sort();
        prop_assert_eq!(page, once);
    }

    #[test]
    fn resolving_a_link_never_panics(href in "\\PC*") {
        let _ = resolve(&Url::parse("https://files.example/a/").unwrap(), &href);
    }
}
