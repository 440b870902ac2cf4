//! What `pyproject.toml` says of a project's requirements (PEP 621, PEP 735).

use super::requirement::Requirement;
use crate::error::Result;
use crate::names::ProjectName;
use crate::{bad, missing};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

/// The parts of the file that are about requirements.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Project {
    /// `None` without a `[project]` table.
    pub name: Option<ProjectName>,
    /// `project.dependencies`, as they are written.
    pub dependencies: Vec<String>,
    /// `project.optional-dependencies` by extra.
    pub extras: BTreeMap<ProjectName, Vec<String>>,
    groups: BTreeMap<String, Group>,
    /// Whether only a build tells the requirements.
    pub is_dynamic: bool,
}

#[derive(Clone, Debug, Default, PartialEq)]
struct Group {
    /// As it is written.
    name: String,
    entries: Vec<Entry>,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(untagged)]
enum Entry {
    Requirement(String),
    Include {
        #[serde(rename = "include-group")]
        group: String,
    },
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
struct File {
    project: Option<Table>,
    dependency_groups: BTreeMap<String, Vec<Entry>>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
struct Table {
    name: String,
    dependencies: Vec<String>,
    optional_dependencies: BTreeMap<String, Vec<String>>,
    dynamic: Vec<String>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
struct Built {
    build_system: Option<System>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct System {
    requires: Vec<String>,
}

/// What a source needs before anything of it runs (PEP 518); setuptools where it does not say.
///
/// # Errors
/// `Bad` if the file is no TOML, or what it names are no requirements.
pub fn build_requirements(pyproject: Option<&str>) -> Result<Vec<Requirement>> {
    let file: Built = match pyproject {
        Some(text) => toml::from_str(text).map_err(|error| bad!("{}", error.to_string().trim()))?,
        None => Built::default(),
    };
    let named = file.build_system.map_or_else(|| vec!["setuptools".to_owned()], |system| system.requires);
    named.iter().map(|text| Requirement::parse(text)).collect()
}

/// Names of groups and extras are compared like those of projects.
fn normal(name: &str) -> String {
    ProjectName::new(name).map_or_else(|| name.to_owned(), |name| name.to_string())
}

impl Project {
    /// Reads the file.
    ///
    /// # Errors
    /// `Bad` if it is no TOML, or if its tables are of another shape.
    pub fn parse(text: &str) -> Result<Self> {
        let file: File = toml::from_str(text).map_err(|error| bad!("{}", error.to_string().trim()))?;
        let has_project = file.project.is_some();
        let table = file.project.unwrap_or_default();
        let groups = file.dependency_groups.into_iter();
        let groups = groups.map(|(name, entries)| (normal(&name), Group { name, entries })).collect();
        let mut extras = BTreeMap::new();
        for (name, wanted) in table.optional_dependencies {
            let name =
                ProjectName::new(&name).ok_or_else(|| bad!("{name:?} is not a valid name of an extra"))?;
            extras.insert(name, wanted);
        }
        let dynamic = |field: &str| table.dynamic.iter().any(|name| name == field);
        Ok(Self {
            name: ProjectName::new(&table.name),
            dependencies: table.dependencies,
            extras,
            groups,
            // Without the table, setup.py or setup.cfg tells.
            is_dynamic: !has_project || dynamic("dependencies") || dynamic("optional-dependencies"),
        })
    }

    /// Requirements of the project itself with these extras, conditions on extras gone. An extra that
    /// names others of the same project (`demo[all]` wants `demo[a,b]`) brings theirs.
    ///
    /// # Errors
    /// `Missing` if there is no such extra.
    pub fn with_extras(&self, extras: &BTreeSet<ProjectName>) -> Result<Vec<String>> {
        let mut open: Vec<ProjectName> = extras.iter().cloned().collect();
        let (mut seen, mut all) = (BTreeSet::new(), self.dependencies.clone());
        while let Some(extra) = open.pop() {
            if !seen.insert(extra.clone()) {
                continue;
            }
            let wanted = self.extras.get(&extra).ok_or_else(|| {
                let known: Vec<&str> = self.extras.keys().map(ProjectName::as_str).collect();
                missing!("unknown extra {extra}: use one of {}", listed(&known))
            })?;
            for text in wanted {
                match Requirement::parse(text) {
                    Ok(own) if Some(&own.name) == self.name.as_ref() => open.extend(own.extras),
                    _ => all.push(text.clone()),
                }
            }
        }
        Ok(all)
    }

