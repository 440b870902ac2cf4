//! The targets of an installation: what its workers build for, at present and lately. A snapshot in
//! memory, so that no request needs a query.

pub mod fit;
mod offered;
mod offers;

pub use offered::Offered;
pub use offers::Offers;

use super::job::WorkerDescription;
use super::target::Target;
use crate::db::Db;
use crate::db::workers::StoredWorker;
use crate::error::Result;
use crate::tools::panics;
use crate::tools::time::{Micros, SECOND, now};
use parking_lot::RwLock;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// A worker that was silent for so long offers nothing any more.
const SILENT: i64 = 120 * SECOND;
/// The same just after a start: longer than a restart takes.
const RESTART: i64 = 900 * SECOND;
/// For so long a worker's targets are known by name: 30 days.
pub const KNOWN: i64 = 30 * 86_400 * SECOND;

/// How old the snapshot may be before it is looked at again, behind the requests' backs.
const FRESH: Duration = Duration::from_secs(1);
/// An older one is not used any more: requests wait for a new one.
const STALE: Duration = Duration::from_secs(10);
/// How often targets are looked up that nobody builds for at present.
const KNOWN_FOR: Duration = Duration::from_secs(60);
/// For so long after its start a server believes in workers that it did not hear of itself.
const STARTING: Duration = Duration::from_secs(60);
/// How long pages of a server wait for its own worker after a start.
const PATIENCE: Duration = Duration::from_secs(8);
/// How often they look.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// A worker, as it described itself.
#[derive(Clone, Debug)]
pub struct Worker {
    pub name: String,
    pub owner: String,
    pub description: WorkerDescription,
    pub seen_at: Micros,
}

impl Worker {
    pub fn read(row: StoredWorker) -> Option<Self> {
        let description = serde_json::from_str(&row.description).ok()?;
        Some(Self { name: row.name, owner: row.owner, description, seen_at: row.seen_at })
    }
}

/// What is known of targets. Cheap to clone.
#[derive(Clone)]
pub struct Targets(Arc<Inner>);

struct Inner {
    db: Db,
    started: Instant,
    snapshot: RwLock<Option<Snapshot>>,
    /// One looks at a time.
    looking: tokio::sync::Mutex<()>,
    behind: AtomicBool,
    /// This process has a worker of its own, which is not there yet.
    expects: AtomicBool,
}

#[derive(Clone)]
struct Snapshot {
    at: Instant,
    offers: Arc<Offers>,
    /// Of the last 30 days.
    known: Arc<[Target]>,
    known_at: Instant,
}

impl Targets {
    pub fn new(db: Db) -> Self {
        Self(Arc::new(Inner {
            db,
            started: Instant::now(),
            snapshot: RwLock::default(),
            looking: tokio::sync::Mutex::default(),
            behind: AtomicBool::new(false),
            expects: AtomicBool::new(false),
        }))
    }

    /// A worker of this process is about to come; pages wait for it for a few seconds.
    pub fn expect_worker(&self) {
        self.0.expects.store(true, Ordering::Relaxed);
    }

    /// Somebody registered: who looks next sees it.
    pub fn worker_came(&self) {
        self.0.expects.store(false, Ordering::Relaxed);
        *self.0.snapshot.write() = None;
    }

    /// Workers that were heard of lately.
    pub async fn workers(&self) -> Result<Vec<Worker>> {
        workers_since(&self.0.db, now() - SILENT).await
    }

    /// The targets of the interpreters that workers have at present, each once, by name.
    pub async fn offered(&self) -> Result<Vec<Target>> {
        let mut targets = self.with_cross().await?;
        targets.retain(|target| !target.is_cross());
        Ok(targets)
    }

    /// The same with the cross targets, which are built for only where somebody asks.
    pub async fn with_cross(&self) -> Result<Vec<Target>> {
        Ok(offered(self.workers().await?))
    }

