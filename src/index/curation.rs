//! Curated indexes: what was decided of their mirrors' releases, and what of a page that leaves.

use super::sight::Sight;
use super::stripes::Stripes;
use crate::access;
use crate::db::Db;
use crate::db::approvals::Approval;
use crate::directory::inheritance::{self, InheritanceOrder};
use crate::directory::{Directory, Index};
use crate::error::Result;
use crate::names::{IndexName, ProjectName};
use crate::packaging::page::{CoreMetadata, File, FilePlace, Page};
use crate::packaging::version::{self, Version, VersionSpecifiers};
use crate::tools::time::{Micros, now};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Projects whose decisions are held in memory.
const MEMORY: u64 = 20_000;

/// What was decided, by index and project; asked of the database once per change.
pub struct Curation {
    db: Db,
    stripes: Arc<Stripes>,
    known: moka::sync::Cache<(IndexName, ProjectName), Arc<Decisions>>,
}

/// All that was decided of one project on one index, the newest first.
pub struct Decisions {
    stamp: u64,
    all: Vec<Decided>,
}

struct Decided {
    /// `None`: all versions, also those that cannot be read.
    versions: Option<VersionSpecifiers>,
    approves: bool,
    reason: String,
    expires_at: Option<Micros>,
}

/// Where a release stands on a curated index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    Approved,
    /// With the reason.
    Refused(String),
    /// Nobody decided, or what was decided has expired.
    Undecided,
}

impl Curation {
    pub fn new(db: Db, stripes: Arc<Stripes>) -> Self {
        Self { db, stripes, known: moka::sync::Cache::new(MEMORY) }
    }

    /// What was decided of `project` on `index`.
    pub async fn decisions(&self, index: &IndexName, project: &ProjectName) -> Result<Arc<Decisions>> {
        let key = (index.clone(), project.clone());
        // Before the rows: what changes meanwhile makes this untrue, not what is read next.
        let stamp = self.stripes.stamp(project);
        if let Some(known) = self.known.get(&key).filter(|known| known.stamp == stamp) {
            return Ok(known);
        }
        let rows = self.db.approvals(index, project).await?;
        let decisions = Arc::new(Decisions { stamp, all: rows.into_iter().map(Decided::from).collect() });
        self.known.insert(key, decisions.clone());
        Ok(decisions)
    }
}

impl From<Approval> for Decided {
    fn from(row: Approval) -> Self {
        let text = row.specifier.as_str();
        let versions = Some(text).filter(|text| !text.is_empty()).map(str::parse::<VersionSpecifiers>);
        let versions = match versions {
            None => None,
            Some(Ok(versions)) => Some(versions),
            // Only another program can have written it. It must not open what it was to close.
            Some(Err(_)) if !row.approves => None,
            Some(Err(_)) => "==0+unreadable".parse().ok(),
        };
        Self { versions, approves: row.approves, reason: row.reason, expires_at: row.expires_at }
    }
}

impl Decided {
    fn holds(&self, now: Micros) -> bool {
        self.expires_at.is_none_or(|at| at > now)
    }

    fn fits(&self, version: Option<&Version>) -> bool {
        match (&self.versions, version) {
            (None, _) => true,
            (Some(specifiers), Some(version)) => version::satisfies(specifiers, version),
            (Some(_), None) => false,
        }
    }
}

impl Decisions {
    /// Where a version stands: the newest decision that fits it and holds counts.
    pub fn standing(&self, version: Option<&Version>, now: Micros) -> Standing {
        match self.all.iter().find(|one| one.holds(now) && one.fits(version)) {
            None => Standing::Undecided,
            Some(one) if one.approves => Standing::Approved,
            Some(one) => Standing::Refused(one.reason.clone()),
        }
    }

    /// Whether any version may be approved.
    pub fn approves_some(&self, now: Micros) -> bool {
        self.all.iter().any(|one| one.approves && one.holds(now))
    }

    fn changes_at(&self, now: Micros) -> Option<Micros> {
        self.all.iter().filter_map(|one| one.expires_at).filter(|at| *at > now).min()
    }
}

/// How the reason begins of what nobody decided about.
const NOT_APPROVED: &str = "it is not approved on ";

/// Why a curated index does not list what nobody decided about.
pub fn not_approved_on(curator: &IndexName) -> String {
    format!("{NOT_APPROVED}{curator}")
}

/// Whether a reason is that nobody decided: a request may help.
pub fn is_about_approval(reason: &str) -> bool {
    reason.starts_with(NOT_APPROVED)
}

/// A curated index that the asker may read, and the mirrors that it lists approved releases of.
pub struct Curator {
    pub name: IndexName,
    pub mirrors: BTreeSet<IndexName>,
}

/// The curated indexes of an order. `None`: it has none, and mirrors give what they have. If there is any, then what no
/// curator approves stays out, also where the asker may read none of them.
pub fn curators(sight: Sight<'_>) -> Option<Vec<Curator>> {
    let directory = sight.directory;
    let named = sight.order.sources.iter().enumerate();
    let curated: Vec<(usize, &IndexName)> = named
        .filter(|(_, name)| directory.indexes.get(*name).is_some_and(|index| index.is_curated()))
        .collect();
    if curated.is_empty() {
        return None;
    }
    let readable = |at: usize| sight.readable & 1u128.checked_shl(at as u32).unwrap_or(0) != 0;
    let readable = curated.into_iter().filter(|(at, _)| readable(*at));
    Some(
        readable
            .map(|(_, name)| Curator { name: name.clone(), mirrors: supplied(directory, name) })
            .collect(),
    )
}

