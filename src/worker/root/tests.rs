//! Roots made of real packages and this machine's own `/usr`, seen by real runs in the sandbox.

use super::*;
use crate::worker::sandbox::RunEnd;
use std::process::Command;
use std::time::SystemTime;

/// A package with one file for each place that matters to a compiler.
fn package(folder: &Path) -> PathBuf {
    let tree = folder.join("tree");
    let triplet = format!("{}-linux-gnu", std::env::consts::ARCH);
    let code = folder.join("demo.c");
    std::fs::write(&code, "int wheelwright_demo(void) { return 42; }\n").unwrap();
    for place in [
        "DEBIAN",
        "usr/bin",
        &format!("usr/include/{triplet}"),
        &format!("lib/{triplet}"),
        "usr/share/doc/demo",
    ] {
        std::fs::create_dir_all(tree.join(place)).unwrap();
    }
    let header = tree.join(format!("usr/include/{triplet}/wheelwright-demo.h"));
    std::fs::write(header, "int wheelwright_demo(void);\n").unwrap();
    let library = tree.join(format!("lib/{triplet}/libwheelwright-demo.so.1"));
    let made = Command::new("gcc")
        .args(["-shared", "-fPIC", "-Wl,-soname,libwheelwright-demo.so.1", "-o"])
        .arg(&library)
        .arg(&code)
        .status()
        .unwrap();
    assert!(made.success());
    std::os::unix::fs::symlink("libwheelwright-demo.so.1", library.with_file_name("libwheelwright-demo.so"))
        .unwrap();
    std::fs::write(tree.join("usr/bin/wheelwright-demo-config"), "#!/bin/sh\necho -lwheelwright-demo\n")
        .unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(tree.join("usr/bin/wheelwright-demo-config"), mode).unwrap();
    std::fs::write(tree.join("usr/share/doc/demo/README"), "no room for this\n").unwrap();
    let control = "Package: wheelwright-demo\nVersion: 1.2-3\nArchitecture: all\nMaintainer: nobody <nobody@example.org>\nDescription: demo\n";
    std::fs::write(tree.join("DEBIAN/control"), control).unwrap();
    std::fs::write(tree.join("DEBIAN/postinst"), "#!/bin/sh\ntouch /ran\nupdate-alternatives --install /usr/bin/wheelwright-other other /usr/bin/wheelwright-demo-config 10\n").unwrap();
    std::fs::set_permissions(
        tree.join("DEBIAN/postinst"),
        std::os::unix::fs::PermissionsExt::from_mode(0o755),
    )
    .unwrap();
    let debs = folder.join("debs");
    std::fs::create_dir(&debs).unwrap();
    let deb = debs.join("0000.deb");
    assert!(
        Command::new("dpkg-deb")
            .args(["--root-owner-group", "-b"])
            .arg(&tree)
            .arg(&deb)
            .status()
            .unwrap()
            .success()
    );
    debs
}

fn demo() -> SystemPackage {
    let text = |text: &str| text.to_owned();
    SystemPackage {
        name: text("wheelwright-demo"),
        version: text("1.2-3"),
        file: text("x.deb"),
        hash: String::new(),
    }
}

async fn root(folder: &Path, roots: &Roots, log: &Log) -> Arc<Root> {
    let (debs, out, new) = (package(folder), folder.join("out"), folder.join("new"));
    std::fs::create_dir(&out).unwrap();
    std::fs::create_dir(&new).unwrap();
    roots.unpack(&debs, &out, log).await.unwrap();
    let laid = farm::lay_out(&[demo()], &out, &new.join("root")).unwrap();
    let about = About { packages: laid.packages, libraries: laid.libraries, bytes: laid.bytes };
    std::fs::create_dir_all(&roots.folder).unwrap();
    roots.keep(&new, "key", &about).unwrap()
}

async fn run(roots: &Roots, root: Option<&Root>, script: &str) -> (RunEnd, String) {
    let log = Log::new(1 << 20);
    let mut plan = SandboxPlan {
        argv: ["/bin/sh", "-ec", script].map(str::to_owned).to_vec(),
        cwd: "/tmp".into(),
        ..SandboxPlan::default()
    };
    if let Some(root) = root {
        root.apply(&mut plan);
    }
    let ended = roots.sandbox.run(&plan, &log).await.unwrap();
    (ended.end, log.since(0))
}

