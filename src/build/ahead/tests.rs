//! Which targets a source still lacks wheels for.

use super::*;
use crate::names::IndexName;
use crate::packaging::page::Page;

fn target(name: &str, version: &str, tags: &[&str]) -> Target {
    Target {
        name: name.into(),
        implementation: "cp".into(),
        version: version.into(),
        abi: name.split('-').next().unwrap_or_default().into(),
        tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
        ..Target::default()
    }
}

fn targets() -> Vec<Target> {
    vec![
        target("cp27mu-linux_x86_64", "2.7.18", &["cp27-cp27mu-linux_x86_64", "py2-none-any"]),
        target(
            "cp313-linux_x86_64",
            "3.13.0",
            &["cp313-cp313-linux_x86_64", "cp39-abi3-linux_x86_64", "py3-none-any"],
        ),
        target(
            "cp39-linux_x86_64",
            "3.9.1",
            &["cp39-cp39-linux_x86_64", "cp39-abi3-linux_x86_64", "py3-none-any"],
        ),
    ]
}

fn page(files: &[&str]) -> Page {
    let mut page = Page::new(ProjectName::new("demo").unwrap());
    page.files = files.iter().map(|name| File::named(&page.name, name)).collect();
    page
}

#[track_caller]
fn check(wheels: &[&str], expected: &[&str]) {
    let page = page(wheels);
    let source = File::named(&page.name, "demo-1.0.tar.gz");
    let targets = targets();
    let all: Vec<&Target> = targets.iter().collect();
    let lacking: Vec<&str> =
        lacking(&page, &source, &all).iter().map(|target| target.name.as_str()).collect();
    assert_eq!(lacking, expected, "{wheels:?}");
}

#[test]
fn a_purer_wheel_serves_all_that_accept_it() {
    let (two, nine, new) = ("cp27mu-linux_x86_64", "cp39-linux_x86_64", "cp313-linux_x86_64");
    check(&[], &[two, new, nine]);
    check(&["demo-1.0-py2.py3-none-any.whl"], &[]);
    check(&["demo-1.0-1ww-py3-none-any.whl"], &[two]);
    check(&["demo-1.0-cp39-abi3-linux_x86_64.whl"], &[two]);
    check(&["demo-1.0-cp39-cp39-linux_x86_64.whl"], &[two, new]);
    check(&["demo-2.0-py2.py3-none-any.whl"], &[two, new, nine]);
}

#[test]
fn what_requires_python_excludes_is_not_lacking() {
    let page = page(&[]);
    let source =
        File { requires_python: Some(">=3.10".into()), ..File::named(&page.name, "demo-1.0.tar.gz") };
    let targets = targets();
    let all: Vec<&Target> = targets.iter().collect();
    let lacking = lacking(&page, &source, &all);
    assert_eq!(lacking.len(), 1);
    assert_eq!(lacking[0].name, "cp313-linux_x86_64");
}

#[test]
fn targets_are_wished_by_name_or_pattern_and_the_oldest_python_3_is_first() {
    let of = |wanted: &[&str]| -> Vec<String> {
        let name = IndexName::parse("alice/dev").unwrap();
        let mut index = crate::directory::options::read(&name, &crate::directory::options::Options::new());
        index.building.targets = wanted.iter().map(|text| (*text).to_owned()).collect();
        let targets = targets();
        wished(&index, &targets).iter().map(|target| target.name.clone()).collect()
    };
    assert_eq!(of(&[]), ["cp39-linux_x86_64", "cp313-linux_x86_64", "cp27mu-linux_x86_64"]);
    assert_eq!(of(&["cp3*-linux*"]), ["cp39-linux_x86_64", "cp313-linux_x86_64"]);
    assert_eq!(of(&["3.13"]), ["cp313-linux_x86_64"]);
    assert!(of(&["pp*"]).is_empty());
}
