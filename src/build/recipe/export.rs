//! What builds found, as a recipe: joined over versions and targets, to be read and put in force.

use super::Recipe;
use super::draft::{one_line, quoted};
use crate::names::ProjectName;
use crate::packaging::version::{self, Version};
use std::collections::BTreeSet;

/// What the build of one release for one target found beside its recipe.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    pub version: String,
    /// A target's name.
    pub target: String,
    pub found: Recipe,
    pub build: i64,
}

/// The specifiers of versions that follow each other: `==1.0`, or `>=1.0,<=1.4`.
pub fn version_range(versions: &[String]) -> String {
    match versions {
        [] => String::new(),
        [one] => format!("=={one}"),
        [first, .., last] => format!(">={first},<={last}"),
    }
}

/// The text of a recipe that says for each release and target what was found for it; `None` where nothing
/// was. `in_force`: the name of the recipe that is in force for the project.
///
/// What follows from the source alone holds for all targets, if all that is known of the release says so.
pub fn export(project: &ProjectName, findings: &[Finding], in_force: Option<&str>) -> Option<String> {
    let cells = cells(findings);
    let versions = distinct(cells.iter().map(|cell| &cell.version));
    let parts = parts(&cells, &versions);
    let whole = range(versions.first()?, versions.last()?);
    let mut lines: Vec<String> = Vec::new();
    if let Some(name) = in_force {
        lines.push(format!(
            "# The recipe {} is in force: this one takes its place, so add what that says",
            one_line(name)
        ));
    }
    let is_alone = parts.len() == 1;
    lines.extend(parts.iter().filter(|_| is_alone).map(Part::comment));
    lines.push(format!("name = {}", quoted(project.as_str())));
    lines.push(format!("versions = {}", quoted(&whole)));
    for part in &parts {
        lines.push(String::new());
        if is_alone && part.markers.is_empty() {
            lines.extend(tables(&part.found));
            continue;
        }
        lines.extend(Some(part.comment()).filter(|_| !is_alone));
        let of_versions = Some(range(part.first, part.last)).filter(|range| *range != whole);
        let when: Vec<String> =
            of_versions.into_iter().chain(part.marker()).map(|text| quoted(&text)).collect();
        lines.push("[[override]]".to_owned());
        lines.push(match when.as_slice() {
            // An override has a condition, even one that always holds.
            [] => format!("when = {}", quoted(&whole)),
            [one] => format!("when = {one}"),
            several => format!("when = [{}]", several.join(", ")),
        });
        lines.extend(
            assignments(&part.found)
                .into_iter()
                .map(|(table, key, value)| format!("{table}.{key} = {value}")),
        );
    }
    lines.push(String::new());
    Some(lines.join("\n"))
}

/// What is known of one version where one marker holds.
#[derive(Clone, Debug)]
struct Cell {
    version: Version,
    marker: String,
    found: Recipe,
    build: i64,
}

/// One for each version and marker: of targets that no marker tells apart, what the newest build found.
fn cells(findings: &[Finding]) -> Vec<Cell> {
    let names: Vec<TargetName<'_>> = findings.iter().map(|each| TargetName::read(&each.target)).collect();
    let implementations = distinct(names.iter().map(|name| &name.implementation)).len() > 1;
    let systems = distinct(names.iter().map(|name| &name.system)).len() > 1;
    let mut cells: Vec<Cell> = Vec::new();
    for (each, name) in findings.iter().zip(&names) {
        // What is no version cannot be meant by a recipe.
        let Some(version) = version::parse(&each.version) else { continue };
        // Only what an attempt would follow.
        let found = Recipe::default().with(&each.found);
        let cell = Cell { version, marker: name.marker(implementations, systems), found, build: each.build };
        match cells.iter_mut().find(|known| known.version == cell.version && known.marker == cell.marker) {
            Some(known) if known.build < cell.build => *known = cell,
            Some(_) => {}
            None => cells.push(cell),
        }
    }
    cells.sort_by(|a, b| (&a.version, &a.marker).cmp(&(&b.version, &b.marker)));
    cells
}

/// What markers can tell of a target, by its name.
struct TargetName<'a> {
    implementation: &'static str,
    /// `3.13`
    python: String,
    system: &'a str,
}

impl<'a> TargetName<'a> {
    /// Of `cp313t-manylinux_2_36_x86_64`.
    fn read(name: &'a str) -> Self {
        let (interpreter, platform) = name.split_once('-').unwrap_or((name, ""));
        let digits: String = interpreter.chars().filter(char::is_ascii_digit).collect();
        let (major, minor) = digits.split_at(digits.len().min(1));
        let system = match platform {
            _ if platform.starts_with("win") => "win32",
            _ if platform.starts_with("macosx") => "darwin",
            _ => "linux",
        };
        let implementation = if interpreter.starts_with("pp") { "pypy" } else { "cpython" };
        Self { implementation, python: format!("{major}.{minor}"), system }
    }

    fn marker(&self, implementation: bool, system: bool) -> String {
        let mut marker = format!("python_version == '{}'", self.python);
        if implementation {
            marker.push_str(&format!(" and implementation_name == '{}'", self.implementation));
        }
        if system {
            marker.push_str(&format!(" and sys_platform == '{}'", self.system));
        }
        marker
    }
}

/// Versions that follow each other, with the same finding under the same markers; without any, under all.
struct Part<'a> {
    first: &'a Version,
    last: &'a Version,
    markers: BTreeSet<&'a str>,
    found: Recipe,
    builds: BTreeSet<i64>,
}

