//! Requirements and what they require, for one target: which projects, and which versions will do.
//!
//! No search: the newest version that satisfies all who want a project is taken, and taken anew when
//! somebody more comes to want it. Where a search could go back to an older version of the one who
//! asks, this ends with an error that names who wants what.

use crate::names::ProjectName;
use crate::packaging::requirement::Requirement;
use crate::packaging::version::{self, Version, VersionSpecifiers};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// A requirement and who has it: `you`, `requirements.txt:3`, `flask 3.0.0`.
#[derive(Clone, Debug, PartialEq)]
pub struct Want {
    pub requirement: Requirement,
    pub by: String,
}

impl Want {
    /// `you want`, `flask 3.0 wants`
    pub fn who(&self) -> String {
        let verb = if self.by == "you" { "want" } else { "wants" };
        format!("{} {verb}", self.by)
    }
}

/// What was chosen for a project.
#[derive(Clone, Debug, PartialEq)]
pub enum Pin {
    /// A wheel with its requirements.
    Got {
        version: Version,
        requires: Vec<Requirement>,
        /// Built from a source that was named; no other version may take its place.
        fixed: bool,
    },
    /// It failed; the rest goes on without it.
    GivenUp,
}

/// A project of which a version must be chosen.
#[derive(Clone, Debug, PartialEq)]
pub struct Open {
    pub project: ProjectName,
    /// Of all who want it, and of the constraints.
    pub specifiers: VersionSpecifiers,
    pub wants: Vec<Want>,
    /// The version that was named by a source, and does not satisfy.
    pub fixed: Option<Version>,
}

impl Open {
    /// `you want demo>=2, other 1.0 wants demo<2`
    pub fn told(&self) -> String {
        let wants = self.wants.iter().map(|want| format!("{} {}", want.who(), want.requirement));
        wants.collect::<Vec<_>>().join(", ")
    }
}

/// All that is wanted for one target, as far as it is known.
#[derive(Clone, Debug)]
pub struct Closure {
    roots: Vec<Want>,
    constraints: Vec<Want>,
    markers: BTreeMap<String, String>,
    /// Whether requirements of requirements count.
    deep: bool,
    pins: BTreeMap<ProjectName, Pin>,
}

/// Who wants a project, with which extras.
#[derive(Default)]
struct Wanted {
    wants: Vec<Want>,
    extras: BTreeSet<ProjectName>,
}

impl Closure {
    pub fn new(
        roots: Vec<Want>,
        constraints: Vec<Want>,
        markers: BTreeMap<String, String>,
        deep: bool,
    ) -> Self {
        Self { roots, constraints, markers, deep, pins: BTreeMap::new() }
    }

    /// Wants one thing more from the beginning: what a source turned out to be.
    pub fn add_root(&mut self, want: Want) {
        self.roots.push(want);
    }

    pub fn pin(&mut self, project: ProjectName, pin: Pin) {
        self.pins.insert(project, pin);
    }

    /// The projects whose version must be chosen, or chosen anew; none when all is found. The latter
    /// alone while there are any: what they required until now may no longer count.
    pub fn open(&self) -> Vec<Open> {
        let (again, new): (Vec<Open>, Vec<Open>) =
            self.unsatisfied().into_iter().partition(|open| self.pins.contains_key(&open.project));
        if again.is_empty() { new } else { again }
    }

    fn unsatisfied(&self) -> Vec<Open> {
        let wanted = self.wanted();
        let unsatisfied = wanted.into_iter().filter_map(|(project, wanted)| {
            let fixed = match self.pins.get(&project) {
                Some(Pin::GivenUp) => return None,
                Some(Pin::Got { version, fixed, .. }) => {
                    if self.is_satisfied(&project, &wanted, version) {
                        return None;
                    }
                    fixed.then(|| version.clone())
                }
                None => None,
            };
            let limits = self.limits(&project).cloned();
            let wants: Vec<Want> = wanted.wants.into_iter().chain(limits).collect();
            let specifiers =
                wants.iter().flat_map(|want| want.requirement.specifiers.iter().cloned()).collect();
            Some(Open { project, specifiers, wants, fixed })
        });
        unsatisfied.collect()
    }

