//! The tests that a source brings along: what runs them, and what they need.

use super::peek;
use crate::build::recipe::Test;
use crate::names::ProjectName;
use crate::packaging::metadata::Metadata;
use crate::packaging::pyproject::Project;
use crate::packaging::requirement::Requirement;
use std::collections::BTreeSet;
use std::path::Path;

/// Folders with tests beside the package.
const FOLDERS: [&str; 2] = ["tests", "test"];
/// Files that tests read or that say how they run.
const BESIDE: [&str; 6] =
    ["pyproject.toml", "pytest.ini", ".pytest.ini", "tox.ini", "setup.cfg", "conftest.py"];
/// Extras and groups that by their name are what tests need.
const NAMES: [&str; 5] = ["test", "tests", "testing", "dev", "develop"];
const LARGEST: u64 = 1 << 20;

/// What a recipe would say of them; `None` if there are none. `folder` is the project in the unpacked source,
/// `metadata` that of its wheel.
pub fn of(folder: &Path, metadata: &Metadata) -> Option<Test> {
    let is_folder = |name: &&&str| folder.join(name).symlink_metadata().is_ok_and(|found| found.is_dir());
    let tests = FOLDERS.iter().find(is_folder)?;
    let has = |name: &&&str| folder.join(name).symlink_metadata().is_ok_and(|found| found.is_file());
    let beside = BESIDE.iter().filter(has);
    let mut requires = vec!["pytest".to_owned()];
    requires.extend(extras(metadata));
    requires.extend(group(folder));
    Some(Test {
        requires,
        sources: [tests].into_iter().chain(beside).map(|name| (*name).to_owned()).collect(),
        command: Some(format!("\"$PYTHON\" -m pytest {tests}")),
        ..Test::default()
    })
}

/// What the wheel requires with its first extra of such a name, beyond what it always does.
fn extras(metadata: &Metadata) -> Vec<String> {
    let provided: BTreeSet<ProjectName> =
        metadata.provides_extra.iter().filter_map(|name| ProjectName::new(name)).collect();
    let named = NAMES.iter().filter_map(|name| ProjectName::new(name)).find(|name| provided.contains(name));
    let wanted: BTreeSet<ProjectName> = named.into_iter().collect();
    let all = metadata.requires_dist.iter().filter_map(|text| Requirement::parse(text).ok());
    all.filter_map(|each| each.for_extras(&wanted)).map(|each| each.to_string()).collect()
}

/// The first dependency group of such a name.
fn group(folder: &Path) -> Vec<String> {
    let text = peek::file(folder, "pyproject.toml", LARGEST).ok().flatten().unwrap_or_default();
    let project = String::from_utf8(text).ok().and_then(|text| Project::parse(&text).ok());
    let found = project.and_then(|project| NAMES.iter().find_map(|name| project.group(name).ok()));
    found.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_of_tests_runs_with_pytest_and_what_the_source_says_that_tests_need() {
        let folder = tempfile::tempdir().unwrap();
        let metadata = Metadata {
            provides_extra: vec!["docs".into(), "Tests".into()],
            requires_dist: vec![
                "always".into(),
                "sphinx; extra == 'docs'".into(),
                "hypothesis>6; extra == 'tests' and python_version > '3'".into(),
            ],
            ..Metadata::default()
        };
        assert_eq!(of(folder.path(), &metadata), None);
        std::fs::create_dir(folder.path().join("test")).unwrap();
        std::fs::write(folder.path().join("setup.cfg"), "").unwrap();
        let groups =
            "[dependency-groups]\ndocs = ['furo']\ntest = ['pytest-cov', {include-group = 'docs'}]\n";
        std::fs::write(folder.path().join("pyproject.toml"), groups).unwrap();
        let found = of(folder.path(), &metadata).unwrap();
        assert_eq!(
            found.requires,
            ["pytest", "always", "hypothesis>6; python_version > \"3\"", "pytest-cov", "furo"]
        );
        assert_eq!(found.sources, ["test", "pyproject.toml", "setup.cfg"]);
        assert_eq!(found.command.as_deref(), Some("\"$PYTHON\" -m pytest test"));
    }

    #[test]
    fn a_link_is_no_folder_of_tests_and_a_bad_pyproject_has_no_groups() {
        let folder = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink("/etc", folder.path().join("tests")).unwrap();
        assert_eq!(of(folder.path(), &Metadata::default()), None);
        std::fs::create_dir(folder.path().join("test")).unwrap();
        std::fs::write(folder.path().join("pyproject.toml"), "[").unwrap();
        assert_eq!(of(folder.path(), &Metadata::default()).unwrap().requires, ["pytest"]);
    }
}
