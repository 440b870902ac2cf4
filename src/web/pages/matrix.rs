//! Versions × targets of a project: who has a wheel, what could be built, what is excluded, failed or hidden, and why.

use super::hidden::HiddenFile;
use super::shorten::{self, ShortTarget};
use crate::build::target::Target;
use crate::db::builds::Build;
use crate::packaging::choose::{self, Chooser};
use crate::packaging::page::{File, Page};
use crate::packaging::version::{self, Version};
use crate::words::{BuildState, FileKind};
use serde::{Serialize, Serializer};
use std::collections::{BTreeMap, BTreeSet};

/// Targets that the table has.
const MOST_TARGETS: usize = 24;

/// The table; without rows there is nothing to show.
#[derive(Default, Serialize)]
pub struct Matrix {
    /// What all targets have in common, which their columns leave out: `linux x86_64 · glibc 2.36+`.
    #[serde(skip)]
    pub common: String,
    /// The newest first.
    pub targets: Vec<ShortTarget>,
    pub rows: Vec<MatrixRow>,
    /// Whether a cell has a button.
    #[serde(skip)]
    pub buildable: bool,
}

#[derive(Serialize)]
pub struct MatrixRow {
    pub version: String,
    pub cells: Vec<Cell>,
}

/// How it stands with one version for one target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CellState {
    /// For any system.
    Pure,
    Wheel,
    Built,
    Doubtful,
    /// Queued, fetching, running.
    Building(BuildState),
    /// There is a source, and a worker for the target.
    Buildable,
    /// By Requires-Python.
    Excluded,
    Failed,
    /// By a policy, a quarantine, or since it was not approved.
    Hidden,
    /// There is no source that could be built.
    Nothing,
}

impl CellState {
    /// In a word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Pure => "pure wheel",
            Self::Wheel => "wheel",
            Self::Built => "built here",
            Self::Doubtful => "doubtful",
            Self::Building(state) => state.name(),
            Self::Buildable => "can be built",
            Self::Excluded => "excluded",
            Self::Failed => "failed",
            Self::Hidden => "hidden",
            Self::Nothing => "none",
        }
    }

    /// Says the same without colour.
    pub fn sign(self) -> &'static str {
        match self {
            Self::Pure | Self::Wheel => "✓",
            Self::Built => "⚙",
            Self::Doubtful => "!",
            Self::Building(_) => "…",
            Self::Buildable => "+",
            Self::Excluded => "∅",
            Self::Failed => "✗",
            Self::Hidden => "⊘",
            Self::Nothing => "–",
        }
    }

    pub fn mood(self) -> &'static str {
        match self {
            Self::Pure | Self::Wheel | Self::Built => "good",
            Self::Doubtful | Self::Building(_) | Self::Hidden => "warn",
            Self::Failed => "bad",
            Self::Buildable | Self::Excluded | Self::Nothing => "",
        }
    }
}

impl Serialize for CellState {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        self.word().serialize(to)
    }
}

/// What there is of one version for one target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Cell {
    pub state: CellState,
    /// The file's name, or why there is none.
    pub about: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub build: Option<i64>,
    /// What a button sends to have it built, as JSON; empty without a button.
    #[serde(skip)]
    pub order: String,
}

/// What the table is made from.
pub struct MatrixSources<'a> {
    pub page: &'a Page,
    /// The newest first; canonical.
    pub versions: &'a [String],
    /// The newest build of each version and target.
    pub newest: &'a [Build],
    pub offered: &'a [Target],
    pub hidden: &'a [HiddenFile],
    /// Whether the reader may have something built.
    pub may_build: bool,
}

/// One target with what decides for it.
struct Column<'a> {
    name: &'a str,
    /// `None`: no worker builds for it any more.
    chooser: Option<Chooser>,
    wheels: BTreeMap<Version, &'a File>,
}

