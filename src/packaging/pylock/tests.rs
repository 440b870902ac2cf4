//! Lock files are written as the standard wants them and read as others write them.

use super::*;

/// As another tool writes one: inline tables, groups, an editable folder, a wheel per platform.
const OTHERS: &str = r#"
lock-version = "1.0"
environments = ["sys_platform == 'linux'"]
requires-python = ">=3.8"
extras = ["web"]
dependency-groups = ["test"]
default-groups = ["test"]
created-by = "another"

[[packages]]
name = "attrs"
version = "25.1.0"
wheels = [
  {name = "attrs-25.1.0-py3-none-any.whl", upload-time = 2025-01-25T11:30:10.164985+00:00, url = "https://h.example/attrs-25.1.0-py3-none-any.whl", size = 63152, hashes = {sha256 = "c75a"}},
]
[[packages.attestation-identities]]
kind = "GitHub"

[[packages]]
name = "speedups"
version = "1"
[[packages.wheels]]
url = "https://h.example/speedups-1-cp312-cp312-manylinux_2_17_x86_64.whl"
hashes = {sha256 = "aa"}
[[packages.wheels]]
url = "https://h.example/speedups-1-cp312-cp312-win_amd64.whl"
hashes = {sha256 = "bb"}
[[packages.wheels]]
url = "https://h.example/speedups-1-py3-none-any.whl"
hashes = {sha256 = "cc"}

[[packages]]
name = "gunicorn"
marker = "'web' in extras"
[[packages]]
name = "pytest"
marker = "'Test' in dependency_groups"
[[packages]]
name = "colorama"
marker = "sys_platform == 'win32' or 'nothing' in dependency_groups"
[[packages]]
name = "app"
directory = {path = "./app", editable = true}
"#;

fn markers(platform: &str, python: &str) -> BTreeMap<String, String> {
    let all = [("sys_platform", platform), ("python_full_version", python)];
    all.map(|(name, value)| (name.to_owned(), value.to_owned())).into()
}

fn names(lock: &Lock, extras: &[&str], groups: Option<&[String]>) -> Vec<String> {
    let (markers, chooser) = (markers("linux", "3.12.1"), Chooser::new(&[], ""));
    let extras = extras.iter().filter_map(|name| ProjectName::new(name)).collect();
    let environment = LockEnvironment { markers: &markers, chooser: &chooser, extras: &extras, groups };
    lock.wanted(&environment).unwrap().iter().map(|package| package.name.clone()).collect()
}

#[test]
fn what_is_installed_depends_on_markers_extras_and_groups() {
    let lock = Lock::parse(OTHERS).unwrap();
    assert_eq!(names(&lock, &[], None), ["attrs", "speedups", "pytest", "app"]);
    assert_eq!(names(&lock, &["web"], Some(&[])), ["attrs", "speedups", "gunicorn", "app"]);
    let app = &lock.packages[5].directory.clone().unwrap();
    assert!(app.editable && app.path == "./app");
}

#[test]
fn another_environment_is_refused() {
    let lock = Lock::parse(OTHERS).unwrap();
    let (chooser, extras) = (Chooser::new(&[], ""), BTreeSet::new());
    let refused = |markers: &BTreeMap<String, String>| {
        let environment = LockEnvironment { markers, chooser: &chooser, extras: &extras, groups: None };
        lock.wanted(&environment).unwrap_err().to_string()
    };
    assert!(refused(&markers("win32", "3.12.1")).contains("for other environments"));
    assert!(refused(&markers("linux", "3.7.1")).contains("for Python >=3.8, but this is Python 3.7.1"));
    let later = Lock::parse("lock-version = '2.0'\ncreated-by = 'x'").unwrap_err().to_string();
    assert!(later.contains("2.0"), "{later}");
}

#[test]
fn the_best_wheel_is_chosen() {
    let lock = Lock::parse(OTHERS).unwrap();
    let accepted = ["cp312-cp312-manylinux_2_17_x86_64", "py3-none-any"].map(str::to_owned);
    let chosen = |accepted: &[String]| {
        let (markers, chooser, extras) = (BTreeMap::new(), Chooser::new(accepted, ""), BTreeSet::new());
        let environment =
            LockEnvironment { markers: &markers, chooser: &chooser, extras: &extras, groups: None };
        lock.packages[1].wheel(&environment).map(|(_, file)| file.hashes["sha256"].clone())
    };
    assert_eq!(chosen(&accepted).as_deref(), Some("aa"));
    assert_eq!(chosen(&accepted[1..]).as_deref(), Some("cc"));
    assert_eq!(chosen(&[]), None);
}

#[test]
fn what_is_written_reads_the_same_again() {
    let file = LockedFile {
        name: Some("docopt-0.6.2-1ww-cp312-none-any.whl".into()),
        upload_time: "2014-06-16T11:18:57Z".parse().ok(),
        url: Some("http://h.example/+w/cp312/docopt-0.6.2-1ww-cp312-none-any.whl".into()),
        size: Some(13_706),
        hashes: [("sha256".to_owned(), "ab".repeat(32))].into(),
        ..LockedFile::default()
    };
    let package = Package {
        name: "docopt".into(),
        version: Some("0.6.2".into()),
        wheels: vec![file],
        ..Package::default()
    };
    let lock = Lock {
        lock_version: "1.0".into(),
        environments: vec!["python_version == '3.12'".into()],
        created_by: "wheelwright".into(),
        packages: vec![package],
        ..Lock::default()
    };
    let text = lock.to_text().unwrap();
    assert_eq!(Lock::parse(&text).unwrap(), lock);
    assert!(text.starts_with("lock-version = \"1.0\"\n"), "{text}");
    assert!(text.contains("upload-time = 2014-06-16T11:18:57Z\n"), "{text}");
}

#[test]
fn only_the_names_of_the_standard_are_lock_files() {
    for (name, is_one) in [
        ("pylock.toml", true),
        ("pylock.dev.toml", true),
        ("pylock.a.b.toml", false),
        ("pylock..toml", false),
        ("poetry.lock", false),
        ("pylock.txt", false),
    ] {
        assert_eq!(is_name(name), is_one, "{name}");
    }
}
