//! Wheels for an older glibc that zig cannot compile: built in a root of an older Debian, whose packages apt fetches.

use crate::build::cross::{answer, built, failure, objects};
use crate::kit::Server;
use crate::kit::sources::Tree;
use crate::kit::workbench::{Done, Workbench};
use axum::Router;
use axum::http::{StatusCode, Uri};
use std::path::{Path, PathBuf};
use wheelwright::config::BuildSettings;
use wheelwright::config::upstream::default_upstream;
use wheelwright::words::{Class, Step};
use wheelwright::worker::root::OlderSystems;

const TARGET: &str = "cp312-manylinux_2_31_x86_64";

/// A function within a function: GNU's C, which gcc alone compiles.
const NESTED: &str = "static long found(void) {
    int add(int x) { return x + 41; }
    return add(1);
}";
/// The same with a library of the system.
const WITH_LIBRARY: &str = "#include <ffi.h>
static long found(void) {
    int prepared(ffi_cif *cif) { return ffi_prep_cif(cif, FFI_DEFAULT_ABI, 0, &ffi_type_sint, 0) == FFI_OK; }
    ffi_cif cif;
    return prepared(&cif) ? 42 : 0;
}";

fn settings() -> BuildSettings {
    BuildSettings { cross: vec!["manylinux_2_31_x86_64".to_owned()], ..BuildSettings::default() }
}

/// A worker that may build in an older Debian, and the server with its index, a mirror of PyPI.
async fn bench() -> (Server, Workbench) {
    let upstream = default_upstream(|name| std::env::var(name).ok()).expect("PyPI's address");
    let server = Server::start_with(|config| config.upstream = Some(upstream)).await;
    let bench = Workbench::start_with(Some(server.url("")), &settings()).await;
    (server, bench)
}

async fn build(bench: &Workbench, tree: &Tree) -> Done {
    bench.build(&tree.filename(), tree.sdist(), TARGET, |job| job.addable = vec!["*".to_owned()]).await
}

/// The finished roots of Debian 11 in a folder of roots.
fn roots(folder: &Path) -> Vec<PathBuf> {
    let all = std::fs::read_dir(folder.join("debian-11")).expect("its folder");
    all.flatten().map(|entry| entry.path()).filter(|path| path.join("about.json").is_file()).collect()
}

