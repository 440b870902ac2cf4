//! Curated indexes: what was decided of their mirrors' releases, and what of a page that leaves.

use super::sight::{Sight, UnapprovedFiles};
use super::stripes::Stripes;
use crate::access;
use crate::db::Db;
use crate::db::approvals::Approval;
use crate::directory::Directory;
use crate::directory::inheritance::{self, InheritanceOrder};
use crate::error::Result;
use crate::names::{IndexName, ProjectName};
use crate::packaging::page::{CoreMetadata, File, FilePlace, Page};
use crate::packaging::upload_time::UploadTime;
use crate::packaging::version::{self, Version, VersionSpecifiers};
use crate::tools::time::{Micros, now};
use crate::words::Moment;
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
    /// It names one release, so it is about the files that this release had: who approves `<2` approves what is to come.
    names_one: bool,
    made_at: Micros,
    reason: String,
    expires_at: Option<Micros>,
}

/// Where a release stands on a curated index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    Approved,
    /// With the reason.
    Refused(String),
    /// The release was approved at that time, and the file came later.
    Late(Micros),
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
        let names_one = versions.as_ref().is_some_and(version::names_one);
        let Approval { approves, made_at, reason, expires_at, .. } = row;
        Self { versions, approves, names_one, made_at, reason, expires_at }
    }
}

impl Decided {
    fn holds(&self, now: Micros) -> bool {
        self.expires_at.is_none_or(|at| at > now)
    }

    /// Whether it was given before a file was there.
    fn is_before(&self, uploaded: Option<Micros>) -> bool {
        self.approves && self.names_one && uploaded.is_some_and(|at| at > self.made_at)
    }

    fn fits(&self, version: Option<&Version>) -> bool {
        match (&self.versions, version) {
            (None, _) => true,
            (Some(specifiers), Some(version)) => fits(specifiers, self.approves, version),
            (Some(_), None) => false,
        }
    }
}

/// Whether a decision on `specifiers` is about a version. Bytes of `1.0+cpu` are others than those of `1.0`: to approve the one
/// approves the other not, whatever PEP 440 says, and to refuse `1.0` refuses both.
pub fn fits(specifiers: &VersionSpecifiers, approves: bool, version: &Version) -> bool {
    let another = approves && version.is_local() && version::names_public(specifiers);
    !another && version::satisfies(specifiers, version)
}

impl Decisions {
    /// Where a version stands: the newest decision that fits it and holds counts. With `uploaded`, where a file of it stands
    /// that came then.
    pub fn standing(&self, version: Option<&Version>, uploaded: Option<Micros>, now: Micros) -> Standing {
        let mut late = None;
        for one in self.all.iter().filter(|one| one.holds(now) && one.fits(version)) {
            match one.approves {
                true if one.is_before(uploaded) => late = late.or(Some(one.made_at)),
                true => return Standing::Approved,
                false => return Standing::Refused(one.reason.clone()),
            }
        }
        late.map_or(Standing::Undecided, Standing::Late)
    }

