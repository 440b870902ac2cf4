//! Tags against what PyPA's `packaging` says, on real interpreters and made-up platforms.

use super::*;

fn libc(text: &str) -> Libc {
    let (name, version) = text.split_once('-').unwrap_or_default();
    let numbers: Vec<u32> = version.split('.').map(|part| part.parse().unwrap_or(0)).collect();
    match (name, &numbers[..]) {
        ("glibc", [major, minor]) => Libc::Glibc(*major, *minor),
        ("musl", [major, minor]) => Libc::Musl(*major, *minor),
        _ => Libc::Unknown,
    }
}

/// As an older `packaging` lists them: before 26.3 `linux_…` came after the portable tags, before
/// 21.3 `cp36-none-any` was left to pip; all else is the same.
fn as_by(tags: &[String], by: &str) -> Vec<String> {
    let none_any = |tag: &str| by.starts_with("20.") && tag.starts_with("cp") && tag.ends_with("-none-any");
    tags.iter().filter(|tag| by == "26.3" || !tag.contains("-linux_") && !none_any(tag)).cloned().collect()
}

#[test]
fn tags_are_those_of_packaging_in_its_order() {
    let rows = include_str!("../vectors/tags.tsv").lines().filter(|line| !line.starts_with('#'));
    let mut count = 0;
    for line in rows {
        let row: Vec<&str> = line.split('\t').collect();
        let [by, implementation, major, minor, abi, config, machine, macos, c, sets] = row[..] else {
            panic!("{line}");
        };
        let numbers =
            macos.split_once('.').map(|(major, minor)| (major.parse().unwrap(), minor.parse().unwrap()));
        let platform = Platform::new(config, machine, numbers, libc(c));
        let (major, minor) = (major.parse().unwrap(), minor.parse().unwrap());
        let ours = accepted(&InterpreterTags { implementation, major, minor, abi }, &platform);
        let sets: Vec<String> = sets.split(' ').map(str::to_owned).collect();
        let theirs = expand(&sets).unwrap();
        let case = format!("{abi} on {config} {macos} {c}, packaging {by}");
        let (kept, expected) = (as_by(&ours, by), as_by(&theirs, by));
        let differs = kept.iter().zip(&expected).find(|(our, their)| our != their);
        assert_eq!(differs, None, "{case}");
        assert_eq!(kept.len(), expected.len(), "{case}");
        assert!(expand(&compress(&ours)).unwrap() == ours, "{case}");
        count += 1;
    }
    assert!(count > 60, "{count}");
}

#[test]
fn a_file_ranks_by_its_best_tag() {
    let platform = Platform::new("linux-x86_64", "x86_64", None, Libc::Glibc(2, 36));
    let of = InterpreterTags { implementation: "cp", major: 3, minor: 12, abi: "cp312" };
    let tags = accepted(&of, &platform);
    let ranks = Ranks::new(&tags);
    let rank = |file: &str| {
        let file = WheelFilename::parse(file).unwrap();
        assert_eq!(super::rank(&tags, &file), ranks.rank(&file));
        ranks.rank(&file)
    };
    let order = [
        "a-1-cp312-cp312-manylinux_2_36_x86_64.whl",
        "a-1-CP312-cp312-manylinux2014_x86_64.manylinux_2_17_x86_64.whl",
        "a-1-cp312-cp312-manylinux1_x86_64.whl",
        "a-1-cp38-abi3-manylinux_2_17_x86_64.whl",
        "a-1-py3-none-manylinux_2_17_x86_64.whl",
        "a-1-py2.py3-none-any.whl",
    ];
    let places: Vec<usize> = order.iter().map(|file| rank(file).expect(file)).collect();
    assert!(places.is_sorted(), "{places:?}");
    for no in [
        "cp311-cp311-manylinux_2_17_x86_64",
        "cp312-cp312-manylinux_2_37_x86_64",
        "py2-none-any",
        "cp313-abi3-manylinux_2_17_x86_64",
        "cp312-cp312-musllinux_1_2_x86_64",
        "cp312-cp312-win_amd64",
    ] {
        assert_eq!(rank(&format!("a-1-{no}.whl")), None, "{no}");
    }
}

#[test]
fn compressed_sets_from_outside_are_bounded() {
    let many = vec!["a".to_owned(); 200].join(".");
    assert_eq!(expand(&[format!("{many}-{many}-any")]), None);
    assert_eq!(expand(&["py3-none".to_owned()]), None);
    assert_eq!(expand(&["py3-none-any-x".to_owned()]), None);
}

#[test]
fn a_platforms_name_tells_its_libc() {
    let name = |config: &str, libc| Platform::new(config, "x86_64", None, libc).name();
    assert_eq!(name("linux-x86_64", Libc::Glibc(2, 36)), "manylinux_2_36_x86_64");
    assert_eq!(name("linux-aarch64", Libc::Musl(1, 2)), "musllinux_1_2_aarch64");
    assert_eq!(name("linux-sparc64", Libc::Unknown), "linux_sparc64");
    assert_eq!(name("win-amd64", Libc::Unknown), "win_amd64");
}
