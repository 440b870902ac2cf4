//! How this server is, minute by minute: one small row each, kept for a day, which the plots of `/+status` are drawn from.

use super::{App, Parts};
use crate::counters;
use crate::db::measures::Measure;
use crate::error::{Error, Result};
use crate::tools::failing::Failing;
use crate::tools::panics;
use crate::tools::time::{Micros, SECOND, now};
use crate::words::{BuildState, Purpose};
use serde::{Deserialize, Serialize};
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Weak};
use std::time::Duration;

/// How often a row is written.
const EVERY: Duration = Duration::from_secs(60);
/// For so long one is kept.
pub const KEPT: i64 = 25 * 3600 * SECOND;

/// A minute of one server. What a version does not know is 0.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Sample {
    pub version: String,
    /// It copies another server.
    pub replica: bool,
    /// It was told to stop, and did.
    pub stopped: bool,
    /// When its process began, in seconds since 1970.
    pub started: u64,
    /// Since the sample before: requests, those that failed by the server's own fault, and the time that all took.
    pub requests: u64,
    pub failed: u64,
    pub request_micros: u64,
    pub page_hits: u64,
    pub page_misses: u64,
    pub file_hits: u64,
    pub file_misses: u64,
    pub upstream_ok: u64,
    pub upstream_failed: u64,
    /// At its end: builds that wait and that run, bytes free on the disk and used by the process, seconds behind the
    /// primary.
    pub waiting: u64,
    pub running: u64,
    pub disk_free: u64,
    pub memory: u64,
    pub lag: Option<i64>,
}

impl Sample {
    /// What a row says.
    pub fn of(measure: &Measure) -> Self {
        serde_json::from_str(&measure.sample).unwrap_or_default()
    }
}

impl App {
    /// Writes how this server is, minute by minute: what serves does, other commands do not last so long.
    pub fn keep_measures(&self) {
        if !self.config.read_only {
            tokio::spawn(keep(Arc::downgrade(&self.0)));
        }
    }
}

/// Counters as they were when the last sample was taken.
#[derive(Clone, Copy, Default)]
pub struct Counted([u64; 9]);

impl Counted {
    /// As of now.
    pub fn now() -> Self {
        let upstream_ok =
            [&counters::UPSTREAM_OK, &counters::UPSTREAM_NOT_MODIFIED, &counters::UPSTREAM_MISSING];
        Self([
            counters::REQUESTS.get(),
            counters::REQUESTS_FAILED.get(),
            counters::REQUEST_MICROS.get(),
            counters::PAGE_HITS.get(),
            counters::PAGE_MISSES.get(),
            counters::FILE_HITS.get(),
            counters::FILE_MISSES.get(),
            upstream_ok.iter().map(|counter| counter.get()).sum(),
            counters::UPSTREAM_FAILED.get(),
        ])
    }
}

/// Writes a row each minute, until the app is gone.
pub(super) async fn keep(app: Weak<Parts>) {
    let mut failing = Failing::default();
    let mut before = Counted::now();
    loop {
        tokio::time::sleep(EVERY).await;
        let Some(app) = app.upgrade().map(App) else { return };
        let told = panics::caught(app.measure(&mut before, now())).await;
        failing.note(&told, "cannot write how this server is");
    }
}

impl App {
    /// This server among those on its database: the machine, and where it serves.
    pub fn node(&self) -> String {
        let machine = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        let machine = if machine.trim().is_empty() { "server" } else { machine.trim() };
        format!("{machine} {}", self.config.listen)
    }

    /// Says that this server stops in good order: nobody waits for its next row.
    pub async fn take_leave(&self) {
        if self.config.read_only {
            return;
        }
        if let Err(error) = self.measure(&mut Counted::now(), now()).await {
            tracing::debug!(%error, "cannot write that this server stops");
        }
    }

    /// Writes how this server is, and what it did since `before`, which becomes now.
    pub async fn measure(&self, before: &mut Counted, at: Micros) -> Result<()> {
        let counted = Counted::now();
        let sample = self.sample(*before, counted).await?;
        *before = counted;
        let sample = serde_json::to_string(&sample).map_err(Error::internal)?;
        self.db.add_measure(&Measure { node: self.node(), at, sample }, at - KEPT).await
    }

    async fn sample(&self, before: Counted, counted: Counted) -> Result<Sample> {
        let counts = self.db.build_counts(Purpose::Wheel).await?;
        let builds = |states: &[BuildState]| {
            let fit = counts.iter().filter(|(state, ..)| states.contains(state));
            fit.map(|(.., count)| count.unsigned_abs()).sum()
        };
        let mut since = counted.0.iter().zip(before.0).map(|(now, before)| now.saturating_sub(before));
        let mut next = || since.next().unwrap_or_default();
        Ok(Sample {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            replica: self.replica.is_some(),
            stopped: self.is_stopping.load(Relaxed),
            started: counters::started(),
            requests: next(),
            failed: next(),
            request_micros: next(),
            page_hits: next(),
            page_misses: next(),
            file_hits: next(),
            file_misses: next(),
            upstream_ok: next(),
            upstream_failed: next(),
            waiting: builds(&[BuildState::Fetching, BuildState::Queued, BuildState::Blocked]),
            running: builds(&[BuildState::Running]),
            disk_free: self.store.disk().map_or(0, |disk| disk.free),
            memory: memory(),
            lag: self.replica.as_ref().and_then(|replica| replica.view().lag),
        })
    }
}

/// Bytes of memory that this process has; 0 where the system does not tell.
fn memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kibibytes =
        line.and_then(|line| line.split_whitespace().next()).and_then(|number| number.parse().ok());
    kibibytes.map_or(0, |number: u64| number << 10)
}