    /// Requirements of a dependency group and of those it includes.
    ///
    /// # Errors
    /// `Missing` if there is no such group, `Bad` if groups include each other.
    pub fn group(&self, name: &str) -> Result<Vec<String>> {
        let mut all = Vec::new();
        self.take_group(name, &mut Vec::new(), &mut all)?;
        Ok(all)
    }

    fn take_group(&self, name: &str, above: &mut Vec<String>, all: &mut Vec<String>) -> Result<()> {
        let key = normal(name);
        if above.contains(&key) {
            return Err(bad!("the dependency groups {} include each other", above.join(", ")));
        }
        let group = self.groups.get(&key).ok_or_else(|| {
            let known: Vec<&str> = self.groups.values().map(|group| group.name.as_str()).collect();
            missing!("unknown dependency group {name}: use one of {}", listed(&known))
        })?;
        above.push(key);
        for entry in &group.entries {
            match entry {
                Entry::Requirement(text) => all.push(text.clone()),
                Entry::Include { group } => self.take_group(group, above, all)?,
            }
        }
        above.pop();
        Ok(())
    }
}

fn listed(names: &[&str]) -> String {
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = r#"
        [project]
        name = "De.mo"
        dependencies = ["flask>=2", "six; python_version < '3'"]
        [project.optional-dependencies]
        Web_Extra = ["gunicorn"]
        db = ["psycopg2"]
        all = ["de-mo[web-extra,db]", "tox"]
        [dependency-groups]
        test = ["pytest", {include-group = "Typing_X"}]
        typing-x = ["mypy"]
        round = [{include-group = "about"}]
        about = [{include-group = "round"}]
    "#;

    fn names(names: &[&str]) -> BTreeSet<ProjectName> {
        names.iter().filter_map(|name| ProjectName::new(name)).collect()
    }

    #[test]
    fn requirements_extras_and_groups_are_read() {
        let project = Project::parse(FILE).unwrap();
        assert!(!project.is_dynamic);
        assert_eq!(project.with_extras(&names(&[])).unwrap(), project.dependencies);
        assert_eq!(project.with_extras(&names(&["web.extra"])).unwrap()[2..], ["gunicorn"]);
        let all = project.with_extras(&names(&["all"])).unwrap();
        let all: BTreeSet<&str> = all[2..].iter().map(String::as_str).collect();
        assert_eq!(all, ["gunicorn", "psycopg2", "tox"].into());
        assert_eq!(project.group("Test").unwrap(), ["pytest", "mypy"]);
    }

    #[test]
    fn what_is_not_there_is_said_with_what_is() {
        let project = Project::parse(FILE).unwrap();
        let extra = project.with_extras(&names(&["nope"])).unwrap_err().to_string();
        assert_eq!(extra, "unknown extra nope: use one of all, db, web-extra");
        let group = project.group("nope").unwrap_err().to_string();
        assert!(group.contains("use one of about, round, test, typing-x"), "{group}");
        assert!(project.group("round").unwrap_err().to_string().contains("include each other"));
        assert!(Project::parse("[project]\ndependencies = 3").is_err());
    }

    #[test]
    fn what_only_a_build_tells_is_dynamic() {
        let dynamic = |text: &str| Project::parse(text).unwrap().is_dynamic;
        assert!(dynamic("[project]\nname = 'a'\ndynamic = ['version', 'dependencies']"));
        assert!(!dynamic("[project]\nname = 'a'\ndynamic = ['version']"));
        assert!(dynamic("[build-system]\nrequires = []"));
    }
}
