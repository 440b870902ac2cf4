//! What is chosen from pages, by examples.

use super::*;
use crate::names::ProjectName;
use crate::packaging::page::Yanked;
use std::str::FromStr;

fn chooser() -> Chooser {
    let tags = ["cp312-cp312-manylinux_2_17_x86_64", "cp312-abi3-manylinux_2_17_x86_64", "py3-none-any"];
    Chooser::new(&tags.map(str::to_owned), "3.12.1")
}

fn page(files: &[&str]) -> Page {
    let mut page = Page::new(ProjectName::new("demo").unwrap());
    page.files = files.iter().map(|name| File::named(&page.name, name)).collect();
    page
}

fn specifiers(text: &str) -> VersionSpecifiers {
    VersionSpecifiers::from_str(text).unwrap()
}

fn chosen(page: &Page, specifier: &str) -> String {
    match chooser().choose(page, &specifiers(specifier)) {
        FileChoice::Wheel(found) | FileChoice::Sdist(found) => found.file.filename.to_string(),
        FileChoice::Nothing(why) => why,
    }
}

#[test]
fn a_wheel_comes_before_a_source_and_the_best_tag_before_others() {
    let page = page(&[
        "demo-2.0.tar.gz",
        "demo-1.0.tar.gz",
        "demo-1.0-py3-none-any.whl",
        "demo-1.0-cp312-cp312-manylinux_2_17_x86_64.whl",
        "demo-1.0-cp311-cp311-manylinux_2_17_x86_64.whl",
        "demo-0.9-1-py3-none-any.whl",
        "demo-0.9-py3-none-any.whl",
    ]);
    assert_eq!(chosen(&page, ""), "demo-1.0-cp312-cp312-manylinux_2_17_x86_64.whl");
    assert_eq!(chosen(&page, "<1"), "demo-0.9-1-py3-none-any.whl");
    assert_eq!(chosen(&page, ">=2"), "demo-2.0.tar.gz");
    assert_eq!(chooser().sdist(&page, &specifiers("<2")).unwrap().file.filename, "demo-1.0.tar.gz");
}

#[test]
fn pre_releases_are_for_those_who_name_one_or_have_nothing_else() {
    let both = page(&["demo-1.0.tar.gz", "demo-2.0rc1.tar.gz"]);
    assert_eq!(chosen(&both, ""), "demo-1.0.tar.gz");
    assert_eq!(chosen(&both, ">=2.0rc1"), "demo-2.0rc1.tar.gz");
    assert_eq!(chosen(&page(&["demo-2.0rc1.tar.gz"]), ""), "demo-2.0rc1.tar.gz");
}

#[test]
fn a_yanked_file_is_for_those_who_pin_it() {
    let mut page = page(&["demo-1.0.tar.gz", "demo-2.0.tar.gz"]);
    page.files[1].yanked = Yanked::Yes;
    assert_eq!(chosen(&page, ""), "demo-1.0.tar.gz");
    assert_eq!(chosen(&page, "==2.0"), "demo-2.0.tar.gz");
    assert_eq!(chosen(&page, "==2.*"), "no source distribution of demo fits: 2.0, the newest: it is yanked");
}

#[test]
fn requires_python_excludes_and_what_cannot_be_read_does_not() {
    let mut page = page(&["demo-1.0.tar.gz", "demo-2.0.zip", "demo-2.0.tar.gz"]);
    page.files[1].requires_python = Some(">=3.13".into());
    page.files[2].requires_python = Some(">=3.13".into());
    assert_eq!(chosen(&page, ""), "demo-1.0.tar.gz");
    assert!(chosen(&page, "==2.0").ends_with("its Requires-Python excludes this Python"));
    page.files[1].requires_python = Some("yes please".into());
    assert_eq!(chosen(&page, ""), "demo-2.0.zip");
    page.files[2].requires_python = Some(">=3.6.*".into());
    assert_eq!(chosen(&page, ""), "demo-2.0.tar.gz");
}

#[test]
fn why_there_is_nothing_is_said() {
    assert_eq!(
        chosen(&page(&["demo-1.0-cp27-none-any.whl"]), ""),
        "demo has no source distribution on the index"
    );
    assert_eq!(
        chosen(&page(&["demo-1.0.tar.gz"]), ">=2"),
        "demo has no source distribution with a version >=2 on the index"
    );
}

#[test]
fn a_platform_wheel_of_the_same_version_counts() {
    let page = page(&["demo-1.0-cp27-cp27m-win_amd64.whl", "demo-2.0-py3-none-any.whl"]);
    let version = |text| version::parse(text).unwrap();
    assert!(has_platform_wheel(&page, &version("1.0")));
    assert!(!has_platform_wheel(&page, &version("2.0")));
}

#[test]
fn each_release_has_its_best_wheel_and_its_preferred_source() {
    let mut page = page(&[
        "demo-1.0-cp312-abi3-manylinux_2_17_x86_64.whl",
        "demo-1.0-cp312-cp312-manylinux_2_17_x86_64.whl",
        "demo-1.0.0.zip",
        "demo-1.0.tar.gz",
        "demo-2.0-1-py3-none-any.whl",
        "demo-2.0-py3-none-any.whl",
        "demo-3.0-cp27-none-any.whl",
        "demo-3.0rc1.zip",
    ]);
    page.files[1].yanked = Yanked::Yes;
    let names = |each: BTreeMap<Version, &File>| -> Vec<String> {
        each.into_iter().map(|(version, file)| format!("{version} {}", file.filename)).collect()
    };
    assert_eq!(
        names(chooser().wheel_of_each(&page)),
        ["1.0 demo-1.0-cp312-abi3-manylinux_2_17_x86_64.whl", "2.0 demo-2.0-1-py3-none-any.whl"]
    );
    assert_eq!(names(sdist_of_each(&page)), ["1.0 demo-1.0.tar.gz", "3.0rc1 demo-3.0rc1.zip"]);
}