impl Part<'_> {
    fn marker(&self) -> Option<String> {
        let each: Vec<&str> = self.markers.iter().copied().collect();
        (!each.is_empty()).then(|| each.join(" or "))
    }

    fn comment(&self) -> String {
        let builds: Vec<String> = self.builds.iter().map(ToString::to_string).collect();
        let noun = if builds.len() == 1 { "build" } else { "builds" };
        format!("# Found by {noun} {}", builds.join(", "))
    }
}

fn parts<'a>(cells: &'a [Cell], versions: &[&'a Version]) -> Vec<Part<'a>> {
    let mut parts: Vec<Part<'a>> = Vec::new();
    // What all cells of a version say, and what is of the source.
    let mut before: Option<usize> = None;
    let mut rest: Vec<&Cell> = Vec::new();
    for version in versions {
        let all: Vec<&Cell> = cells.iter().filter(|cell| cell.version == **version).collect();
        let common = all.first().map(|cell| &cell.found).filter(|found| {
            all.iter().all(|cell| cell.found == **found) && (*found).clone().of_the_source() == **found
        });
        let Some(found) = common else {
            rest.extend(all);
            before = None;
            continue;
        };
        let builds = all.iter().map(|cell| cell.build);
        match before.and_then(|at| parts.get_mut(at)).filter(|part| part.found == *found) {
            Some(part) => {
                part.last = version;
                part.builds.extend(builds);
            }
            None => {
                before = Some(parts.len());
                parts.push(Part {
                    first: version,
                    last: version,
                    markers: BTreeSet::new(),
                    found: found.clone(),
                    builds: builds.collect(),
                });
            }
        }
    }
    for marker in distinct(rest.iter().map(|cell| &cell.marker)) {
        for part in runs(cells, &rest, marker) {
            let same = |known: &&mut Part<'_>| {
                (known.first, known.last, &known.found) == (part.first, part.last, &part.found)
                    && !known.markers.is_empty()
            };
            match parts.iter_mut().find(same) {
                Some(known) => {
                    known.markers.extend(part.markers);
                    known.builds.extend(part.builds);
                }
                None => parts.push(part),
            }
        }
    }
    parts.sort_by(|a, b| (a.first, a.last, &a.markers).cmp(&(b.first, b.last, &b.markers)));
    parts
}

/// The runs of one marker among the cells that are left; one that is not left ends a run.
fn runs<'a>(cells: &'a [Cell], rest: &[&'a Cell], marker: &'a str) -> Vec<Part<'a>> {
    let mut runs: Vec<Part<'a>> = Vec::new();
    let mut is_open = false;
    for cell in cells.iter().filter(|cell| cell.marker == marker) {
        let is_left = rest.iter().any(|left| std::ptr::eq(*left, cell));
        match runs.last_mut().filter(|run| is_left && is_open && run.found == cell.found) {
            Some(run) => {
                run.last = &cell.version;
                run.builds.insert(cell.build);
            }
            None if is_left => runs.push(Part {
                first: &cell.version,
                last: &cell.version,
                markers: BTreeSet::from([marker]),
                found: cell.found.clone(),
                builds: BTreeSet::from([cell.build]),
            }),
            None => {}
        }
        is_open = is_left;
    }
    runs
}

fn range(first: &Version, last: &Version) -> String {
    let mut versions = vec![first.to_string(), last.to_string()];
    versions.dedup();
    version_range(&versions)
}

fn distinct<'a, T: Ord + ?Sized>(all: impl Iterator<Item = &'a T>) -> Vec<&'a T> {
    all.collect::<BTreeSet<_>>().into_iter().collect()
}

/// Tables with their keys.
fn tables(found: &Recipe) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut open = "";
    for (table, key, value) in assignments(found) {
        if table != open {
            lines.extend((!open.is_empty()).then(String::new));
            lines.push(format!("[{table}]"));
            open = table;
        }
        lines.push(format!("{key} = {value}"));
    }
    lines
}

/// Table, key and value of all that is said.
fn assignments(found: &Recipe) -> Vec<(&'static str, String, String)> {
    let mut all = Vec::new();
    if !found.packages.is_empty() {
        // Workers find packages with apt.
        all.push(("system", "debian".to_owned(), array(found.packages.iter().map(String::as_str))));
    }
    let build = serde_json::to_value(&found.build).unwrap_or_default();
    for (key, value) in build.as_object().into_iter().flatten() {
        all.extend(written(value).map(|value| ("build", key.clone(), value)));
    }
    all
}

/// As TOML has it, on one line.
fn written(value: &serde_json::Value) -> Option<String> {
    use serde_json::Value;
    match value {
        Value::Bool(flag) => Some(flag.to_string()),
        Value::String(text) => Some(quoted(text)),
        Value::Array(items) => Some(array(items.iter().filter_map(Value::as_str))),
        Value::Object(fields) => {
            let is_plain = |name: &str| name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
            let key = |name: &str| if is_plain(name) { name.to_owned() } else { quoted(name) };
            let field = |(name, value): (&String, &Value)| {
                Some(format!("{} = {}", key(name), quoted(value.as_str()?)))
            };
            Some(format!("{{ {} }}", fields.iter().filter_map(field).collect::<Vec<_>>().join(", ")))
        }
        Value::Null | Value::Number(_) => None,
    }
}

fn array<'a>(items: impl Iterator<Item = &'a str>) -> String {
    format!("[{}]", items.map(quoted).collect::<Vec<_>>().join(", "))
}

#[cfg(test)]
mod tests;
