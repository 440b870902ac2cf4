//! Old releases go: how many an index keeps of each kind, and for how long it keeps all.

use crate::access::SERVER;
use crate::db::events::NewEvent;
use crate::db::space::ReleaseAge;
use crate::db::{Db, Tx};
use crate::directory::{Index, IndexKind, KeepRules, Quarantines, options};
use crate::error::{Error, Result};
use crate::names::{IndexName, ProjectName};
use crate::packaging::version::{self, Version};
use crate::tools::time::{Micros, seconds};
use crate::words::EventKind;
use serde::Serialize;
use std::collections::{BTreeSet, HashSet};

/// A release that a rule removes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ExpiredRelease {
    pub index: IndexName,
    pub project: ProjectName,
    pub version: String,
    /// `keep_devreleases = 3: there are 3 newer ones`
    pub why: String,
}

/// The indexes with their options, as rows have them now.
pub(super) async fn all_indexes(db: &Db) -> Result<Vec<Index>> {
    let stored = db.indexes().await?.into_iter();
    let read = |stored: crate::db::indexes::StoredIndex| {
        let given = serde_json::from_str(&stored.options).map_err(Error::internal)?;
        Ok(options::read(&stored.name, &given))
    };
    stored.map(read).collect()
}

/// Removes what the rules of all indexes do not keep as of `now`, or with `dry_run` only tells. Only a volatile index
/// loses releases. A project stays when its last release goes: its name would be asked of mirrors otherwise, and whoever
/// has it there would give the next release.
pub async fn expire(db: &Db, dry_run: bool, now: Micros) -> Result<Vec<ExpiredRelease>> {
    let mut all = Vec::new();
    for index in all_indexes(db).await? {
        let would = would_expire(db, &index, now).await?;
        match &index.kind {
            IndexKind::Stage(stage) if !dry_run => {
                let projects: BTreeSet<&ProjectName> = would.iter().map(|release| &release.project).collect();
                for project in projects {
                    let rules = Rules { keep: &stage.keep, index: &index.name, project, now };
                    all.extend(remove(db, &rules).await?);
                }
            }
            _ => all.extend(would),
        }
    }
    Ok(all)
}

/// What the rules of one index would remove as of `now`: of a volatile stage alone.
pub(super) async fn would_expire(db: &Db, index: &Index, now: Micros) -> Result<Vec<ExpiredRelease>> {
    let mut all = Vec::new();
    let IndexKind::Stage(stage) = &index.kind else { return Ok(all) };
    let Some(least) = stage.keep.least().filter(|_| index.volatile) else { return Ok(all) };
    let quarantines = Quarantines::new(db.quarantines().await?);
    for project in db.projects_of_more_releases(&index.name, least).await? {
        let rules = Rules { keep: &stage.keep, index: &index.name, project: &project, now };
        let locked = db.locked_versions(&project).await?;
        let releases = db.release_ages(&index.name, &project).await?;
        all.extend(rules.expired(&releases, &Protected { locked, quarantines: &quarantines }));
    }
    Ok(all)
}

/// Decides once more within the transaction that removes: since, somebody may have uploaded a file, watched a lock file
/// or placed a quarantine.
async fn remove(db: &Db, rules: &Rules<'_>) -> Result<Vec<ExpiredRelease>> {
    let (index, project) = (rules.index, rules.project);
    let mut tx = Tx::begin(db).await?;
    let quarantines = Quarantines::new(tx.quarantines_of(project).await?);
    let locked = tx.locked_versions(project).await?;
    let releases = tx.release_ages(index, project).await?;
    let expired = rules.expired(&releases, &Protected { locked, quarantines: &quarantines });
    let Some((last, rest)) = expired.split_last() else { return Ok(expired) };
    for release in rest {
        let before = delete(&mut tx, release).await?;
        tx.step(event(release).before(&before)).await?;
    }
    let before = delete(&mut tx, last).await?;
    tx.commit(event(last).before(&before)).await?;
    Ok(expired)
}

/// Deletes a release; what it had, as JSON.
async fn delete(tx: &mut Tx, release: &ExpiredRelease) -> Result<String> {
    let ExpiredRelease { index, project, version, why } = release;
    let before = tx.files_in_brief(index, project, Some(version), None).await?;
    tx.delete_release(index, project, version).await?;
    Ok(serde_json::json!({"files": before["files"], "why": why}).to_string())
}

fn event(release: &ExpiredRelease) -> NewEvent<'_> {
    let event = NewEvent::of(SERVER, EventKind::ReleaseDeleted).on(&release.index);
    event.about(&release.project).saying(&release.version)
}

struct Rules<'a> {
    keep: &'a KeepRules,
    index: &'a IndexName,
    project: &'a ProjectName,
    now: Micros,
}

/// What stays in spite of all rules.
struct Protected<'a> {
    /// Versions that a watched lock file names.
    locked: HashSet<String>,
    quarantines: &'a Quarantines,
}