    /// What is wanted in the end, with the version chosen.
    pub fn chosen(&self) -> BTreeMap<ProjectName, Version> {
        let chosen = self.wanted().into_keys().filter_map(|project| match self.pins.get(&project)? {
            Pin::Got { version, .. } => Some((project, version.clone())),
            Pin::GivenUp => None,
        });
        chosen.collect()
    }

    fn limits<'a>(&'a self, project: &'a ProjectName) -> impl Iterator<Item = &'a Want> {
        let nobody = BTreeSet::new();
        self.constraints.iter().filter(move |want| {
            want.requirement.name == *project && want.requirement.applies(&self.markers, &nobody)
        })
    }

    fn is_satisfied(&self, project: &ProjectName, wanted: &Wanted, version: &Version) -> bool {
        let all = wanted.wants.iter().chain(self.limits(project));
        all.into_iter().all(|want| version::satisfies(&want.requirement.specifiers, version))
    }

    /// Everything reachable, breadth first, through the pins that satisfy.
    fn wanted(&self) -> BTreeMap<ProjectName, Wanted> {
        let mut wanted: BTreeMap<ProjectName, Wanted> = BTreeMap::new();
        let nobody = BTreeSet::new();
        let roots = self.roots.iter().filter(|want| want.requirement.applies(&self.markers, &nobody));
        let mut queue: VecDeque<Want> = roots.cloned().collect();
        while let Some(want) = queue.pop_front() {
            let project = want.requirement.name.clone();
            let entry = wanted.entry(project.clone()).or_default();
            let before = entry.extras.len();
            let is_new = !entry.wants.contains(&want);
            entry.extras.extend(want.requirement.extras.iter().cloned());
            let first = entry.wants.is_empty();
            if is_new {
                entry.wants.push(want);
            }
            if self.deep && (first || entry.extras.len() > before) {
                queue.extend(self.requires(&project, &entry.extras));
            }
        }
        wanted
    }

