//! Texts in a log that give a failure's class away whatever else the log holds, strongest first.

use crate::words::Class;

/// A line that holds all of these texts, compared without regard to case.
pub struct Sign {
    pub class: Class,
    pub texts: &'static [&'static str],
}

macro_rules! signs {
    ($($class:ident: [$([$($text:literal),+]),+ $(,)?]),+ $(,)?) => {
        &[$($(Sign { class: Class::$class, texts: &[$($text),+] }),+),+]
    };
}

/// What decides alone. Lower case.
pub const SIGNS: &[Sign] = signs! {
    Disk: [["no space left on device"], ["disk quota exceeded"], ["file too large", "errno 27"]],
    Memory: [
        ["cannot allocate memory"],
        ["virtual memory exhausted"],
        ["out of memory allocating"],
        ["killed signal terminated program"],
        ["std::bad_alloc"],
        ["memory allocation of", "failed"],
    ],
    Processes: [
        ["fork", "resource temporarily unavailable"],
        ["can't start new thread"],
        ["blockingioerror", "resource temporarily unavailable"],
    ],
    Use2to3: [["use_2to3 is invalid"], ["setuptools>=58.0", "use_2to3"]],
    SetuptoolsFeature: [
        ["cannot import name", "feature", "setuptools"],
        ["importerror: cannot import name feature"],
        ["importerror: cannot import name 'feature'"],
        ["module 'setuptools' has no attribute 'feature'"],
    ],
    PkgResources: [
        ["no module named", "pkg_resources"],
        ["pkg_resources", "cannot import name"],
        ["module 'pkg_resources' has no attribute"],
    ],
    Refused: [
        ["pypi package is deprecated"],
        ["has been renamed to"],
        ["package should not be installed"],
        ["this is a placeholder"],
        ["placeholder package"],
        ["placeholder project"],
        ["dummy package"],
        ["is a fake package"],
        ["stub package"],
        ["cannot be built from source"],
        ["building from source is not supported"],
        ["does not support building from source"],
        ["only for use on python 2"],
        ["this backport is for python 2.7 only"],
        ["is not supported on python 3"],
        ["please install", "instead of"],
        ["was superseded by"],
        ["is only meant to be installed on"],
        ["only works on windows"],
        ["only supports windows"],
        ["only works on macos"],
        ["this package is only for"],
    ],
    RequiresPython: [
        ["requires a different python"],
        ["cannot install on python version"],
        ["python version", "required"],
        ["unsupported python version"],
        ["requires python '"],
        ["requires python >"],
        ["requires python 3"],
        ["requires at least python"],
        ["python 2", "no longer supported"],
        ["python 2", "is not supported"],
        ["python 3", "is not supported"],
        ["only supports python"],
        ["supports only python"],
        ["this version of", "only works with python"],
        ["you need python", "or"],
        ["sorry, python"],
        ["must use python"],
    ],
    Cython3: [["attributeerror: cython_sources"]],
    Distutils: [
        ["no module named", "distutils"],
        ["name 'ccompiler' is not defined"],
        ["module 'distutils", "has no attribute"],
        ["cannot import name", "distutils"],
        ["has no attribute 'msvc9compiler'"],
        ["module 'setuptools._distutils", "has no attribute"],
    ],
    Network: [
        ["temporary failure in name resolution"],
        ["name or service not known"],
        ["nodename nor servname"],
        ["could not resolve host"],
        ["unable to resolve host"],
        ["network is unreachable"],
        ["failed to establish a new connection"],
        ["urlopen error"],
        ["getaddrinfo failed"],
        ["connectionrefusederror"],
        ["connection refused"],
        ["unable to access 'http"],
        ["spurious network error"],
        ["failed to download from"],
        ["failed to get", "as a dependency of package"],
        ["unable to update registry"],
        ["subproject", "is buildable: no"],
        ["is the internet available"],
        ["wrapdb", "failed"],
        ["error: downloading 'http"],
        ["automatic wrap-based subproject downloading is disabled"],
    ],
};

/// The first line that bears the strongest sign.
pub fn strongest<'a>(lines: &[&'a str]) -> Option<(Class, &'a str)> {
    let lower: Vec<String> = lines.iter().map(|line| line.to_ascii_lowercase()).collect();
    SIGNS.iter().find_map(|sign| {
        let at = lower.iter().position(|line| sign.texts.iter().all(|text| line.contains(text)))?;
        Some((sign.class, *lines.get(at)?))
    })
}