impl Rules<'_> {
    /// The releases that go, and why. A yanked one takes no place of those that are kept; one in quarantine neither does
    /// nor goes, and a version that is not one of PEP 440 stays.
    fn expired(&self, releases: &[ReleaseAge], protected: &Protected<'_>) -> Vec<ExpiredRelease> {
        let held = |version: &Version| protected.quarantines.of(self.index, self.project, Some(version));
        let mut known: Vec<(Version, &ReleaseAge)> = releases
            .iter()
            .filter_map(|release| Some((version::parse(&release.version)?, release)))
            .filter(|(version, _)| held(version).is_none())
            .collect();
        known.sort_by(|one, other| other.0.cmp(&one.0));
        let is_locked = |release: &ReleaseAge| {
            protected.locked.iter().any(|locked| version::same(locked, &release.version))
        };
        let kinds = [
            ("keep_releases", self.keep.releases),
            ("keep_prereleases", self.keep.prereleases),
            ("keep_devreleases", self.keep.devreleases),
        ];
        let mut expired = Vec::new();
        for (option, most) in kinds {
            let Some(most) = most else { continue };
            let mut newer = 0;
            for (_, release) in known.iter().filter(|(version, _)| option_of(version) == option) {
                if newer >= most && !self.is_young(release) && !is_locked(release) {
                    expired.push(ExpiredRelease {
                        index: self.index.clone(),
                        project: self.project.clone(),
                        version: release.version.clone(),
                        why: format!("{option} = {most}"),
                    });
                }
                newer += u64::from(release.yanked_at.is_none());
            }
        }
        expired
    }

    fn is_young(&self, release: &ReleaseAge) -> bool {
        let keep_for = self.keep.seconds.unwrap_or_default();
        release.newest_at > self.now.saturating_sub(seconds(keep_for))
    }
}

/// The option that says how many of its kind stay.
fn option_of(version: &Version) -> &'static str {
    match (version.is_dev(), version.any_prerelease()) {
        (true, _) => "keep_devreleases",
        (false, true) => "keep_prereleases",
        (false, false) => "keep_releases",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::quarantine::QuarantineRow;
    use crate::tools::time::SECOND;

    const NOW: Micros = 1_000_000 * SECOND;

    fn release(version: &str, seconds_ago: i64) -> ReleaseAge {
        ReleaseAge { version: version.into(), yanked_at: None, newest_at: NOW - seconds_ago * SECOND }
    }

    fn gone(keep: &KeepRules, releases: &[ReleaseAge]) -> Vec<String> {
        let (index, project) = ("alice/dev".parse().unwrap(), ProjectName::new("demo").unwrap());
        let held = QuarantineRow {
            id: "7".to_owned(),
            index: None,
            project: project.clone(),
            specifier: "==7.0".to_owned(),
            why: String::new(),
            placed_by: String::new(),
            placed_at: 0,
            released_by: None,
            released_at: None,
        };
        let quarantines = Quarantines::new(vec![held]);
        let protected = Protected { locked: HashSet::from(["0.1".to_owned()]), quarantines: &quarantines };
        let rules = Rules { keep, index: &index, project: &project, now: NOW };
        rules.expired(releases, &protected).into_iter().map(|release| release.version).collect()
    }

    #[test]
    fn the_newest_of_each_kind_stay_and_what_is_young_or_locked() {
        let all = [
            release("0.1", 900),
            release("1.0", 800),
            release("1.10", 700),
            release("1.9", 600),
            release("2.0rc1", 500),
            release("2.0b1", 450),
            release("2.0.dev1", 400),
            release("2.0a1.dev2", 10),
            release("not a version", 9999),
        ];
        let rules = |releases, prereleases, devreleases, seconds| KeepRules {
            releases,
            prereleases,
            devreleases,
            seconds,
        };
        assert_eq!(gone(&rules(None, None, None, None), &all), Vec::<String>::new());
        assert_eq!(
            gone(&rules(None, None, None, Some(1)), &all),
            Vec::<String>::new(),
            "time removes nothing"
        );
        assert_eq!(gone(&rules(Some(1), None, None, None), &all), ["1.9", "1.0"]);
        assert_eq!(gone(&rules(Some(1), None, None, Some(650)), &all), ["1.0"]);
        assert_eq!(gone(&rules(None, Some(1), Some(0), None), &all), ["2.0b1", "2.0a1.dev2", "2.0.dev1"]);
        assert_eq!(gone(&rules(None, None, Some(0), Some(60)), &all), ["2.0.dev1"]);
    }

    #[test]
    fn a_yanked_release_takes_no_place() {
        let yanked = ReleaseAge { yanked_at: Some(1), ..release("3.0", 1) };
        let all = [release("1.0", 3), release("2.0", 2), yanked];
        let keep = KeepRules { releases: Some(1), ..KeepRules::default() };
        assert_eq!(gone(&keep, &all), ["1.0"]);
    }

    #[test]
    fn a_release_in_quarantine_takes_no_place_and_stays() {
        let keep = KeepRules { releases: Some(1), ..KeepRules::default() };
        assert_eq!(gone(&keep, &[release("1.0", 3), release("2.0", 2), release("7.0", 1)]), ["1.0"]);
        let keep = KeepRules { releases: Some(0), ..KeepRules::default() };
        assert_eq!(gone(&keep, &[release("7.0", 3), release("8.0", 2)]), ["8.0"]);
    }
}
