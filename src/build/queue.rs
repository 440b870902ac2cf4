//! The queue: one build per source, target, recipe, tools and context, whoever asks and however often.
//! `life` tells what becomes of one.

mod again;
mod ask;
mod begin;
mod cancel;
mod fetch;
mod fetching;
mod follow;
mod forecast;
mod gate;
mod learned;
mod lease;
mod life;
mod log;
mod needs;
mod outlook;
mod plan;
mod prepared;
mod quota;
mod ripple;
mod sets;
mod source;
mod tend;
mod tested;
mod told;
mod trial;
mod wanted;
mod watched;
mod watching;

pub use again::may_go_well_now;
pub use follow::{BuildNews, LogMark};
pub use forecast::{BuildOutlook, QueueOutlook};
pub use lease::{BEAT, LEASE};
pub use ripple::{Ripple, Rippled};
pub use wanted::{Ask, Priority, Upload, Wanted};
pub use watched::Watching;

use super::job::JobLimits;
use super::recipe::RecipeBook;
use super::targets::Targets;
use crate::config::{Config, QuotaSettings};
use crate::db::Db;
use crate::db::builds::{Build, BuildId, Filter};
use crate::error::Result;
use crate::index::Indexes;
use crate::missing;
use crate::store::Store;
use crate::words::BuildState;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, watch};

/// How often what other processes did is looked for, where somebody waits.
const LOOK_AGAIN: Duration = Duration::from_millis(500);

/// The queue of an installation. Cheap to clone.
#[derive(Clone)]
pub struct Queue(Arc<Inner>);

struct Inner {
    db: Db,
    store: Store,
    indexes: Arc<Indexes>,
    recipes: Arc<RecipeBook>,
    targets: Targets,
    limits: JobLimits,
    /// See [`Job::addable`](super::job::Job).
    addable: Vec<String>,
    /// Workers make environments ahead.
    prepares: bool,
    /// Bytes of a source or a wheel.
    largest: u64,
    quota: QuotaSettings,
    /// Held from counting what waits until one more waits: many who ask at once are counted one by one.
    entrance: tokio::sync::Mutex<()>,
    fetching: fetching::Fetching,
    watched: watched::Watched,
    outlook: forecast::LastOutlook,
    /// There may be something to claim.
    work: Notify,
    /// Some build changed its state in this process.
    changed: watch::Sender<u64>,
    /// The server stops: nothing is waited for any more.
    closing: watch::Sender<bool>,
}

impl Queue {
    pub fn new(
        config: &Config,
        (db, store): (Db, Store),
        indexes: Arc<Indexes>,
        recipes: Arc<RecipeBook>,
        targets: Targets,
    ) -> Self {
        Self(Arc::new(Inner {
            db,
            store,
            indexes,
            recipes,
            targets,
            limits: JobLimits::from(&config.build),
            addable: config.build.addable(),
            prepares: config.build.prepare,
            largest: config.limits.upload,
            quota: config.quota.clone(),
            entrance: tokio::sync::Mutex::default(),
            fetching: fetching::Fetching::new(config),
            watched: watched::Watched::default(),
            outlook: forecast::LastOutlook::default(),
            work: Notify::new(),
            changed: watch::Sender::new(0),
            closing: watch::Sender::new(false),
        }))
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

    pub fn recipes(&self) -> &Arc<RecipeBook> {
        &self.0.recipes
    }

    pub fn targets(&self) -> &Targets {
        &self.0.targets
    }

    /// The build with this number.
    ///
    /// # Errors
    /// `Missing` if there is none.
    pub async fn get(&self, id: BuildId) -> Result<Build> {
        self.0.db.build(id).await?.ok_or_else(|| no_build(id))
    }

    /// The newest builds that fit, newest first.
    pub async fn list(&self, filter: &Filter) -> Result<Vec<Build>> {
        self.0.db.builds(filter).await
    }

    /// Whether no build waits for a worker, and none is at work.
    ///
    /// # Errors
    /// What the database says.
    pub async fn is_idle(&self) -> Result<bool> {
        for state in [BuildState::Running, BuildState::Queued, BuildState::Fetching] {
            let some = Filter { state: Some(state), purpose: None, limit: 1, ..Filter::default() };
            if !self.list(&some).await?.is_empty() {
                return Ok(false);
            }
        }
        Ok(true)
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

    /// A build changed its state: those who wait for it look.
    fn tell(&self) {
        self.0.changed.send_modify(|count| *count = count.wrapping_add(1));
    }

    /// Something may be claimed.
    fn call_workers(&self) {
        self.0.work.notify_waiters();
        self.tell();
    }
}

fn no_build(id: BuildId) -> crate::error::Error {
    missing!("build {id} does not exist")
}
