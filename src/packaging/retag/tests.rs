//! Wheels as build tools of all times left them, rewritten, against the strict gate.

use std::io::Cursor;

use super::super::archive::kit::{Entry, Zip};
use super::super::filename::WheelFilename;
use super::super::wheel;
use super::*;

const METADATA: &str = "Metadata-Version: 2.1\nName: Demo.Pkg\nVersion: 1.0.0-1\n\n";
const WHEEL: &str =
    "Wheel-Version: 1.0\nGenerator: bdist_wheel (0.29.0)\nRoot-Is-Purelib: true\nTag: py2-none-any\n\n";

/// As wheel 0.29 wrote one: old spellings, no `RECORD` worth the name.
fn old() -> Vec<Entry> {
    vec![
        Entry::new("Demo.Pkg-1.0.0_1.dist-info/METADATA", METADATA.as_bytes()),
        Entry::new("demo/__init__.py", b"x = 1\n"),
        Entry::new("Demo.Pkg-1.0.0_1.dist-info/WHEEL", WHEEL.as_bytes()),
        Entry::new("Demo.Pkg-1.0.0_1.data/scripts/demo", b"#!python\n").mode(0o100_755),
        Entry::new("Demo.Pkg-1.0.0_1.dist-info/RECORD", b"demo/__init__.py,,\n"),
    ]
}

const OLD_NAME: &str = "Demo.Pkg-1.0.0_1-py2-none-any.whl";

fn rewrite_as(entries: Vec<Entry>, filename: &str, plan: &RetagPlan) -> Result<(String, Vec<u8>)> {
    let mut output = Cursor::new(Vec::new());
    let name = super::rewrite(Cursor::new(Zip::of(entries).bytes()), filename, plan, &mut output)?;
    Ok((name, output.into_inner()))
}

fn rewrite(entries: Vec<Entry>) -> Result<(String, Vec<u8>)> {
    rewrite_as(entries, OLD_NAME, &RetagPlan { timestamp: 1_500_000_000, ..RetagPlan::default() })
}

fn gate(filename: &str, bytes: &[u8]) -> Result<wheel::WheelContents> {
    wheel::read(bytes, &WheelFilename::parse(filename)?)
}

fn names(bytes: &[u8]) -> Vec<String> {
    let archive = zip::ZipArchive::new(Cursor::new(bytes)).unwrap();
    archive.file_names().map(|name| name.unwrap().to_string()).collect()
}

#[test]
fn an_old_wheel_gets_the_one_spelling_and_passes_the_gate() {
    let before = Zip::of(old()).bytes();
    assert!(WheelFilename::parse(OLD_NAME).is_err() || gate(OLD_NAME, &before).is_err(), "nothing to mend");
    let (filename, bytes) = rewrite(old()).unwrap();
    assert_eq!(filename, "demo_pkg-1.0.0.post1-py2-none-any.whl");
    assert_eq!(gate(&filename, &bytes).unwrap().metadata_bytes, METADATA.as_bytes());
    let release = "demo_pkg-1.0.0.post1";
    assert_eq!(
        names(&bytes),
        [
            "demo/__init__.py".to_owned(),
            format!("{release}.data/scripts/demo"),
            format!("{release}.dist-info/METADATA"),
            format!("{release}.dist-info/WHEEL"),
            format!("{release}.dist-info/RECORD"),
        ]
    );
}

#[test]
fn the_same_members_in_any_order_give_the_same_bytes() {
    let first = rewrite(old()).unwrap();
    let mut entries = old();
    entries.reverse();
    entries.push(Entry::stored("demo/", b"").mode(0o040_755));
    let entries =
        entries.into_iter().map(|entry| entry.both(|head| head.extra = vec![0x42, 0x42, 0, 0])).collect();
    assert_eq!(rewrite(entries).unwrap(), first);
}

#[test]
fn times_and_modes_are_those_of_the_plan() {
    let (_, bytes) = rewrite(old()).unwrap();
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).unwrap();
    for index in 0..archive.len() {
        let file = archive.by_index(index).unwrap();
        let time = file.last_modified().unwrap();
        assert_eq!((time.year(), time.month(), time.day(), time.hour()), (2017, 7, 14, 2));
        let mode = if file.name_raw().ends_with(b"scripts/demo") { 0o100_755 } else { 0o100_644 };
        assert_eq!(file.unix_mode(), Some(mode), "{:?}", file.name_raw());
    }
    for timestamp in [i64::MIN, 0, i64::MAX] {
        let plan = RetagPlan { timestamp, ..RetagPlan::default() };
        let (filename, bytes) = rewrite_as(old(), OLD_NAME, &plan).unwrap();
        assert!(gate(&filename, &bytes).is_ok());
    }
}

