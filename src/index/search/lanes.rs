//! Who may find what: each index that is searched, seen through the index that shows it, and what of a project it shows.

use super::entry::KnownRelease;
use super::shelf::Card;
use crate::access::{self, Who};
use crate::db::Db;
use crate::directory::inheritance::{SourcePart, holding, parts};
use crate::directory::{Directory, Index, IndexKind, Mirror};
use crate::error::Result;
use crate::index::curation::{CurationGate, Standing};
use crate::index::policy;
use crate::index::sight::{Sight, UnapprovedFiles, reads as is_readable};
use crate::index::view::{Views, Walk};
use crate::names::{IndexName, ProjectName};
use crate::packaging::version;
use crate::tools::time::{Micros, SECOND, now};
use crate::words::ProjectStatus;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

/// One index that is searched, as another one (or itself) shows it.
pub struct Lane<'a> {
    /// The index whose pages show it.
    pub top: &'a Index,
    pub source: &'a Index,
    /// The place of the source in the order of `top`.
    pub at: usize,
    walk: Arc<Walk>,
    readable: u128,
    /// What curators approved of the source; `None`: the order has none.
    approved: Option<HashSet<ProjectName>>,
}

/// Which stages have which of the projects in question, and their status.
#[derive(Default)]
pub struct Having(BTreeMap<IndexName, HashMap<ProjectName, ProjectStatus>>);

impl Having {
    /// Asks the database, for it alone knows what is there at this moment.
    pub async fn ask(
        db: &Db,
        directory: &Directory,
        lanes: &[Lane<'_>],
        found: &[(&IndexName, &ProjectName)],
    ) -> Result<Self> {
        let mut wanted: BTreeMap<&IndexName, BTreeSet<&ProjectName>> = BTreeMap::new();
        for lane in lanes {
            let of_lane = found.iter().filter(|(index, _)| **index == lane.source.name);
            let of_lane: Vec<&ProjectName> = of_lane.map(|(_, project)| *project).collect();
            if of_lane.is_empty() {
                continue;
            }
            let is_stage = |name: &&IndexName| directory.indexes.get(*name).is_some_and(Index::is_stage);
            for stage in lane.asked_first().filter(is_stage) {
                wanted.entry(stage).or_default().extend(&of_lane);
            }
        }
        let mut having = BTreeMap::new();
        for (stage, projects) in wanted {
            let projects: Vec<&ProjectName> = projects.into_iter().collect();
            having.insert(stage.clone(), db.having(stage, &projects).await?);
        }
        Ok(Self(having))
    }

    fn has(&self, index: &IndexName, project: &ProjectName) -> bool {
        self.status(index, project).is_some()
    }

    fn status(&self, index: &IndexName, project: &ProjectName) -> Option<ProjectStatus> {
        self.0.get(index)?.get(project).copied()
    }
}

/// What somebody may see of a project that was found.
pub struct Seen {
    /// The best release that is listed; empty if it has none.
    pub release: KnownRelease,
    /// The words that were found are of a release that is listed.
    pub told: bool,
}

impl Seen {
    /// What is shown of a project that changed since the files were written.
    pub fn late() -> Self {
        Self { release: KnownRelease::default(), told: false }
    }
}

/// The lanes of who searches: all indexes that they may read, or one with its bases.
///
/// # Errors
/// `Missing` for an index that is not there, and for one that they may not read, alike.
pub async fn lanes<'a>(
    views: &Views,
    directory: &'a Arc<Directory>,
    who: &Who,
    within: Option<&IndexName>,
) -> Result<Vec<Lane<'a>>> {
    let reads = |index: &Index| access::may_read(directory, who, index);
    let mut lanes = Vec::new();
    let tops: Vec<&Index> = match within {
        Some(name) => {
            let index = directory.index(name)?;
            vec![Some(index).filter(|index| reads(index)).ok_or_else(|| crate::directory::no_index(name))?]
        }
        None => directory.indexes.values().filter(|index| reads(index)).collect(),
    };
    for top in tops {
        let walk = views.walk(directory, &top.name)?;
        let readable = walk.readable(directory, who);
        let curators = &walk.curators;
        for (at, name) in walk.order.sources.iter().enumerate() {
            let Some(source) = directory.indexes.get(name).filter(|_| is_readable(readable, at)) else {
                continue;
            };
            // Everywhere, each index speaks for itself; a curated one also for mirrors that are read through it alone.
            let own = at == 0 || source.is_mirror() && !curators.is_empty() && !reads(source);
            if within.is_none() && !own {
                continue;
            }
            let approved = match source.is_mirror() && !curators.is_empty() {
                true => {
                    let mut approved = HashSet::new();
                    for curator in curators.iter().filter(|curator| curator.mirrors.contains(name)) {
                        approved.extend(views.sources().db.approved_projects(&curator.name, now()).await?);
                    }
                    Some(approved)
                }
                false => None,
            };
            lanes.push(Lane { top, source, at, walk: walk.clone(), readable, approved });
        }
    }
    Ok(lanes)
}

