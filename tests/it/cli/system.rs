//! Stories of `wheelwright build` on a machine with another distribution: system packages that conflict, are too many, or
//! cannot be found.

use crate::cli::build::{Built, Machine};
use crate::kit::distribution::{Distribution, HeaderPackage};
use crate::kit::sources::Tree;
use serde_json::{Value, json};

/// A source that compiles a file with these headers.
fn includes(machine: &Machine, headers: &[String]) {
    let code: String = headers.iter().map(|header| format!("#include <{header}>\n")).collect();
    let tree = Tree::new("demo", "1.0").file("code.c", &code).does(
        "import subprocess\n\
         subprocess.check_call(['cc', '-c', 'code.c', '-o', 'code.o'])",
    );
    std::fs::write(machine.path(&tree.filename()), tree.sdist()).expect("a file");
}

async fn build(machine: &Machine, distribution: &Distribution) -> Built {
    let arguments = ["./demo-1.0.tar.gz", "--target", "cp313-linux", "--rebuild"];
    machine.build_with("http://127.0.0.1:9/simple/", &arguments, &[distribution.variable()]).await
}

/// The failure and the log of the only build.
fn failed(built: &Built) -> (Value, String) {
    let item = built.json()["items"][0].clone();
    assert_eq!(item["outcome"], "failed", "{}\n{item:#}", built.said());
    let log = std::fs::read_to_string(item["log"].as_str().expect("a path")).expect("a log");
    (item["failure"].clone(), log)
}

/// How many attempts failed.
fn attempts(log: &str) -> usize {
    log.lines().filter(|line| line.contains("attempt ") && line.contains(") failed: ")).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_missing_headers_are_looked_for_in_bounded_rounds_and_the_first_error_is_told() {
    let machine = Machine::new();
    let name = |number: usize| format!("wheelwright-{number}.h");
    let packages = (0..50).map(|number| HeaderPackage::new(&format!("libw{number}-dev"), &name(number)));
    let distribution = Distribution::start(&packages.collect::<Vec<_>>()).await;
    includes(&machine, &(0..50).map(name).collect::<Vec<_>>());
    let (failure, log) = failed(&build(&machine, &distribution).await);
    assert_eq!(attempts(&log), 16, "{log}");
    assert_eq!(failure["class"], "missing-header", "{failure:#}");
    // What is told last is what is missing now; the first error stays beside it.
    assert!(failure["line"].as_str().is_some_and(|line| line.contains("wheelwright-15.h")), "{failure:#}");
    let hint = failure["hint"].as_str().unwrap_or_default();
    assert!(hint.contains("16 attempts were made"), "{hint}");
    assert!(
        hint.contains("The first failed: missing-header: ") && hint.contains("wheelwright-0.h"),
        "{hint}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_package_that_conflicts_is_left_out_with_its_reason_and_another_one_takes_its_place() {
    let machine = Machine::new();
    let packages = || {
        vec![
            HeaderPackage::new("libwa-dev", "wheelwright-a.h"),
            HeaderPackage::new("libwb-dev", "wheelwright-b.h").says("Conflicts: libwa-dev"),
        ]
    };
    includes(&machine, &["wheelwright-a.h".to_owned(), "wheelwright-b.h".to_owned()]);
    let distribution = Distribution::start(&packages()).await;
    let (failure, log) = failed(&build(&machine, &distribution).await);
    assert_eq!(attempts(&log), 2, "{log}");
    assert_eq!(failure["class"], "missing-header", "{failure:#}");
    assert!(failure["line"].as_str().is_some_and(|line| line.contains("wheelwright-b.h")), "{failure:#}");
    let why = "cannot add libwb-dev: apt cannot get the system packages: libwb-dev : Conflicts: libwa-dev";
    assert!(log.contains(why), "{log}");

    let machine = Machine::new();
    includes(&machine, &["wheelwright-a.h".to_owned(), "wheelwright-b.h".to_owned()]);
    let other = HeaderPackage::new("libwheelwright-other-dev", "wheelwright-b.h");
    let distribution = Distribution::start(&[packages(), vec![other]].concat()).await;
    build(&machine, &distribution).await.succeeded();
    let evidence = machine.path("house/demo-1.0-py2.py3-none-any.evidence.json");
    let evidence: Value = serde_json::from_slice(&std::fs::read(evidence).expect("evidence")).expect("JSON");
    assert_eq!(
        evidence["found"],
        json!({"packages": ["libwa-dev", "libwheelwright-other-dev"]}),
        "{evidence:#}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn without_an_index_of_contents_that_can_be_read_the_failure_is_told_as_it_is() {
    for (vouched, why) in [(false, "unexpected size"), (true, "Read error")] {
        let machine = Machine::new();
        let distribution = Distribution::start(&[HeaderPackage::new("libwa-dev", "wheelwright-a.h")]).await;
        includes(&machine, &["wheelwright-a.h".to_owned()]);
        distribution.damage_contents(vouched);
        let (failure, log) = failed(&build(&machine, &distribution).await);
        assert_eq!((attempts(&log), &failure["class"]), (1, &json!("missing-header")), "{log}");
        assert!(failure["line"].as_str().is_some_and(|line| line.contains("wheelwright-a.h")), "{failure:#}");
        let told =
            log.lines().find(|line| line.contains("no system package is looked for")).unwrap_or_default();
        assert!(told.contains("there is no index of what system packages contain"), "{log}");
        assert!(told.contains("apt cannot fetch http://127.0.0.1:") && told.contains(why), "{told}");
    }
}
