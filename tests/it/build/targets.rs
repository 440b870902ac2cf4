//! Stories of what can be built for: `wheelwright target list` on this machine.

use serde_json::Value;
use std::path::Path;
use std::process::{Command, Output};

fn list(folder: &Path, settings: &[(&str, &str)], json: bool) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wheelwright"));
    command.current_dir(folder).env_clear().envs(settings.iter().copied());
    command.args(["target", "list"]).args(json.then_some("--json")).output().expect("it runs")
}

fn path() -> String {
    std::env::var("PATH").unwrap_or_default()
}

/// The interpreter that `python3` starts here, as it tells itself.
fn python() -> (String, String) {
    let ask =
        "import os, sys; print(os.path.realpath(sys.executable)); print('cp%d%d' % sys.version_info[:2])";
    let output = Command::new("python3").args(["-c", ask]).output().expect("there is a python3");
    let text = String::from_utf8(output.stdout).expect("text");
    let mut lines = text.lines().map(str::to_owned);
    (lines.next().expect("a path"), lines.next().expect("a tag"))
}

#[test]
fn an_interpreter_that_is_configured_is_offered_with_its_tags() {
    let folder = tempfile::tempdir().expect("a folder");
    let (executable, tag) = python();
    // No PATH, no home: only what is configured is there, apart from /opt/python.
    let settings =
        [("WHEELWRIGHT_BUILD__INTERPRETERS", executable.as_str()), ("WHEELWRIGHT_BUILD__TARGETS", &tag)];
    let output = list(folder.path(), &settings, true);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let all: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let one = &all[0];
    assert_eq!(one["executable"], executable.as_str());
    assert!(one["name"].as_str().is_some_and(|name| name.starts_with(&format!("{tag}-"))), "{one}");
    let last =
        one["tags"].as_array().and_then(|tags| tags.last()).and_then(Value::as_str).unwrap_or_default();
    assert!(last.contains("py3") && last.ends_with("-none-any"), "{last}");

    let table = String::from_utf8(list(folder.path(), &settings, false).stdout).expect("text");
    assert!(table.starts_with("TARGET ") && table.contains(&executable), "{table}");
}

#[test]
fn a_target_that_is_not_there_is_answered_with_what_is() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = path();
    let output = list(folder.path(), &[("WHEELWRIGHT_BUILD__TARGETS", "cp399"), ("PATH", &path)], false);
    assert_eq!(output.status.code(), Some(1));
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        told.contains("target cp399 does not exist: use one of ") && told.contains("build.targets"),
        "{told}"
    );
}

#[test]
fn a_machine_without_python_is_told_what_to_do() {
    let folder = tempfile::tempdir().expect("a folder");
    let bare = folder.path().display().to_string();
    let output = list(folder.path(), &[("PATH", &bare), ("HOME", &bare)], false);
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success());
    // The system has its own in these places, and an image for manylinux wheels below /opt/python.
    let elsewhere = told.lines().any(|line| line.contains(" /usr/") || line.contains(" /opt/python/"));
    assert!(told.contains("build.interpreters") || elsewhere, "{told}");
}

/// What an installer sends for this version of CPython, on a Linux newer than any.
fn user_agent(version: &str) -> String {
    let cpu = std::env::consts::ARCH;
    format!(
        "uv/0.13.9 {{\"installer\":{{\"name\":\"uv\",\"version\":\"0.13.9\"}},\"python\":\"{version}\",\
         \"implementation\":{{\"name\":\"CPython\",\"version\":\"{version}\"}},\"distro\":{{\"name\":\"Debian\",\
         \"version\":\"99\",\"libc\":{{\"lib\":\"glibc\",\"version\":\"2.99\"}}}},\"system\":{{\"name\":\"Linux\"}},\
         \"cpu\":\"{cpu}\"}}"
    )
}

#[test]
fn a_user_agent_is_explained_with_the_target_it_means_and_why_no_other() {
    let folder = tempfile::tempdir().expect("a folder");
    let (executable, tag) = python();
    let settings =
        [("WHEELWRIGHT_BUILD__INTERPRETERS", executable.as_str()), ("WHEELWRIGHT_BUILD__TARGETS", &tag)];
    let all: Value = serde_json::from_slice(&list(folder.path(), &settings, true).stdout).expect("JSON");
    let (name, version) =
        (all[0]["name"].as_str().expect("a name"), all[0]["version"].as_str().expect("one"));
    let explain = |agent: &str, more: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_wheelwright"));
        command.current_dir(folder.path()).env_clear().envs(settings);
        command.args(["target", "explain", agent]).args(more).output().expect("it runs")
    };
    let output = explain(&user_agent(version), &[]);
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{told}");
    assert!(
        told.contains(&format!("it gets wheels for {name}, one of the interpreters on this machine")),
        "{told}"
    );
    assert!(told.lines().any(|line| line.starts_with(name) && line.ends_with(" chosen")), "{told}");
    let output = explain(&user_agent("2.6.0"), &["--json"]);
    assert_eq!(output.status.code(), Some(1));
    let told: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!((&told["target"], &told["client"]["libc"]), (&Value::Null, &Value::from("glibc 2.99")));
    let why = told["targets"][0]["verdict"].as_str().expect("a verdict");
    assert!(why.starts_with("it is for Python 3.") && why.ends_with(", not 2.6.0"), "{why}");
    let output = explain("curl/8.0", &[]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stdout).contains("does not report an interpreter"));
}