impl MatrixSources<'_> {
    /// The table of at most so many versions.
    pub fn table(&self, most: usize) -> Matrix {
        let mut builds: BTreeMap<(String, &str), &Build> = BTreeMap::new();
        for build in self.newest {
            if let Some(number) = build.version.as_deref().and_then(version::canonical) {
                // The newest is first.
                builds.entry((number, &build.target)).or_insert(build);
            }
        }
        let of_builds = builds.keys().map(|(_, target)| *target);
        let offered = self.offered.iter().map(|target| target.name.as_str());
        let names: BTreeSet<&str> = offered.chain(of_builds).collect();
        let (targets, common) = shorten::all(names.into_iter());
        let columns: Vec<Column<'_>> =
            targets.iter().take(MOST_TARGETS).map(|target| self.column(&target.name)).collect();
        if columns.is_empty() {
            return Matrix::default();
        }
        let sources = choose::sdist_of_each(self.page);
        let hidden_versions = self.hidden.iter().filter_map(|file| file.filename.canonical_version());
        let versions: BTreeSet<(Option<Version>, String)> = self
            .versions
            .iter()
            .map(String::as_str)
            .chain(hidden_versions)
            .map(|text| (version::parse(text), text.to_owned()))
            .collect();
        let row = |(parsed, number): (Option<Version>, String)| {
            let source = parsed.as_ref().and_then(|version| sources.get(version)).copied();
            let cells = columns.iter().map(|column| {
                let build = builds.get(&(number.clone(), column.name)).copied();
                self.cell(&number, parsed.as_ref(), source, column, build)
            });
            MatrixRow { cells: cells.collect(), version: number.clone() }
        };
        let rows: Vec<MatrixRow> = versions.into_iter().rev().take(most).map(row).collect();
        let buildable = rows.iter().flat_map(|row| &row.cells).any(|cell| !cell.order.is_empty());
        let targets = targets.iter().take(MOST_TARGETS).cloned().collect();
        Matrix { common, targets, rows, buildable }
    }

    fn column<'a>(&'a self, name: &'a str) -> Column<'a> {
        let target = self.offered.iter().find(|target| target.name == name);
        let chooser = target.map(Target::chooser);
        let wheels = chooser.as_ref().map(|chooser| chooser.wheel_of_each(self.page)).unwrap_or_default();
        Column { name, chooser, wheels }
    }

    fn cell(
        &self,
        number: &str,
        parsed: Option<&Version>,
        source: Option<&File>,
        column: &Column<'_>,
        build: Option<&Build>,
    ) -> Cell {
        let plain =
            |state, about: String| Cell { state, about, build: build.map(|b| b.id), order: String::new() };
        let wheel = parsed.and_then(|version| column.wheels.get(version)).copied();
        let excluded = |file: &File| {
            let python = file.requires_python.as_deref()?;
            let fits = column.chooser.as_ref()?.fits_python(Some(python));
            (!fits).then(|| plain(CellState::Excluded, format!("Requires-Python is {python}")))
        };
        if let Some(built) = build.filter(|build| build.state == BuildState::Built) {
            let doubts =
                built.evidence.as_ref().map(|evidence| evidence.doubts.join("; ")).unwrap_or_default();
            let name = built.wheel.as_ref().map(|wheel| wheel.filename.clone()).unwrap_or_default();
            return match doubts.is_empty() {
                true => plain(CellState::Built, name),
                false => plain(CellState::Doubtful, doubts),
            };
        }
        if let Some(wheel) = wheel {
            let name = wheel.filename.wheel();
            let pure = name.is_some_and(|name| name.platform.iter().any(|one| one == "any"));
            let state = if pure { CellState::Pure } else { CellState::Wheel };
            return excluded(wheel).unwrap_or_else(|| plain(state, wheel.filename.to_string()));
        }
        if let Some(build) = build {
            return match build.failure.as_ref() {
                Some(failure) => plain(CellState::Failed, failure.in_short()),
                None => plain(CellState::Building(build.state), format!("build {}", build.id)),
            };
        }
        if let Some(hidden) = self.hidden.iter().find(|file| file.is_for(number, column.chooser.as_ref())) {
            return plain(CellState::Hidden, hidden.because.clone());
        }
        let Some(source) = source else {
            return plain(
                CellState::Nothing,
                "no wheel for this target, and no source to build one from".into(),
            );
        };
        if let Some(cell) = excluded(source) {
            return cell;
        }
        if column.chooser.is_none() {
            return plain(CellState::Nothing, "no worker builds for this target".into());
        }
        let mut cell = plain(CellState::Buildable, format!("from {}", source.filename));
        if self.may_build && !source.yanked.is_yanked() {
            let requirement = format!("{}=={number}", self.page.name);
            cell.order =
                serde_json::json!({"requirement": requirement, "targets": [column.name]}).to_string();
        }
        cell
    }
}

