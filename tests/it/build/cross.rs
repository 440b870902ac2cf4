//! Wheels for older systems, another libc and another processor, compiled here by the zig of PyPI.

use crate::kit::Server;
use crate::kit::sources::Tree;
use crate::kit::workbench::{Done, Workbench, found};
use std::collections::BTreeMap;
use std::io::Read;
use std::process::Command;
use wheelwright::build::job::JobOutcome;
use wheelwright::config::upstream::default_upstream;
use wheelwright::packaging::elf::{Elf, is_elf};
use wheelwright::words::{Class, Evidence, Failure};

const PYTHON: &str = "cp312";

/// C that asks a new glibc for new symbols: `pthread_create`, `stat` and `fcntl` moved or got new names in 2.28
/// to 2.34.
const HEAD: &str = "#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>
static void *go(void *given) { return given; }
static long found(void) {
    pthread_t thread;
    struct stat about;
    pthread_create(&thread, 0, go, 0);
    pthread_join(thread, 0);
    return fcntl(0, F_GETFD) > -2 && stat(\\\"/\\\", &about) == 0 ? 42 : 0;
}";

fn newer() -> Tree {
    Tree::compiled_with("demo", "1.0", HEAD, "found()")
}

/// A worker whose index is a mirror of PyPI.
pub async fn bench() -> (Server, Workbench) {
    let upstream = default_upstream(|name| std::env::var(name).ok()).expect("PyPI's address");
    let server = Server::start_with(|config| config.upstream = Some(upstream)).await;
    let bench = Workbench::start(Some(server.url(""))).await;
    (server, bench)
}

async fn build(bench: &Workbench, tree: &Tree, platform: &str) -> Done {
    bench.build(&tree.filename(), tree.sdist(), &format!("{PYTHON}-{platform}"), |_| {}).await
}

pub fn built(done: &Done) -> (&str, &[u8], &Evidence) {
    match (&done.outcome, done.wheels.first()) {
        (JobOutcome::Built { evidence, .. }, Some((name, bytes))) => (name, bytes, evidence),
        (other, _) => panic!("{other:?}\n{}", done.log),
    }
}

pub fn failure(done: &Done) -> &Failure {
    match &done.outcome {
        JobOutcome::Failed(failure) => failure,
        other => panic!("{other:?}\n{}", done.log),
    }
}

/// The shared objects of a wheel, by name.
pub fn objects(wheel: &[u8]) -> BTreeMap<String, Elf> {
    let mut archive = zip::ZipArchive::new(std::io::Cursor::new(wheel)).expect("a wheel");
    let mut objects = BTreeMap::new();
    for index in 0..archive.len() {
        let mut member = archive.by_index(index).expect("a member");
        let mut bytes = Vec::new();
        member.read_to_end(&mut bytes).expect("its bytes");
        if is_elf(&bytes) {
            objects.insert(member.name().expect("its name").into_owned(), Elf::read(&bytes).expect("ELF"));
        }
    }
    objects
}

/// What this machine's interpreter gets from the wheel, as pip installs it.
pub async fn answer(name: &str, wheel: &[u8]) -> String {
    let all = found().await;
    let python = all.iter().find(|each| each.target.matches(PYTHON)).expect("the interpreter");
    let folder = tempfile::tempdir().expect("a folder");
    let (path, site) = (folder.path().join(name), folder.path().join("site"));
    std::fs::write(&path, wheel).expect("writes");
    let pip = Command::new(&python.executable)
        .args(["-m", "pip", "install", "--quiet", "--no-index", "--target"])
        .args([&site, &path])
        .output()
        .expect("pip");
    assert!(pip.status.success(), "{}", String::from_utf8_lossy(&pip.stderr));
    let program = "import demo; print(demo.answer())";
    let run = Command::new(&python.executable).args(["-c", program]).env("PYTHONPATH", &site).output();
    String::from_utf8(run.expect("Python").stdout).expect("text").trim().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_module_that_would_need_a_newer_glibc_is_built_for_an_older_one_and_runs() {
    let (_server, bench) = bench().await;
    let native = bench.target(PYTHON);
    let done = bench.build(&newer().filename(), newer().sdist(), &native, |_| {}).await;
    let (name, ..) = built(&done);
    assert!(
        !name.contains("manylinux_2_17") && !name.contains("manylinux_2_28"),
        "not old by itself: {name}"
    );
    for (platform, names, minor) in [
        ("manylinux_2_17_x86_64", "manylinux2014_x86_64.manylinux_2_17_x86_64", 17),
        ("manylinux_2_28_x86_64", "manylinux_2_28_x86_64", 28),
    ] {
        let done = build(&bench, &newer(), platform).await;
        let (name, wheel, evidence) = built(&done);
        assert_eq!(name, format!("demo-1.0-{PYTHON}-{PYTHON}-{names}.whl"));
        for version in objects(wheel).values().flat_map(|elf| elf.versions.values().flatten()) {
            let needed = version.strip_prefix("GLIBC_2.").expect("only glibc's");
            assert!(
                needed.split('.').next().and_then(|text| text.parse().ok()).is_some_and(|n: u32| n <= minor)
            );
        }
        assert_eq!(answer(name, wheel).await, "42");
        assert!(
            evidence.tools.contains_key("ziglang") && !evidence.tools.contains_key("gcc"),
            "{evidence:?}"
        );
        let way = format!("compiled with zig cc -target x86_64-linux-gnu.2.{minor}");
        assert!(evidence.checked.contains(&way), "{:?}", evidence.checked);
        assert!(evidence.checked.contains(&"imported demo".to_owned()), "{:?}", evidence.checked);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_this_machine_cannot_load_is_built_for_its_system_and_marked_as_untested() {
    let (_server, bench) = bench().await;
    let musl = ("musllinux_1_2_x86_64", "musllinux_1_2_x86_64", "x86_64-linux-musl", "libc.musl-x86_64.so.1");
    let arm = ("manylinux_2_17_aarch64", "manylinux2014_aarch64.manylinux_2_17_aarch64");
    for (platform, names, triplet, libc) in [musl, (arm.0, arm.1, "aarch64-linux-gnu", "libc.so.6")] {
        let done = build(&bench, &newer(), platform).await;
        let (name, wheel, evidence) = built(&done);
        assert_eq!(name, format!("demo-1.0-{PYTHON}-{PYTHON}-{names}.whl"));
        let objects = objects(wheel);
        // Under the name that the interpreter of that system looks for.
        let module = format!("demo.cpython-312-{triplet}.so");
        assert_eq!(objects.keys().collect::<Vec<_>>(), [&module]);
        for elf in objects.values() {
            assert_eq!(elf.arch(), triplet.split('-').next());
            assert!(
                elf.needed.contains(&libc.to_owned()) && !elf.needed.contains(&"libc.so".to_owned()),
                "{elf:?}"
            );
        }
        let said = evidence.checked.join("\n");
        assert!(said.contains(&format!("not tested on {platform}: the worker has no Python 3.12")), "{said}");
        assert!(!said.contains("imported demo"), "{said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pure_source_needs_no_zig_and_rust_for_another_libc_is_refused_with_a_reason() {
    let (_server, bench) = bench().await;
    let done = build(&bench, &Tree::new("demo", "1.0"), "musllinux_1_2_aarch64").await;
    let (name, _, evidence) = built(&done);
    assert_eq!(name, "demo-1.0-py2.py3-none-any.whl");
    assert!(!done.log.contains("zig") && !evidence.tools.contains_key("ziglang"), "{}", done.log);
    assert!(evidence.checked.contains(&"imported demo".to_owned()), "{:?}", evidence.checked);
    let rust = Tree::new("demo", "1.0")
        .file("pyproject.toml", "[build-system]\nrequires = ['maturin']\nbuild-backend = 'maturin'\n");
    let done = build(&bench, &rust, "musllinux_1_2_x86_64").await;
    assert_eq!(failure(&done).class, Class::MissingTool);
    assert!(
        failure(&done).hint.contains("does not compile Rust for musllinux_1_2_x86_64"),
        "{:?}",
        failure(&done)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn old_c_is_compiled_as_once_and_two_builds_wait_for_one_library() {
    let (_server, bench) = bench().await;
    // Called before it is declared: a warning of gcc 12, an error of zig.
    let old = Tree::compiled_with(
        "demo",
        "1.0",
        "static int early(void) { return late(42); }\nint late(int x) { return x; }",
        "early()",
    );
    let (one, two) = tokio::join!(
        build(&bench, &old, "manylinux_2_17_x86_64"),
        build(&bench, &old, "manylinux_2_17_x86_64")
    );
    let JobOutcome::Built { evidence, .. } = &one.outcome else { panic!("{:?}\n{}", one.outcome, one.log) };
    assert!(evidence.strategy.contains("-Wno-error=implicit-function-declaration"), "{}", evidence.strategy);
    let made = [&one, &two].map(|done| done.log.matches("zig compiles its libraries").count());
    assert_eq!(made.iter().sum::<usize>(), 1, "{}\n{}", one.log, two.log);
}
