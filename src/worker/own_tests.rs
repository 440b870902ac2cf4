//! The tests that a source brings along: what runs them, and what they need.

use super::peek;
use crate::build::recipe::Test;
use crate::names::ProjectName;
use crate::packaging::metadata::Metadata;
use crate::packaging::pyproject::Project;
use crate::packaging::reqfile::{self, Said};
use crate::packaging::requirement::Requirement;
use crate::packaging::tox::TestEnvironment;
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
/// Files of requirements that name others.
const DEEPEST: usize = 5;

/// What a recipe would say of them; `None` if there are none. `folder` is the project in the unpacked source,
/// `metadata` that of its wheel.
pub fn of(folder: &Path, metadata: &Metadata) -> Option<Test> {
    let is_folder = |name: &&&str| folder.join(name).symlink_metadata().is_ok_and(|found| found.is_dir());
    let tests = FOLDERS.iter().find(is_folder)?;
    let has = |name: &&&str| folder.join(name).symlink_metadata().is_ok_and(|found| found.is_file());
    let beside = BESIDE.iter().filter(has);
    let mut requires = vec!["pytest".to_owned()];
    requires.extend(by_tox(folder, metadata).unwrap_or_else(|| {
        let mut named = with_extra(metadata, named(metadata).as_ref());
        named.extend(group(folder));
        named
    }));
    Some(Test {
        requires,
        sources: [tests].into_iter().chain(beside).map(|name| (*name).to_owned()).collect(),
        command: Some(format!("\"$PYTHON\" -m pytest {tests}")),
        ..Test::default()
    })
}

/// What tox would install; `None` if the source says nothing of that, or names a file that it does not have.
fn by_tox(folder: &Path, metadata: &Metadata) -> Option<Vec<String>> {
    let read = |name: &str| text(folder, name).unwrap_or_default();
    let found = TestEnvironment::from_ini(&read("tox.ini"))
        .or_else(|| TestEnvironment::from_toml(&read("tox.toml")))
        .or_else(|| TestEnvironment::from_pyproject(&read("pyproject.toml")))
        .or_else(|| TestEnvironment::from_ini(&read("setup.cfg")))?;
    let mut all = Vec::new();
    for extra in &found.extras {
        all.extend(with_extra(metadata, ProjectName::new(extra).as_ref()));
    }
    follow(folder, "", &found.deps.join("\n"), DEEPEST, &mut all)?;
    Some(all)
}

/// The requirements of a text and of the files that it names. What is given by its URL or path cannot be had in a
/// sandbox, and is left out.
fn follow(folder: &Path, beside: &str, lines: &str, deeper: usize, all: &mut Vec<String>) -> Option<()> {
    for line in reqfile::read(lines) {
        match line.said() {
            Ok(Said::Wanted { text, .. }) if Requirement::parse(text).is_ok_and(|one| one.url.is_none()) => {
                all.push(text.to_owned());
            }
            Ok(Said::Requirements(name)) => {
                let path = format!("{beside}{}", name.trim_start_matches("./"));
                let named = text(folder, &path)?;
                let beside =
                    path.rsplit_once('/').map(|(parent, _)| format!("{parent}/")).unwrap_or_default();
                follow(folder, &beside, &named, deeper.checked_sub(1)?, all)?;
            }
            _ => {}
        }
    }
    Some(())
}

/// A file of the source, if it is there and is text.
fn text(folder: &Path, name: &str) -> Option<String> {
    reqfile::decoded(&peek::file(folder, name, LARGEST).ok()??)
}

/// The first extra that by its name is for tests.
fn named(metadata: &Metadata) -> Option<ProjectName> {
    let provided: BTreeSet<ProjectName> =
        metadata.provides_extra.iter().filter_map(|name| ProjectName::new(name)).collect();
    NAMES.iter().filter_map(|name| ProjectName::new(name)).find(|name| provided.contains(name))
}

/// What the wheel requires with an extra.
fn with_extra(metadata: &Metadata, extra: Option<&ProjectName>) -> Vec<String> {
    let wanted: BTreeSet<ProjectName> = extra.into_iter().cloned().collect();
    let all = metadata.requires_dist.iter().filter_map(|text| Requirement::parse(text).ok());
    all.filter_map(|each| each.for_extras(&wanted)).map(|each| each.to_string()).collect()
}

/// The first dependency group of such a name.
fn group(folder: &Path) -> Vec<String> {
    let project = text(folder, "pyproject.toml").and_then(|text| Project::parse(&text).ok());
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
    fn what_tox_would_install_comes_first_and_the_files_that_it_names_are_followed() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
        std::fs::create_dir_all(folder.path().join("tests")).unwrap();
        std::fs::create_dir_all(folder.path().join("wants")).unwrap();
        let metadata = Metadata {
            provides_extra: vec!["test".into()],
            requires_dist: vec!["by-name; extra == 'test'".into()],
            ..Metadata::default()
        };
        write("tox.ini", "[testenv]\ndeps =\n    mock\n    -r wants/tests.txt\n");
        // A file that was left out of the source: what is named otherwise is better than nothing.
        assert_eq!(of(folder.path(), &metadata).unwrap().requires, ["pytest", "by-name"]);
        write(
            "wants/tests.txt",
            "-r more.txt\n-c limits.txt\npytest-cov==5.0  # for figures\nx @ https://host.test/x.zip\n",
        );
        write("wants/more.txt", "hypothesis\n");
        let found = of(folder.path(), &metadata).unwrap();
        assert_eq!(found.requires, ["pytest", "mock", "hypothesis", "pytest-cov==5.0"]);
        write("wants/more.txt", "-r tests.txt\n");
        assert_eq!(of(folder.path(), &metadata).unwrap().requires, ["pytest", "by-name"]);
        write("tox.ini", "[testenv]\nextras = test\n");
        assert_eq!(of(folder.path(), &metadata).unwrap().requires, ["pytest", "by-name"]);
        write("wants/more.txt", "../../up");
        write("tox.ini", "[testenv]\ndeps = -r ../up.txt\n");
        assert_eq!(of(folder.path(), &metadata).unwrap().requires, ["pytest", "by-name"]);
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