    /// What the chosen version requires of others, with these extras of it.
    fn requires(&self, project: &ProjectName, extras: &BTreeSet<ProjectName>) -> Vec<Want> {
        let Some(Pin::Got { version, requires, .. }) = self.pins.get(project) else { return Vec::new() };
        let by = format!("{project} {version}");
        let needed = requires.iter().filter(|requirement| requirement.applies(&self.markers, extras));
        needed.map(|requirement| Want { requirement: requirement.clone(), by: by.clone() }).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn want(text: &str) -> Want {
        Want { requirement: Requirement::parse(text).unwrap(), by: "you".to_owned() }
    }

    fn name(text: &str) -> ProjectName {
        ProjectName::new(text).unwrap()
    }

    /// Releases by project: version and requirements.
    type Index = [(&'static str, &'static [(&'static str, &'static [&'static str])])];

    /// Chooses until nothing is open; what cannot be chosen is given up and told.
    fn settle(closure: &mut Closure, index: &Index) -> Vec<String> {
        let mut told = Vec::new();
        for _ in 0..50 {
            let open = closure.open();
            if open.is_empty() {
                return told;
            }
            for open in open {
                let (_, releases) =
                    index.iter().find(|(project, _)| *project == open.project.as_str()).unwrap();
                let fits = releases
                    .iter()
                    .filter(|(v, _)| version::satisfies(&open.specifiers, &version::parse(v).unwrap()));
                let newest = fits.max_by_key(|(v, _)| version::parse(v).unwrap());
                let pin = match newest {
                    Some((v, requires)) => Pin::Got {
                        version: version::parse(v).unwrap(),
                        requires: requires.iter().map(|text| Requirement::parse(text).unwrap()).collect(),
                        fixed: false,
                    },
                    None => {
                        told.push(open.told());
                        Pin::GivenUp
                    }
                };
                closure.pin(open.project, pin);
            }
        }
        panic!("it does not end");
    }

    fn chosen(closure: &Closure) -> String {
        let all = closure.chosen().into_iter().map(|(project, version)| format!("{project} {version}"));
        all.collect::<Vec<_>>().join(", ")
    }

    fn closure(roots: &[&str], python: &str) -> Closure {
        let markers = [("python_version".to_owned(), python.to_owned())].into();
        Closure::new(roots.iter().map(|text| want(text)).collect(), Vec::new(), markers, true)
    }

    const INDEX: &Index = &[
        ("flask", &[("1.0", &["click>=5", "werkzeug"]), ("3.0", &["click>=8", "werkzeug>=3"])]),
        ("click", &[("7.0", &[]), ("8.1", &["colorama; python_version < '3'"])]),
        ("colorama", &[("0.4", &[])]),
        ("werkzeug", &[("1.0", &[]), ("3.0", &["click<8; extra == 'old'"])]),
        ("loop-a", &[("1", &["loop-b"])]),
        ("loop-b", &[("1", &["loop-a"])]),
    ];

    #[test]
    fn what_is_required_comes_too_as_the_target_needs_it() {
        let mut new = closure(&["flask"], "3.13");
        assert!(settle(&mut new, INDEX).is_empty());
        assert_eq!(chosen(&new), "click 8.1, flask 3.0, werkzeug 3.0");
        let mut old = closure(&["flask", "docopt; python_version > '3'"], "2.7");
        assert!(settle(&mut old, INDEX).is_empty());
        assert_eq!(chosen(&old), "click 8.1, colorama 0.4, flask 3.0, werkzeug 3.0");
    }

    #[test]
    fn a_version_is_chosen_anew_when_somebody_wants_another() {
        let mut both = closure(&["click", "werkzeug[old]"], "3.13");
        assert!(settle(&mut both, INDEX).is_empty());
        assert_eq!(chosen(&both), "click 7.0, werkzeug 3.0");
    }

    #[test]
    fn a_conflict_names_who_wants_what() {
        let mut never = closure(&["flask==3.0", "click<8"], "3.13");
        assert_eq!(settle(&mut never, INDEX), ["you want click<8, flask 3.0 wants click>=8"]);
    }

    #[test]
    fn constraints_limit_and_want_nothing_themselves() {
        let mut limited = closure(&["flask"], "3.13");
        limited.constraints = vec![want("flask<2"), want("colorama==9")];
        assert!(settle(&mut limited, INDEX).is_empty());
        assert_eq!(chosen(&limited), "click 8.1, flask 1.0, werkzeug 3.0");
    }

    #[test]
    fn a_circle_ends_and_without_dependencies_nothing_follows() {
        let mut circle = closure(&["loop-a"], "3.13");
        assert!(settle(&mut circle, INDEX).is_empty());
        assert_eq!(chosen(&circle), "loop-a 1, loop-b 1");
        let mut flat = closure(&["loop-a"], "3.13");
        flat.deep = false;
        assert!(settle(&mut flat, INDEX).is_empty());
        assert_eq!(chosen(&flat), "loop-a 1");
    }

    #[test]
    fn a_source_that_was_named_has_no_other_version() {
        let mut fixed = closure(&["flask"], "3.13");
        fixed.add_root(want("click"));
        let version = version::parse("5.0.dev1").unwrap();
        fixed.pin(name("click"), Pin::Got { version: version.clone(), requires: Vec::new(), fixed: true });
        fixed.pin(name("werkzeug"), Pin::GivenUp);
        let requires = vec![Requirement::parse("click>=8").unwrap()];
        fixed
            .pin(name("flask"), Pin::Got { version: version::parse("3.0").unwrap(), requires, fixed: false });
        let open = fixed.open();
        assert_eq!((open.len(), &open[0].fixed), (1, &Some(version)));
    }
}
