//! Whether one wheel serves everybody whom another one serves: compared by their tags. Pure.

use crate::packaging::filename::WheelFilename;

/// More tags than any real wheel has; whoever lists such a name gets no answer from comparing it.
const MOST_TAGS: usize = 2000;

/// Whether whoever can install `ours` can install `theirs`, and is served no worse by it: the same
/// tags, a stable ABI that fits, an older libc. A pure wheel does not cover one with extensions.
pub fn covers(theirs: &WheelFilename, ours: &WheelFilename) -> bool {
    are_comparable(theirs, ours)
        && ours.tags().all(|ours| theirs.tags().any(|theirs| tag_covers(theirs, ours)))
}

fn are_comparable(theirs: &WheelFilename, ours: &WheelFilename) -> bool {
    let count = |wheel: &WheelFilename| {
        wheel.python.len().saturating_mul(wheel.abi.len()).saturating_mul(wheel.platform.len())
    };
    count(theirs).saturating_mul(count(ours)) <= MOST_TAGS * MOST_TAGS
}

/// Whether whoever can install `ours` can install `theirs`, however it compares: a pure wheel serves everybody.
pub fn serves(theirs: &WheelFilename, ours: &WheelFilename) -> bool {
    let pure = |tag: (&str, &str, &str), ours: (&str, &str, &str)| {
        tag.1 == "none"
            && code_covers((tag.0, "none"), (ours.0, "none"))
            && (tag.2 == "any" || platform_covers(tag.2, ours.2))
    };
    covers(theirs, ours)
        || are_comparable(theirs, ours)
            && ours.tags().all(|ours| theirs.tags().any(|theirs| pure(theirs, ours)))
}

fn tag_covers(theirs: (&str, &str, &str), ours: (&str, &str, &str)) -> bool {
    code_covers((theirs.0, theirs.1), (ours.0, ours.1)) && platform_covers(theirs.2, ours.2)
}

/// By interpreter and ABI.
fn code_covers(theirs: (&str, &str), ours: (&str, &str)) -> bool {
    if theirs == ours {
        return true;
    }
    let (Some(their_python), Some(our_python)) = (python(theirs.0), python(ours.0)) else { return false };
    let same_line = their_python.1 == our_python.1;
    let not_newer = match (their_python.2, our_python.2) {
        (None, _) => true,
        (Some(theirs), Some(ours)) => theirs <= ours,
        (Some(_), None) => false,
    };
    let fits = same_line && not_newer;
    match (theirs.1, ours.1) {
        ("none", "none") => fits && their_python.0 == "py",
        ("abi3", "abi3") => fits && their_python.0 == "cp",
        // Free-threaded interpreters have another ABI.
        ("abi3", abi) => {
            let plain =
                abi.strip_prefix("cp").is_some_and(|digits| digits.bytes().all(|b| b.is_ascii_digit()));
            fits && plain && their_python.0 == "cp" && our_python.0 == "cp"
        }
        _ => false,
    }
}

/// `cp312` as (`cp`, 3, 12), `py3` as (`py`, 3, nothing).
fn python(tag: &str) -> Option<(&str, u32, Option<u32>)> {
    let digits = tag.find(|c: char| c.is_ascii_digit())?;
    let (name, number) = tag.split_at_checked(digits)?;
    let (major, minor) = number.split_at_checked(1)?;
    let minor = if minor.is_empty() { None } else { Some(minor.parse().ok()?) };
    Some((name, major.parse().ok()?, minor))
}

/// A platform's version and processor.
type Versioned<'a> = ((u32, u32), &'a str);

fn platform_covers(theirs: &str, ours: &str) -> bool {
    if theirs == ours {
        return true;
    }
    let older = |of: fn(&str) -> Option<Versioned<'_>>| match (of(theirs), of(ours)) {
        (Some((their_version, their_cpu)), Some((our_version, our_cpu))) => {
            their_version <= our_version && cpu_covers(their_cpu, our_cpu)
        }
        _ => false,
    };
    let bare = ours.strip_prefix("linux_");
    let portable = bare.is_some() && manylinux(theirs).map(|(_, cpu)| cpu) == bare;
    portable
        || older(manylinux)
        || older(|tag| versioned(tag, "musllinux_"))
        || older(|tag| versioned(tag, "macosx_"))
}

fn cpu_covers(theirs: &str, ours: &str) -> bool {
    theirs == ours || theirs == "universal2" && matches!(ours, "x86_64" | "arm64")
}

