//! A wheelhouse with wheels made here.

use super::narrow::narrow_tags;
use super::*;
use crate::packaging::archive::kit::{Entry, Zip};

fn target(name: &str, tags: &[&str]) -> Target {
    let tags = tags.iter().map(|tag| (*tag).to_owned()).collect();
    Target { name: name.to_owned(), tags, ..Target::default() }
}

fn old() -> Target {
    target("cp27mu-linux_x86_64", &["cp27-cp27mu-linux_x86_64", "py27-none-any", "py2-none-any"])
}

fn new() -> Target {
    target("cp313-linux_x86_64", &["cp313-cp313-linux_x86_64", "py313-none-any", "py3-none-any"])
}

/// Writes a wheel into a new file.
fn wheel(folder: &Path, filename: &str, requires: &[&str]) -> PathBuf {
    let name = WheelFilename::parse(filename).unwrap();
    let info = format!("{}-{}.dist-info", name.name.escaped(), name.version);
    let requires: String = requires.iter().map(|text| format!("Requires-Dist: {text}\n")).collect();
    let metadata =
        format!("Metadata-Version: 2.1\nName: {}\nVersion: {}\n{requires}", name.name, name.version);
    let tags: String = name.tags().map(|(p, a, l)| format!("Tag: {p}-{a}-{l}\n")).collect();
    let text = format!("Wheel-Version: 1.0\nRoot-Is-Purelib: true\n{tags}");
    let bytes = Zip::of(vec![
        Entry::new(&format!("{info}/METADATA"), metadata.as_bytes()),
        Entry::new(&format!("{info}/WHEEL"), text.as_bytes()),
        Entry::new(&format!("{info}/RECORD"), b""),
    ])
    .bytes();
    let path = folder.join(uuid::Uuid::now_v7().simple().to_string());
    std::fs::write(&path, bytes).unwrap();
    path
}

fn best(house: &House, requirement: &str, target: &Target) -> Option<String> {
    let requirement = Requirement::parse(requirement).unwrap();
    house.best(&requirement.name, &requirement.specifiers, target).map(|wheel| wheel.filename)
}

const UNIVERSAL: &str = "demo-1.0-py2.py3-none-any.whl";

#[test]
fn what_the_folder_holds_is_found_by_version_and_tags() {
    let (folder, scratch) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    for name in [UNIVERSAL, "demo-2.0-cp313-cp313-linux_x86_64.whl", "demo-3.0rc1-py3-none-any.whl"] {
        std::fs::rename(wheel(scratch.path(), name, &["six; extra == 'x'"]), folder.path().join(name))
            .unwrap();
    }
    std::fs::write(folder.path().join("demo-2.5-py3-none-any.whl"), "cut off").unwrap();
    let house = House::open(folder.path()).unwrap();
    assert_eq!(best(&house, "demo", &new()).as_deref(), Some("demo-2.0-cp313-cp313-linux_x86_64.whl"));
    assert_eq!(best(&house, "demo", &old()).as_deref(), Some(UNIVERSAL));
    assert_eq!(best(&house, "demo>=3rc1", &new()).as_deref(), Some("demo-3.0rc1-py3-none-any.whl"));
    assert_eq!(best(&house, "demo>3", &new()), None);
    assert_eq!(best(&house, "other", &new()), None);
    assert_eq!(house.read(UNIVERSAL).unwrap().requires.len(), 1);
}

#[test]
fn a_universal_wheel_that_all_builds_agree_on_is_one_file() {
    let (folder, scratch) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut house = House::open(folder.path()).unwrap();
    house.take(&wheel(scratch.path(), UNIVERSAL, &["six"]), UNIVERSAL, Origin::Built(&old())).unwrap();
    // Until its own build agrees, another target does not use it.
    assert_eq!(best(&house, "demo", &new()), None);
    house.take(&wheel(scratch.path(), UNIVERSAL, &["six"]), UNIVERSAL, Origin::Built(&new())).unwrap();
    let again = House::open(folder.path()).unwrap();
    assert_eq!(best(&again, "demo", &new()).as_deref(), Some(UNIVERSAL));
    assert_eq!(best(&again, "demo", &old()).as_deref(), Some(UNIVERSAL));
}

