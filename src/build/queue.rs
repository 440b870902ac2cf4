//! The queue: one build per source, target, recipe, tools and context, whoever asks and however often.
//!
//! States: `fetching` its source → `queued` → `running` under a lease → `built` or `failed`; `blocked`
//! while builds that it needs are not done. A build whose worker is lost runs again, one that failed
//! does not until a person asks for it.

mod ask;
mod cancel;
mod gate;
mod lease;
mod log;
mod outcome;
mod plan;
mod quota;
mod row;
mod source;
mod tend;
mod told;
mod watching;

pub use ask::{Ask, Upload, Wanted};
pub use lease::{BEAT, LEASE};
pub use row::{Build, BuildId, Priority, State, Wheel};
pub use source::Place;
pub use watching::Watching;

use super::job::{Limits, WorkerDescription};
use super::promise::{Keeper, Keeping, Sources};
use super::recipe::RecipeBook;
use super::target::Target;
use crate::config::{Config, Quota};
use crate::db::builds::Filter;
use crate::db::workers::StoredWorker;
use crate::db::{Db, Micros, now};
use crate::error::Result;
use crate::index::Indexes;
use crate::missing;
use crate::store::Store;
use crate::tools::pace::Pace;
use crate::upstream::guard::Guard;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, watch};

/// How often what other processes did is looked for, where somebody waits.
const LOOK_AGAIN: Duration = Duration::from_millis(500);

/// A worker that was silent for so long offers nothing any more, in microseconds.
const SILENT: Micros = 120_000_000;

/// The same just after a start, in microseconds: longer than a restart takes.
const RESTART: Micros = 900_000_000;

/// For so long a worker's targets are known by name, in microseconds: 30 days.
const KNOWN: Micros = 30 * 86_400_000_000;

/// The queue of an installation. Cheap to clone.
#[derive(Clone)]
pub struct Builds(Arc<Inner>);

struct Inner {
    db: Db,
    store: Store,
    indexes: Arc<Indexes>,
    recipes: Arc<RecipeBook>,
    limits: Limits,
    /// Bytes of a source or a wheel.
    largest: u64,
    offline: bool,
    /// Where repositories may be that people name.
    guard: Guard,
    quota: Quota,
    /// Held from counting what waits until one more waits: many who ask at once are counted one by one.
    entrance: tokio::sync::Mutex<()>,
    /// What is demanded of hosts of repositories.
    pace: Pace,
    /// There may be something to claim.
    work: Notify,
    /// Some build changed its state in this process.
    changed: watch::Sender<u64>,
    fetching: tend::Fetching,
    /// What promised wheels are to be built of.
    sources: Sources,
    watched: watching::Watched,
    /// What was promised and is being made, and who waits for it.
    keeping: Keeping,
    /// The server stops: nothing is waited for any more.
    closing: watch::Sender<bool>,
    targets: Keeper,
}

/// A worker, as it described itself.
#[derive(Clone, Debug)]
pub struct Worker {
    pub name: String,
    pub owner: String,
    pub description: WorkerDescription,
    pub seen_at: Micros,
}

impl Worker {
    fn read(row: StoredWorker) -> Option<Self> {
        let description = serde_json::from_str(&row.description).ok()?;
        Some(Self { name: row.name, owner: row.owner, description, seen_at: row.seen_at })
    }
}

impl Builds {
    pub fn new(
        config: &Config,
        db: Db,
        store: Store,
        indexes: Arc<Indexes>,
        recipes: Arc<RecipeBook>,
    ) -> Self {
        Self(Arc::new(Inner {
            db,
            store,
            indexes,
            recipes,
            limits: Limits::from(&config.build),
            largest: config.limits.upload,
            offline: config.offline,
            guard: Guard::granted(config),
            quota: config.quota.clone(),
            entrance: tokio::sync::Mutex::default(),
            pace: config.mirror.pace(),
            work: Notify::new(),
            changed: watch::Sender::new(0),
            fetching: tend::Fetching::new(config.quota.fetches),
            sources: Sources::default(),
            watched: watching::Watched::default(),
            keeping: Keeping::default(),
            closing: watch::Sender::new(false),
            targets: Keeper::default(),
        }))
    }

    /// Nothing can be had that is not here.
    pub fn is_offline(&self) -> bool {
        self.0.offline
    }

    pub fn db(&self) -> &Db {
        &self.0.db
    }

    pub fn store(&self) -> &Store {
        &self.0.store
    }

    pub fn indexes(&self) -> &Arc<Indexes> {
        &self.0.indexes
    }