/// PEP 600, and the names from before it.
fn manylinux(tag: &str) -> Option<Versioned<'_>> {
    let named = [("manylinux1_", (2, 5)), ("manylinux2010_", (2, 12)), ("manylinux2014_", (2, 17))];
    let named = named.iter().find_map(|(prefix, version)| Some((*version, tag.strip_prefix(prefix)?)));
    named.or_else(|| versioned(tag, "manylinux_"))
}

/// `{prefix}2_17_x86_64`
fn versioned<'a>(tag: &'a str, prefix: &str) -> Option<Versioned<'a>> {
    let mut parts = tag.strip_prefix(prefix)?.splitn(3, '_');
    let version = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
    Some((version, parts.next()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wheel(tags: &str) -> WheelFilename {
        WheelFilename::parse(&format!("demo-1.0-{tags}.whl")).unwrap()
    }

    #[track_caller]
    fn check(theirs: &str, ours: &str, expected: bool) {
        assert_eq!(covers(&wheel(theirs), &wheel(ours)), expected, "{theirs} over {ours}");
    }

    #[test]
    fn the_same_tags_cover_whatever_the_build_tag() {
        check("py3-none-any", "1ww-py3-none-any", true);
        check("py2.py3-none-any", "1ww-py3-none-any", true);
        check("py3-none-any", "1ww-py2.py3-none-any", false);
        check("py3-none-any", "1ww-cp312-none-any", true);
        check("cp313-none-any", "1ww-cp312-none-any", false);
        check("py310-none-any", "1ww-cp312-none-any", true);
        check("py313-none-any", "1ww-cp312-none-any", false);
        check("py2-none-any", "1ww-cp312-none-any", false);
    }

    #[test]
    fn an_older_libc_covers_a_newer_one_and_not_the_other_way() {
        let tag = |platform: &str| format!("cp312-cp312-{platform}");
        for (theirs, ours, expected) in [
            ("manylinux_2_17_x86_64.manylinux2014_x86_64", "manylinux_2_34_x86_64", true),
            ("manylinux2014_x86_64", "manylinux_2_17_x86_64", true),
            ("manylinux1_x86_64", "manylinux_2_5_x86_64", true),
            ("manylinux_2_34_x86_64", "manylinux_2_17_x86_64", false),
            ("manylinux_2_17_aarch64", "manylinux_2_34_x86_64", false),
            ("manylinux_2_28_x86_64", "linux_x86_64", true),
            ("linux_x86_64", "manylinux_2_28_x86_64", false),
            ("musllinux_1_1_x86_64", "musllinux_1_2_x86_64", true),
            ("musllinux_1_1_x86_64", "manylinux_2_28_x86_64", false),
            ("macosx_10_9_universal2", "macosx_11_0_arm64", true),
            ("macosx_12_0_arm64", "macosx_11_0_arm64", false),
            ("any", "manylinux_2_28_x86_64", false),
        ] {
            check(&tag(theirs), &tag(ours), expected);
        }
    }

    #[test]
    fn a_stable_abi_covers_the_interpreters_that_have_it() {
        let tag = |code: &str| format!("{code}-manylinux_2_17_x86_64");
        for (theirs, ours, expected) in [
            ("cp38-abi3", "cp312-cp312", true),
            ("cp38-abi3", "cp39-abi3", true),
            ("cp39-abi3", "cp38-abi3", false),
            ("cp313-abi3", "cp312-cp312", false),
            ("cp38-abi3", "cp313-cp313t", false),
            ("cp38-abi3", "pp310-pypy310_pp73", false),
            ("cp312-cp312", "cp38-abi3", false),
            ("cp312-cp312", "cp313-cp313", false),
        ] {
            check(&tag(theirs), &tag(ours), expected);
        }
    }

    #[test]
    fn a_pure_wheel_serves_whoever_installs_one_with_extensions_and_covers_them_not() {
        let ours = wheel("1ww-cp312-cp312-manylinux_2_36_x86_64");
        for (theirs, expected) in [
            ("py3-none-any", true),
            ("py2.py3-none-any", true),
            ("py3-none-manylinux_2_17_x86_64", true),
            ("py2-none-any", false),
            ("cp313-none-any", false),
            ("py3-none-win_amd64", false),
            ("cp312-cp312-manylinux_2_17_x86_64", true),
            ("cp312-cp312-win_amd64", false),
        ] {
            assert_eq!(serves(&wheel(theirs), &ours), expected, "{theirs}");
        }
        assert!(!covers(&wheel("py3-none-any"), &ours));
    }

    #[test]
    fn a_name_with_more_tags_than_anybody_has_is_not_compared() {
        let many: Vec<String> = (0..300).map(|n| format!("cp3{n}")).collect();
        let many = format!("{0}-{0}-{0}", many.join("."));
        check(&many, &many, false);
    }
}
