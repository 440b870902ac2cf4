//! What is in quarantine, in memory: part of a snapshot, so that one which is placed or released makes all that was
//! prepared before it untrue, on every node.

use crate::db::quarantine::QuarantineRow;
use crate::error::{Error, Result};
use crate::forbidden;
use crate::names::{IndexName, ProjectName};
use crate::packaging::version::{self, Version, VersionSpecifiers};
use std::collections::HashMap;

/// One that holds.
#[derive(Clone, Debug)]
pub struct Quarantine {
    pub id: String,
    /// `None`: all indexes.
    pub index: Option<IndexName>,
    /// `None`: the whole project.
    pub specifiers: Option<VersionSpecifiers>,
    pub why: String,
}

/// All that hold, by project.
#[derive(Clone, Debug, Default)]
pub struct Quarantines(HashMap<ProjectName, Vec<Quarantine>>);

impl Quarantines {
    /// What the rows say.
    pub fn new(rows: Vec<QuarantineRow>) -> Self {
        let mut all = Self::default();
        for row in rows {
            // What a newer version wrote and this one cannot read holds for the whole project.
            let specifiers = row.specifier.parse().ok().filter(|_| !row.specifier.is_empty());
            let one = Quarantine { id: row.id, index: row.index, specifiers, why: row.why };
            all.0.entry(row.project).or_default().push(one);
        }
        all
    }

    /// The one that keeps an index from listing or serving a version of a project. A file whose version is unknown counts
    /// as any of them.
    pub fn of(
        &self,
        index: &IndexName,
        project: &ProjectName,
        version: Option<&Version>,
    ) -> Option<&Quarantine> {
        self.on(index, project).find(|one| match (&one.specifiers, version) {
            (Some(specifiers), Some(version)) => version::satisfies(specifiers, version),
            (None, _) | (_, None) => true,
        })
    }

    /// The one that keeps any of these indexes from it.
    pub fn of_any(
        &self,
        indexes: &[&IndexName],
        project: &ProjectName,
        version: Option<&Version>,
    ) -> Option<&Quarantine> {
        indexes.iter().find_map(|index| self.of(index, project, version))
    }

    /// The one that keeps an index from listing anything of a project.
    pub fn whole(&self, index: &IndexName, project: &ProjectName) -> Option<&Quarantine> {
        self.on(index, project).find(|one| one.specifiers.is_none())
    }

    /// Whether there is any of a project on whatever index: what does not ask further is cheap.
    pub fn names(&self, project: &ProjectName) -> bool {
        self.0.contains_key(project)
    }

    /// Refuses a file of a release in quarantine.
    ///
    /// # Errors
    /// `Forbidden` with the reason.
    pub fn permit(&self, index: &IndexName, project: &ProjectName, version: Option<&Version>) -> Result<()> {
        self.of(index, project, version).map_or(Ok(()), |one| Err(one.refusal(project, version)))
    }

    /// Changes when one on any of these indexes does.
    pub fn stamp(&self, indexes: &[IndexName]) -> Vec<&str> {
        let holds = |one: &&Quarantine| one.index.as_ref().is_none_or(|index| indexes.contains(index));
        let mut stamp: Vec<&str> =
            self.0.values().flatten().filter(holds).map(|one| one.id.as_str()).collect();
        stamp.sort_unstable();
        stamp
    }

    fn on<'a, 'i>(
        &'a self,
        index: &'i IndexName,
        project: &ProjectName,
    ) -> impl Iterator<Item = &'a Quarantine> + use<'a, 'i> {
        let known = self.0.get(project).into_iter().flatten();
        known.filter(move |one| one.index.as_ref().is_none_or(|on| on == index))
    }
}

impl Quarantine {
    /// The answer to whoever asks for it.
    pub fn refusal(&self, project: &ProjectName, version: Option<&Version>) -> Error {
        let version = version.map(|version| format!(" {version}")).unwrap_or_default();
        forbidden!("{project}{version} is quarantined: {}", self.reason())
    }

    /// Why, with its number.
    pub fn reason(&self) -> String {
        format!("{} (quarantine {})", self.why, self.id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(index: Option<&str>, specifier: &str) -> QuarantineRow {
        QuarantineRow {
            id: "7".into(),
            index: index.map(|index| index.parse().unwrap()),
            project: "demo".parse().unwrap(),
            specifier: specifier.into(),
            why: "it steals tokens".into(),
            placed_by: "root".into(),
            placed_at: 0,
            released_by: None,
            released_at: None,
        }
    }

    fn holds(row: QuarantineRow, index: &str, version: Option<&str>) -> bool {
        let version = version.and_then(version::parse);
        Quarantines::new(vec![row])
            .of(&index.parse().unwrap(), &"demo".parse().unwrap(), version.as_ref())
            .is_some()
    }

    #[test]
    fn specifiers_and_the_index_say_what_is_in_quarantine() {
        assert!(holds(row(None, ""), "root/pypi", Some("1.0")) && holds(row(None, ""), "root/pypi", None));
        assert!(holds(row(None, "==1.0"), "root/pypi", Some("1.0.0")));
        assert!(!holds(row(None, "==1.0"), "root/pypi", Some("1.0.1")));
        assert!(holds(row(None, "<2"), "root/pypi", None), "of an unknown version");
        assert!(holds(row(None, "what a newer version wrote"), "root/pypi", Some("1.0")));
        assert!(!holds(row(Some("alice/dev"), ""), "root/pypi", Some("1.0")));
        let other = Quarantines::new(vec![row(None, "")]);
        assert!(other.names(&"demo".parse().unwrap()) && !other.names(&"demo-x".parse().unwrap()));
    }

    #[test]
    fn who_is_refused_learns_what_why_and_the_number() {
        let all = Quarantines::new(vec![row(None, "<2")]);
        let version = version::parse("1.0");
        let error = all.permit(&"root/pypi".parse().unwrap(), &"demo".parse().unwrap(), version.as_ref());
        assert_eq!(
            error.unwrap_err().to_string(),
            "demo 1.0 is quarantined: it steals tokens (quarantine 7)"
        );
    }
}