/// The mirrors that give something to who reads these indexes; `None`: none of the order is curated. Of a mirror behind curated
/// indexes those that somebody reads give what was approved, and nothing else does.
pub fn supplied_to(
    directory: &Directory,
    order: &InheritanceOrder,
    reads: impl Fn(&IndexName) -> bool,
) -> Option<BTreeSet<IndexName>> {
    let curated = |name: &&IndexName| directory.indexes.get(*name).is_some_and(Index::is_curated);
    let curators: Vec<&IndexName> = order.sources.iter().filter(curated).collect();
    let readable = curators.iter().filter(|name| reads(name));
    (!curators.is_empty()).then(|| readable.flat_map(|name| supplied(directory, name)).collect())
}

/// The mirrors behind a curated index that its owner may read: what is approved of them is for its readers, also where
/// they may not read the mirror.
pub fn supplied(directory: &Directory, curator: &IndexName) -> BTreeSet<IndexName> {
    let order = inheritance::order(directory, curator);
    let mirrors = order.sources.into_iter().filter(|name| {
        let mirror = directory.indexes.get(name).filter(|index| index.is_mirror());
        mirror.is_some_and(|mirror| access::may_supply(directory, curator, mirror))
    });
    mirrors.collect()
}

/// What decides of a project's page.
pub struct CurationGate {
    curators: Vec<(Curator, Arc<Decisions>)>,
    now: Micros,
}

/// A mirror's page after its gate.
pub struct Passed {
    pub page: Page,
    /// When that changes by time alone.
    pub until: Micros,
    /// Something stayed out.
    pub left_out: bool,
}

impl CurationGate {
    /// `None` if no index of the order is curated.
    pub async fn of(curation: &Curation, sight: Sight<'_>, project: &ProjectName) -> Result<Option<Self>> {
        let Some(known) = curators(sight) else { return Ok(None) };
        let mut curators = Vec::with_capacity(known.len());
        for curator in known {
            let decisions = curation.decisions(&curator.name, project).await?;
            curators.push((curator, decisions));
        }
        Ok(Some(Self { curators, now: now() }))
    }

    /// Where a version that `mirror` has stands, and the curator that says so.
    pub fn standing(&self, mirror: &IndexName, version: Option<&Version>) -> (Standing, Option<&IndexName>) {
        let mut told = (Standing::Undecided, None);
        for (curator, decisions) in
            self.curators.iter().filter(|(curator, _)| curator.mirrors.contains(mirror))
        {
            match decisions.standing(version, self.now) {
                Standing::Approved => return (Standing::Approved, Some(&curator.name)),
                refused @ Standing::Refused(_) if told.0 == Standing::Undecided => {
                    told = (refused, Some(&curator.name));
                }
                _ => told.1 = told.1.or(Some(&curator.name)),
            }
        }
        told
    }

    /// The page with what was approved, at URLs of its curator. With `all` everything stays, at URLs that say why they
    /// have no file: installers show that, where they hide why a page is missing.
    pub fn apply(&self, mirror: &IndexName, mut page: Page, all: bool) -> Passed {
        let before = page.files.len();
        page.files.retain_mut(|file| match self.standing(mirror, file.filename.version()) {
            (Standing::Approved, Some(curator)) => {
                move_to(file, curator);
                true
            }
            (_, Some(curator)) if all => {
                move_to(file, curator);
                if file.filename.ends_with(".whl") {
                    file.core_metadata = CoreMetadata::Yes;
                }
                true
            }
            _ => false,
        });
        page.more_versions.clear();
        let times = self.curators.iter().filter_map(|(_, decisions)| decisions.changes_at(self.now));
        Passed { until: times.min().unwrap_or(Micros::MAX), left_out: page.files.len() < before, page }
    }
}

fn move_to(file: &mut File, curator: &IndexName) {
    match &mut file.place {
        FilePlace::Hosted(owner) | FilePlace::Mirrored(owner, _) => *owner = curator.clone(),
        FilePlace::Link(_) | FilePlace::Promised(..) | FilePlace::Renamed(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decided(specifier: &str, approves: bool, expires_at: Option<Micros>) -> Decided {
        Decided::from(Approval {
            id: 1,
            index: IndexName::parse("org/safe").unwrap(),
            project: ProjectName::new("demo").unwrap(),
            specifier: specifier.into(),
            approves,
            reason: "why".into(),
            made_by: "ann".into(),
            made_at: 0,
            expires_at,
        })
    }

    fn standing(all: Vec<Decided>, version: &str, now: Micros) -> Standing {
        Decisions { stamp: 0, all }.standing(version::parse(version).as_ref(), now)
    }

    #[test]
    fn the_newest_decision_that_fits_and_holds_counts() {
        let all = || {
            vec![decided("==1.5", false, None), decided("<2", true, Some(100)), decided("", false, Some(50))]
        };
        assert_eq!(standing(all(), "1.5", 0), Standing::Refused("why".into()));
        assert_eq!(standing(all(), "1.4", 0), Standing::Approved);
        assert_eq!(standing(all(), "3.0", 0), Standing::Refused("why".into()));
        assert_eq!(standing(all(), "1.4", 100), Standing::Undecided);
        assert_eq!(standing(all(), "no version", 0), Standing::Refused("why".into()));
        assert_eq!(Decisions { stamp: 0, all: all() }.changes_at(60), Some(100));
    }

    #[test]
    fn a_specifier_that_cannot_be_read_opens_nothing_and_closes_all() {
        assert_eq!(standing(vec![decided("two", true, None)], "1.0", 0), Standing::Undecided);
        assert_eq!(standing(vec![decided("two", false, None)], "1.0", 0), Standing::Refused("why".into()));
    }
}