#[test]
fn requirements_decided_by_one_interpreter_are_not_given_to_another() {
    let (folder, scratch) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut house = House::open(folder.path()).unwrap();
    house.take(&wheel(scratch.path(), UNIVERSAL, &["enum34"]), UNIVERSAL, Origin::Built(&old())).unwrap();
    let taken = house.take(&wheel(scratch.path(), UNIVERSAL, &[]), UNIVERSAL, Origin::Built(&new())).unwrap();
    assert_eq!(taken.filename, "demo-1.0-py313-none-any.whl");
    let house = House::open(folder.path()).unwrap();
    assert_eq!(best(&house, "demo", &old()).as_deref(), Some("demo-1.0-py27-none-any.whl"));
    assert_eq!(best(&house, "demo", &new()).as_deref(), Some("demo-1.0-py313-none-any.whl"));
    assert!(!folder.path().join(UNIVERSAL).exists());
    assert_eq!(house.read("demo-1.0-py27-none-any.whl").unwrap().requires.len(), 1);
}

#[test]
fn a_published_wheel_is_taken_as_it_is() {
    let (folder, scratch) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut house = House::open(folder.path()).unwrap();
    house.take(&wheel(scratch.path(), UNIVERSAL, &[]), UNIVERSAL, Origin::Published).unwrap();
    assert_eq!(best(&house, "demo", &new()).as_deref(), Some(UNIVERSAL));
    assert_eq!(best(&house, "demo", &old()).as_deref(), Some(UNIVERSAL));
}

#[test]
fn one_interpreter_is_told_by_the_narrowest_tag_that_says_so() {
    let tags = |filename| narrow_tags(filename, "cp313-manylinux_2_36_x86_64").unwrap();
    assert_eq!(tags(UNIVERSAL), ("py313".to_owned(), "none".to_owned()));
    assert_eq!(tags("demo-1.0-cp36-abi3-linux_x86_64.whl"), ("cp313".to_owned(), "abi3".to_owned()));
}

/// The bytes of a wheel of the folder.
fn bytes(house: &House, filename: &str) -> Vec<u8> {
    std::fs::read(house.folder.join(filename)).unwrap()
}

#[test]
fn what_was_changed_and_built_again_takes_the_place_of_what_an_earlier_run_left() {
    let (folder, scratch) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let plain = |text: &str| {
        let path = wheel(scratch.path(), UNIVERSAL, &["six"]);
        // Bytes behind the archive change nothing but its hash.
        let mut bytes = std::fs::read(&path).unwrap();
        let comment = bytes.len() - 2;
        bytes.splice(comment.., [text.len() as u8, 0]);
        bytes.extend_from_slice(text.as_bytes());
        std::fs::write(&path, bytes).unwrap();
        path
    };
    let mut house = House::open(folder.path()).unwrap();
    house.take(&plain("one"), UNIVERSAL, Origin::Built(&old())).unwrap();
    house.take(&plain("two"), UNIVERSAL, Origin::Built(&new())).unwrap();
    assert!(bytes(&house, UNIVERSAL).ends_with(b"one"), "of one run's builds the first stays");
    let mut house = House::open(folder.path()).unwrap();
    house.take(&plain("two"), UNIVERSAL, Origin::Built(&new())).unwrap();
    assert!(bytes(&house, UNIVERSAL).ends_with(b"one"), "nothing has changed");
    let mut house = House::open(folder.path()).unwrap();
    house.take(&plain("three"), UNIVERSAL, Origin::Built(&new())).unwrap();
    assert!(bytes(&house, UNIVERSAL).ends_with(b"three"));
    assert_eq!(best(&house, "demo", &old()), None, "the old interpreter's build is asked for again");
}

#[test]
fn a_narrower_wheel_of_before_does_not_win_over_what_is_built_now() {
    let (folder, scratch) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut house = House::open(folder.path()).unwrap();
    house.take(&wheel(scratch.path(), UNIVERSAL, &["enum34"]), UNIVERSAL, Origin::Built(&old())).unwrap();
    house.take(&wheel(scratch.path(), UNIVERSAL, &[]), UNIVERSAL, Origin::Built(&new())).unwrap();
    let mut house = House::open(folder.path()).unwrap();
    house.take(&wheel(scratch.path(), UNIVERSAL, &["six"]), UNIVERSAL, Origin::Built(&new())).unwrap();
    assert!(!folder.path().join("demo-1.0-py313-none-any.whl").exists());
    assert_eq!(best(&house, "demo", &new()).as_deref(), Some(UNIVERSAL));
    assert_eq!(best(&house, "demo", &old()).as_deref(), Some("demo-1.0-py27-none-any.whl"));
}
