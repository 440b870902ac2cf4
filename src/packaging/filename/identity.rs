//! What a file name means, whatever its spelling: two files of one identity would be one to installers.

use super::{DistFilename, SdistFilename, WheelFilename, candidates};
use crate::packaging::version::Version;
use std::collections::BTreeSet;

/// The identity of a file name: the same for every spelling of project, version, build tag and tags.
/// A name that says nothing of that has itself as identity.
pub fn identity(filename: &str) -> String {
    if let Ok(name) = DistFilename::parse(filename) {
        return name.identity();
    }
    // Sdists were called otherwise before PEP 625.
    let old =
        candidates(filename).into_iter().find_map(|name| SdistFilename::parse_for(&name, filename).ok());
    old.map_or_else(|| filename.to_owned(), |name| name.identity())
}

impl DistFilename {
    /// What the name means.
    pub fn identity(&self) -> String {
        match self {
            Self::Wheel(wheel) => wheel.identity(),
            Self::Sdist(sdist) => sdist.identity(),
        }
    }
}

impl WheelFilename {
    /// Project, version, build tag, and the sets of tags: compressed sets stand for all
    /// combinations, so that three sorted sets say the same as all of these.
    pub fn identity(&self) -> String {
        let build = self.build.as_deref().map(|build| format!("-{}", build_tag(build))).unwrap_or_default();
        let [python, abi, platform] = [&self.python, &self.abi, &self.platform].map(|tags| set(tags));
        format!("{}-{}{build}-{python}-{abi}-{platform}.whl", self.name.escaped(), release(&self.version))
    }
}

impl SdistFilename {
    /// Project and version alone: a release has one sdist, as on PyPI, whatever its format.
    pub fn identity(&self) -> String {
        format!("{}-{}.sdist", self.name.escaped(), release(&self.version))
    }
}

/// The version without zeros at the end: `1.0.0` is `1`.
pub(super) fn release(version: &Version) -> String {
    let mut release = version.release().to_vec();
    while release.len() > 1 && release.last() == Some(&0) {
        release.pop();
    }
    version.clone().with_release(release).to_string()
}

/// Installers compare the digits of a build tag as a number: `01a` is `1a`.
fn build_tag(build: &str) -> String {
    let digits = build.len() - build.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, rest) = build.split_at_checked(digits).unwrap_or((build, ""));
    let number = number.trim_start_matches('0');
    format!("{}{}", if number.is_empty() { "0" } else { number }, rest.to_ascii_lowercase())
}

fn set(tags: &[String]) -> String {
    let sorted: BTreeSet<String> = tags.iter().map(|tag| tag.to_ascii_lowercase()).collect();
    sorted.into_iter().collect::<Vec<_>>().join(".")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_spelling_of_a_name_has_one_identity() {
        for spellings in [
            &[
                "Dup_Demo-1.0-py3-none-any.whl",
                "dup_demo-1.0.0-py3-none-any.whl",
                "dup.demo-v1-PY3-none-any.whl",
            ][..],
            &["a-1-py2.py3-none-any.whl", "a-1-py3.py2-none-any.whl", "a-1-py3.py2.py3-none.none-any.whl"],
            &["a-1.0rc1-1-py3-none-any.whl", "a-1.0.RC.1-01-py3-none-any.whl", "a-1c1-001-py3-none-any.whl"],
            &["a-1-0ww-py3-none-any.whl", "a-1-000WW-py3-none-any.whl"],
            &["a-1!2.0+x.1-py3-none-any.whl", "a-01!2+X_01-py3-none-any.whl"],
            &["my_demo-1.0.tar.gz", "my_demo-1.tar.gz", "My.Demo-1.0.0.tar.gz", "my-demo-1.0.zip"],
        ] {
            for other in &spellings[1..] {
                assert_eq!(identity(spellings[0]), identity(other), "{other}");
            }
        }
    }

    #[test]
    fn what_installers_tell_apart_has_two() {
        let all = [
            "a-1-py3-none-any.whl",
            "a-1-py2.py3-none-any.whl",
            "a-1-1-py3-none-any.whl",
            "a-1-1a-py3-none-any.whl",
            "a-1-2-py3-none-any.whl",
            "a-1.1-py3-none-any.whl",
            "a-1.post0-py3-none-any.whl",
            "a-1.dev0-py3-none-any.whl",
            "a-1+0-py3-none-any.whl",
            "a-1!1-py3-none-any.whl",
            "a-10-py3-none-any.whl",
            "a-0-py3-none-any.whl",
            "b-1-py3-none-any.whl",
            "a-1-cp312-cp312-manylinux_2_17_x86_64.whl",
            "a-1-cp312-abi3-manylinux_2_17_x86_64.whl",
            "a-1.tar.gz",
            "a-1.1.tar.gz",
            "b-1.tar.gz",
            "no name at all",
        ];
        let identities: BTreeSet<String> = all.iter().map(|name| identity(name)).collect();
        assert_eq!(identities.len(), all.len());
    }

    proptest! {
        #[test]
        fn an_identity_outlives_every_respelling(
            release in prop::collection::vec(0u32..20, 1..4), zeros in 0usize..3,
            tags in prop::collection::btree_set("py[23]|cp3[0-9]{1,2}", 1..4), turn in 0usize..4,
            build in prop::option::of(0u32..50),
        ) {
            let tags: Vec<String> = tags.into_iter().collect();
            let mut turned = tags.clone();
            turned.rotate_left(turn % tags.len());
            turned.push(tags[0].to_uppercase());
            let version = |zeros: usize| {
                let parts = release.iter().map(ToString::to_string).chain(vec!["0".to_owned(); zeros]);
                parts.collect::<Vec<_>>().join(".")
            };
            let build = |zeros: &str| build.map(|number| format!("{zeros}{number}-")).unwrap_or_default();
            let plain = format!("my_demo-{}-{}{}-none-any.whl", version(0), build(""), tags.join("."));
            let other = format!("My.Demo-{}-{}{}-none-any.whl", version(zeros), build("0"), turned.join("."));
            prop_assert_eq!(identity(&plain), identity(&other));
        }
    }
}
