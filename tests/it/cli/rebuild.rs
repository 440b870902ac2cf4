//! Stories of `wheelwright build`: built again, with what is kept beside the wheels, and two sources of one name.

use crate::cli::build::Machine;
use crate::kit::packages::Package;
use crate::kit::sources::Tree;
use crate::kit::upstream::Upstream;
use crate::kit::workbench::bundled_pip;
use serde_json::Value;
use std::path::Path;
use wheelwright::tools::hex;

const TARGET: [&str; 2] = ["--target", "cp313-linux"];
const WHEEL: &str = "house/demo-1.5-py2.py3-none-any.whl";

fn demo(machine: &Machine) {
    let folder = machine.project("proj", "name=demo\nversion=1.5\n");
    let backend = std::fs::read_to_string(folder.join("backend.py")).expect("a backend");
    let random = backend.replace("\"VERSION = %r\\n\" % version", "\"SEED = %r\\n\" % os.urandom(8)");
    assert_ne!(random, backend);
    std::fs::write(folder.join("backend.py"), random).expect("a file");
}

fn text(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_built_is_built_again_where_that_is_asked_for() {
    let machine = Machine::new();
    let upstream = Upstream::start().await;
    demo(&machine);
    let wheel = || std::fs::read(machine.path(WHEEL)).expect("a wheel");
    let build = async |more: &[&str]| {
        let arguments = [&["./proj"], &TARGET[..], more].concat();
        machine.build(&upstream.simple(), &arguments).await.succeeded()
    };
    build(&[]).await;
    let first = wheel();
    let second = build(&[]).await;
    assert!(second.said().contains("was built before (build "), "{}", second.said());
    assert!(wheel() == first, "the same build");
    let again = build(&["--rebuild"]).await;
    assert_eq!(again.outcomes(), ["demo cp313 built"]);
    assert!(again.said().contains("built in "), "{}", again.said());
    assert!(wheel() != first, "the wheelhouse has the new one");
    assert!(again.json()["items"][0]["ran"].as_f64().is_some_and(|ran| ran > 0.0), "{:#}", again.json());
}

#[tokio::test(flavor = "multi_thread")]
async fn evidence_and_log_of_a_wheel_lie_beside_it_or_where_they_are_wanted() {
    let machine = Machine::new();
    let upstream = Upstream::start().await;
    demo(&machine);
    let elsewhere = ["--rebuild", "--evidence", "kept"];
    for (folder, more) in [("house", &[][..]), ("kept", &elsewhere)] {
        machine.build(&upstream.simple(), &[&["./proj"], &TARGET[..], more].concat()).await.succeeded();
        let beside = |ending: &str| machine.path(folder).join(format!("demo-1.5-py2.py3-none-any.{ending}"));
        let evidence: Value = serde_json::from_str(&text(&beside("evidence.json"))).expect("JSON");
        let sha256 = hex::file_sha256(&machine.path(WHEEL)).expect("a wheel");
        assert_eq!(evidence["wheel_sha256"], sha256, "{evidence:#}");
        assert!(evidence["durations"]["build"].as_f64().is_some(), "{evidence:#}");
        text(&beside("log"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_is_left_in_a_project_is_no_part_of_it() {
    let machine = Machine::new();
    let upstream = Upstream::start().await;
    machine.project("proj", "name=demo\nversion=1.5\nfail=no luck\n");
    let arguments = [&["./proj", "--evidence", "proj/kept"], &TARGET[..]].concat();
    let build = async || machine.build(&upstream.simple(), &arguments).await;
    let first = build().await;
    let log = first.json()["items"][0]["log"].as_str().expect("a log").to_owned();
    assert!(log.contains("/proj/kept/") && text(Path::new(&log)).contains("no luck"), "{log}");
    assert!(build().await.said().contains("it failed before"), "the same source");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_of_a_build_requirement_that_failed_is_kept_with_that_of_who_needs_it() {
    let machine = Machine::new();
    let upstream = Upstream::start().await;
    let (name, pip) = bundled_pip("3.13").await;
    upstream.add(&name, pip);
    let tool = Tree::new("brokentool", "1.0").does("raise RuntimeError('the tool is broken')");
    upstream.add(&tool.filename(), tool.sdist());
    let folder = machine.project("app", "name=app\nversion=1\n");
    let project =
        text(&folder.join("pyproject.toml")).replace("requires = []", "requires = [\"brokentool\"]");
    std::fs::write(folder.join("pyproject.toml"), project).expect("a file");
    let built = machine.build(&upstream.simple(), &[&["./app"], &TARGET[..]].concat()).await;
    let item = &built.json()["items"][0];
    assert_eq!(item["failure"]["class"], "build-requirement", "{item:#}");
    let log = item["requirement_logs"][0].as_str().unwrap_or_else(|| panic!("{item:#}"));
    assert!(log.contains("/house/brokentool-1.0-cp313-") && log.ends_with(".failed.log"), "{log}");
    assert!(text(Path::new(log)).contains("the tool is broken"), "{log}");
    assert!(built.said().contains(&format!("log of a build requirement: {log}")), "{}", built.said());
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_sources_that_give_one_wheel_neither_is_lost_without_a_word() {
    let machine = Machine::new();
    let upstream = Upstream::start().await;
    upstream.set(|behaviour| behaviour.metadata = None);
    machine.project("one", "name=demo\nversion=1.5\n");
    machine.project("two", "name=demo\nversion=1.5\nrequires=helper\n");
    upstream
        .add(&Package::new("helper", "1.0").wheel().filename, Package::new("helper", "1.0").wheel().bytes);
    let both = machine.build(&upstream.simple(), &[&["./one", "./two"], &TARGET[..]].concat()).await;
    assert_eq!(both.outcomes(), ["./two cp313 failed", "demo cp313 built"], "{}", both.said());
    let message = both.json()["items"][0]["message"].as_str().unwrap_or_default().to_owned();
    assert_eq!(message, "it is demo 1.5, and ./one is demo 1.5 already: name one of them");
    let first = std::fs::read(machine.path(WHEEL)).expect("the first one's");
    let other = machine.build(&upstream.simple(), &[&["./two"], &TARGET[..]].concat()).await.succeeded();
    let warning = "replaces the wheel of that name in the wheelhouse, which came from ./one";
    assert!(other.json()["warnings"].to_string().contains(warning), "{:#}", other.json());
    assert!(std::fs::read(machine.path(WHEEL)).expect("a wheel") != first);
    let again = machine.build(&upstream.simple(), &[&["./two"], &TARGET[..]].concat()).await.succeeded();
    assert_eq!(again.json()["warnings"].as_array().map(Vec::len), Some(0), "{:#}", again.json());
}
