//! Wheels for musl and for another processor, tested by interpreters of those systems.

use super::cross::{bench, built, failure};
use crate::kit::guests::{python_of_arm, python_of_musl};
use crate::kit::sources::Tree;
use crate::kit::workbench::{Done, Workbench};
use serde_json::json;
use std::path::Path;
use wheelwright::build::job::Job;
use wheelwright::config::BuildSettings;
use wheelwright::words::{Class, Evidence};
use wheelwright::worker::interpreters;

/// What a musl of Debian 12 does not have; zig does not ask for it while it links a module.
const NOWHERE: &str = "extern long wheelwright_is_nowhere(void);";

/// Has the worker of a bench find one more interpreter.
async fn add(bench: &mut Workbench, python: &Path) {
    let settings =
        BuildSettings { interpreters: vec![python.display().to_string()], ..BuildSettings::default() };
    bench.worker.interpreters = interpreters::discover(&settings).await.expect("interpreters");
}

async fn build(bench: &Workbench, tree: &Tree, target: &str, change: impl FnOnce(&mut Job)) -> Done {
    bench.build(&tree.filename(), tree.sdist(), target, change).await
}

fn says(evidence: &Evidence, text: &str) -> bool {
    evidence.checked.iter().any(|line| line.contains(text))
}

/// A recipe that has a module of the wheel's requirement imported beside its own, and then asks for the answer.
fn tested(job: &mut Job) {
    job.recipe = Some(json!({"test": {
        "import": ["demo", "markupsafe._speedups"],
        "command": "python -c 'import demo; assert demo.answer() == 42'",
    }}));
}

/// Like [`Tree::compiled_with`], with a requirement.
fn requiring(head: &str, answer: &str) -> Tree {
    Tree::compiled_with("demo", "1.0", head, answer).requires("markupsafe")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wheel_for_musl_is_imported_by_a_python_for_musl_which_gets_the_loader_of_debian() {
    let (_server, mut bench) = bench().await;
    let target = "cp312-musllinux_1_2_x86_64";
    let plain = requiring("", "42");
    add(&mut bench, &python_of_musl().await).await;
    assert!(
        !bench.worker.interpreters.iter().any(|each| each.target.name == target),
        "it is for tests alone"
    );
    let done = build(&bench, &plain, target, |job| {
        tested(job);
        job.addable = vec!["musl".to_owned()];
    })
    .await;
    let (_, _, evidence) = built(&done);
    for said in [
        "imported demo, markupsafe._speedups",
        "tested with CPython 3.12.15 for musllinux_1_2_x86_64",
        "imported demo, markupsafe._speedups without system packages",
        "tested by recipe: python -c",
    ] {
        assert!(says(evidence, said), "no {said:?} in {:?}\n{}", evidence.checked, done.log);
    }
    assert!(!says(evidence, "not tested"), "{:?}", evidence.checked);
    let wrong = Tree::compiled_with("demo", "1.0", NOWHERE, "wheelwright_is_nowhere()");
    let done = build(&bench, &wrong, target, |job| job.addable = vec!["*".to_owned()]).await;
    let (failure, line) = (failure(&done), failure(&done).line.clone().unwrap_or_default());
    assert_eq!(failure.class, Class::Import);
    assert!(line.contains("ImportError: Error relocating"), "{line}\n{}", done.log);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wheel_for_another_processor_is_imported_by_a_python_that_qemu_runs() {
    let (_server, mut bench) = bench().await;
    let python = python_of_arm().await;
    add(&mut bench, &python).await;
    let name = python.file_name().expect("a name").to_string_lossy();
    let half = name.replace("python3.", "cp3");
    let done = build(&bench, &requiring("", "42"), &format!("{half}-manylinux_2_17_aarch64"), tested).await;
    let (_, _, evidence) = built(&done);
    for said in [
        "imported demo, markupsafe._speedups",
        "for manylinux_2_17_aarch64, run by qemu-aarch64",
        "tested by recipe: python -c",
    ] {
        assert!(says(evidence, said), "no {said:?} in {:?}\n{}", evidence.checked, done.log);
    }
}
