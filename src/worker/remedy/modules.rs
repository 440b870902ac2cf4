//! Build requirements that the source needs and does not declare.
//!
//! A module's name is no reason to install a project of that name: anybody may have registered it. What is
//! added is a known build tool, or a project that the source itself names.

use super::trouble::{Remedy, Trouble, add};
use crate::build::failure::absent_module;
use crate::packaging::requirement::Requirement;
use crate::worker::peek;
use crate::worker::source::INSIDE;
use std::path::Path;

/// Modules that builds import, and the requirement that brings each.
const TOOLS: &[(&str, &str)] = &[
    ("pkg_resources", "setuptools<81"),
    ("distutils", "setuptools"),
    ("setuptools", "setuptools"),
    ("wheel", "wheel"),
    ("pip", "pip"),
    ("numpy", "numpy"),
    ("scipy", "scipy"),
    ("Cython", "Cython"),
    ("cython", "Cython"),
    ("pyximport", "Cython"),
    ("cffi", "cffi"),
    ("pycparser", "pycparser"),
    ("pybind11", "pybind11"),
    ("nanobind", "nanobind"),
    ("mypyc", "mypy"),
    ("mypy", "mypy"),
    ("setuptools_scm", "setuptools-scm"),
    ("setuptools_scm_git_archive", "setuptools-scm-git-archive"),
    ("setuptools_git_versioning", "setuptools-git-versioning"),
    ("setuptools_rust", "setuptools-rust"),
    ("setuptools_golang", "setuptools-golang"),
    ("setuptools_dso", "setuptools-dso"),
    ("setuptools_cpp", "setuptools-cpp"),
    ("milksnake", "milksnake"),
    ("skbuild", "scikit-build"),
    ("scikit_build_core", "scikit-build-core"),
    ("mesonpy", "meson-python"),
    ("mesonbuild", "meson"),
    ("cmake", "cmake"),
    ("ninja", "ninja"),
    ("maturin", "maturin"),
    ("hatchling", "hatchling"),
    ("hatch_vcs", "hatch-vcs"),
    ("hatch_fancy_pypi_readme", "hatch-fancy-pypi-readme"),
    ("flit_core", "flit-core"),
    ("flit_scm", "flit-scm"),
    ("poetry.core", "poetry-core"),
    ("poetry_dynamic_versioning", "poetry-dynamic-versioning"),
    ("pdm.backend", "pdm-backend"),
    ("pdm.pep517", "pdm-pep517"),
    ("pbr", "pbr"),
    ("d2to1", "d2to1"),
    ("stsci.distutils", "stsci.distutils"),
    ("versioneer", "versioneer"),
    ("versioningit", "versioningit"),
    ("vcversioner", "vcversioner"),
    ("incremental", "incremental"),
    ("packaging", "packaging"),
    ("pyparsing", "pyparsing"),
    ("six", "six"),
    ("toml", "toml"),
    ("tomli", "tomli"),
    ("tomlkit", "tomlkit"),
    ("yaml", "PyYAML"),
    ("jinja2", "Jinja2"),
    ("mako", "Mako"),
    ("ply", "ply"),
    ("pkgconfig", "pkgconfig"),
    ("pypandoc", "pypandoc"),
    ("docutils", "docutils"),
    ("sphinx", "Sphinx"),
    ("babel", "Babel"),
    ("cppy", "cppy"),
    ("sipbuild", "sip"),
    ("pyqtbuild", "PyQt-builder"),
    ("extension_helpers", "extension-helpers"),
    ("setup_requires_cython", "setup-requires-cython"),
    ("grpc_tools", "grpcio-tools"),
    ("google.protobuf", "protobuf"),
    ("pytest_runner", "pytest-runner"),
    ("sysconfig", "setuptools"),
    ("pythran", "pythran"),
    ("gast", "gast"),
    ("semantic_version", "semantic-version"),
    ("typing_extensions", "typing-extensions"),
];
/// Tools that sources ask for in words, in lower case, and the module of each.
const WORDED: &[(&str, &str)] = &[
    ("cython", "Cython"),
    ("numpy", "numpy"),
    ("cffi", "cffi"),
    ("pybind11", "pybind11"),
    ("setuptools_scm", "setuptools_scm"),
    ("setuptools-scm", "setuptools_scm"),
    ("setuptools_rust", "setuptools_rust"),
    ("setuptools-rust", "setuptools_rust"),
    ("scikit-build", "skbuild"),
    ("pkgconfig", "pkgconfig"),
];
/// How they say that it is missing.
const ASKS: [&str; 9] = [
    "required",
    "requires",
    "not installed",
    "not found",
    "please install",
    "must be installed",
    "missing",
    "need",
    "could not import",
];
/// Files in which sources name projects.
const NAMING: [&str; 9] = [
    "PKG-INFO",
    "pyproject.toml",
    "setup.cfg",
    "requirements.txt",
    "requirements-dev.txt",
    "requirements_dev.txt",
    "dev-requirements.txt",
    "build-requirements.txt",
    "tox.ini",
];
const LIMIT: u64 = 4 << 20;

