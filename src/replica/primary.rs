//! What a primary tells its replicas, and what it knows of them.

use crate::conflict;
use crate::db::Db;
use crate::db::events::Event;
use crate::directory::Directory;
use crate::error::Result;
use crate::index::Indexes;
use crate::names::{IndexName, ProjectName};
use crate::tools::time::{Micros, now};
use crate::words::{EventKind, Moment};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

/// Events that one answer tells of.
const EVENTS: u32 = 1000;

/// Projects that one answer lists.
const PROJECTS: i64 = 2000;

/// How often an asker that waits for a change looks for one.
const LOOK: Duration = Duration::from_millis(100);

/// The longest wait for a change.
pub const WAIT: Duration = Duration::from_secs(20);

/// Replicas that are remembered.
const REPLICAS: usize = 100;

/// How far a replica has everything. A primary that was restored from a backup gives the same serials to other changes,
/// but never at the same moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reached {
    pub serial: i64,
    /// When the change with that serial was made; none: nobody knows.
    pub made_at: Option<Micros>,
}

impl Reached {
    /// As [`Reached::to_string`] writes it.
    pub fn parse(text: &str) -> Option<Self> {
        let (serial, made_at) = text.split_once(' ').unwrap_or((text, ""));
        Some(Self { serial: serial.parse().ok()?, made_at: made_at.parse().ok() })
    }
}

impl std::fmt::Display for Reached {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.serial)?;
        self.made_at.map_or(Ok(()), |at| write!(f, " {at}"))
    }
}

/// What changed since a serial.
#[derive(Debug, Serialize, Deserialize)]
pub struct Changes {
    /// Of the primary's installation.
    pub uuid: String,
    /// Everything up to here is told of.
    pub serial: i64,
    /// When the change with that serial was made, in microseconds since 1970; none: nobody knows.
    #[serde(default)]
    pub made_at: Option<Micros>,
    /// The newest there is.
    pub newest: i64,
    /// Accounts, groups, indexes or tokens changed.
    pub directory: bool,
    /// Projects of stages that changed.
    pub projects: BTreeSet<(IndexName, ProjectName)>,
}

/// A part of the list of all projects of stages.
#[derive(Debug, Serialize, Deserialize)]
pub struct ProjectList {
    pub uuid: String,
    /// What is told here is at least as new.
    pub serial: i64,
    /// When the change with that serial was made.
    #[serde(default)]
    pub made_at: Option<Micros>,
    pub projects: Vec<(IndexName, ProjectName)>,
    /// Where the next part begins; none: this was the last.
    pub next: Option<(String, String)>,
}

/// What changed behind a point, once something did or `wait` is over.
///
/// # Errors
/// `Conflict` if this installation never came as far, or came there at another moment: it was restored from a backup. Also if
/// what follows was removed from the log since.
pub async fn changes(db: &Db, indexes: &Indexes, from: Reached, wait: Duration) -> Result<Changes> {
    let begun = Instant::now();
    let after = from.serial;
    let mut newest = db.serial().await?;
    if after > newest {
        return Err(conflict!(
            "this replica has serial {after}, but its primary only {newest}: it must be copied anew"
        ));
    }
    let made_at = db.event_time(after).await?;
    if after > 0 && made_at.is_none() && db.oldest_serial().await?.is_some_and(|oldest| oldest > after + 1) {
        return Err(conflict!(
            "the primary has removed changes behind serial {after} from its log (audit.keep): this replica must be \
             copied anew"
        ));
    }
    if from.made_at.is_some() && made_at.is_some() && from.made_at != made_at {
        return Err(conflict!(
            "this replica has another change with serial {after} than its primary: it must be copied anew"
        ));
    }
    while newest <= after && begun.elapsed() < wait.min(WAIT) {
        tokio::time::sleep(LOOK).await;
        // Commits of this process are known without asking; others are followed twice a second.
        newest = db.newest_serial().max(newest);
    }
    let events = db.events_after(after, EVENTS).await?;
    // Behind the events: an index that one of them is about is known by now.
    indexes.refresh().await?;
    let directory = indexes.directory();
    let (serial, made_at) = events.last().map_or((after, made_at), |event| (event.serial, Some(event.at)));
    let (uuid, projects) = (indexes.uuid().into(), BTreeSet::new());
    let mut changes = Changes { uuid, serial, made_at, newest, directory: false, projects };
    for event in &events {
        changes.directory |= is_of_directory(event);
        changes.projects.extend(projects_of(&directory, event));
    }
    Ok(changes)
}

/// Also sessions and tokens, which prove who one is at a replica, too.
fn is_of_directory(event: &Event) -> bool {
    let told = [EventKind::Login, EventKind::TokenCreated, EventKind::PublisherAdded];
    let token = told.contains(&event.what);
    event.what.is_of_quarantine() || event.project.is_none() && (token || event.what.changes_directory())
}

fn projects_of<'a>(
    directory: &'a Directory,
    event: &'a Event,
) -> impl Iterator<Item = (IndexName, ProjectName)> + 'a {
    let indexes = event.context.iter().flat_map(|context| context.indexes().iter());
    // An index that is gone took its projects along.
    let stages =
        indexes.filter(|name| directory.indexes.get(*name).is_some_and(crate::directory::Index::is_stage));
    stages.filter_map(|name| Some((name.clone(), event.project.clone()?)))
}

/// The projects of all stages behind `after`, by index and name.
pub async fn project_list(db: &Db, indexes: &Indexes, after: (&str, &str)) -> Result<ProjectList> {
    let serial = db.serial().await?;
    let made_at = db.event_time(serial).await?;
    indexes.refresh().await?;
    let mut projects = db.projects_behind(after, PROJECTS).await?;
    let full = i64::try_from(projects.len()).is_ok_and(|found| found >= PROJECTS);
    let next =
        projects.last().filter(|_| full).map(|(index, project)| (index.to_string(), project.to_string()));
    let directory = indexes.directory();
    projects.retain(|(index, _)| directory.indexes.get(index).is_some_and(|index| index.is_stage()));
    Ok(ProjectList { uuid: indexes.uuid().into(), serial, made_at, projects, next })
}

/// The replicas that asked a primary, by their uuid.
#[derive(Default)]
pub struct Replicas(Mutex<BTreeMap<String, Asked>>);

struct Asked {
    from: String,
    serial: i64,
    at: Micros,
}

impl Replicas {
    /// Notes that a replica has everything up to `serial`.
    pub fn note(&self, uuid: &str, from: String, serial: i64) {
        let mut known = self.0.lock();
        if uuid.is_empty() || uuid.len() > 64 || known.len() >= REPLICAS && !known.contains_key(uuid) {
            return;
        }
        known.insert(uuid.into(), Asked { from, serial, at: now() });
    }

    /// As devpi's status shows them.
    pub fn shown(&self) -> Value {
        let known = self.0.lock();
        let shown = known.iter().map(|(uuid, asked)| {
            let told = json!({
                "remote-ip": asked.from, "serial": asked.serial, "last-request": Moment(asked.at).to_string(),
            });
            (uuid.clone(), told)
        });
        Value::Object(shown.collect())
    }
}
