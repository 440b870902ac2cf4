//! Pages with wheels that were built here.

use super::*;
use crate::names::ProjectName;
use crate::packaging::page::Yanked;
use crate::packaging::upload_time::UploadTime;

fn built(filename: &str) -> BuiltFile {
    BuiltFile {
        index: IndexName::parse("root/pypi").unwrap(),
        filename: filename.into(),
        project: ProjectName::new("docopt").unwrap(),
        version: "0.6.2".into(),
        source_filename: "docopt-0.6.2.tar.gz".into(),
        source_sha256: "5".repeat(64),
        build: 12,
        fence: 1,
        wheel_sha256: "7".repeat(64),
        created_at: 0,
        sha256: "abcdef0123456789".repeat(4),
        size: 9,
        metadata_sha256: Some("1".repeat(64)),
        target: None,
        doubts: Vec::new(),
    }
}

fn upstream(filename: &str) -> File {
    let hashes = Hashes { sha256: Some("5".repeat(64)), others: Vec::new() };
    File { hashes, ..File::named(&ProjectName::new("docopt").unwrap(), filename) }
}

fn page(files: &[&str]) -> Page {
    let mut page = Page::new(ProjectName::new("docopt").unwrap());
    page.files = files.iter().map(|name| upstream(name)).collect();
    page
}

fn names(page: &Page) -> Vec<&str> {
    page.files.iter().map(|file| file.filename.as_str()).collect()
}

fn added(page: &mut Page, built: &[BuiltFile]) -> Vec<String> {
    let index = IndexName::parse("root/pypi").unwrap();
    let all = page.clone();
    add(&index, page, &all, built).tagged.into_iter().collect()
}

const OURS: &str = "docopt-0.6.2-1ww-py2.py3-none-any.whl";

#[test]
fn a_built_wheel_follows_its_source() {
    let mut page = page(&["docopt-0.6.2.tar.gz"]);
    let source = &mut page.files[0];
    source.uploaded = UploadTime::parse("2014-06-16T11:18:57Z");
    source.requires_python = Some(">=2.6".into());
    source.yanked = Yanked::Because("bad".into());
    source.provenance = Provenance::At("http://upstream.test/p".into());
    assert_eq!(added(&mut page, &[built(OURS)]), [OURS]);
    let ours = &page.files[1];
    assert_eq!(ours.uploaded, UploadTime::parse("2014-06-16T11:18:57Z"));
    assert_eq!(ours.requires_python.as_deref(), Some(">=2.6"));
    assert_eq!(ours.yanked, Yanked::Because("bad".into()));
    assert_eq!(ours.provenance, Provenance::No);
    assert_eq!(ours.core_metadata, CoreMetadata::Sha256("1".repeat(64)));
    assert_eq!(ours.href("").to_string(), format!("root/pypi/+f/abc/def0123456789/{OURS}"));
}

#[test]
fn without_its_source_or_with_another_one_a_built_wheel_is_not_listed() {
    let mut gone = page(&["docopt-0.6.1.tar.gz"]);
    assert!(added(&mut gone, &[built(OURS)]).is_empty());
    let mut changed = page(&["docopt-0.6.2.tar.gz"]);
    changed.files[0].hashes.sha256 = Some("6".repeat(64));
    assert!(added(&mut changed, &[built(OURS)]).is_empty());
    let mut untold = page(&["docopt-0.6.2.tar.gz"]);
    untold.files[0].hashes.sha256 = None;
    assert_eq!(added(&mut untold, &[built(OURS)]), [OURS]);
}

#[test]
fn a_name_that_the_upstream_has_is_the_upstreams() {
    let mut page = page(&["docopt-0.6.2.tar.gz", OURS]);
    let before = page.clone();
    assert!(added(&mut page, &[built(OURS)]).is_empty());
    assert_eq!(page, before);
}

#[test]
fn ours_steps_back_for_a_wheel_that_covers_it_and_for_no_other() {
    let ours = own(&[OURS]);
    let with = |other: &str| {
        let mut page = page(&["docopt-0.6.2.tar.gz", OURS, other]);
        step_back(&mut page, &ours);
        names(&page).contains(&OURS)
    };
    assert!(!with("docopt-0.6.2-py2.py3-none-any.whl"));
    assert!(with("docopt-0.6.1-py2.py3-none-any.whl"), "of another version");
    assert!(with("docopt-0.6.2-py3-none-any.whl"), "not for Python 2");
    assert!(with("docopt-0.6.2-cp312-cp312-manylinux_2_17_x86_64.whl"));
}

fn own(names: &[&str]) -> OwnWheels {
    OwnWheels::added(names.iter().map(|name| (*name).to_owned()).collect())
}

#[test]
fn what_was_built_again_does_not_step_back_for_what_was_built_first() {
    let plain = "docopt-0.6.2-py2.py3-none-any.whl";
    let listed = |first: BuiltFile| {
        let mut page = page(&["docopt-0.6.2.tar.gz", OURS, plain]);
        step_back(&mut page, &own(&[OURS]).knowing(&[built(OURS), first]));
        names(&page).contains(&OURS)
    };
    assert!(listed(built(plain)), "another run of the build");
    let other = BuiltFile { build: 13, ..built(plain) };
    assert!(!listed(other.clone()), "nobody knows what for");
    assert!(!listed(BuiltFile { source_sha256: "6".repeat(64), ..built(plain) }), "of another source");
}

