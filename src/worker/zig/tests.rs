//! What zig is told for which target.

use super::*;
use crate::build::target::Target;

fn system(name: &str) -> ZigSystem {
    let built_on = Some("cp312-manylinux_2_36_x86_64".to_owned());
    ZigSystem::of(&Target { name: name.to_owned(), built_on, ..Target::default() }).unwrap()
}

#[test]
fn a_platform_tag_is_a_target_of_zig() {
    for (name, target, musl) in [
        ("cp312-manylinux_2_17_x86_64", "x86_64-linux-gnu.2.17", ""),
        ("cp27mu-manylinux_2_28_aarch64", "aarch64-linux-gnu.2.28", ""),
        ("cp313t-musllinux_1_2_x86_64", "x86_64-linux-musl", "libc.musl-x86_64.so.1"),
    ] {
        assert_eq!((system(name).target().as_str(), system(name).musl().as_str()), (target, musl));
    }
}

#[test]
fn this_machines_headers_are_seen_only_for_its_own_libc_and_processor() {
    let arch = std::env::consts::ARCH;
    let seen = |name: String| system(&name).fill(COMPILER).contains("-idirafter /usr/include");
    assert!(seen(format!("cp312-manylinux_2_17_{arch}")));
    assert!(!seen(format!("cp312-musllinux_1_2_{arch}")));
    assert!(!seen(format!("cp312-manylinux_2_17_{}", if arch == "aarch64" { "x86_64" } else { "aarch64" })));
    let filled = system("cp312-musllinux_1_2_x86_64").fill(COMPILER);
    assert!(!filled.contains("{target}") && !filled.contains("{musl}") && !filled.contains("{after}"));
}

#[test]
fn modules_have_the_names_that_the_interpreter_of_the_target_looks_for() {
    let other = |name: &str, python| system(name).triplets(python).1;
    assert_eq!(other("cp312-musllinux_1_2_x86_64", (3, 12)), "x86_64-linux-musl");
    assert_eq!(other("cp310-musllinux_1_2_x86_64", (3, 10)), "x86_64-linux-gnu");
    assert_eq!(other("cp310-musllinux_1_2_aarch64", (3, 10)), "aarch64-linux-gnu");
    assert_eq!(other("cp312-manylinux_2_17_aarch64", (3, 12)), "aarch64-linux-gnu");
}

/// What the script calls in place of zig when it is called like this.
fn called(words: &[&str], flags: &str) -> String {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        std::fs::write(folder.path().join(name), text).unwrap();
        let mode = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(folder.path().join(name), mode).unwrap();
    };
    write("zig", "#!/bin/sh\necho \"$*\"\n");
    write("compiler", &system("cp312-manylinux_2_17_x86_64").fill(COMPILER));
    let (name, rest) = words.split_first().unwrap();
    symlink("compiler", folder.path().join(name)).unwrap();
    let mut command = std::process::Command::new(folder.path().join(name));
    command.args(rest).env("WHEELWRIGHT_ZIG", folder.path()).env("ZIG_GLOBAL_CACHE_DIR", folder.path());
    let output = command.env("WHEELWRIGHT_COMPILER_FLAGS", flags).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn what_a_remedy_says_comes_after_the_words_of_the_build_and_only_to_its_language() {
    let flags = "-Wno-error -std=gnu++14";
    let place = |said: &str, word: &str| said.find(word).unwrap_or_else(|| panic!("no {word} in {said}"));
    let cxx = called(&["g++", "-Werror", "-std=c++17", "-c", "x.cpp"], flags);
    assert!(place(&cxx, "-Werror") < place(&cxx, "-Wno-error -std=gnu++14"), "{cxx}");
    assert!(place(&cxx, "-std=c++17") < place(&cxx, "-std=gnu++14"), "{cxx}");
    let c = called(&["cc", "-c", "x.c"], flags);
    assert!(c.contains(" -Wno-error ") && !c.contains("gnu++14"), "{c}");
    assert!(!called(&["cc", "-c", "x.c"], "").contains("-Wno-error"));
}

#[test]
fn the_name_of_a_file_tells_its_language() {
    for (words, language) in [
        (&["gcc", "-c", "x.c"][..], "cc -target"),
        (&["gcc", "-c", "x.cpp"], "c++ -target"),
        (&["x86_64-linux-gnu-gcc", "-c", "/work/src/x.cxx", "-o", "x.o"], "c++ -target"),
        (&["gcc", "-shared", "x.o", "-o", "x.so"], "cc -target"),
        (&["g++", "-shared", "x.o", "-o", "x.so"], "c++ -target"),
        (&["gcc", "x.c", "y.cc"], "cc -target"),
    ] {
        let said = called(words, "");
        assert!(said.starts_with(language), "{words:?}: {said}");
    }
}