    /// Whether it is for the time of upload to say where a file of a version stands.
    pub fn asks_for_time(&self, version: Option<&Version>, now: Micros) -> bool {
        self.standing(version, None, now) != self.standing(version, Some(Micros::MAX), now)
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

/// Why it does not list a file that came after its release was approved.
pub fn late_on(curator: &IndexName, approved: Micros) -> String {
    format!("{LATE}{} on {curator}", day(approved))
}

/// How the reason begins of what came after an approval.
const LATE: &str = "it was added to its release after the approval of ";

/// `2026-01-02`
pub fn day(at: Micros) -> String {
    Moment(at).second().chars().take(10).collect()
}

/// Whether a reason is that nobody decided: a request may help.
pub fn is_about_approval(reason: &str) -> bool {
    reason.starts_with(NOT_APPROVED) || reason.starts_with(LATE)
}

/// A curated index of an order.
pub struct Curator {
    pub name: IndexName,
    /// Where it stands in the order.
    pub at: usize,
    /// The mirrors that it gives approved releases of.
    pub mirrors: BTreeSet<IndexName>,
    /// What is added to a release after its approval is not approved.
    pub holds_late: bool,
}

/// The curated indexes of an order. None: mirrors give what they have. If there is any, then what no curator approves stays
/// out, also where the asker may read none of them.
pub fn curators(directory: &Directory, order: &InheritanceOrder) -> Vec<Curator> {
    let named = order.sources.iter().enumerate().filter_map(|(at, name)| {
        let index = directory.indexes.get(name).filter(|index| index.is_curated())?;
        let (name, mirrors) = (name.clone(), supplied(directory, name));
        Some(Curator { name, at, mirrors, holds_late: index.holds_late_files() })
    });
    named.collect()
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
    curators: Vec<Judge>,
    now: Micros,
}

struct Judge {
    curator: Curator,
    decisions: Arc<Decisions>,
    /// The asker may read it: what it approves is shown through it.
    is_readable: bool,
}

impl Judge {
    fn gives(&self, mirror: &IndexName) -> bool {
        self.is_readable && self.curator.mirrors.contains(mirror)
    }
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
        let mut judges = Vec::new();
        for curator in curators(sight.directory, sight.order) {
            let decisions = curation.decisions(&curator.name, project).await?;
            judges.push(Judge { is_readable: sight.reads(curator.at), curator, decisions });
        }
        Ok((!judges.is_empty()).then(|| Self { curators: judges, now: now() }))
    }

    /// Where a version that `mirror` has stands, and the curator that says so: the first one of the order that decided. No
    /// index shows through a base what it refuses itself. No curator: none that the asker may read.
    pub fn standing(
        &self,
        mirror: &IndexName,
        version: Option<&Version>,
        uploaded: Option<Micros>,
    ) -> (Standing, Option<&IndexName>) {
        let (mut asked, mut stands) = (None, Standing::Undecided);
        for judge in &self.curators {
            let (gives, name) = (judge.gives(mirror), Some(&judge.curator.name));
            let uploaded = uploaded.filter(|_| judge.curator.holds_late);
            match judge.decisions.standing(version, uploaded, self.now) {
                Standing::Approved if gives => return (Standing::Approved, name),
                refused @ Standing::Refused(_) => return (refused, name.filter(|_| judge.is_readable)),
                other if gives && asked.is_none() => (asked, stands) = (name, other),
                _ => {}
            }
        }
        (stands, asked)
    }

    /// Where a file that `mirror` has stands.
    pub fn standing_of(&self, mirror: &IndexName, file: &File) -> (Standing, Option<&IndexName>) {
        self.standing(mirror, file.filename.version(), file.uploaded.map(UploadTime::micros))
    }

    /// The page with what was approved, at URLs of its curator, and of the rest what is to be seen.
    pub fn apply(&self, mirror: &IndexName, mut page: Page, unapproved: UnapprovedFiles) -> Passed {
        let before = page.files.len();
        let first_gives = self.curators.first().is_some_and(|first| first.gives(mirror));
        page.files.retain_mut(|file| match self.standing_of(mirror, file) {
            (Standing::Approved, Some(curator)) => {
                move_to(file, curator);
                true
            }
            (Standing::Undecided | Standing::Late(_), _) if unapproved == UnapprovedFiles::Shown => {
                first_gives
            }
            (_, Some(curator)) if unapproved == UnapprovedFiles::Told => {
                move_to(file, curator);
                if file.filename.ends_with(".whl") {
                    file.core_metadata = CoreMetadata::Yes;
                }
                true
            }
            _ => false,
        });
        page.more_versions.clear();
        let times = self.curators.iter().filter_map(|judge| judge.decisions.changes_at(self.now));
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
mod tests;
