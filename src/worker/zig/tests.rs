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
