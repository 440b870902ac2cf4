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
use std::collections::HashSet;

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
/// loses releases.
pub async fn expire(db: &Db, dry_run: bool, now: Micros) -> Result<Vec<ExpiredRelease>> {
    let mut all = Vec::new();
    let quarantines = Quarantines::new(db.quarantines().await?);
    for index in all_indexes(db).await? {
        let IndexKind::Stage(stage) = &index.kind else { continue };
        if !index.volatile || !stage.keep.is_set() {
            continue;
        }
        for project in db.projects(&index.name).await? {
            let locked = db.locked_versions(&project).await?;
            let held = |version: &Version| quarantines.of(&index.name, &project, Some(version)).is_some();
            let rules = Rules { keep: &stage.keep, locked: &locked, held: &held, now };
            if rules.expired(&db.release_ages(&index.name, &project).await?).is_empty() {
                continue;
            }
            all.extend(match dry_run {
                true => rules.named(&index.name, &project, &db.release_ages(&index.name, &project).await?),
                false => remove(db, &index.name, &project, &rules).await?,
            });
        }
    }
    Ok(all)
}

/// Decides once more within the transaction that removes: somebody may have uploaded a file since.
async fn remove(
    db: &Db,
    index: &IndexName,
    project: &ProjectName,
    rules: &Rules<'_>,
) -> Result<Vec<ExpiredRelease>> {
    let mut tx = Tx::begin(db).await?;
    let expired = rules.named(index, project, &tx.release_ages(index, project).await?);
    for (number, release) in expired.iter().enumerate() {
        let before = tx.files_in_brief(index, project, Some(&release.version), None).await?;
        tx.delete_release(index, project, &release.version).await?;
        let before = serde_json::json!({"files": before["files"], "why": release.why}).to_string();
        let event = NewEvent::of(SERVER, EventKind::ReleaseDeleted).on(index).about(project);
        let event = event.saying(&release.version).before(&before);
        if number + 1 < expired.len() {
            tx.step(event).await?;
            continue;
        }
        if tx.versions(index, project).await?.is_empty() {
            tx.delete_project(index, project).await?;
        }
        tx.commit(event).await?;
        break;
    }
    Ok(expired)
}

struct Rules<'a> {
    keep: &'a KeepRules,
    /// Versions that a watched lock file names.
    locked: &'a HashSet<String>,
    /// Whether a version is in quarantine.
    held: &'a (dyn Fn(&Version) -> bool + Sync),
    now: Micros,
}

impl Rules<'_> {
    fn named(
        &self,
        index: &IndexName,
        project: &ProjectName,
        releases: &[ReleaseAge],
    ) -> Vec<ExpiredRelease> {
        let expired = self.expired(releases).into_iter();
        expired
            .map(|(version, why)| ExpiredRelease {
                index: index.clone(),
                project: project.clone(),
                version,
                why,
            })
            .collect()
    }

    /// The releases that go, and why. A yanked one takes no place of those that are kept; one in quarantine neither does
    /// nor goes, and a version that is not one of PEP 440 stays.
    fn expired(&self, releases: &[ReleaseAge]) -> Vec<(String, String)> {
        let mut known: Vec<(Version, &ReleaseAge)> = releases
            .iter()
            .filter_map(|release| Some((version::parse(&release.version)?, release)))
            .filter(|(version, _)| !(self.held)(version))
            .collect();
        known.sort_by(|one, other| other.0.cmp(&one.0));
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
                if newer >= most && !self.is_young(release) && !self.is_locked(release) {
                    expired.push((release.version.clone(), format!("{option} = {most}")));
                }
                newer += u64::from(release.yanked_at.is_none());
            }
        }
        expired
    }

    fn is_locked(&self, release: &ReleaseAge) -> bool {
        self.locked.iter().any(|locked| version::same(locked, &release.version))
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
    use crate::tools::time::SECOND;

    const NOW: Micros = 1_000_000 * SECOND;

    fn release(version: &str, seconds_ago: i64) -> ReleaseAge {
        ReleaseAge { version: version.into(), yanked_at: None, newest_at: NOW - seconds_ago * SECOND }
    }

    fn gone(keep: &KeepRules, releases: &[ReleaseAge]) -> Vec<String> {
        let locked = HashSet::from(["0.1".to_owned()]);
        let held = |version: &Version| version.to_string() == "7.0";
        let rules = Rules { keep, locked: &locked, held: &held, now: NOW };
        rules.expired(releases).into_iter().map(|(version, _)| version).collect()
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
