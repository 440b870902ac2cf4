//! Which Linux systems a wheel's shared objects run on: platform tags from what they need (PEP 600, PEP 656).

use crate::tools::glob;
use std::collections::{BTreeMap, BTreeSet};

use super::elf::Elf;

/// Part of every system with glibc, and versioned so that the version needed can be told.
const LIBC: [&str; 8] = [
    "libc.so.6",
    "libm.so.6",
    "libpthread.so.0",
    "libdl.so.2",
    "librt.so.1",
    "libutil.so.1",
    "libresolv.so.2",
    "libmvec.so.1",
];
/// The compiler's own libraries, on every system too, in the versions of [`COMPILER`].
const RUNTIME: [&str; 2] = ["libgcc_s.so.1", "libstdc++.so.6"];
/// What manylinux policies allow besides, whose versions only auditwheel's tables judge.
const DESKTOP: [&str; 16] = [
    "libatomic.so.1",
    "libanl.so.1",
    "libnsl.so.1",
    "libX11.so.6",
    "libXext.so.6",
    "libXrender.so.1",
    "libICE.so.6",
    "libSM.so.6",
    "libGL.so.1",
    "libgobject-2.0.so.0",
    "libgthread-2.0.so.0",
    "libglib-2.0.so.0",
    "libexpat.so.1",
    "libz.so.1",
    "libstdc++.so.6",
    "libgcc_s.so.1",
];

/// The highest symbol versions of libstdc++ (`GLIBCXX`, `CXXABI`) and libgcc (`GCC`) that the
/// distributions have whose glibc is 2.N; from the manylinux policies.
const COMPILER: [(u32, [&[u32]; 3]); 11] = [
    (5, [&[3, 4, 8], &[1, 3, 1], &[4, 2, 0]]),
    (12, [&[3, 4, 13], &[1, 3, 3], &[4, 3, 0]]),
    (17, [&[3, 4, 19], &[1, 3, 7], &[4, 8, 0]]),
    (24, [&[3, 4, 22], &[1, 3, 10], &[4, 8, 0]]),
    (27, [&[3, 4, 24], &[1, 3, 11], &[7, 0, 0]]),
    (31, [&[3, 4, 28], &[1, 3, 12], &[7, 0, 0]]),
    (34, [&[3, 4, 29], &[1, 3, 13], &[7, 0, 0]]),
    (35, [&[3, 4, 30], &[1, 3, 13], &[12, 0, 0]]),
    (39, [&[3, 4, 33], &[1, 3, 15], &[14, 0, 0]]),
    (42, [&[3, 4, 34], &[1, 3, 16], &[15, 0, 0]]),
    (43, [&[3, 4, 35], &[1, 3, 17], &[16, 0, 0]]),
];

/// What a wheel's shared objects need, all together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    /// The N of glibc 2.N; `None`: no symbol of glibc, so that any will do.
    pub glibc: Option<u32>,
    /// Libraries that are neither part of every system nor in the wheel, and which files need them.
    pub foreign: BTreeMap<String, BTreeSet<String>>,
    /// Versions that no table here knows.
    pub unknown: BTreeSet<String>,
    /// Whether musl is the C library.
    pub musl: bool,
}

impl Needs {
    /// Whether it runs wherever the C library is new enough.
    pub fn is_plain(&self) -> bool {
        self.foreign.is_empty() && self.unknown.is_empty()
    }
}

/// Adds up what `objects` (member names and what they say) need. What one of them finds in the
/// wheel by a search path of its own, or `exclude` names (`libfoo.so.*`), is not foreign.
pub fn needs(objects: &BTreeMap<String, Elf>, exclude: &[String]) -> Needs {
    let mut needs = Needs::default();
    for (member, elf) in objects {
        for library in &elf.needed {
            let known = LIBC.contains(&library.as_str()) || RUNTIME.contains(&library.as_str());
            if library.starts_with("libc.musl-") || library == "libc.so" {
                needs.musl = true;
            } else if !known
                && !is_loader(library)
                && !in_wheel(objects, member, elf, library)
                && !exclude.iter().any(|pattern| glob::matches(pattern, library))
            {
                needs.foreign.entry(library.clone()).or_default().insert(member.clone());
            }
        }
        for (library, versions) in &elf.versions {
            let known = LIBC.contains(&library.as_str()) || RUNTIME.contains(&library.as_str());
            if !known && !is_loader(library) {
                continue;
            }
            for version in versions {
                match glibc_of(version) {
                    Some(minor) => needs.glibc = needs.glibc.max(Some(minor)),
                    None => drop(needs.unknown.insert(version.clone())),
                }
            }
        }
    }
    needs
}