    /// What is known of targets.
    pub fn keeper(&self) -> &Keeper {
        &self.0.targets
    }

    pub fn recipes(&self) -> &Arc<RecipeBook> {
        &self.0.recipes
    }

    /// What sdists that wheels are promised of say of themselves.
    pub fn sources(&self) -> &Sources {
        &self.0.sources
    }

    /// The build with this number.
    ///
    /// # Errors
    /// `Missing` if there is none.
    pub async fn get(&self, id: BuildId) -> Result<Build> {
        let row = self.0.db.build(id).await?.ok_or_else(|| no_build(id))?;
        Build::read(row)
    }

    /// The newest builds that fit, newest first.
    pub async fn list(&self, filter: &Filter) -> Result<Vec<Build>> {
        self.0.db.builds(filter).await?.into_iter().map(Build::read).collect()
    }

    /// Resolves when a build changed in this process, or when it is time to look again.
    async fn something_changed(&self, changed: &mut watch::Receiver<u64>, until: tokio::time::Instant) {
        let look = (tokio::time::Instant::now() + LOOK_AGAIN).min(until);
        // The sender lives in `self`.
        let _ = tokio::time::timeout_at(look, changed.changed()).await;
    }

    /// The server stops: who waits for a job or watches a log gets what there is.
    pub fn close(&self) {
        self.0.closing.send_replace(true);
        self.call_workers();
    }

    fn is_closing(&self) -> bool {
        *self.0.closing.borrow()
    }

    /// Resolves when the server stops.
    pub fn closed(&self) -> impl Future<Output = ()> + Send + use<> {
        let mut closing = self.0.closing.subscribe();
        async move {
            let _ = closing.wait_for(|closing| *closing).await;
        }
    }

    /// What was promised and is being made.
    pub fn keeping(&self) -> &Keeping {
        &self.0.keeping
    }

    /// A build changed its state: those who wait for it look.
    fn tell(&self) {
        self.0.changed.send_modify(|count| *count = count.wrapping_add(1));
    }

    /// Something may be claimed.
    fn call_workers(&self) {
        self.0.work.notify_waiters();
        self.tell();
    }

    /// Workers that were heard of lately.
    pub async fn workers(&self) -> Result<Vec<Worker>> {
        self.workers_since(now() - SILENT).await
    }

    async fn workers_since(&self, since: Micros) -> Result<Vec<Worker>> {
        let rows = self.0.db.workers(since).await?;
        Ok(rows.into_iter().filter_map(Worker::read).collect())
    }

    /// Targets that workers offer at present, each once, by name.
    pub async fn targets(&self) -> Result<Vec<Target>> {
        Ok(offered(self.workers().await?))
    }

    /// The same; after a start those of before count too, which are about to come back.
    pub async fn expected_targets(&self) -> Result<Vec<Target>> {
        let silent = if self.0.targets.is_starting() { RESTART } else { SILENT };
        Ok(offered(self.workers_since(now() - silent).await?))
    }

    /// Targets that some worker offers or has offered in the last 30 days.
    pub async fn known_targets(&self) -> Result<Vec<Target>> {
        let rows = self.0.db.workers(now() - KNOWN).await?;
        Ok(distinct(rows.into_iter().filter_map(Worker::read)))
    }

    /// A target that some worker offers or has offered.
    async fn target(&self, name: &str) -> Result<Option<Target>> {
        Ok(self.known_targets().await?.into_iter().find(|target| target.name == name))
    }
}

/// The targets of the last 30 days, and the names of those that workers offer at present; for who has
/// no queue.
pub async fn known_to(db: &Db) -> Result<(Vec<Target>, BTreeSet<String>)> {
    let workers: Vec<Worker> =
        db.workers(now() - KNOWN).await?.into_iter().filter_map(Worker::read).collect();
    let lately = workers.iter().filter(|worker| worker.seen_at >= now() - SILENT).cloned().collect();
    let open = offered(lately).into_iter().map(|target| target.name).collect();
    Ok((distinct(workers.into_iter()), open))
}

fn offered(workers: Vec<Worker>) -> Vec<Target> {
    distinct(workers.into_iter().filter(|worker| worker.description.off.is_none()))
}

fn distinct(workers: impl Iterator<Item = Worker>) -> Vec<Target> {
    let mut targets: Vec<Target> = workers.flat_map(|worker| worker.description.targets).collect();
    targets.sort_by(|a, b| a.order().cmp(&b.order()));
    targets.dedup_by(|a, b| a.name == b.name);
    targets
}

fn no_build(id: BuildId) -> crate::error::Error {
    missing!("there is no build {id}")
}
