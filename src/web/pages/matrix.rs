//! Versions × targets of a project: who has a wheel, what is being built, what failed.

use super::builds::mood;
use crate::build::target::Target;
use crate::db::builds::Build;
use crate::packaging::page::{File, Page};
use crate::packaging::version::{self, Version};
use crate::words::BuildState;
use std::collections::{BTreeMap, BTreeSet};

/// Versions that the table has.
const VERSIONS: usize = 12;

/// The table; without rows there is nothing to show.
#[derive(Default)]
pub struct Matrix {
    pub targets: Vec<Column>,
    pub rows: Vec<MatrixRow>,
}

pub struct Column {
    pub name: String,
    /// Its halves: `cp312` and `manylinux_2_36_x86_64`.
    pub interpreter: String,
    pub platform: String,
}

pub struct MatrixRow {
    pub version: String,
    pub cells: Vec<Cell>,
}

/// What there is of one version for one target.
#[derive(Clone, Default)]
pub struct Cell {
    pub text: String,
    pub mood: &'static str,
    pub about: String,
    /// From the root; empty without a build.
    pub href: String,
}

/// The table of a page, by the newest builds of its project and by what is built for at present.
pub fn table(page: &Page, versions: &[String], newest: &[Build], offered: &[Target]) -> Matrix {
    let mut builds: BTreeMap<(String, String), &Build> = BTreeMap::new();
    for build in newest {
        if let Some(number) = build.version.as_deref().and_then(version::canonical) {
            // The newest is first.
            builds.entry((number, build.target.clone())).or_insert(build);
        }
    }
    let of_builds = builds.keys().map(|(_, target)| target.as_str());
    let names: BTreeSet<&str> = offered.iter().map(|target| target.name.as_str()).chain(of_builds).collect();
    let mut names: Vec<&str> = names.into_iter().collect();
    names.sort_by_key(|name| place(name));
    if names.is_empty() {
        return Matrix::default();
    }
    let wheels = |name: &&str| {
        let target = offered.iter().find(|target| target.name == **name);
        target.map(|target| target.chooser().wheel_of_each(page)).unwrap_or_default()
    };
    let wheels: Vec<BTreeMap<Version, &File>> = names.iter().map(wheels).collect();
    let row = |number: &String| {
        let parsed = version::parse(number);
        let cells = names.iter().zip(&wheels).map(|(name, wheels)| {
            let wheel = parsed.as_ref().and_then(|version| wheels.get(version)).copied();
            cell(wheel, builds.get(&(number.clone(), (*name).to_owned())).copied())
        });
        MatrixRow { version: number.clone(), cells: cells.collect() }
    };
    let column = |name: &&str| {
        let (interpreter, platform) = name.split_once('-').unwrap_or((name, ""));
        Column { name: (*name).to_owned(), interpreter: interpreter.into(), platform: platform.into() }
    };
    Matrix {
        targets: names.iter().map(column).collect(),
        rows: versions.iter().take(VERSIONS).map(row).collect(),
    }
}

/// Interpreters in the order of their versions: `cp39` before `cp313`.
fn place(target: &str) -> (&str, u32, &str) {
    let from = target.find(|c: char| c.is_ascii_digit()).unwrap_or(target.len());
    let (implementation, rest) = target.split_at_checked(from).unwrap_or((target, ""));
    let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    let (number, rest) = rest.split_at_checked(digits).unwrap_or((rest, ""));
    let (major, minor) = number.split_at_checked(1).unwrap_or((number, ""));
    let read = |text: &str| text.parse::<u32>().unwrap_or(0).min(99_999);
    (implementation, read(major) * 100_000 + read(minor), rest)
}

fn cell(wheel: Option<&File>, build: Option<&Build>) -> Cell {
    let href = build.map(|build| format!("+builds/{}", build.id)).unwrap_or_default();
    match (build, wheel) {
        (Some(build), _) if build.state == BuildState::Built => {
            let wheel = build.wheel.as_ref().map(|wheel| wheel.filename.clone()).unwrap_or_default();
            let doubts =
                build.evidence.as_ref().map(|evidence| evidence.doubts.join("; ")).unwrap_or_default();
            match doubts.is_empty() {
                true => Cell { text: "built".into(), mood: mood(build.state), about: wheel, href },
                false => Cell { text: "doubtful".into(), mood: "warn", about: doubts, href },
            }
        }
        (_, Some(wheel)) => {
            let pure =
                wheel.filename.wheel().is_some_and(|name| name.platform.iter().any(|one| one == "any"));
            let text = if pure { "pure wheel" } else { "wheel" };
            Cell { text: text.into(), mood: "", about: "the page has one".into(), href }
        }
        (Some(build), None) => {
            let failure = build.failure.as_ref();
            let class = failure.map(|failure| failure.class.name());
            let about = failure.map(|failure| failure.hint.clone()).unwrap_or_default();
            let text = class.unwrap_or(build.state.name()).to_owned();
            Cell { text, mood: mood(build.state), about, href }
        }
        (None, None) => Cell::default(),
    }
}

#[cfg(test)]
mod tests {
    use super::place;

    #[test]
    fn interpreters_stand_in_the_order_of_their_versions() {
        let mut names =
            ["cp313t-linux", "cp39-linux", "pp310-linux", "cp27mu-linux", "cp313-linux", "odd", ""];
        names.sort_by_key(|name| place(name));
        assert_eq!(
            names,
            ["", "cp27mu-linux", "cp39-linux", "cp313-linux", "cp313t-linux", "odd", "pp310-linux"]
        );
    }
}
