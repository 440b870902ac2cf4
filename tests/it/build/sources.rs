//! Sources as they come: packed by other tools, locked by other toolchains, in need of other programs.

use crate::kit::sources::Tree;
use crate::kit::workbench::{Done, Workbench};
use serde_json::json;
use std::io::{Read as _, Write as _};
use std::process::{Command, Stdio};
use wheelwright::build::job::{Job, JobOutcome};
use wheelwright::words::{Class, Evidence, Step};

const PYTHON: &str = "3.13";

fn evidence(done: &Done) -> &Evidence {
    match &done.outcome {
        JobOutcome::Built { evidence, .. } => evidence,
        other => panic!("{other:?}\n{}", done.log),
    }
}

/// The plain tar archive of a source, followed by what `behind` says.
fn tar_of(tree: &Tree, behind: &[u8]) -> Vec<u8> {
    let mut plain = Vec::new();
    flate2::read::GzDecoder::new(&tree.sdist()[..]).read_to_end(&mut plain).expect("unpacked");
    plain.extend(behind);
    plain
}

fn packed_by(program: &str, bytes: Vec<u8>) -> Vec<u8> {
    let mut command = Command::new(program);
    let mut child = command.arg("-c").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect(program);
    let mut input = child.stdin.take().expect("its input");
    let writing = std::thread::spawn(move || input.write_all(&bytes).expect("written"));
    let output = child.wait_with_output().expect("it ends");
    writing.join().expect("all written");
    output.stdout
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_with_a_lot_behind_its_end_mark_is_built_whatever_packed_it() {
    let bench = Workbench::start(None).await;
    let tree = Tree::new("demo", "1.0");
    // What does not fit into a pipe: a program that is not read to its end is killed.
    let noise: Vec<u8> = (0..400_000u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    for (program, ending) in [("bzip2", "bz2"), ("xz", "xz"), ("zstd", "zst")] {
        let bytes = packed_by(program, tar_of(&tree, &noise));
        let named = |job: &mut Job| job.version = Some("1.0".to_owned());
        let done = bench.build(&format!("demo-1.0.tar.{ending}"), bytes, PYTHON, named).await;
        evidence(&done);
        // Half of it is broken, and that is the source's fault.
        let mut half =
            packed_by(program, tar_of(&tree.clone().file("noise", &"0123456789".repeat(50_000)), b""));
        half.truncate(half.len() / 2);
        let done = bench.build(&format!("demo-1.0.tar.{ending}"), half, PYTHON, named).await;
        let JobOutcome::Failed(failure) = &done.outcome else { panic!("{:?}\n{}", done.outcome, done.log) };
        assert_eq!((failure.class, failure.step), (Class::BadSource, Step::Unpack), "{}", done.log);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_this_machine_cannot_unpack_is_not_called_damaged() {
    if Command::new("lzip").arg("--version").output().is_ok() {
        // A machine that has the program shows the other half of it.
        let bench = Workbench::start(None).await;
        let bytes = packed_by("lzip", tar_of(&Tree::new("demo", "1.0"), b""));
        evidence(
            &bench.build("demo-1.0.tar.lz", bytes, PYTHON, |job| job.version = Some("1.0".into())).await,
        );
        return;
    }
    let bench = Workbench::start(None).await;
    let done = bench.build("demo-1.0.tar.lz", &b"LZIP\x01whatever"[..], PYTHON, |_| {}).await;
    let JobOutcome::Failed(failure) = &done.outcome else { panic!("{:?}\n{}", done.outcome, done.log) };
    assert_eq!((failure.class, failure.step), (Class::Worker, Step::Unpack), "{}", done.log);
    assert!(failure.hint.contains("install the program lzip on the worker"), "{}", failure.hint);
}

/// A backend that has cargo build a program offline from what is locked, and puts what it says into the wheel.
const ASKS_CARGO: &str = "import subprocess
subprocess.check_call(['cargo', 'build', '--locked', '--offline', '--manifest-path', 'native/Cargo.toml'])
said = subprocess.check_output(['native/target/debug/native']).decode()
members['said.py'] = 'said = %r' % said";

#[tokio::test(flavor = "multi_thread")]
async fn a_lock_file_that_does_not_match_is_updated_before_the_network_closes() {
    let bench = Workbench::start(None).await;
    let manifest = "[package]\nname = \"native\"\nversion = \"1.1.0\"\nedition = \"2021\"\n\n[dependencies]\nlib = { path = \"lib\" }\n";
    let lib = "[package]\nname = \"lib\"\nversion = \"0.1.0\"\nedition = \"2021\"\n";
    let old = "version = 3\n\n[[package]]\nname = \"native\"\nversion = \"1.0.0\"\n";
    let newer = "version = 99\n\n[[package]]\nname = \"native\"\nversion = \"1.1.0\"\n";
    let tree = |lock: &str| {
        Tree::new("demo", "1.0")
            .does(ASKS_CARGO)
            .file("native/Cargo.toml", manifest)
            .file("native/Cargo.lock", lock)
            .file("native/src/main.rs", "fn main() { println!(\"{}\", lib::answer()); }")
            .file("native/lib/Cargo.toml", lib)
            .file("native/lib/src/lib.rs", "pub fn answer() -> i32 { 42 }")
    };
    let says = [(old, "did not match its Cargo.toml and was updated"), (newer, "was written anew")];
    for (lock, expected) in says {
        let tree = tree(lock);
        let done = bench.build(&tree.filename(), tree.sdist(), PYTHON, |_| {}).await;
        let [change] = evidence(&done).changed.as_slice() else { panic!("{}", done.log) };
        assert!(change.starts_with("native/Cargo.lock ") && change.contains(expected), "{change}");
        assert!(done.log.contains(change), "{}", done.log);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_system_package_has_the_names_that_its_script_gives_by_a_variable() {
    let bench = Workbench::start(None).await;
    let tree = Tree::new("demo", "1.0").does(
        "import subprocess
for name in ['aclocal', 'automake', 'autoconf', 'autoreconf']:
    subprocess.check_call([name, '--version'])",
    );
    let recipe = |job: &mut Job| job.recipe = Some(json!({"packages": ["automake"]}));
    let done = bench.build(&tree.filename(), tree.sdist(), PYTHON, recipe).await;
    assert_eq!(evidence(&done).strategy, "recipe");
}