#[test]
fn new_tags_are_in_the_name_and_in_wheel() {
    let plan = RetagPlan {
        platform: Some(vec!["manylinux1_x86_64".into(), "manylinux_2_5_x86_64".into()]),
        build: Some("7ww".into()),
        replaced: [("demo/__init__.py".to_owned(), b"x = 2\n".to_vec())].into(),
        ..RetagPlan::default()
    };
    let name = "Demo.Pkg-1.0.0_1-cp27-cp27mu-linux_x86_64.whl";
    let (filename, bytes) = rewrite_as(old(), name, &plan).unwrap();
    assert_eq!(filename, "demo_pkg-1.0.0.post1-7ww-cp27-cp27mu-manylinux1_x86_64.manylinux_2_5_x86_64.whl");
    gate(&filename, &bytes).unwrap();
    let mut again = PlainWheel::open(Cursor::new(bytes), &filename).unwrap();
    let text = |again: &mut PlainWheel<_>, name: &str| {
        let member = again.find(name).unwrap().clone();
        String::from_utf8(again.bytes(&member, 1 << 20).unwrap()).unwrap()
    };
    assert_eq!(text(&mut again, "demo/__init__.py"), "x = 2\n");
    assert_eq!(
        text(&mut again, "demo_pkg-1.0.0.post1.dist-info/WHEEL"),
        "Wheel-Version: 1.0\nGenerator: bdist_wheel (0.29.0)\nRoot-Is-Purelib: false\nBuild: 7ww\n\
         Tag: cp27-cp27mu-manylinux1_x86_64\nTag: cp27-cp27mu-manylinux_2_5_x86_64\n"
    );
}

#[test]
fn harmless_faults_are_mended() {
    let mut twice = old();
    twice.push(Entry::new("demo/__init__.py", b"x = 1\n"));
    let mut commented = old();
    commented[1].comment = b"by hand".to_vec();
    let mut signed = old();
    signed.push(Entry::new("Demo.Pkg-1.0.0_1.dist-info/RECORD.jws", b"{}"));
    let mut quoted = old();
    quoted.push(Entry::new("demo/a, \"b\".txt", b"text"));
    let unicode = |flags: u16| {
        let mut entries = old();
        entries.push(Entry::new("demo/caf\u{e9}.txt", b"").both(move |head| head.flags = flags));
        entries
    };
    for (what, entries) in [
        ("repeated", twice),
        ("comment", commented),
        ("signature", signed),
        ("quotes", quoted),
        ("unmarked UTF-8", unicode(0)),
    ] {
        let (filename, bytes) = rewrite(entries).unwrap();
        gate(&filename, &bytes).unwrap_or_else(|error| panic!("{what}: {error}"));
    }
}

#[test]
fn of_two_members_of_one_name_the_last_is_kept() {
    let mut entries = old();
    entries.push(Entry::new("demo/__init__.py", b"x = 3\n"));
    let (filename, bytes) = rewrite(entries).unwrap();
    gate(&filename, &bytes).unwrap();
    let mut wheel = PlainWheel::open(Cursor::new(bytes), &filename).unwrap();
    let member = wheel.find("demo/__init__.py").unwrap().clone();
    assert_eq!(wheel.bytes(&member, 100).unwrap(), b"x = 3\n");
}

#[test]
fn what_is_no_wheel_is_refused_with_the_reason() {
    let with = |entry: Entry| {
        let mut entries = old();
        entries.push(entry);
        entries
    };
    let without =
        |name: &str| old().into_iter().filter(|entry| !entry.local.name.ends_with(name.as_bytes())).collect();
    let bad_name = |metadata: &str| {
        let mut entries: Vec<Entry> = without("METADATA");
        entries.push(Entry::new("Demo.Pkg-1.0.0_1.dist-info/METADATA", metadata.as_bytes()));
        entries
    };
    let cases: Vec<(Vec<Entry>, &str)> = vec![
        (with(Entry::new("other-1.dist-info/METADATA", b"")), "more than one .dist-info"),
        (with(Entry::new("../up", b"")), "\"..\""),
        (with(Entry::new("/etc/passwd", b"")), "absolute"),
        (with(Entry::new("link", b"/etc/passwd").mode(0o120_777)), "symbolic link"),
        (without("METADATA"), "has no Demo.Pkg-1.0.0_1.dist-info/METADATA"),
        (without("WHEEL"), "has no Demo.Pkg-1.0.0_1.dist-info/WHEEL"),
        (Vec::new(), "no .dist-info"),
        (bad_name("Metadata-Version: 2.1\nName: -\nVersion: 1\n"), "not a valid project name"),
        (bad_name("Metadata-Version: 2.1\nName: x\nVersion: one\n"), "not a valid version"),
    ];
    for (entries, reason) in cases {
        let error = rewrite(entries).expect_err(reason).to_string();
        assert!(error.contains(reason), "{reason}: {error}");
    }
    let plan = RetagPlan::default();
    assert!(rewrite_as(old(), "demo.whl", &plan).unwrap_err().to_string().contains("file name"));
    assert!(PlainWheel::open(Cursor::new(b"not a zip".to_vec()), OLD_NAME).is_err());
}

#[test]
fn a_damaged_member_is_noticed_while_writing() {
    let mut entries = old();
    entries[1] = Entry::new("demo/__init__.py", b"x = 1\n").both(|head| head.crc ^= 1);
    assert!(rewrite(entries).unwrap_err().to_string().contains("demo/__init__.py"));
}
