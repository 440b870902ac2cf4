//! Wheels that must be refused, with the reason, and some that must be accepted.

use base64::Engine;
use sha2::Digest;

use super::super::archive::kit::{Entry, Zip};
use super::super::archive::remote::{RemoteRead, Step};
use super::*;

const FILENAME: &str = "Demo_Pkg-1.0-py2.py3-none-any.whl";
const WHEEL: &str =
    "Wheel-Version: 1.0\nGenerator: hand\nRoot-Is-Purelib: true\nTag: py2-none-any\nTag: py3-none-any\n\n";
const METADATA: &str = "Metadata-Version: 2.1\nName: demo.pkg\nVersion: 1.0.0\n\nA demo.\n";

/// A wheel's files; RECORD is made from them.
#[derive(Clone)]
struct Files(Vec<(String, Vec<u8>)>);

impl Files {
    fn new() -> Self {
        let mut files = Self(Vec::new());
        files.set("demo_pkg/__init__.py", "print('hello')\n");
        files.set("demo_pkg-1.0.dist-info/WHEEL", WHEEL);
        files.set("demo_pkg-1.0.dist-info/METADATA", METADATA);
        files
    }

    fn set(&mut self, name: &str, content: &str) {
        self.0.retain(|(other, _)| other != name);
        self.0.push((name.to_owned(), content.as_bytes().to_vec()));
    }

    fn with(name: &str, content: &str) -> Self {
        let mut files = Self::new();
        files.set(name, content);
        files
    }

    fn without(name: &str) -> Self {
        let mut files = Self::new();
        files.0.retain(|(other, _)| other != name);
        files
    }

    fn record(&self) -> String {
        let row = |(name, content): &(String, Vec<u8>)| {
            let hash = URL_SAFE_NO_PAD.encode(sha2::Sha256::digest(content));
            let name = if name.contains(',') { format!("\"{name}\"") } else { name.clone() };
            format!("{name},sha256={hash},{}\n", content.len())
        };
        self.0.iter().map(row).collect::<String>() + "demo_pkg-1.0.dist-info/RECORD,,\n"
    }

    fn bytes(&self) -> Vec<u8> {
        self.bytes_with(&self.record())
    }

    fn bytes_with(&self, record: &str) -> Vec<u8> {
        let mut entries: Vec<Entry> =
            self.0.iter().map(|(name, content)| Entry::new(name, content)).collect();
        entries.push(Entry::new("demo_pkg-1.0.dist-info/RECORD", record.as_bytes()));
        Zip::of(entries).bytes()
    }
}

use base64::engine::general_purpose::URL_SAFE_NO_PAD;

fn open(bytes: &[u8]) -> Result<WheelContents> {
    read(bytes, &WheelFilename::parse(FILENAME)?)
}

#[track_caller]
fn refused(bytes: &[u8], reason: &str) {
    let message = open(bytes).map(|_| ()).expect_err(reason).to_string();
    assert!(message.contains(reason), "expected {reason:?}, got {message:?}");
    assert!(message.starts_with(INVALID) || message.starts_with(LEAD), "{message}");
}

#[test]
fn a_wheel_gives_its_metadata_byte_for_byte() {
    let contents = open(&Files::new().bytes()).unwrap();
    assert_eq!(contents.metadata_bytes, METADATA.as_bytes());
    assert_eq!(contents.metadata.name, "demo.pkg");
    let lenient = read_metadata(std::io::Cursor::new(Files::new().bytes())).unwrap();
    assert_eq!(lenient, METADATA.as_bytes());
}

#[test]
fn wheels_as_real_tools_write_them_are_accepted() {
    let signature = "demo_pkg-1.0.dist-info/RECORD.jws";
    let entry_points = "# made by hand\n[console_scripts]\ndemo = demo_pkg:main\ndemo2=demo_pkg.a:b.c [extra]\n\n[x.y]\na b = c\n";
    for (name, content) in [
        ("demo_pkg-1.0.dist-info/entry_points.txt", entry_points),
        ("demo_pkg-1.0.data/scripts/demo", "#!python\n"),
        ("demo_pkg-1.0.data/data/share/a,b.txt", "quoted"),
        ("demo_pkg/_vendor/other-2.0.dist-info/METADATA", "Name: other\n"),
        ("pythonic.data", "a file, no directory"),
    ] {
        let opened = open(&Files::with(name, content).bytes());
        assert!(opened.is_ok(), "{name}: {:?}", opened.err());
    }
    let mut signed = Files::with(signature, "{}");
    let record = signed.record();
    let unlisted: String =
        record.lines().filter(|row| !row.starts_with(signature)).collect::<Vec<_>>().join("\r\n");
    assert!(open(&signed.bytes_with(&unlisted)).is_ok());
    let compressed = WHEEL.replace("Tag: py2-none-any\nTag: py3-none-any", "Tag: py2.py3-none-any");
    signed.set("demo_pkg-1.0.dist-info/WHEEL", &compressed);
    assert!(open(&signed.bytes()).is_ok());
}