impl HiddenFile {
    /// Whether this file would give the target a wheel of the version.
    fn is_for(&self, number: &str, chooser: Option<&Chooser>) -> bool {
        if self.filename.canonical_version() != Some(number) {
            return false;
        }
        match (self.filename.wheel(), chooser) {
            (Some(wheel), Some(chooser)) => chooser.preference(wheel).is_some(),
            (Some(_), None) => false,
            (None, _) => self.filename.kind() == FileKind::Sdist,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::names::ProjectName;
    use crate::packaging::filename::ListedFilename;
    use crate::words::{BuildSource, Class, Failure, SourceKind, Step};

    fn target(name: &str, version: &str) -> Target {
        let (python, platform) = name.split_once('-').unwrap();
        Target {
            name: name.into(),
            implementation: "cp".into(),
            version: version.into(),
            abi: python.into(),
            tags: vec![format!("{python}-{python}-{platform}"), "py3-none-any".into()],
            ..Target::default()
        }
    }

    fn project() -> ProjectName {
        ProjectName::new("demo").unwrap()
    }

    fn file(name: &str, python: Option<&str>) -> File {
        File { requires_python: python.map(str::to_owned), ..File::named(&project(), name) }
    }

    fn failed() -> Build {
        let source = BuildSource {
            kind: SourceKind::Sdist,
            filename: "demo-2.0.tar.gz".into(),
            origin: String::new(),
            subdirectory: String::new(),
            published_at: None,
            commit: None,
        };
        let mut build = Build::new("root/pypi".parse().unwrap(), source);
        (build.id, build.state, build.target) = (7, BuildState::Failed, "cp312-linux_x86_64".into());
        build.version = Some("2.0".into());
        build.failure = Some(Failure::new(Class::MissingHeader, Step::Build, "install x"));
        build
    }

    #[test]
    fn every_cell_says_how_it_stands_and_why() {
        let offered = [target("cp312-linux_x86_64", "3.12.1"), target("cp313-linux_x86_64", "3.13.0")];
        let mut page = Page::new(project());
        page.files = vec![
            file("demo-2.0.tar.gz", None),
            file("demo-1.0.tar.gz", Some("<3.13")),
            file("demo-1.0-cp312-cp312-linux_x86_64.whl", Some("<3.13")),
            file("demo-0.9-py3-none-any.whl", None),
            file("demo-0.8-cp39-cp39-win_amd64.whl", None),
        ];
        let hidden = HiddenFile {
            filename: ListedFilename::new(&project(), "demo-3.0.tar.gz"),
            because: "it is quarantined: bad".into(),
        };
        let versions = ["2.0", "1.0", "0.9", "0.8"].map(str::to_owned);
        let known = MatrixSources {
            page: &page,
            versions: &versions,
            newest: &[failed()],
            offered: &offered,
            hidden: &[hidden],
            may_build: true,
        };
        let table = known.table(10);
        let columns: Vec<&str> = table.targets.iter().map(|target| target.name.as_str()).collect();
        assert_eq!(columns, ["cp313-linux_x86_64", "cp312-linux_x86_64"], "the newest is first");
        let words: Vec<(&str, Vec<&str>)> = table
            .rows
            .iter()
            .map(|row| (row.version.as_str(), row.cells.iter().map(|cell| cell.state.word()).collect()))
            .collect();
        assert_eq!(
            words,
            [
                ("3.0", vec!["hidden", "hidden"]),
                ("2.0", vec!["can be built", "failed"]),
                ("1.0", vec!["excluded", "wheel"]),
                ("0.9", vec!["pure wheel", "pure wheel"]),
                ("0.8", vec!["none", "none"]),
            ]
        );
        let order = r#"{"requirement":"demo==2.0","targets":["cp313-linux_x86_64"]}"#;
        assert_eq!(table.rows[1].cells[0].order, order);
        assert_eq!(table.rows[1].cells[1].build, Some(7));
        assert_eq!(table.rows[2].cells[0].about, "Requires-Python is <3.13");
        assert!(table.buildable);
        assert!(!MatrixSources { may_build: false, ..known }.table(10).buildable);
    }
}