impl<'a> Lane<'a> {
    /// The mirror that is searched, if it is one.
    pub fn mirror(&self) -> Option<&'a Mirror> {
        match &self.source.kind {
            IndexKind::Mirror(mirror) => Some(mirror),
            IndexKind::Stage(_) => None,
        }
    }

    /// Names that may be shown although nothing is known of them but that they exist.
    pub fn may_name(&self, directory: &Directory, having: &Having, project: &ProjectName) -> bool {
        self.shows(directory, having, project)
            && self.approved.as_ref().is_none_or(|approved| approved.contains(project))
    }

    /// Whether names of the mirror's whole list are shown: not where each needs an approval.
    pub fn names_all(&self) -> bool {
        self.mirror().is_some() && self.approved.is_none()
    }

    /// The source and those before it; all for a mirror.
    fn asked_first(&self) -> impl Iterator<Item = &IndexName> {
        let upto = if self.source.is_mirror() { self.walk.order.sources.len() } else { self.at + 1 };
        self.walk.order.sources.iter().take(upto)
    }

    /// Whether the project of this source is on the pages of `top` at all, and no index before it speaks for it.
    fn shows(&self, directory: &Directory, having: &Having, project: &ProjectName) -> bool {
        let order = &self.walk.order;
        let mut holding = holding(directory, order, &self.source.name, project).into_iter();
        if holding.any(|index| directory.quarantines.whole(index, project).is_some()) {
            return false;
        }
        let mut before = order.sources.iter().enumerate().take(self.at);
        if before.any(|(at, name)| is_readable(self.readable, at) && having.has(name, project)) {
            return false;
        }
        match self.mirror() {
            // Such a project gives nothing, and keeps its place before the bases.
            None => having
                .status(&self.source.name, project)
                .is_some_and(|status| status != ProjectStatus::Quarantined),
            Some(mirror) => {
                let parts = parts(directory, order, project, |index| having.has(index, project));
                policy::refused(mirror, project).is_none()
                    && parts.get(self.at).is_some_and(|(_, part)| *part == SourcePart::Gives)
            }
        }
    }

    /// What of a project is listed; `None`: nothing.
    pub async fn sees(
        &self,
        views: &Views,
        directory: &Arc<Directory>,
        having: &Having,
        card: &Card,
    ) -> Result<Option<Seen>> {
        let project = &card.project;
        if !self.may_name(directory, having, project) {
            return Ok(None);
        }
        let order = &self.walk.order;
        let sight = Sight {
            directory,
            order,
            readable: self.readable,
            as_of: None,
            whole: None,
            unapproved: UnapprovedFiles::Hidden,
        };
        let gate = match self.approved {
            Some(_) => CurationGate::of(views.curation(), sight, project).await?,
            None => None,
        };
        let holding = holding(directory, order, &self.source.name, project);
        let rules = Rules { lane: self, directory, gate, holding, now: now(), project };
        let Some(release) = card.known().find(|release| rules.lists(release)) else {
            // A project without any release is there; one whose releases are all hidden is not.
            let bare = card.releases.is_empty() && rules.gate.is_none();
            return Ok(bare.then(|| Seen { release: KnownRelease::default(), told: true }));
        };
        let told = card.told.is_empty()
            || card.told == release.version
            || card.known().any(|other| other.version == card.told && rules.lists(&other));
        Ok(Some(Seen { release, told }))
    }
}

/// What decides whether a release is listed.
struct Rules<'a> {
    lane: &'a Lane<'a>,
    directory: &'a Directory,
    gate: Option<CurationGate>,
    /// The indexes whose quarantines hold here.
    holding: Vec<&'a IndexName>,
    now: Micros,
    project: &'a ProjectName,
}

impl Rules<'_> {
    fn lists(&self, release: &KnownRelease) -> bool {
        let mirror = self.lane.mirror();
        let limits = mirror.is_some_and(|mirror| !mirror.allow.is_empty() || !mirror.deny.is_empty());
        // Most releases have no rule, and reading a version takes longer than all else here.
        let version = match !self.holding.is_empty() || limits || self.gate.is_some() {
            true => version::parse(&release.version),
            false => None,
        };
        let version = version.as_ref();
        if self.directory.quarantines.of_any(&self.holding, self.project, version).is_some() {
            return false;
        }
        let Some(mirror) = mirror else { return true };
        let approves = |gate: &CurationGate| {
            gate.standing(&self.lane.source.name, version, None).0 == Standing::Approved
        };
        let of_age = match mirror.min_age.and_then(|age| i64::try_from(age).ok()) {
            None => true,
            Some(age) => {
                let until = self.now.saturating_sub(age.saturating_mul(SECOND));
                release.uploaded.is_some_and(|at| at <= until)
            }
        };
        (!limits || policy::by_lists(mirror, self.project, version).is_listed())
            && of_age
            && self.gate.as_ref().is_none_or(approves)
    }
}
