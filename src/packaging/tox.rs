//! What tox would install before it runs a project's tests: of `testenv`, which every other environment begins with.

use configparser::ini::{Ini, IniDefault};
use serde::Deserialize;

/// The plain environment for tests.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TestEnvironment {
    /// Lines of a requirements file, with paths below the project's folder.
    pub deps: Vec<String>,
    /// Extras of the project itself.
    pub extras: Vec<String>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Pyproject {
    tool: Tools,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Tools {
    tox: Tox,
}

/// `tool.tox` of pyproject.toml, or the whole of tox.toml.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Tox {
    legacy_tox_ini: String,
    env_run_base: Base,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Base {
    deps: Vec<toml::Value>,
    extras: Vec<toml::Value>,
}

impl TestEnvironment {
    /// As tox.ini and setup.cfg say it; `None` if they say nothing.
    pub fn from_ini(text: &str) -> Option<Self> {
        let mut settings = IniDefault::default();
        settings.multiline = true;
        settings.delimiters = vec!['='];
        settings.comment_symbols = vec!['#', ';'];
        // A marker begins with `;`.
        settings.enable_inline_comments = false;
        let mut ini = Ini::new_from_defaults(settings);
        ini.read(text.to_owned()).ok()?;
        let lines = |key: &str| -> Vec<String> {
            let value = ini.get("testenv", key).unwrap_or_default();
            value.lines().filter_map(plain).collect()
        };
        let extras = lines("extras").iter().flat_map(|line| words(line)).collect();
        Self { deps: lines("deps"), extras }.known()
    }

    /// As pyproject.toml says it, in either of tox's forms; `None` if it says nothing.
    pub fn from_pyproject(text: &str) -> Option<Self> {
        let tox = toml::from_str::<Pyproject>(text).ok()?.tool.tox;
        tox.env_run_base.read().or_else(|| Self::from_ini(&tox.legacy_tox_ini))
    }

    /// As tox.toml says it; `None` if it says nothing.
    pub fn from_toml(text: &str) -> Option<Self> {
        toml::from_str::<Tox>(text).ok()?.env_run_base.read()
    }

    fn known(self) -> Option<Self> {
        (self != Self::default()).then_some(self)
    }
}

impl Base {
    fn read(&self) -> Option<TestEnvironment> {
        // What is no text refers to other settings.
        let texts = |all: &[toml::Value]| all.iter().filter_map(|one| plain(one.as_str()?)).collect();
        TestEnvironment { deps: texts(&self.deps), extras: texts(&self.extras) }.known()
    }
}

fn words(line: &str) -> Vec<String> {
    line.split([',', ' ', '\t']).filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

/// A line that holds for every environment and needs nothing filled in but the project's folder.
fn plain(line: &str) -> Option<String> {
    let line = line.replace("{toxinidir}/", "").replace("{tox_root}/", "");
    let line = line.trim();
    // `py38: mock` is for environments of that name alone.
    let is_factor =
        |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | ',' | '!' | '{' | '}');
    let conditional = line.split_once(": ").is_some_and(|(factors, _)| factors.chars().all(is_factor));
    let is_plain = !line.is_empty() && !line.starts_with('#') && !conditional && !line.contains('{');
    is_plain.then(|| line.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn environment(deps: &[&str], extras: &[&str]) -> Option<TestEnvironment> {
        let texts = |all: &[&str]| all.iter().map(|one| (*one).to_owned()).collect();
        Some(TestEnvironment { deps: texts(deps), extras: texts(extras) })
    }

    #[test]
    fn what_holds_for_every_environment_is_read() {
        let text = "[tox]\nenvlist = py38,min\n\n[testenv]\npassenv = A\ndeps =\n    -r requirements/tests.txt\n    \
                    # a remark\n    min: -r requirements/tests-min.txt\n    pytest-cov >= 3 ; python_version > '3'\n    \
                    {[base]deps}\n    -r{toxinidir}/dev.txt\n    py{37,38}: mock\nextras = cli, web\ncommands =\n    \
                    pytest {posargs}\n\n[testenv:docs]\ndeps = sphinx\n";
        let deps = ["-r requirements/tests.txt", "pytest-cov >= 3 ; python_version > '3'", "-rdev.txt"];
        assert_eq!(TestEnvironment::from_ini(text), environment(&deps, &["cli", "web"]));
        assert_eq!(
            TestEnvironment::from_ini("[testenv]\ndeps = -rdev.txt\n"),
            environment(&["-rdev.txt"], &[])
        );
        for nothing in ["", "[tox]\nenvlist = py38\n", "[testenv]\ncommands = pytest\n", "[testenv"] {
            assert_eq!(TestEnvironment::from_ini(nothing), None, "{nothing}");
        }
    }

    #[test]
    fn pyproject_says_it_in_two_forms() {
        let own =
            "[tool.tox.env_run_base]\ndeps = ['pytest>8', {replace = 'ref', of = ['x']}]\nextras = ['web']\n";
        assert_eq!(TestEnvironment::from_pyproject(own), environment(&["pytest>8"], &["web"]));
        let older = "[tool.tox]\nlegacy_tox_ini = \"\"\"\n[testenv]\ndeps =\n  mock\n\"\"\"\n";
        assert_eq!(TestEnvironment::from_pyproject(older), environment(&["mock"], &[]));
        assert_eq!(TestEnvironment::from_toml("env_run_base.deps = ['mock']"), environment(&["mock"], &[]));
        assert_eq!(TestEnvironment::from_pyproject("[project]\nname = 'a'\n"), None);
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_a_panic(text in "(\\[testenv\\]\n)?(\\PC|\n|=|:|\\[|\\]| ){0,200}") {
            for read in [TestEnvironment::from_ini, TestEnvironment::from_pyproject, TestEnvironment::from_toml] {
                let found = read(&text);
                prop_assert!(found.is_none_or(|found| !found.deps.is_empty() || !found.extras.is_empty()));
            }
        }
    }
}
