//! Names of targets and what they answer to.

use super::*;
use crate::packaging::tags::{InterpreterTags, Libc, Platform, accepted};

fn target(version: &str, abi: &str, platform: &Platform) -> Target {
    let mut numbers = version.split('.').map(|part| part.parse().unwrap());
    let (major, minor) = (numbers.next().unwrap(), numbers.next().unwrap());
    let implementation = if abi.starts_with("pypy") { "pp" } else { "cp" };
    let half = Target::interpreter_name(implementation, major, minor, abi);
    Target {
        name: format!("{half}-{}", platform.name()),
        implementation: implementation.into(),
        version: version.into(),
        abi: abi.into(),
        tags: accepted(&InterpreterTags { implementation, major, minor, abi }, platform),
        ..Target::default()
    }
}

fn linux() -> Platform {
    Platform::new("linux-x86_64", "x86_64", None, Libc::Glibc(2, 36))
}

fn offered() -> Vec<Target> {
    let musl = Platform::new("linux-aarch64", "aarch64", None, Libc::Musl(1, 2));
    let mac = Platform::new("macosx-11.0-arm64", "arm64", Some((14, 1)), Libc::Unknown);
    let windows = Platform::new("win-amd64", "AMD64", None, Libc::Unknown);
    vec![
        target("2.7.18", "cp27mu", &linux()),
        target("3.6.15", "cp36m", &linux()),
        target("3.12.1", "cp312", &linux()),
        target("3.12.4", "cp312", &musl),
        target("3.12.2", "cp312", &mac),
        target("3.12.2", "cp312", &windows),
        target("3.13.0", "cp313", &linux()),
        target("3.13.0", "cp313t", &linux()),
        target("3.10.9", "pypy310_pp73", &linux()),
    ]
}

#[test]
fn names_say_interpreter_and_platform() {
    let names: Vec<String> = offered().into_iter().map(|target| target.name).collect();
    assert_eq!(
        names,
        [
            "cp27mu-manylinux_2_36_x86_64",
            "cp36-manylinux_2_36_x86_64",
            "cp312-manylinux_2_36_x86_64",
            "cp312-musllinux_1_2_aarch64",
            "cp312-macosx_14_0_arm64",
            "cp312-win_amd64",
            "cp313-manylinux_2_36_x86_64",
            "cp313t-manylinux_2_36_x86_64",
            "pp310-manylinux_2_36_x86_64",
        ]
    );
}

#[test]
fn a_target_answers_to_its_name_and_to_shorter_ones() {
    let offered = offered();
    let places = |asked: &str| -> Vec<usize> {
        let matching = offered.iter().enumerate().filter(|(_, target)| target.matches(asked));
        matching.map(|(place, _)| place).collect()
    };
    for (asked, expected) in [
        ("cp312-manylinux_2_36_x86_64", &[2][..]),
        ("CP312-Win_AMD64", &[5]),
        ("cp312", &[2, 3, 4, 5]),
        ("3.12", &[2, 3, 4, 5]),
        ("3.12.4", &[3]),
        ("cp27", &[0]),
        ("cp27-linux", &[0]),
        ("cp27mu-linux", &[0]),
        ("2.7-linux", &[0]),
        ("cp36", &[1]),
        ("cp36m-linux_x86_64", &[1]),
        ("cp312-linux", &[2, 3]),
        ("cp312-linux_x86_64", &[2]),
        ("cp312-linux_aarch64", &[3]),
        ("cp312-musllinux", &[3]),
        ("cp312-musllinux_1_2", &[3]),
        ("cp312-manylinux", &[2]),
        ("cp312-aarch64", &[3]),
        ("cp312-macos", &[4]),
        ("cp312-macosx_14_0_arm64", &[4]),
        ("cp312-macosx_arm64", &[4]),
        ("cp312-win", &[5]),
        ("cp312-windows", &[5]),
        ("cp313", &[6]),
        ("3.13", &[6]),
        ("cp313t", &[7]),
        ("3.13t-linux", &[7]),
        ("pp310", &[8]),
        ("pypy310_pp73", &[8]),
        // A wheel built here is not for an older libc until it was repaired, so that is no target.
        ("cp312-manylinux_2_17_x86_64", &[]),
        ("cp3", &[]),
        ("cp31", &[]),
        ("3.1", &[]),
        ("3.10", &[]),
        ("cp312-", &[2, 3, 4, 5]),
        ("", &[]),
        ("-linux", &[]),
        ("cp312-linux_riscv64", &[]),
    ] {
        assert_eq!(places(asked), expected, "{asked}");
    }
}

#[test]
fn what_is_not_there_is_answered_with_what_is() {
    let error = find("cp399", &offered()).unwrap_err().to_string();
    assert!(error.contains("cp399") && error.contains("cp313t-manylinux_2_36_x86_64"), "{error}");
    let error = find("cp312", &[]).unwrap_err().to_string();
    assert!(error.contains("no worker"), "{error}");
    assert_eq!(find("cp312-linux_x86_64", &offered()).unwrap().len(), 1);
}

#[test]
fn a_cross_target_is_meant_only_by_what_fits_no_other() {
    let old = Platform::new("linux-x86_64", "x86_64", None, Libc::Glibc(2, 17));
    let cross = Target { built_on: Some("cp312-…".into()), ..target("3.12.1", "cp312", &old) };
    let all = [offered(), vec![cross]].concat();
    let found = |asked: &str| -> Vec<String> {
        find(asked, &all).unwrap().iter().map(|target| target.name.clone()).collect()
    };
    assert_eq!(found("cp312-linux_x86_64"), ["cp312-manylinux_2_36_x86_64"]);
    for asked in ["cp312-manylinux_2_17_x86_64", "3.12-manylinux_2_17"] {
        assert_eq!(found(asked), ["cp312-manylinux_2_17_x86_64"], "{asked}");
    }
}

#[test]
fn json_keeps_every_tag_in_few_words() {
    for target in offered() {
        let text = serde_json::to_string(&target).unwrap();
        assert!(text.len() < 8000, "{} bytes for {}", text.len(), target.name);
        assert_eq!(serde_json::from_str::<Target>(&text).unwrap(), target);
    }
}

#[test]
fn wheels_are_accepted_by_rank() {
    let target = target("3.13.0", "cp313t", &linux());
    assert_eq!(target.accepts("a-1-cp313-cp313-manylinux_2_17_x86_64.whl"), None);
    assert_eq!(target.accepts("a-1-cp38-abi3-manylinux_2_17_x86_64.whl"), None);
    let own = target.accepts("a-1-cp313-cp313t-manylinux_2_17_x86_64.whl");
    let pure = target.accepts("a-1-py3-none-any.whl");
    assert!(own.is_some() && own < pure, "{own:?} {pure:?}");
    assert_eq!(target.accepts("a-1.tar.gz"), None);
}