#[test]
fn of_two_builds_of_ours_neither_hides_the_other() {
    let second = "docopt-0.6.2-2ww-py2.py3-none-any.whl";
    let mut page = page(&[OURS, second]);
    step_back(&mut page, &own(&[OURS, second]));
    assert_eq!(page.files.len(), 2);
}

#[test]
fn a_doubtful_wheel_steps_back_for_any_that_serves_the_same_and_for_no_other_doubtful_one() {
    const DOUBTFUL: &str = "docopt-0.6.2-1ww-cp312-cp312-manylinux_2_36_x86_64.whl";
    let kept = |others: &[&str], doubtful: &[&str]| {
        let mut page = page(&[&["docopt-0.6.2.tar.gz", DOUBTFUL], others].concat());
        let tagged: Vec<&str> = others.iter().copied().filter(|name| name.contains("ww-")).collect();
        let known = |name: &&str| BuiltFile { doubts: vec!["x".into()], ..built(name) };
        let known: Vec<BuiltFile> = doubtful.iter().map(known).collect();
        step_back(&mut page, &own(&[&tagged[..], &[DOUBTFUL]].concat()).knowing(&known));
        names(&page).iter().map(|name| (*name).to_owned()).collect::<Vec<String>>()
    };
    let has = |names: &[String]| names.iter().any(|name| name == DOUBTFUL);
    assert!(has(&kept(&[], &[DOUBTFUL])), "there is nothing better");
    for other in ["docopt-0.6.2-py3-none-any.whl", OURS, "docopt-0.6.2-cp38-abi3-manylinux_2_17_x86_64.whl"] {
        let left = kept(&[other], &[DOUBTFUL]);
        assert!(!has(&left) && left.iter().any(|name| name == other), "{left:?}");
    }
    assert!(has(&kept(&["docopt-0.6.2-cp311-cp311-manylinux_2_17_x86_64.whl"], &[DOUBTFUL])));
    assert!(has(&kept(&[OURS], &[DOUBTFUL, OURS])));
    // A doubtful one takes nobody's place.
    let rival = "docopt-0.6.2-cp312-cp312-manylinux_2_17_x86_64.whl";
    assert!(has(&kept(&[rival], &[rival])));
}

#[test]
fn a_doubtful_wheel_is_narrowed_to_the_target_that_it_was_built_for() {
    let narrow = |tags: &str, target: &str| {
        let wheel = WheelFilename::parse(&format!("docopt-0.6.2-{tags}.whl")).unwrap();
        unnumbered(&narrowed(&wheel, target)).trim_start_matches("docopt-0.6.2-").to_owned()
    };
    let target = "cp313t-manylinux_2_36_x86_64";
    assert_eq!(narrow("py2.py3-none-any", target), "cp313-none-manylinux_2_36_x86_64.whl");
    let own = "cp313-cp313t-manylinux_2_17_x86_64";
    assert_eq!(narrow(own, target), format!("{own}.whl"));
    assert_eq!(narrow("py2-none-any", "cp27mu-linux_i686"), "cp27-none-linux_i686.whl");
    assert_eq!(narrow("cp39-abi3-manylinux_2_17_x86_64", target), "cp313-abi3-manylinux_2_17_x86_64.whl");
}

#[test]
fn numbers_grow_and_are_never_used_again() {
    let wheel = WheelFilename::parse("docopt-0.6.2-py2.py3-none-any.whl").unwrap();
    let next = |used: &[&str]| next_number(&wheel, used.iter().copied());
    assert_eq!(next(&[]), 1);
    assert_eq!(next(&["docopt-0.6.2-py2.py3-none-any.whl", "docopt-0.6.2-3-py2.py3-none-any.whl"]), 1);
    assert_eq!(next(&["docopt-0.6.2-9ww-py2.py3-none-any.whl", OURS]), 10);
    assert_eq!(next(&["docopt-0.6.1-9ww-py2.py3-none-any.whl"]), 1);
    assert_eq!(next(&["docopt-0.6.2-9ww-py3-none-any.whl"]), 1);
}

#[test]
fn a_build_tag_is_put_in_its_place() {
    let named = |name: &str| numbered(&WheelFilename::parse(name).unwrap(), 1);
    assert_eq!(named("docopt-0.6.2-py2.py3-none-any.whl"), OURS);
    assert_eq!(named("DocOpt-0.6.2-5-py2.py3-none-any.whl"), OURS);
}

#[test]
fn of_a_stages_files_only_numbered_ones_of_the_builder_step_back() {
    let file = |name: &str, uploader: &str| StoredFile {
        uploader: Some(uploader.into()),
        ..StoredFile::new("alice/dev".parse().unwrap(), "docopt".parse().unwrap(), name)
    };
    let files =
        [file(OURS, BUILDER), file("docopt-0.6.2-py2.py3-none-any.whl", BUILDER), file(OURS, "alice")];
    assert_eq!(OwnWheels::of_stage(&files).tagged.len(), 1);
    // One under a plain name may be doubtful, which its row tells.
    let plain = OwnWheels::of_stage(&files[1..]);
    assert!(plain.tagged.is_empty() && !plain.is_empty());
    assert!(OwnWheels::of_stage(&files[2..]).is_empty());
}
