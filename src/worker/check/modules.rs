//! Which modules a wheel gives: those to import for a check.

use crate::error::Result;
use crate::names::ProjectName;
use crate::packaging::elf;
use crate::packaging::retag::PlainWheel;
use std::collections::BTreeSet;
use std::io::{Read, Seek};

/// Folders of many projects that are installed by mistake, or are no use to import.
const ASIDE: [&str; 14] = [
    "tests",
    "test",
    "testing",
    "docs",
    "doc",
    "examples",
    "example",
    "samples",
    "benchmarks",
    "benchmark",
    "scripts",
    "setup",
    "conftest",
    "ez_setup",
];
/// Most extension modules that are tried one by one.
const MOST: usize = 200;

/// The modules of a wheel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Modules {
    pub(super) project: ProjectName,
    /// Importable names, `zope.interface` where `zope` is only a namespace.
    pub(super) top: Vec<String>,
    /// Compiled modules, at any depth.
    pub(super) extensions: Vec<String>,
    /// All first parts, for telling own modules from others'.
    pub(super) own: BTreeSet<String>,
}

impl Modules {
    /// A project's, as long as none is known.
    pub(super) fn of(project: &ProjectName) -> Self {
        let (top, extensions, own) = Default::default();
        Self { project: project.clone(), top, extensions, own }
    }

    /// Whether this is what the wheel is about: a module that bears the project's name, or any if none does.
    pub(super) fn is_main(&self, module: &str) -> bool {
        let named = |top: &str| ProjectName::new(top).is_some_and(|name| name == self.project);
        !self.top.iter().any(|top| named(top)) || named(module)
    }
}

/// Reads the modules of `project` from the names of its wheel's members.
pub(super) fn modules<'a>(project: &ProjectName, members: impl Iterator<Item = &'a str>) -> Modules {
    let paths: BTreeSet<&str> = members.filter_map(installed).collect();
    let mut found = Modules::of(project);
    let mut tops: BTreeSet<String> = BTreeSet::new();
    for path in &paths {
        let Some(module) = module(path) else { continue };
        let first = module.split('.').next().unwrap_or_default();
        found.own.insert(first.to_owned());
        if is_compiled(path) && found.extensions.len() < MOST {
            found.extensions.push(module.clone());
        }
        tops.insert(shallowest(&paths, &module));
    }
    // Below a package that is there itself nothing more is a beginning.
    let below = |name: &str| {
        name.match_indices('.').any(|(at, _)| name.get(..at).is_some_and(|above| tops.contains(above)))
    };
    let tops: Vec<String> = tops.iter().filter(|name| !below(name)).cloned().collect();
    let plain = |name: &&String| {
        let mut parts = name.split('.');
        parts.all(|part| !part.starts_with('_') && !ASIDE.contains(&part))
    };
    found.top = tops.iter().filter(plain).cloned().collect();
    if found.top.is_empty() {
        found.top = tops;
    }
    found
}

/// Where a member is once it is installed, seen from site-packages; `None` for what lies elsewhere.
fn installed(member: &str) -> Option<&str> {
    let (top, rest) = member.split_once('/').unwrap_or((member, ""));
    if top.ends_with(".dist-info") {
        return None;
    }
    if top.ends_with(".data") {
        return rest.strip_prefix("purelib/").or_else(|| rest.strip_prefix("platlib/"));
    }
    Some(member)
}

fn is_compiled(path: &str) -> bool {
    path.ends_with(".so") || path.ends_with(".pyd")
}

/// Whether the wheel holds machine code, whatever for: told by its beginning, or by its name.
pub(super) fn has_compiled<R: Read + Seek>(wheel: &mut PlainWheel<R>) -> Result<bool> {
    const ENDINGS: [&str; 6] = [".so", ".pyd", ".dll", ".dylib", ".exe", ".a"];
    for member in wheel.members.clone() {
        if ENDINGS.iter().any(|ending| member.name.ends_with(ending))
            || (member.size >= 64 && elf::is_elf(&wheel.beginning(&member, 4)?))
        {
            return Ok(true);
        }
    }
    Ok(false)
}