/// The project of the missing module; or the source's own folder, if the module lies there.
pub(super) fn remedies(trouble: &Trouble<'_>) -> Vec<Remedy> {
    let module = absent_module(trouble.printed).or_else(|| worded(trouble.printed).map(str::to_owned));
    let Some(module) = module else { return Vec::new() };
    let top = trouble.unpacked.work.join("src");
    let first = module.split('.').next().unwrap_or_default();
    if top.join(first).is_dir() || top.join(format!("{first}.py")).is_file() {
        // `setup.py` was once run with its own folder in the search path.
        let here = |env: &mut std::collections::BTreeMap<String, String>| {
            env.insert("PYTHONPATH".to_owned(), INSIDE.to_owned());
        };
        return vec![trouble.certain(|found| here(&mut found.build.env))];
    }
    let Some(requirement) = tool(&module).map(str::to_owned).or_else(|| named(&top, first)) else {
        trouble.running.room.log.note(&format!(
            "{module} is no known build tool, and the source does not name a project for it: nothing is added"
        ));
        return Vec::new();
    };
    let project = |text: &str| Requirement::parse(text).map(|each| each.name).ok();
    let name = project(&requirement);
    let found = &trouble.running.found().build;
    if found.requires.iter().chain(&found.constraints).any(|held| project(held) == name) {
        return Vec::new();
    }
    // It is there, in a version that does not have the module: a limit is what is missing.
    if trouble.asked.iter().any(|asked| Some(&asked.name) == name.as_ref()) {
        let limits = requirement.contains(['<', '>', '=', '~']);
        let constrained = trouble.certain(|found| add(&mut found.build.constraints, [requirement]));
        return limits.then_some(constrained).into_iter().collect();
    }
    vec![trouble.certain(|found| add(&mut found.build.requires, [requirement]))]
}

/// The requirement that brings a module of a known build tool.
pub(super) fn tool(module: &str) -> Option<&'static str> {
    let fits =
        |known: &str| module == known || module.strip_prefix(known).is_some_and(|rest| rest.starts_with('.'));
    TOOLS.iter().find(|(known, _)| fits(known)).map(|(_, requirement)| *requirement)
}

/// A tool that the last error asks for in words.
fn worded(printed: &str) -> Option<&'static str> {
    let errors = printed.lines().rev().take(40).filter(|line| {
        let line = line.trim_start();
        !line.contains("No module named")
            && (line.contains("Error") || line.contains("error") || line.contains("lease install"))
    });
    errors.map(str::to_ascii_lowercase).find_map(|line| {
        let words: Vec<&str> =
            line.split(|c: char| !(c.is_ascii_alphanumeric() || "_-".contains(c))).collect();
        let asked = ASKS.iter().any(|asks| line.contains(asks));
        WORDED.iter().find(|(tool, _)| asked && words.contains(tool)).map(|(_, module)| *module)
    })
}

/// The project of the module's own name, if the source names it as something that it needs.
fn named(top: &Path, module: &str) -> Option<String> {
    let wanted = Requirement::parse(module).ok()?.name;
    let is_it = |text: &str| Requirement::parse(text.trim()).is_ok_and(|each| each.name == wanted);
    let read = |name: &str| {
        let bytes = peek::file(top, name, LIMIT).ok().flatten()?;
        Some(String::from_utf8_lossy(&bytes).into_owned())
    };
    let in_lines = NAMING.iter().filter_map(|name| read(name)).any(|text| {
        text.lines().any(|line| {
            let line = line.trim().trim_start_matches("Requires-Dist:").trim().trim_matches([',', '"', '\'']);
            is_it(line)
        })
    });
    let quoted = |text: String| text.split(['"', '\'']).skip(1).step_by(2).any(is_it);
    (in_lines || read("setup.py").is_some_and(quoted)).then(|| wanted.as_str().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_module_is_known_by_its_name_or_the_packages_above_it() {
        assert_eq!(tool("numpy"), Some("numpy"));
        assert_eq!(tool("numpy.distutils.core"), Some("numpy"));
        assert_eq!(tool("poetry.core.masonry"), Some("poetry-core"));
        assert_eq!(tool("numpy_of_somebody"), None);
    }

    #[test]
    fn what_is_asked_for_in_words_is_understood() {
        assert_eq!(worded("x\nRuntimeError: Cython is required to build from git\n"), Some("Cython"));
        assert_eq!(worded("error: please install numpy before this\n"), Some("numpy"));
        assert_eq!(worded("all is well with cython\nValueError: 3\n"), None);
        assert_eq!(worded("SomeError: the cythonized module is missing\n"), None);
    }

    #[test]
    fn a_project_counts_only_if_the_source_names_it() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
        write("setup.py", "import helper, other\nsetup(setup_requires=['helper>=1'])\n");
        write("PKG-INFO", "Name: demo\nRequires-Dist: third (>=2)\n");
        assert_eq!(named(folder.path(), "helper").as_deref(), Some("helper"));
        assert_eq!(named(folder.path(), "third").as_deref(), Some("third"));
        assert_eq!(named(folder.path(), "other"), None, "an import is no name of a project");
    }
}