/// Tries to leave a file in each of these places, and says what system it is in.
fn canary(places: &[String]) -> String {
    format!(
        "import os, subprocess, sys
for place in {places:?}:
    try:
        open(os.path.join(place, 'wheelwright-canary'), 'w').close()
        print('ESCAPED to', place)
    except OSError as error:
        print('held at', place)
print('inside is', subprocess.check_output(['ldd', '--version']).decode().splitlines()[0])
print('again', subprocess.check_output([sys.executable, '-c', 'import sys; print(sys.prefix)']).decode())"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn what_zig_cannot_compile_is_built_in_an_older_debian_with_its_libraries_and_nothing_reaches_the_host()
{
    let (_server, bench) = bench().await;
    let folder = bench.data.path().join("roots");
    let data = bench.data.path().display().to_string();
    let places: Vec<String> = ["/", "/usr", "/usr/bin", "/usr-host", "/etc", "/interpreter", "/tools", &data]
        .map(str::to_owned)
        .to_vec();
    let tree =
        Tree::compiled_with("demo", "1.0", WITH_LIBRARY, "found()").links("ffi").before(&canary(&places));
    let done = build(&bench, &tree).await;
    let (name, wheel, evidence) = built(&done);
    assert_eq!(name, "demo-1.0-cp312-cp312-manylinux_2_31_x86_64.whl");
    assert_eq!(answer(name, wheel).await, "42");
    for way in ["built in a root of Debian 11 (glibc 2.31)", "imported demo"] {
        assert!(evidence.checked.contains(&way.to_owned()), "{:?}", evidence.checked);
    }
    assert!(evidence.tools["gcc"].starts_with("10."), "{:?}", evidence.tools);
    assert!(!evidence.tools.contains_key("ziglang"), "{:?}", evidence.tools);
    // The library is that Debian's, not this machine's.
    let grafted = evidence.grafted.first().unwrap_or_else(|| panic!("{evidence:?}"));
    assert!(format!("{grafted:?}").contains("libffi7"), "{grafted:?}");
    for version in objects(wheel).values().flat_map(|elf| elf.versions.values().flatten()) {
        let Some(needed) = version.strip_prefix("GLIBC_2.") else { continue };
        let minor: u32 = needed.split('.').next().and_then(|text| text.parse().ok()).expect("a number");
        assert!(minor <= 31, "{version}");
    }
    assert!(done.log.contains("zig cannot build this: Debian 11 (glibc 2.31) is next"), "{}", done.log);
    assert!(done.log.contains("inside is ldd (Debian GLIBC 2.31"), "{}", done.log);
    assert!(done.log.contains("again /"), "{}", done.log);
    assert!(!done.log.contains("ESCAPED"), "{}", done.log);
    for place in &places {
        assert!(done.log.contains(&format!("held at {place}\n")), "{}", done.log);
        assert!(!Path::new(place).join("wheelwright-canary").exists(), "{place}");
    }
    let kept = roots(&folder);
    // The plain one, and the one with the library.
    assert_eq!(kept.len(), 2, "{kept:?}");
    for root in &kept {
        assert!(!root.join("usr/wheelwright-canary").exists() && !root.join("wheelwright-canary").exists());
        std::fs::remove_file(root.join("usr/bin/gcc")).expect("is there");
    }
    // Roots that somebody damaged are made anew.
    let done = build(&bench, &Tree::compiled_with("other", "1.0", NESTED, "found()")).await;
    assert!(built(&done).2.checked.iter().any(|line| line.contains("Debian 11")), "{}", done.log);
    assert_eq!(roots(&folder).iter().filter(|root| root.join("usr/bin/gcc").exists()).count(), 1);
}

fn older(bench: &Workbench, settings: &BuildSettings, folder: &Path) -> OlderSystems {
    OlderSystems::new(settings, false, folder.to_owned(), bench.worker.sandbox.clone()).expect("systems")
}

/// A mirror that answers this at every path that ends so, and nothing else; its address.
async fn mirror(end: &'static str, text: &'static str) -> String {
    let answer = move |uri: Uri| async move {
        match !end.is_empty() && uri.path().ends_with(end) {
            true => (StatusCode::OK, text),
            false => (StatusCode::NOT_FOUND, ""),
        }
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move { axum::serve(listener, Router::new().fallback(answer)).await });
    format!("http://{address}/debian")
}

#[tokio::test(flavor = "multi_thread")]
async fn without_an_older_debian_what_zig_said_is_told_with_the_reason_and_the_way_out() {
    let tree = Tree::compiled_with("demo", "1.0", NESTED, "found()");
    let unsigned = "Origin: Debian\nLabel: Debian\nSuite: bullseye\nCodename: bullseye\n\
                    Date: Sat, 01 Jan 2022 00:00:00 UTC\nArchitectures: amd64\nComponents: main\nSHA256:\n";
    let cases = [
        ("http://127.0.0.1:9/debian".to_owned(), "gives no Debian 11 (glibc 2.31): "),
        (mirror("", "").await, "does not have a Release file"),
        (mirror("/Release", unsigned).await, "is not signed"),
    ];
    let (_server, mut bench) = bench().await;
    for (number, (address, why)) in cases.iter().enumerate() {
        let settings = BuildSettings { debian_mirror: Some(address.clone()), ..settings() };
        let folder = bench.data.path().join(format!("older{number}"));
        bench.worker.older = older(&bench, &settings, &folder);
        let done = build(&bench, &tree).await;
        let failure = failure(&done);
        assert_eq!(
            (failure.class, failure.step),
            (Class::Compiler, Step::Build),
            "{failure:?}\n{}",
            done.log
        );
        assert!(failure.line.as_deref().is_some_and(|line| line.contains("module.c")), "{failure:?}");
        let hint = &failure.hint;
        assert!(hint.contains("by zig") && hint.contains(address.as_str()) && hint.contains(why), "{hint}");
        assert!(hint.ends_with("Name a mirror that has it with build.debian_mirror"), "{hint}");
        assert!(roots(&folder).is_empty());
    }
    let folder = bench.data.path().join("off");
    bench.worker.older = older(&bench, &BuildSettings { debian_root: false, ..settings() }, &folder);
    let done = build(&bench, &tree).await;
    let hint = &failure(&done).hint;
    assert!(hint.ends_with("build.debian_root is off, so no older Debian was tried"), "{hint}");
    assert!(!folder.exists());
    // What calls no compiler has no second way.
    let done = build(&bench, &Tree::new("demo", "1.0").does("raise SystemExit('no')")).await;
    assert!(!failure(&done).hint.contains("Debian"), "{}", failure(&done).hint);
}
