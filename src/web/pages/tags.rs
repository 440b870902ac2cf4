//! A wheel's tags in plain words: `cp312-cp312-manylinux_2_28_x86_64` is for CPython 3.12 on …

/// One tag, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tag {
    pub tag: String,
    pub python: String,
    pub abi: String,
    pub platform: String,
}

/// `cp312`, `abi3`, `win_amd64` in words.
pub fn explain(python: &str, abi: &str, platform: &str) -> Tag {
    Tag {
        tag: format!("{python}-{abi}-{platform}"),
        python: if abi == "abi3" {
            format!("{} and later", interpreter(python))
        } else {
            interpreter(python)
        },
        abi: abi_in_words(abi),
        platform: platform_in_words(platform),
    }
}

/// `312` is `3.12`, `3` is `3`.
fn dotted(digits: &str) -> Option<String> {
    let (major, minor) = digits.split_at_checked(1)?;
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Some(if minor.is_empty() { major.to_owned() } else { format!("{major}.{minor}") })
}

fn interpreter(tag: &str) -> String {
    let known =
        [("cp", "CPython"), ("pp", "PyPy"), ("ip", "IronPython"), ("jy", "Jython"), ("gp", "GraalPy")];
    if let Some(version) = tag.strip_prefix("py").and_then(dotted) {
        return match version.contains('.') {
            true => format!("any Python {version} and later"),
            false => format!("any Python {version}"),
        };
    }
    let named = known.iter().find_map(|(prefix, name)| {
        let version = dotted(tag.strip_prefix(prefix)?)?;
        Some(format!("{name} {version}"))
    });
    named.unwrap_or_else(|| tag.to_owned())
}

fn abi_in_words(tag: &str) -> String {
    if tag == "none" {
        return "any".to_owned();
    }
    if tag == "abi3" {
        return "the stable ABI".to_owned();
    }
    let flagged = tag
        .strip_prefix("cp")
        .and_then(|rest| Some((dotted(rest.trim_end_matches(char::is_alphabetic))?, rest)));
    match flagged {
        Some((version, rest)) if rest.ends_with('t') => format!("CPython {version}, free-threaded"),
        Some((version, rest)) if rest.ends_with('d') => format!("CPython {version}, debug build"),
        Some((version, _)) => format!("CPython {version}"),
        None => tag.to_owned(),
    }
}

fn platform_in_words(tag: &str) -> String {
    match tag {
        "any" => return "any".to_owned(),
        "win32" => return "Windows, 32-bit x86".to_owned(),
        "win_amd64" => return "Windows, x86_64".to_owned(),
        "win_arm64" => return "Windows, arm64".to_owned(),
        _ => {}
    }
    let old = [("manylinux1_", "2.5"), ("manylinux2010_", "2.12"), ("manylinux2014_", "2.17")];
    for (prefix, glibc) in old {
        if let Some(machine) = tag.strip_prefix(prefix) {
            return format!("Linux with glibc {glibc} or newer, {machine}");
        }
    }
    let newer = [
        ("manylinux_", "Linux with glibc"),
        ("musllinux_", "Linux with musl"),
        ("macosx_", "macOS"),
        ("ios_", "iOS"),
    ];
    for (prefix, system) in newer {
        let mut parts = tag.strip_prefix(prefix).unwrap_or_default().splitn(3, '_');
        if let (Some(major), Some(minor), Some(machine)) = (parts.next(), parts.next(), parts.next()) {
            return format!("{system} {major}.{minor} or newer, {machine}");
        }
    }
    if let Some((level, machine)) = tag.strip_prefix("android_").and_then(|rest| rest.split_once('_')) {
        return format!("Android, API level {level} or newer, {machine}");
    }
    match tag.strip_prefix("linux_") {
        Some(machine) => format!("Linux like the one it was built on, {machine}"),
        None => tag.to_owned(),
    }
}

/// For whom a wheel is, in a few words: `CPython 3.12 · Linux with glibc 2.28 or newer, x86_64`.
pub fn summary(pythons: &[String], abis: &[String], platforms: &[String]) -> String {
    let stable = abis.iter().any(|abi| abi == "abi3");
    let free = abis.iter().any(|abi| abi.starts_with("cp") && abi.ends_with('t'));
    let mut python: Vec<String> = pythons.iter().map(|tag| interpreter(tag)).collect();
    if stable && let Some(last) = python.last_mut() {
        last.push_str(" and later");
    }
    if free && let Some(last) = python.last_mut() {
        last.push_str(", free-threaded");
    }
    let python = python.join(", ").replace(", any Python ", " or ");
    // The last of several names of the same platform is the most demanding one: the first tells
    // where it runs at the latest.
    let platform = platforms.first().map(|tag| platform_in_words(tag)).unwrap_or_default();
    match platform.as_str() {
        "any" | "" => python,
        platform => format!("{python} · {platform}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_told_in_words() {
        for (tag, words) in [
            (("py3", "none", "any"), ("any Python 3", "any", "any")),
            (
                ("cp312", "cp312", "manylinux_2_28_x86_64"),
                ("CPython 3.12", "CPython 3.12", "Linux with glibc 2.28 or newer, x86_64"),
            ),
            (
                ("cp39", "abi3", "manylinux2014_aarch64"),
                ("CPython 3.9 and later", "the stable ABI", "Linux with glibc 2.17 or newer, aarch64"),
            ),
            (
                ("cp313", "cp313t", "macosx_11_0_arm64"),
                ("CPython 3.13", "CPython 3.13, free-threaded", "macOS 11.0 or newer, arm64"),
            ),
            (("pp310", "pypy310_pp73", "win_amd64"), ("PyPy 3.10", "pypy310_pp73", "Windows, x86_64")),
            (
                ("cp27", "cp27mu", "linux_armv7l"),
                ("CPython 2.7", "CPython 2.7", "Linux like the one it was built on, armv7l"),
            ),
            (("xx", "yy", "zz"), ("xx", "yy", "zz")),
            (("cp", "cp", "manylinux_"), ("cp", "cp", "manylinux_")),
        ] {
            let told = explain(tag.0, tag.1, tag.2);
            assert_eq!((&*told.python, &*told.abi, &*told.platform), words, "{tag:?}");
        }
    }

    #[test]
    fn a_wheel_is_summed_up() {
        let list = |text: &str| text.split('.').map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(summary(&list("py2.py3"), &list("none"), &list("any")), "any Python 2 or 3");
        assert_eq!(
            summary(&list("cp39"), &list("abi3"), &list("musllinux_1_2_x86_64")),
            "CPython 3.9 and later · Linux with musl 1.2 or newer, x86_64"
        );
    }
}