/// Whether every manylinux system has it, whatever its version.
pub fn is_allowed(library: &str) -> bool {
    LIBC.contains(&library) || DESKTOP.contains(&library) || is_loader(library)
}

/// The dynamic linker itself: `ld-linux-x86-64.so.2`, `ld64.so.2`.
fn is_loader(library: &str) -> bool {
    library.starts_with("ld-linux") || matches!(library, "ld64.so.1" | "ld64.so.2" | "ld.so.1")
}

/// Whether the search path of `member` leads to `library` in the wheel.
fn in_wheel(objects: &BTreeMap<String, Elf>, member: &str, elf: &Elf, library: &str) -> bool {
    let folder = member.rsplit_once('/').map_or("", |(folder, _)| folder);
    elf.runpath.iter().chain(&elf.rpath).any(|path| {
        let rest = path.strip_prefix("$ORIGIN").or_else(|| path.strip_prefix("${ORIGIN}"));
        let place = rest.and_then(|rest| join(folder, rest));
        place.is_some_and(|place| {
            let slash = if place.is_empty() { "" } else { "/" };
            objects.contains_key(&format!("{place}{slash}{library}"))
        })
    })
}

/// `join("a/b", "/../c") == Some("a/c")`; `None` if it leaves the wheel.
fn join(folder: &str, path: &str) -> Option<String> {
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()?),
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

/// The N of the glibc 2.N whose systems have this symbol version; `None`: not known.
fn glibc_of(version: &str) -> Option<u32> {
    match version {
        "GLIBC_ABI_DT_RELR" => return Some(36),
        "CXXABI_TM_1" => return Some(17),
        "CXXABI_FLOAT128" => return Some(24),
        _ => {}
    }
    let (family, number) = version.split_once('_')?;
    let number: Vec<u32> = number.split('.').map(|part| part.parse().ok()).collect::<Option<_>>()?;
    let column = match family {
        "GLIBC" => {
            let [2, minor, ..] = number.as_slice() else { return None };
            return Some(*minor);
        }
        "GLIBCXX" => 0,
        "CXXABI" => 1,
        "GCC" => 2,
        _ => return None,
    };
    let fits =
        COMPILER.iter().find(|(_, most)| most.get(column).is_some_and(|most| number.as_slice() <= *most));
    fits.map(|(minor, _)| *minor)
}

/// The N of the first manylinux policy for an architecture; `None` if there is none for it.
fn first_policy(arch: &str) -> Option<u32> {
    Some(match arch {
        "x86_64" | "i686" => 5,
        "aarch64" | "ppc64" | "ppc64le" | "s390x" | "armv7l" => 17,
        "riscv64" => 31,
        "loongarch64" => 36,
        _ => return None,
    })
}

/// The platform tags of what needs glibc 2.`minor`, sorted; with the names from before PEP 600, which
/// the installers of old interpreters know. Empty for an architecture without manylinux policies.
pub fn platform_tags(minor: Option<u32>, arch: &str) -> Vec<String> {
    let Some(first) = first_policy(arch) else { return Vec::new() };
    // Up to 2.17 old installers know three steps only.
    let minor = match minor.unwrap_or_default().max(first) {
        ..=5 => 5,
        6..=12 => 12,
        13..=17 => 17,
        newer => newer,
    };
    let alias = match minor {
        5 => Some("manylinux1"),
        12 => Some("manylinux2010"),
        17 => Some("manylinux2014"),
        _ => None,
    };
    let mut tags = vec![format!("manylinux_2_{minor}_{arch}")];
    tags.extend(alias.map(|alias| format!("{alias}_{arch}")));
    tags.sort();
    tags
}

