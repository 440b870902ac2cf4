//! Names of targets as people read them at the head of a column: `cp313 · linux x86_64 · glibc 2.28+`.

use serde::Serialize;
use std::cmp::Reverse;

/// A target's name, and the words for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ShortTarget {
    pub name: String,
    /// `cp313 · linux x86_64 · glibc 2.28+`
    pub short: String,
    /// `cp313`
    #[serde(skip)]
    pub interpreter: String,
    /// `linux x86_64`, `glibc 2.28+`; empty where all targets of a table have the same.
    #[serde(skip)]
    pub platform: Vec<String>,
}

/// The targets, the newest interpreters first, and what all of their platforms are if it is the same.
pub fn all<'a>(names: impl Iterator<Item = &'a str>) -> (Vec<ShortTarget>, String) {
    let mut names: Vec<&str> = names.collect();
    names.sort_by_key(|name| place(name));
    let mut targets: Vec<ShortTarget> = names.into_iter().map(shortened).collect();
    let first = targets.first().map(|target| target.platform.clone()).unwrap_or_default();
    if targets.len() < 2 || targets.iter().any(|target| target.platform != first) {
        return (targets, String::new());
    }
    for target in &mut targets {
        target.platform.clear();
    }
    (targets, first.join(" · "))
}

fn shortened(name: &str) -> ShortTarget {
    let (interpreter, platform) = name.split_once('-').unwrap_or((name, ""));
    let platform = platform_in_short(platform);
    let words: Vec<&str> = std::iter::once(interpreter).chain(platform.iter().map(String::as_str)).collect();
    ShortTarget { name: name.into(), short: words.join(" · "), interpreter: interpreter.into(), platform }
}

fn platform_in_short(platform: &str) -> Vec<String> {
    for (prefix, system, libc) in
        [("manylinux_", "linux", "glibc "), ("musllinux_", "linux", "musl "), ("macosx_", "macOS", "")]
    {
        let mut parts = platform.strip_prefix(prefix).unwrap_or_default().splitn(3, '_');
        if let (Some(major), Some(minor), Some(machine)) = (parts.next(), parts.next(), parts.next()) {
            return vec![format!("{system} {machine}"), format!("{libc}{major}.{minor}+")];
        }
    }
    match platform {
        "" => Vec::new(),
        "win32" => vec!["Windows x86".into()],
        "win_amd64" => vec!["Windows x86_64".into()],
        "win_arm64" => vec!["Windows arm64".into()],
        other => match other.strip_prefix("linux_") {
            Some(machine) => vec![format!("linux {machine}")],
            None => vec![other.to_owned()],
        },
    }
}

/// The order of columns: CPython before others, new before old, usual before special.
fn place(target: &str) -> (usize, Reverse<u32>, usize, usize, &str) {
    let (interpreter, platform) = target.split_once('-').unwrap_or((target, ""));
    let from = interpreter.find(|c: char| c.is_ascii_digit()).unwrap_or(interpreter.len());
    let (implementation, rest) = interpreter.split_at_checked(from).unwrap_or((interpreter, ""));
    let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    let (number, flags) = rest.split_at_checked(digits).unwrap_or((rest, ""));
    let (major, minor) = number.split_at_checked(1).unwrap_or((number, ""));
    let read = |text: &str| text.parse::<u32>().unwrap_or(0).min(9_999);
    let rank = ["cp", "pp"].iter().position(|known| *known == implementation).unwrap_or(2);
    let systems = ["manylinux", "linux", "macosx", "win", "musllinux"];
    let system = systems.iter().position(|system| platform.starts_with(system)).unwrap_or(systems.len());
    let machine = usize::from(!platform.ends_with("x86_64"));
    (
        rank,
        Reverse(read(major) * 10_000 + read(minor)),
        usize::from(!flags.is_empty()),
        system * 2 + machine,
        target,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_interpreters_stand_first_and_special_ones_behind_the_usual() {
        let names = [
            "cp313t-linux_x86_64",
            "cp39-linux_x86_64",
            "pp310-linux_x86_64",
            "cp27mu-linux_x86_64",
            "cp313-linux_x86_64",
            "odd",
        ];
        let (sorted, common) = all(names.into_iter());
        let names: Vec<&str> = sorted.iter().map(|target| target.interpreter.as_str()).collect();
        assert_eq!(names, ["cp313", "cp313t", "cp39", "cp27mu", "pp310", "odd"]);
        assert_eq!(common, "");
    }

    #[test]
    fn platforms_are_short_and_said_once_if_they_are_the_same() {
        for (name, short) in [
            ("cp313-manylinux_2_28_x86_64", "cp313 · linux x86_64 · glibc 2.28+"),
            ("cp312-musllinux_1_2_aarch64", "cp312 · linux aarch64 · musl 1.2+"),
            ("cp312-macosx_11_0_arm64", "cp312 · macOS arm64 · 11.0+"),
            ("pp310-win_amd64", "pp310 · Windows x86_64"),
            ("cp36-linux_armv7l", "cp36 · linux armv7l"),
            ("odd", "odd"),
        ] {
            assert_eq!(shortened(name).short, short);
        }
        let (targets, common) = all(["cp312-win32", "cp313-win32"].into_iter());
        assert_eq!(common, "Windows x86");
        assert!(targets.iter().all(|target| target.platform.is_empty()));
    }
}