/// `a/b/__init__.py` → `a.b`, `a/_x.cpython-312-x86_64-linux-gnu.so` → `a._x`; `None` for what is no
/// module.
fn module(path: &str) -> Option<String> {
    let (folder, file) = path.rsplit_once('/').unwrap_or(("", path));
    let stem = match file.strip_suffix(".py") {
        Some(stem) => stem,
        None => {
            let stem = file.strip_suffix(".so").or_else(|| file.strip_suffix(".pyd"))?;
            stem.split('.').next()?
        }
    };
    let parts: Vec<&str> = folder.split('/').chain([stem]).filter(|part| !part.is_empty()).collect();
    let parts = match parts.as_slice() {
        [package @ .., "__init__"] => package,
        all => all,
    };
    let identifier = |part: &&str| {
        part.chars().all(|c| c.is_alphanumeric() || c == '_')
            && !part.starts_with(|c: char| c.is_ascii_digit())
    };
    (!parts.is_empty() && parts.iter().all(identifier)).then(|| parts.join("."))
}

/// The first package on the way to `module` that is one by itself, or the module.
fn shallowest(paths: &BTreeSet<&str>, module: &str) -> String {
    let packages = module.match_indices('.').filter_map(|(at, _)| module.get(..at));
    let real = |package: &&str| paths.contains(format!("{}/__init__.py", package.replace('.', "/")).as_str());
    packages.into_iter().find(real).unwrap_or(module).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn demo() -> ProjectName {
        ProjectName::new("demo").unwrap()
    }

    fn top(members: &[&str]) -> Vec<String> {
        modules(&demo(), members.iter().copied()).top
    }

    #[test]
    fn packages_and_single_modules_are_found_and_what_is_beside_them_is_not() {
        let members = [
            "demo/__init__.py",
            "demo/sub/deep.py",
            "single.py",
            "tests/__init__.py",
            "docs/conf.py",
            "_private.py",
            "demo-1.0.dist-info/METADATA",
            "demo-1.0.data/scripts/run.py",
            "demo-1.0.data/purelib/other.py",
            "data-file.txt",
            "not-a-module.py",
        ];
        assert_eq!(top(&members), ["demo", "other", "single"]);
    }

    #[test]
    fn namespaces_are_gone_through() {
        assert_eq!(top(&["zope/interface/__init__.py", "zope/interface/x.py"]), ["zope.interface"]);
        assert_eq!(top(&["a/b/c.py", "a/b/d/__init__.py", "a/b/d/e.py"]), ["a.b.c", "a.b.d"]);
    }

    #[test]
    fn a_private_name_counts_only_where_there_is_no_other() {
        assert_eq!(top(&["_demo.cpython-312-x86_64-linux-gnu.so"]), ["_demo"]);
        assert_eq!(top(&["tests/__init__.py"]), ["tests"]);
        assert_eq!(top(&["demo-1.0.data/data/x.py"]), Vec::<String>::new());
    }

    #[test]
    fn a_module_with_the_projects_name_is_the_main_one() {
        let is_main =
            |members: &[&str], module: &str| modules(&demo(), members.iter().copied()).is_main(module);
        assert!(is_main(&["demo/__init__.py", "extra.py"], "demo"));
        assert!(!is_main(&["demo/__init__.py", "extra.py"], "extra"));
        assert!(is_main(&["one.py", "two.py"], "two"), "where none has the name, all count");
    }

    #[test]
    fn compiled_modules_are_listed_at_any_depth() {
        let found =
            modules(&demo(), ["m/__init__.py", "m/_speed.abi3.so", "m.libs/libz-1a2b.so.1"].into_iter());
        assert_eq!(found.extensions, ["m._speed"]);
        assert_eq!(found.own, BTreeSet::from(["m".to_owned()]));
    }
}