    /// Targets that some worker offers or has offered in the last 30 days.
    pub async fn known(&self) -> Result<Vec<Target>> {
        Ok(distinct(workers_since(&self.0.db, now() - KNOWN).await?.into_iter()))
    }

    /// One of them, by its whole name.
    pub async fn named(&self, name: &str) -> Result<Option<Target>> {
        Ok(self.known().await?.into_iter().find(|target| target.name == name))
    }

    /// The targets there are, as of a second ago.
    pub async fn offers(&self) -> Result<Arc<Offers>> {
        let usable = |offers: &Arc<Offers>| offers.is_open() || !self.waits();
        if let Some(fresh) = self.younger(FRESH).filter(usable) {
            return Ok(fresh);
        }
        if let Some(known) = self.younger(STALE).filter(usable) {
            if !self.0.behind.swap(true, Ordering::Relaxed) {
                let targets = self.clone();
                tokio::spawn(async move {
                    if let Err(error) = panics::caught(targets.look(FRESH)).await {
                        tracing::warn!(%error, "cannot look up targets; using the known ones");
                    }
                    targets.0.behind.store(false, Ordering::Relaxed);
                });
            }
            return Ok(known);
        }
        loop {
            let offers = self.look(if self.waits() { Duration::ZERO } else { FRESH }).await?;
            if usable(&offers) {
                return Ok(offers);
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }

    fn waits(&self) -> bool {
        self.0.expects.load(Ordering::Relaxed) && self.0.started.elapsed() < PATIENCE
    }

    fn younger(&self, than: Duration) -> Option<Arc<Offers>> {
        let snapshot = self.0.snapshot.read();
        snapshot.as_ref().filter(|known| known.at.elapsed() < than).map(|known| known.offers.clone())
    }

    /// A snapshot that is younger than this.
    async fn look(&self, young: Duration) -> Result<Arc<Offers>> {
        let _one = self.0.looking.lock().await;
        if let Some(fresh) = self.younger(young) {
            return Ok(fresh);
        }
        let before = self.0.snapshot.read().clone();
        let at = Instant::now();
        // After a start those of before count too, which are about to come back.
        let silent = if self.0.started.elapsed() < STARTING { RESTART } else { SILENT };
        let open = offered(workers_since(&self.0.db, now() - silent).await?);
        let (known, known_at) = match &before {
            Some(before) if before.known_at.elapsed() < KNOWN_FOR => (before.known.clone(), before.known_at),
            _ => (self.known().await?.into(), at),
        };
        let offers = match before {
            Some(before) if before.offers.same(&open, &known) => before.offers,
            _ => Arc::new(Offers::new(open, &known)),
        };
        *self.0.snapshot.write() = Some(Snapshot { at, offers: offers.clone(), known, known_at });
        Ok(offers)
    }
}

/// The targets of the last 30 days, and the names of those that workers offer at present; for who has
/// no server.
pub async fn known_to(db: &Db) -> Result<(Vec<Target>, BTreeSet<String>)> {
    let workers = workers_since(db, now() - KNOWN).await?;
    let lately = workers.iter().filter(|worker| worker.seen_at >= now() - SILENT).cloned().collect();
    let open = offered(lately).into_iter().map(|target| target.name).collect();
    Ok((distinct(workers.into_iter()), open))
}

async fn workers_since(db: &Db, since: Micros) -> Result<Vec<Worker>> {
    Ok(db.workers(since).await?.into_iter().filter_map(Worker::read).collect())
}

fn offered(workers: Vec<Worker>) -> Vec<Target> {
    distinct(workers.into_iter().filter(|worker| worker.description.off.is_none()))
}

fn distinct(workers: impl Iterator<Item = Worker>) -> Vec<Target> {
    let mut targets: Vec<Target> = workers.flat_map(|worker| worker.description.targets).collect();
    // Who has the system itself goes before who compiles for it elsewhere.
    targets.sort_by(|a, b| (a.order(), &a.built_on).cmp(&(b.order(), &b.built_on)));
    targets.dedup_by(|a, b| a.name == b.name);
    targets
}