/// The architecture that a Linux platform tag ends with: `manylinux_2_17_x86_64` → `x86_64`.
pub fn arch_of(platform: &str) -> Option<&str> {
    let rest = ["linux_", "manylinux1_", "manylinux2010_", "manylinux2014_"]
        .iter()
        .find_map(|beginning| platform.strip_prefix(beginning));
    if rest.is_some() {
        return rest;
    }
    let rest = platform.strip_prefix("manylinux_").or_else(|| platform.strip_prefix("musllinux_"))?;
    rest.splitn(3, '_').nth(2)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn elf(needed: &[&str], versions: &[(&str, &[&str])], runpath: &[&str]) -> Elf {
        let texts = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        Elf {
            needed: texts(needed),
            runpath: texts(runpath),
            versions: versions
                .iter()
                .map(|(library, versions)| ((*library).to_owned(), texts(versions).into_iter().collect()))
                .collect(),
            ..Elf::default()
        }
    }

    fn of(member: &str, elf: Elf) -> BTreeMap<String, Elf> {
        BTreeMap::from([(member.to_owned(), elf)])
    }

    #[test]
    fn the_highest_version_of_glibc_counts_as_a_number() {
        let elf = elf(&["libc.so.6"], &[("libc.so.6", &["GLIBC_2.2.5", "GLIBC_2.14", "GLIBC_2.9"])], &[]);
        let needs = needs(&of("a.so", elf), &[]);
        assert_eq!((needs.glibc, needs.is_plain()), (Some(14), true));
        assert_eq!(platform_tags(needs.glibc, "x86_64"), ["manylinux2014_x86_64", "manylinux_2_17_x86_64"]);
    }

    #[test]
    fn tags_begin_where_the_policies_of_the_architecture_do() {
        assert_eq!(platform_tags(None, "x86_64"), ["manylinux1_x86_64", "manylinux_2_5_x86_64"]);
        assert_eq!(platform_tags(Some(7), "i686"), ["manylinux2010_i686", "manylinux_2_12_i686"]);
        assert_eq!(platform_tags(Some(4), "aarch64"), ["manylinux2014_aarch64", "manylinux_2_17_aarch64"]);
        assert_eq!(platform_tags(Some(33), "x86_64"), ["manylinux_2_33_x86_64"]);
        assert_eq!(platform_tags(Some(5), "riscv64"), ["manylinux_2_31_riscv64"]);
        assert!(platform_tags(Some(5), "m68k").is_empty());
    }

    #[test]
    fn the_libraries_of_cxx_tell_the_distribution_by_their_symbol_versions() {
        let with = |version: &str| {
            needs(&of("a.so", elf(&["libstdc++.so.6"], &[("libstdc++.so.6", &[version])], &[])), &[])
        };
        assert_eq!(with("GLIBCXX_3.4").glibc, Some(5));
        assert_eq!(with("GLIBCXX_3.4.9").glibc, Some(12));
        assert_eq!(with("GLIBCXX_3.4.30").glibc, Some(35));
        assert_eq!(with("CXXABI_1.3.9").glibc, Some(24));
        assert_eq!(with("CXXABI_TM_1").glibc, Some(17));
        assert_eq!(with("GCC_3.0").glibc, Some(5));
        assert_eq!(with("GLIBCXX_9.1").unknown, BTreeSet::from(["GLIBCXX_9.1".to_owned()]));
        assert!(!with("GLIBC_PRIVATE").is_plain());
    }

    #[test]
    fn what_is_in_the_wheel_or_excluded_is_not_foreign() {
        let mut objects =
            of("pkg/sub/a.so", elf(&["libx.so.1", "libc.so.6"], &[], &["$ORIGIN/../../pkg.libs"]));
        assert_eq!(needs(&objects, &[]).foreign.keys().collect::<Vec<_>>(), ["libx.so.1"]);
        assert!(needs(&objects, &["libx.so.*".to_owned()]).is_plain());
        objects.insert("pkg.libs/libx.so.1".to_owned(), elf(&["libc.so.6"], &[], &[]));
        assert!(needs(&objects, &[]).is_plain());
        objects.insert("a.so".to_owned(), elf(&["libx.so.1"], &[], &["$ORIGIN/../pkg.libs", "/pkg.libs"]));
        assert_eq!(needs(&objects, &[]).foreign["libx.so.1"], BTreeSet::from(["a.so".to_owned()]));
    }

    #[test]
    fn the_architecture_is_read_from_every_form_of_platform_tag() {
        for (tag, arch) in [
            ("linux_x86_64", Some("x86_64")),
            ("manylinux_2_17_aarch64", Some("aarch64")),
            ("manylinux2014_i686", Some("i686")),
            ("musllinux_1_2_x86_64", Some("x86_64")),
            ("macosx_11_0_arm64", None),
            ("any", None),
        ] {
            assert_eq!(arch_of(tag), arch, "{tag}");
        }
    }
}
