//! Which targets promises can be made to: a snapshot in memory, never a query per request.

use super::fit;
use crate::build::queue::Builds;
use crate::build::target::{self, Target};
use crate::error::Result;
use crate::missing;
use crate::packaging::choose::Chooser;
use crate::tools::panics;
use moka::sync::Cache;
use parking_lot::RwLock;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

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
/// Bytes of remembered `User-Agent` headers.
const AGENTS: u64 = 2 << 20;
/// Remembered names of targets; the rest is looked for.
const NAMES: u64 = 1000;

/// A target with what is worked out of it once.
#[derive(Debug)]
pub struct Offered {
    pub target: Target,
    pub chooser: Chooser,
    /// Some worker builds for it at present. If not, what was promised and built is still served.
    pub open: bool,
    /// Tells pages for it apart from others.
    pub key: String,
}

impl Offered {
    pub fn new(target: Target, open: bool) -> Self {
        let key = format!("{}{}", target.name, if open { "" } else { " (away)" });
        Self { chooser: target.chooser(), target, open, key }
    }
}

/// All targets that are known, at one moment.
pub struct Offers {
    all: Vec<Arc<Offered>>,
    /// By `User-Agent`.
    agents: Cache<Arc<str>, Option<Arc<Offered>>>,
    /// By what was asked for and meant exactly one.
    names: Cache<Box<str>, Arc<Offered>>,
}

impl Offers {
    fn new(open: Vec<Target>, known: &[Target]) -> Self {
        let away: Vec<Target> =
            known.iter().filter(|one| !open.iter().any(|other| other.name == one.name)).cloned().collect();
        let open = open.into_iter().map(|target| Offered::new(target, true));
        let away = away.into_iter().map(|target| Offered::new(target, false));
        let weigh = |header: &Arc<str>, _: &Option<_>| u32::try_from(header.len() + 100).unwrap_or(u32::MAX);
        Self {
            all: open.chain(away).map(Arc::new).collect(),
            agents: Cache::builder().max_capacity(AGENTS).weigher(weigh).build(),
            names: Cache::new(NAMES),
        }
    }

    fn same(&self, open: &[Target], known: &[Target]) -> bool {
        let (now, rest): (Vec<_>, Vec<_>) = self.all.iter().partition(|one| one.open);
        let away = known.iter().filter(|one| !open.iter().any(|other| other.name == one.name));
        now.iter().map(|one| &one.target).eq(open) && rest.iter().map(|one| &one.target).eq(away)
    }

    /// All of them; those that somebody builds for come first.
    pub fn all(&self) -> &[Arc<Offered>] {
        &self.all
    }

    fn is_open(&self) -> bool {
        self.all.iter().any(|one| one.open)
    }

    /// The target of whoever sends this `User-Agent`; `None` for clients that do not tell, and where
    /// no target fits.
    pub fn of_agent(&self, header: &str) -> Option<Arc<Offered>> {
        if self.all.is_empty() || !fit::tells(header) {
            return None;
        }
        if let Some(known) = self.agents.get(header) {
            return known;
        }
        let found = fit::best(header, &self.all);
        self.agents.insert(header.into(), found.clone());
        found
    }

    /// The target with this name, whole or abbreviated.
    ///
    /// # Errors
    /// `Missing` with the names there are, if none or more than one is meant.
    pub fn named(&self, asked: &str) -> Result<Arc<Offered>> {
        if let Some(known) = self.names.get(asked) {
            return Ok(known);
        }
        let found = self.meant(asked)?;
        self.names.insert(asked.into(), found.clone());
        Ok(found)
    }

    fn meant(&self, asked: &str) -> Result<Arc<Offered>> {
        if let Some(exact) = self.all.iter().find(|one| one.target.name.eq_ignore_ascii_case(asked)) {
            return Ok(exact.clone());
        }
        let meant = |open: bool| -> Vec<&Arc<Offered>> {
            self.all.iter().filter(|one| one.open == open && one.target.matches(asked)).collect()
        };
        let found = Some(meant(true)).filter(|open| !open.is_empty()).unwrap_or_else(|| meant(false));
        match found[..] {
            [one] => Ok(one.clone()),
            [] => {
                let all: Vec<Target> = self.all.iter().map(|one| one.target.clone()).collect();
                target::find(asked, &all)?;
                Err(missing!("no target {asked}"))
            }
            _ => {
                let names: Vec<&str> = found.iter().map(|one| one.target.name.as_str()).collect();
                Err(missing!("{asked} could be any of {}: name one of them", names.join(", ")))
            }
        }
    }
}