#[test]
fn record_must_name_every_file_with_its_hash_and_size() {
    let files = Files::new();
    let record = files.record();
    let init = record.lines().next().unwrap();
    for (changed, reason) in [
        (record.replace(&format!("{init}\n"), ""), "\"demo_pkg/__init__.py\" is not in RECORD"),
        (format!("{record}more.py,sha256=AA,1\n"), "which is not in the wheel"),
        (record.replace("demo_pkg/__init__.py", "./demo_pkg/__init__.py"), "which is not in the wheel"),
        (record.replace("demo_pkg/__init__.py", "demo_pkg\\__init__.py"), "which is not in the wheel"),
        (record.replace("demo_pkg/__init__.py", "Demo_pkg/__init__.py"), "which is not in the wheel"),
        (format!("{record}{init}\n"), "twice"),
        (record.replace(",15\n", ",16\n"), "has the size"),
        (record.replace(",15\n", ",\n"), "has the size"),
        (record.replacen("sha256=", "sha256=A", 1), "malformed hash"),
        (record.replacen("sha256=", "sha512=", 1), "malformed hash"),
        (record.replacen("sha256=", "md5=", 1), "has a md5 hash"),
        (record.replacen("sha256=", "sha1=", 1), "has a sha1 hash"),
        (format!("demo_pkg/__init__.py,,15\n{}", record.replace(&format!("{init}\n"), "")), "has no hash"),
        (record.replace("RECORD,,", "RECORD,sha256=AA,9"), "for itself"),
        (format!("{record}a,b\n"), "malformed line"),
        (format!("{record}\"a,b,c\n"), "malformed line"),
        (format!("{record}a,b,c,d\n"), "malformed line"),
    ] {
        refused(&files.bytes_with(&changed), reason);
    }
    let mut other = files.clone();
    other.set("demo_pkg/__init__.py", "print('hEllo')\n");
    refused(&other.bytes_with(&record), "RECORD has the wrong hash for \"demo_pkg/__init__.py\"");
}

#[test]
fn the_dist_info_must_be_complete_single_and_the_file_names() {
    let dir = "demo_pkg-1.0.dist-info";
    refused(&Files::without(&format!("{dir}/WHEEL")).bytes(), "WHEEL not found");
    refused(&Files::without(&format!("{dir}/METADATA")).bytes(), "METADATA not found");
    let bare: Vec<Entry> = Files::new().0.iter().map(|(name, content)| Entry::new(name, content)).collect();
    refused(&Zip::of(bare).bytes(), "RECORD not found");
    refused(&Files::with("other-1.0.dist-info/METADATA", "").bytes(), "more than one .dist-info");
    refused(&Files::with("DEMO_pkg-2.0.DIST-INFO/METADATA", "").bytes(), "more than one .dist-info");
    refused(&Zip::of(vec![Entry::new("a.py", b"")]).bytes(), "no .dist-info directory");
    for name in [
        "demo_pkg-1.0-py3-none-any.whl",
        "demo_pkg-1.1-py2.py3-none-any.whl",
        "demo-1.0-py2.py3-none-any.whl",
    ] {
        let read = read(&*Files::new().bytes(), &WheelFilename::parse(name).unwrap());
        assert!(read.is_err(), "{name}");
    }
}

#[test]
fn wheel_must_be_of_a_known_version_with_the_file_names_tags() {
    let with = |text: String| Files::with("demo_pkg-1.0.dist-info/WHEEL", &text).bytes();
    refused(&with(WHEEL.replace("Version: 1.0", "Version: 2.0")), "unknown Wheel-Version \"2.0\"");
    refused(&with(WHEEL.replace("Wheel-Version: 1.0\n", "")), "one Wheel-Version");
    refused(&with(WHEEL.replace("Tag: py2-none-any\n", "")), "py2-none-any is in the file name only");
    refused(&with(WHEEL.replace("Tag: py2", "Tag: cp312-cp312-any\nTag: py2")), "in WHEEL only");
    refused(&with(WHEEL.replace("py2-none-any", "py2")), "malformed tag");
    refused(&with(WHEEL.replace("Generator: hand", "Generator")), "not a field");
}

