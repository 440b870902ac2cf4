//! What sources say about what builds them.

use super::*;
use crate::build::target::Target;
use crate::build::tools::tools_for;

fn tools(version: &str) -> Tools {
    tools_for(&Target { version: version.to_owned(), ..Target::default() })
}

fn texts(requirements: &[Requirement]) -> Vec<String> {
    requirements.iter().map(ToString::to_string).collect()
}

#[test]
fn without_a_build_system_setuptools_builds_and_old_ones_need_wheel() {
    let new = BuildSystem::read(None, &tools("3.13.0")).unwrap();
    assert_eq!((texts(&new.requires), new.backend.as_str()), (vec!["setuptools".to_owned()], LEGACY));
    let old = BuildSystem::read(Some("[tool.black]\nx = 1"), &tools("2.7.18")).unwrap();
    assert_eq!(texts(&old.requires), ["setuptools", "wheel"]);
}

#[test]
fn requires_without_a_backend_keeps_what_it_says_of_setuptools() {
    let text = "[build-system]\nrequires = ['setuptools>=40', 'cffi']";
    let system = BuildSystem::read(Some(text), &tools("3.6.1")).unwrap();
    assert_eq!(texts(&system.requires), ["setuptools>=40", "cffi", "wheel"]);
    assert_eq!(system.backend, LEGACY);
}

#[test]
fn what_is_no_build_system_is_refused_with_the_reason() {
    for (text, reason) in [
        ("[build-system", "cannot read"),
        ("[build-system]\nbuild-backend = 'x'", "has no requires"),
        ("[build-system]\nrequires = ['--index-url http://x']", "not a valid requirement"),
    ] {
        let error = BuildSystem::read(Some(text), &tools("3.12.1")).unwrap_err().to_string();
        assert!(error.contains(reason), "{error}");
    }
}

#[test]
fn an_interpreter_that_the_source_excludes_is_named_before_anything_runs() {
    let system = BuildSystem::read(Some("[project]\nrequires-python = '>=3.8'"), &tools("3.6.15")).unwrap();
    let said = SourceProject { system, pkg_info: None };
    assert_eq!(said.refuses_python("3.6.15"), Some(">=3.8".to_owned()));
    assert_eq!(said.refuses_python("3.8.0"), None);
    let pkg_info = b"Metadata-Version: 2.1\nName: a\nVersion: 1\nRequires-Python: >=3\n".to_vec();
    let system = BuildSystem::read(None, &tools("2.7.18")).unwrap();
    let said = SourceProject { system, pkg_info: Some(pkg_info) };
    assert_eq!(said.refuses_python("2.7.18"), Some(">=3".to_owned()));
}

#[test]
fn only_requirements_whose_marker_holds_count() {
    let markers = BTreeMap::from([("python_version".to_owned(), "2.7".to_owned())]);
    let answer = HookAnswer {
        made: None,
        requires: vec!["a; python_version<'3'".into(), "b; python_version>'3'".into()],
    };
    assert_eq!(texts(&answer.requirements(&markers).unwrap()), ["a"]);
}