/// Keeps the snapshot.
pub struct Keeper {
    started: Instant,
    kept: RwLock<Option<Kept>>,
    /// One looks at a time.
    looking: tokio::sync::Mutex<()>,
    behind: AtomicBool,
    /// This process has a worker of its own, which is not there yet.
    expects: AtomicBool,
}

#[derive(Clone)]
struct Kept {
    at: Instant,
    offers: Arc<Offers>,
    /// Of the last 30 days.
    known: Arc<[Target]>,
    known_at: Instant,
}

impl Default for Keeper {
    fn default() -> Self {
        Self {
            started: Instant::now(),
            kept: RwLock::default(),
            looking: tokio::sync::Mutex::default(),
            behind: AtomicBool::new(false),
            expects: AtomicBool::new(false),
        }
    }
}

impl Keeper {
    fn kept(&self) -> Option<Kept> {
        self.kept.read().clone()
    }

    fn younger(&self, than: Duration) -> Option<Arc<Offers>> {
        let kept = self.kept.read();
        kept.as_ref().filter(|kept| kept.at.elapsed() < than).map(|kept| kept.offers.clone())
    }

    /// A worker of this process is about to come; pages wait for it for a few seconds.
    pub fn expect(&self) {
        self.expects.store(true, Ordering::Relaxed);
    }

    /// Somebody registered: who looks next sees it.
    pub fn came(&self) {
        self.expects.store(false, Ordering::Relaxed);
        *self.kept.write() = None;
    }

    fn waits(&self) -> bool {
        self.expects.load(Ordering::Relaxed) && self.started.elapsed() < PATIENCE
    }

    /// Whether the server runs for so short a time that its workers may not have come back yet.
    pub fn is_starting(&self) -> bool {
        self.started.elapsed() < STARTING
    }
}

impl Builds {
    /// The targets there are, as of a second ago.
    pub async fn offers(&self) -> Result<Arc<Offers>> {
        let keeper = self.keeper();
        let usable = |offers: &Arc<Offers>| offers.is_open() || !keeper.waits();
        if let Some(fresh) = keeper.younger(FRESH).filter(usable) {
            return Ok(fresh);
        }
        if let Some(known) = keeper.younger(STALE).filter(usable) {
            if !keeper.behind.swap(true, Ordering::Relaxed) {
                let builds = self.clone();
                tokio::spawn(async move {
                    if let Err(error) = panics::caught(builds.look(FRESH)).await {
                        tracing::warn!(%error, "targets cannot be looked up; those known count on");
                    }
                    builds.keeper().behind.store(false, Ordering::Relaxed);
                });
            }
            return Ok(known);
        }
        loop {
            let offers = self.look(if keeper.waits() { Duration::ZERO } else { FRESH }).await?;
            if usable(&offers) {
                return Ok(offers);
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }

    /// A snapshot that is younger than this.
    async fn look(&self, young: Duration) -> Result<Arc<Offers>> {
        let keeper = self.keeper();
        let _one = keeper.looking.lock().await;
        if let Some(fresh) = keeper.younger(young) {
            return Ok(fresh);
        }
        let before = keeper.kept();
        let at = Instant::now();
        let open = self.expected_targets().await?;
        let (known, known_at) = match &before {
            Some(kept) if kept.known_at.elapsed() < KNOWN_FOR => (kept.known.clone(), kept.known_at),
            _ => (self.known_targets().await?.into(), at),
        };
        let offers = match before {
            Some(kept) if kept.offers.same(&open, &known) => kept.offers,
            _ => Arc::new(Offers::new(open, &known)),
        };
        let kept = Kept { at, offers: offers.clone(), known, known_at };
        *keeper.kept.write() = Some(kept);
        Ok(offers)
    }
}