#[tokio::test]
async fn a_package_is_there_for_compilers_and_programs_and_the_host_keeps_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let log = Log::new(1 << 20);
    let roots = Roots::new(folder.path().join("roots"), Sandbox::open(Isolation::Bubblewrap).unwrap());
    let root = root(folder.path(), &roots, &log).await;
    let script = "wheelwright-demo-config; wheelwright-other
        printf '#include <wheelwright-demo.h>\\n#include <stdio.h>\\nint main(void) { printf(\"%%d\\\\n\", wheelwright_demo()); return 0; }\\n' > a.c
        gcc a.c -o a $(wheelwright-demo-config) && ./a
        printf '#include <iostream>\\nint main() { std::cout << \"c++\" << std::endl; }\\n' > b.cc
        g++ b.cc -o b && ./b
        test ! -e /ran; test ! -e /usr/share/doc/demo/README; echo fine";
    let (end, printed) = run(&roots, Some(&root), script).await;
    assert_eq!(end, RunEnd::Exit(0), "{printed}");
    assert!(printed.ends_with("-lwheelwright-demo\n-lwheelwright-demo\n42\nc++\nfine\n"), "{printed}");
    let triplet = format!("{}-linux-gnu", std::env::consts::ARCH);
    let library = format!("/usr/lib/{triplet}/libwheelwright-demo.so.1");
    let owner = root.package_of("libwheelwright-demo.so.1");
    assert_eq!(owner, Some(("wheelwright-demo".to_owned(), "1.2-3".to_owned())));
    assert_eq!(root.package_of("libc.so.6"), None);
    let (end, printed) = run(&roots, None, "wheelwright-demo-config").await;
    assert_eq!(end, RunEnd::Exit(127), "{printed}");
    assert!(!Path::new(&library).exists());
}

#[tokio::test]
async fn a_root_in_use_is_not_evicted() {
    let folder = tempfile::tempdir().unwrap();
    let roots = Roots::new(folder.path().join("roots"), Sandbox::open(Isolation::Bubblewrap).unwrap());
    let make = |key: &str| {
        let new = folder.path().join("new");
        std::fs::create_dir_all(new.join("root/usr")).unwrap();
        std::fs::create_dir_all(&roots.folder).unwrap();
        roots.keep(&new, key, &About { bytes: kept::LIMIT, ..About::default() }).unwrap()
    };
    let held = make("held");
    drop(make("idle"));
    roots.evict("newest");
    let there = |key: &str| roots.folder.join(key).is_dir();
    assert_eq!((there("held"), there("idle")), (true, false));
    drop(held);
    drop(make("idle"));
    roots.evict("idle");
    assert_eq!((there("held"), there("idle")), (false, true));
}

/// apt as it knows one mirror of packages, at this address.
fn apt_of(folder: &Path, mirror: &str) -> Apt {
    let settings = folder.join("apt.conf");
    let text = |name: &str| folder.join(name).display().to_string();
    std::fs::write(folder.join("sources.list"), format!("deb [trusted=yes] {mirror} stable main\n")).unwrap();
    let written =
        format!("Dir::Etc::SourceList \"{}\";\nDir::Etc::SourceParts \"/dev/null\";\n", text("sources.list"));
    std::fs::write(&settings, written).unwrap();
    let mut apt = Apt::new(folder.join("apt"));
    apt.environment.push(("APT_CONFIG", settings.into()));
    apt.patience = 1;
    apt
}

fn zlib() -> Absent {
    crate::build::failure::absent("a.c:1:10: fatal error: zlib.h: No such file or directory\n").unwrap()
}

#[tokio::test]
async fn a_mirror_that_does_not_answer_is_given_up_soon_and_left_in_peace_for_a_while() {
    let folder = tempfile::tempdir().unwrap();
    // Connections are made, and nobody speaks.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let apt = apt_of(folder.path(), &format!("http://{}", silent.local_addr().unwrap()));
    let index = ContentsIndex::new(folder.path().join("contents"));
    let first = index.find(&zlib(), &apt).await.unwrap_err().to_string();
    assert!(
        first.starts_with("there is no index of what system packages contain: apt cannot fetch http"),
        "{first}"
    );
    assert!(first.contains("Connection failed"), "{first}");
    let second = index.find(&zlib(), &apt).await.unwrap_err().to_string();
    assert!(second.contains("a moment ago it failed: apt cannot fetch http"), "{second}");
}

#[tokio::test]
async fn an_index_that_is_damaged_on_disk_is_fetched_anew_and_an_old_one_serves_while_that_fails() {
    let folder = tempfile::tempdir().unwrap();
    let apt = apt_of(folder.path(), "http://127.0.0.1:9");
    let contents = folder.path().join("contents");
    let index = ContentsIndex::new(contents.clone());
    std::fs::create_dir(&contents).unwrap();
    let write = |bytes: &[u8], age: Duration| {
        std::fs::write(contents.join("index"), bytes).unwrap();
        let file = File::options().write(true).open(contents.join("index")).unwrap();
        file.set_modified(SystemTime::now() - age).unwrap();
    };
    write(b"usr/include/zlib.h libdevel/zlib1g-dev\n", Duration::from_secs(30 * 24 * 3600));
    let found = index.find(&zlib(), &apt).await.unwrap();
    assert_eq!(found[0].package, "zlib1g-dev");
    assert!(contents.join("failed").is_file(), "it was too old, and a new one was asked for");
    write(b"usr/include/zlib.h \xff\xfe\n", Duration::ZERO);
    let error = index.find(&zlib(), &apt).await.unwrap_err().to_string();
    assert!(error.contains("there is no index of what system packages contain"), "{error}");
}