#[test]
fn metadata_must_be_of_the_file_names_project_and_version() {
    let with = |text: String| Files::with("demo_pkg-1.0.dist-info/METADATA", &text).bytes();
    refused(&with(METADATA.replace("demo.pkg", "evil")), "METADATA names the project \"evil\"");
    refused(&with(METADATA.replace("1.0.0", "1.0.1")), "METADATA has version \"1.0.1\"");
    let licensed = METADATA.replace("2.1", "2.4").replace("\n\n", "\nLicense-File: COPYING\n\n");
    refused(&with(licensed.clone()), "License-File COPYING does not exist");
    let name = WheelFilename::parse(FILENAME).unwrap();
    let copy = read_copy(&with(licensed.clone())[..], &name).unwrap();
    assert_eq!(copy.metadata.license_files, ["COPYING"], "the sdist says so, and the wheel was read before");
    assert!(read_copy(&with(METADATA.replace("1.0.0", "1.0.1"))[..], &name).is_err());
    let mut files = Files::with("demo_pkg-1.0.dist-info/METADATA", &licensed);
    files.set("demo_pkg-1.0.dist-info/licenses/COPYING", "free");
    assert!(open(&files.bytes()).is_ok());
}

#[test]
fn data_files_must_be_in_a_known_scheme_and_harmless() {
    for (name, reason) in [
        ("demo_pkg-1.0.data/lib/x", "in no known scheme"),
        ("demo_pkg-1.0.data/x", "in no known scheme"),
        ("demo_pkg-1.0.data/Scripts/x", "in no known scheme"),
        ("demo_pkg-1.0.data/data/../../x", "segment"),
        ("other-1.0.data/data/x", "does not belong"),
        ("other.data/x", "does not belong"),
        ("demo_pkg-1.0.data/scripts/python", "replace the interpreter"),
        ("demo_pkg-1.0.data/scripts/Python3.12.EXE", "replace the interpreter"),
        ("demo_pkg-1.0.data/purelib/pip-1.dist-info/RECORD", "installed .dist-info"),
    ] {
        refused(&Files::with(name, "").bytes(), reason);
    }
}

#[test]
fn entry_points_must_read_alike_everywhere() {
    for (text, reason) in [
        ("a = b", "before any section"),
        ("[a\nb = c", "malformed line"),
        ("[a]\nb", "malformed line"),
        ("[a]\nb: c", "malformed line"),
        ("[a]\n[a]", "section \"a\" twice"),
        ("[a]\nb = c\nb = d", "\"b\" twice"),
        ("[Console_Scripts]\na = b:c", "a variant of a reserved group"),
        ("[console_scripts]\n../a = b:c", "letters, digits"),
        ("[console_scripts]\na b = b:c", "letters, digits"),
        ("[console_scripts]\na = b", "module:function"),
        ("[console_scripts]\na = b:c; import os", "module:function"),
        ("[console_scripts]\npython3 = b:c", "replace the interpreter"),
        ("[gui_scripts]\nPythonW.exe = b:c", "replace the interpreter"),
        ("[console_scripts]\na = b:c\n[gui_scripts]\nA = b:c", "only in case"),
    ] {
        refused(&Files::with("demo_pkg-1.0.dist-info/entry_points.txt", text).bytes(), reason);
    }
}

/// Follows a plan as `upstream` does; returns the member and how many requests it took.
fn follow(file: &[u8]) -> (Vec<u8>, usize) {
    let (mut plan, mut step) = RemoteRead::start(file.len() as u64);
    for requests in 0..5 {
        match step {
            Step::Done(bytes) => return (bytes, requests),
            Step::Need(range) => step = plan.feed(&file[range.start as usize..range.end as usize]).unwrap(),
        }
    }
    panic!("more than four steps");
}

#[test]
fn metadata_of_a_remote_wheel_takes_one_to_three_requests() {
    let noise: String =
        (0..2000u32).map(|n| format!("{:x?}", sha2::Sha256::digest(n.to_le_bytes()))).collect();
    assert_eq!(follow(&Files::new().bytes()), (METADATA.into(), 1));
    // The last large file pushes .dist-info out of the first request, many names the directory too.
    let mut files = Files::with("z.bin", &noise);
    assert_eq!(follow(&files.bytes()), (METADATA.into(), 2));
    for n in 0..600 {
        files.set(&format!("demo_pkg/module_number_{n}.py"), "");
    }
    assert_eq!(follow(&files.bytes()), (METADATA.into(), 3));
}

#[test]
fn a_remote_wheel_that_is_cut_or_corrupt_is_refused() {
    let good = Files::new().bytes();
    for length in 0..good.len() {
        let (mut plan, _) = RemoteRead::start(length as u64);
        assert!(plan.feed(&good[..length]).is_err(), "{length} bytes");
    }
    let (mut plan, _) = RemoteRead::start(good.len() as u64);
    assert!(plan.feed(&good[1..]).is_err(), "fewer bytes than asked for");
}

proptest::proptest! {
    #[test]
    fn no_changed_byte_makes_a_reader_panic(at in 0usize..2000, value in proptest::num::u8::ANY) {
        let mut bytes = Files::new().bytes();
        let at = at % bytes.len();
        bytes[at] = value;
        let _ = open(&bytes);
        let _ = read_metadata(std::io::Cursor::new(&bytes));
        let (mut plan, _) = RemoteRead::start(bytes.len() as u64);
        let _ = plan.feed(&bytes);
    }
}
