//! Requests: what was asked of a curated index and is not approved, and what becomes of it.

mod closure;
mod decide;
mod facts;
mod ruled;
mod rules;
mod view;

pub use closure::{Closure, NeededRelease};
pub use decide::Ruling;
pub use ruled::RuleTrial;
pub use view::RequestView;

use super::Indexes;
use super::advisories::Advisories;
use super::curation::Standing;
use crate::access::Who;
use crate::access::builds::user_of_label;
use crate::config::units;
use crate::db::events::NewEvent;
use crate::db::requests::StoredRequest;
use crate::db::{Db, Tx};
use crate::directory::Index;
use crate::error::{Error, Result};
use crate::names::{IndexName, ProjectName};
use crate::packaging::page::File;
use crate::packaging::upload_time::UploadTime;
use crate::packaging::version::{self, Version};
use crate::tools::time::{Micros, SECOND, now};
use crate::words::{EventKind, RequestState};
use crate::{bad, missing};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;

/// Open requests of one index.
const MOST_OPEN: i64 = 5000;
/// Requests of one answer.
const MOST_LISTED: usize = 1000;
/// New requests of one asker in an hour, and the askers that are counted.
const MOST_NEW: u32 = 500;
const MOST_COUNTED: usize = 10_000;
const HOUR: i64 = 3600 * SECOND;
/// Characters of a target's name.
const LONGEST_TARGET: usize = 100;

/// All requests. Cheap to clone.
#[derive(Clone)]
pub struct Requests(Arc<RequestRoom>);

/// By the number of a request: how often, when last, and by which account.
type Repeated = HashMap<i64, (i64, Micros, Option<String>)>;

struct RequestRoom {
    db: Db,
    indexes: Arc<Indexes>,
    advisories: Advisories,
    /// How often known ones were repeated, when last and by which account: not written yet.
    repeated: Mutex<Repeated>,
    /// New ones of this hour, by asker.
    new: Mutex<(Micros, HashMap<String, u32>)>,
}

/// What somebody wants to be approved.
#[derive(Clone, Debug)]
pub struct NewRequest {
    pub index: IndexName,
    pub project: ProjectName,
    /// `None`: any.
    pub version: Option<Version>,
    /// That it is wanted for; empty: unknown.
    pub target: String,
}

impl NewRequest {
    /// What a requirement like `six==1.16.0` asks an index for.
    ///
    /// # Errors
    /// `Bad` for other requirements.
    pub fn parse(index: IndexName, requirement: &str, target: String) -> Result<Self> {
        let (name, version) = requirement.split_once("==").unwrap_or((requirement, ""));
        let plain = || {
            bad!("'{requirement}' is not a request: write a project, or one version of it like six==1.16.0")
        };
        let project = ProjectName::new(name.trim()).ok_or_else(plain)?;
        let version = match version.trim() {
            "" => None,
            text => Some(version::parse(text).ok_or_else(plain)?),
        };
        Ok(Self { index, project, version, target })
    }
}

/// What a question came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RequestOutcome {
    /// It may be had.
    Approved,
    /// With the reason.
    Refused(String),
    /// The number of the request.
    Open(i64),
}

impl Requests {
    pub fn new(db: Db, indexes: Arc<Indexes>, advisories: Advisories) -> Self {
        let new = Mutex::new((0, HashMap::new()));
        Self(Arc::new(RequestRoom { db, indexes, advisories, repeated: Mutex::default(), new }))
    }

    /// Asks a curated index for what it does not list.
    ///
    /// # Errors
    /// `Bad` if the index is not curated; `Busy` if there are too many open requests.
    pub async fn ask(&self, who: &Who, wanted: NewRequest) -> Result<RequestOutcome> {
        let directory = self.0.indexes.directory();
        let index = directory.index(&wanted.index)?;
        if !index.is_curated() {
            return Err(bad!("{} is not curated: it needs no requests", index.name));
        }
        match self.standing(index, &wanted.project, wanted.version.as_ref()).await? {
            Standing::Approved => return Ok(RequestOutcome::Approved),
            Standing::Refused(why) => return Ok(RequestOutcome::Refused(why)),
            Standing::Undecided | Standing::Late(_) => {}
        }
        let version = wanted.version.as_ref().map(Version::to_string).unwrap_or_default();
        let target: String = wanted.target.chars().filter(|c| !c.is_control()).take(LONGEST_TARGET).collect();
        let account = user_of_label(&who.label).map(str::to_owned);
        let known = self.0.db.requests_for(&wanted.index, &wanted.project).await?;
        let same = |request: &&StoredRequest| {
            request.version == version && request.target == target && request.state == RequestState::Open
        };
        if let Some(open) = known.iter().find(same) {
            let failed = Closure::of(open).is_some_and(|closure| closure.error.is_some());
            if failed && self.count_new(&who.asker().unwrap_or_default()).is_ok() {
                self.0.db.resolve_again(open.id).await?;
            }
            self.repeat(open.id, account);
            return Ok(RequestOutcome::Open(open.id));
        }
        self.count_new(&who.asker().unwrap_or_default())?;
        if who.user.is_none() && !self.exists(index, &wanted.project, wanted.version.as_ref()).await? {
            let (what, name) = (title(&wanted.project, &version), &index.name);
            return Err(missing!("no mirror of {name} has {what}: log in to request what is yet to come"));
        }
        let mut new = StoredRequest {
            id: 0,
            index: wanted.index,
            project: wanted.project,
            version,
            target,
            state: RequestState::Open,
            asked: 1,
            first_at: 0,
            last_at: 0,
            askers: account.into_iter().collect(),
            closure: None,
            decided_by: None,
            decided_at: None,
            reason: None,
        };
        let mut tx = Tx::begin(&self.0.db).await?;
        new.id = tx.create_request(&new, MOST_OPEN).await?;
        let detail = format!("request {} for {}", new.id, title(&new.project, &new.version));
        let event = NewEvent::of(&who.label, EventKind::RequestMade).on(&new.index).about(&new.project);
        tx.commit(event.saying(&detail)).await?;
        Ok(self.ruled(&new).await?.unwrap_or(RequestOutcome::Open(new.id)))
    }

    /// Where a version stands on a curated index: `Late` if any of its files came after the approval.
    pub async fn standing(
        &self,
        index: &Index,
        project: &ProjectName,
        version: Option<&Version>,
    ) -> Result<Standing> {
        let decisions = self.0.indexes.views.curation().decisions(&index.name, project).await?;
        let now = now();
        let newest = match index.holds_late_files() && decisions.asks_for_time(version, now) {
            true => self.newest_upload(index, project, version).await?,
            false => None,
        };
        Ok(decisions.standing(version, newest, now))
    }

    /// When the newest file of a version came to the mirrors of an index.
    async fn newest_upload(
        &self,
        index: &Index,
        project: &ProjectName,
        version: Option<&Version>,
    ) -> Result<Option<Micros>> {
        let (indexes, directory) = (&self.0.indexes, self.0.indexes.directory());
        let mut newest = None;
        for mirror in indexes.views.mirrors_of(&directory, index, project).await? {
            let Some(known) = indexes.mirrors.page(mirror, project, false).await? else { continue };
            let files = known.page.files.iter().filter(|file| file.filename.version() == version);
            newest = newest.max(files.filter_map(|file| file.uploaded).map(UploadTime::micros).max());
        }
        Ok(newest)
    }

    fn repeat(&self, id: i64, account: Option<String>) {
        let mut repeated = self.0.repeated.lock();
        let one = repeated.entry(id).or_insert((0, 0, None));
        *one = (one.0 + 1, now(), account.or(one.2.take()));
    }

    /// # Errors
    /// `Busy` for who asked for too much that is new.
    fn count_new(&self, asker: &str) -> Result<()> {
        let mut new = self.0.new.lock();
        if now() - new.0 > HOUR {
            *new = (now(), HashMap::new());
        }
        if new.1.len() >= MOST_COUNTED && !new.1.contains_key(asker) {
            return Err(Error::Busy("too many clients make requests: try again in an hour".into()));
        }
        let count = new.1.entry(asker.to_owned()).or_default();
        *count += 1;
        match *count > MOST_NEW {
            true => {
                Err(Error::Busy(format!("more than {MOST_NEW} new requests in an hour: try again later")))
            }
            false => Ok(()),
        }
    }

    /// Writes how often requests were repeated since the last time.
    pub async fn flush(&self) -> Result<()> {
        let repeated = std::mem::take(&mut *self.0.repeated.lock());
        if repeated.is_empty() {
            return Ok(());
        }
        let mut repeated: Vec<(i64, i64, Micros, Option<String>)> =
            repeated.into_iter().map(|(id, (times, at, account))| (id, times, at, account)).collect();
        // Always in the same order, so that two processes never wait for each other's rows.
        repeated.sort_unstable();
        self.0.db.repeat_requests(&repeated).await
    }

    /// # Errors
    /// `Missing` if there is none with this number.
    pub async fn get(&self, id: i64) -> Result<StoredRequest> {
        self.flush().await?;
        self.0.db.request(id).await?.ok_or_else(|| missing!("request {id} does not exist"))
    }

    /// The newest requests of the indexes that somebody `reads`, in one state if that is given.
    pub async fn list(
        &self,
        index: Option<&IndexName>,
        state: Option<RequestState>,
        reads: impl Fn(&IndexName) -> bool,
    ) -> Result<Vec<StoredRequest>> {
        self.flush().await?;
        let mut newest = Vec::new();
        for index in self.indexes(index).await?.iter().filter(|index| reads(index)) {
            newest.extend(self.0.db.requests(index, state, i64::MAX).await?);
        }
        newest.sort_unstable_by_key(|request| std::cmp::Reverse(request.id));
        newest.truncate(MOST_LISTED);
        Ok(newest)
    }

    /// The one that is given, or all of which something was requested.
    async fn indexes(&self, one: Option<&IndexName>) -> Result<Vec<IndexName>> {
        match one {
            Some(one) => Ok(vec![one.clone()]),
            None => self.0.db.requested_indexes().await,
        }
    }

    /// Whether a mirror of an index lists a release, or any of the project.
    async fn exists(&self, index: &Index, project: &ProjectName, version: Option<&Version>) -> Result<bool> {
        let (indexes, directory) = (&self.0.indexes, self.0.indexes.directory());
        for mirror in indexes.views.mirrors_of(&directory, index, project).await? {
            let Some(known) = indexes.mirrors.page(mirror, project, false).await? else { continue };
            let fits = |file: &File| version.is_none() || file.filename.version() == version;
            if known.page.files.iter().any(fits) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// `six 1.16.0`
fn title(project: &ProjectName, version: &str) -> String {
    match version {
        "" => project.to_string(),
        version => format!("{project} {version}"),
    }
}

/// `90d`
///
/// # Errors
/// `Bad` for what is no time.
pub fn time(text: &str) -> Result<u64> {
    let seconds = units::seconds(text).filter(|seconds| *seconds > 0);
    seconds.ok_or_else(|| bad!("'{text}' is not a time like 12h, 90d or 52w"))
}
