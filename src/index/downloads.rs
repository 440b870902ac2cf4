//! Downloads: which files are fetched, by whom and with which installer, counted in memory and written every few
//! seconds. Serving a file asks no database for it.
//!
//! A GET counts once if its answer has the first byte of the file. What asks for a later part goes on with a download
//! that was counted; HEAD and "unchanged" bring nothing. What the server's own builds fetch counts for whoever asked for
//! them.

use crate::access::Who;
use crate::access::turns::STRANGER;
use crate::config::{Config, DownloadSettings};
use crate::db::Db;
use crate::db::downloads::{DAY, Fetched};
use crate::error::Result;
use crate::names::{IndexName, ProjectName};
use crate::packaging::version::Version;
use crate::tools::time::{Micros, now};
use http::{HeaderMap, header};
use parking_lot::Mutex;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

/// Different downloads that wait to be written; of more it is only told how many.
const MOST_WAITING: usize = 50_000;
/// Written in one transaction, so that others get their turn between two.
const AT_ONCE: usize = 500;
/// Different installers that are told apart on one day: their names come from strangers.
const MOST_INSTALLERS: usize = 500;
/// Installers and other programs that are known by name.
const KNOWN: [&str; 13] = [
    "pip",
    "uv",
    "poetry",
    "pdm",
    "hatch",
    "pipenv",
    "setuptools",
    "conda",
    "bandersnatch",
    "devpi-client",
    "curl",
    "wget",
    "wheelwright",
];

/// What is counted together.
#[derive(Clone, PartialEq, Eq, Hash)]
struct DownloadKey {
    day: i64,
    index: IndexName,
    filename: String,
    asker: String,
    installer: String,
}

struct DownloadCount {
    project: ProjectName,
    version: String,
    count: i64,
    last_at: Micros,
}

/// The counts. Cheap to clone.
#[derive(Clone)]
pub struct DownloadCounts(Arc<Counting>);

struct Counting {
    db: Db,
    settings: DownloadSettings,
    counts: Mutex<HashMap<DownloadKey, DownloadCount>>,
    /// Downloads that are not counted, since the last time this was told.
    uncounted: AtomicU64,
    /// Held by the one who writes.
    writing: tokio::sync::Mutex<()>,
    /// Those of a day.
    installers: Mutex<(i64, HashSet<String>)>,
    /// The day for which old rows were removed last.
    forgotten: AtomicI64,
}

/// A file that is fetched.
#[derive(Clone, Copy)]
pub struct FetchedFile<'a> {
    pub index: &'a IndexName,
    pub project: &'a ProjectName,
    pub version: Option<&'a Version>,
    pub filename: &'a str,
}

impl DownloadCounts {
    pub fn new(config: &Config, db: Db) -> Self {
        Self(Arc::new(Counting {
            db,
            settings: config.downloads.clone(),
            counts: Mutex::default(),
            uncounted: AtomicU64::default(),
            writing: tokio::sync::Mutex::default(),
            installers: Mutex::default(),
            forgotten: AtomicI64::default(),
        }))
    }

    /// Counts one download; writes nothing yet.
    pub fn note(&self, file: FetchedFile<'_>, who: &Who, headers: &HeaderMap) {
        let at = now();
        let day = at.div_euclid(DAY);
        let (asker, installer) = match self.0.settings.count {
            true => (self.asker(who), self.installer(headers, day)),
            false => Default::default(),
        };
        let version = file.version.map(ToString::to_string).unwrap_or_default();
        self.0.add(Fetched {
            day,
            index: file.index.clone(),
            filename: file.filename.to_owned(),
            asker,
            installer,
            project: file.project.clone(),
            version,
            count: 1,
            last_at: at,
        });
    }

    fn asker(&self, who: &Who) -> String {
        match &who.user {
            // A build reads as the owner of its index, but it is somebody else who asked for it.
            Some(user) if !who.is_build() => user.clone(),
            _ => who
                .asker()
                .filter(|asker| self.0.settings.anonymous || !is_address(asker))
                .unwrap_or_default(),
        }
    }

    /// `pip 26.0`; only the name, once there were too many of them on this day.
    fn installer(&self, headers: &HeaderMap, day: i64) -> String {
        let said = headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let Some((name, version)) = installer(said) else { return String::new() };
        let whole = format!("{name} {version}");
        let mut installers = self.0.installers.lock();
        if installers.0 != day {
            *installers = (day, HashSet::new());
        }
        let known = &mut installers.1;
        if known.contains(&whole) || known.len() < MOST_INSTALLERS && known.insert(whole.clone()) {
            return whole;
        }
        name.to_owned()
    }

    /// Writes what was counted since the last time, and forgets what is older than `downloads.keep`. One writes at a time;
    /// what was not written, because it failed or nobody waited for its end, is counted again.
    ///
    /// # Errors
    /// `Internal` and the like if the database does not take it.
    pub async fn flush(&self) -> Result<()> {
        let _one = self.0.writing.lock().await;
        let mut taken = self.0.take();
        while !taken.fetched.is_empty() {
            let some = taken.fetched.len().min(AT_ONCE);
            self.0.db.add_fetched(&taken.fetched[..some], self.0.settings.count).await?;
            taken.fetched.drain(..some);
        }
        let uncounted = self.0.uncounted.swap(0, Ordering::Relaxed);
        if uncounted > 0 {
            tracing::warn!(
                uncounted,
                "downloads were not counted, because {MOST_WAITING} others waited to be written: make the \
                 database faster, or set downloads.count = false"
            );
        }
        self.0.forget().await
    }
}

/// Downloads on their way into the database. Dropped, those that did not get there are counted again.
struct Taken<'a> {
    counting: &'a Counting,
    fetched: Vec<Fetched>,
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        for one in self.fetched.drain(..) {
            self.counting.add(one);
        }
    }
}

impl Counting {
    /// Adds downloads to those that wait, as far as there is room.
    fn add(&self, fetched: Fetched) {
        let Fetched { day, index, filename, asker, installer, project, version, count, last_at } = fetched;
        let key = DownloadKey { day, index, filename, asker, installer };
        let mut counts = self.counts.lock();
        if let Some(known) = counts.get_mut(&key) {
            known.count += count;
            known.last_at = known.last_at.max(last_at);
        } else if counts.len() < MOST_WAITING {
            counts.insert(key, DownloadCount { project, version, count, last_at });
        } else {
            self.uncounted.fetch_add(count.unsigned_abs(), Ordering::Relaxed);
        }
    }

    /// All that wait, always in the same order, so that two processes never wait for each other's rows.
    fn take(&self) -> Taken<'_> {
        let counts = std::mem::take(&mut *self.counts.lock());
        let fetched = counts.into_iter().map(|(key, known)| Fetched {
            day: key.day,
            index: key.index,
            filename: key.filename,
            asker: key.asker,
            installer: key.installer,
            project: known.project,
            version: known.version,
            count: known.count,
            last_at: known.last_at,
        });
        let mut fetched: Vec<Fetched> = fetched.collect();
        fetched.sort_unstable();
        Taken { counting: self, fetched }
    }

    /// Once a day.
    async fn forget(&self) -> Result<()> {
        let today = now().div_euclid(DAY);
        if self.forgotten.load(Ordering::Relaxed) == today {
            return Ok(());
        }
        let keep = i64::try_from(self.settings.keep / 86_400).unwrap_or(i64::MAX);
        self.db.forget_fetched(today.saturating_sub(keep)).await?;
        if !self.settings.anonymous {
            self.db.forget_addresses(STRANGER).await?;
        }
        self.forgotten.store(today, Ordering::Relaxed);
        Ok(())
    }
}

/// Whether an asker is a network, as [`Who::asker`] writes it.
fn is_address(asker: &str) -> bool {
    asker.starts_with(STRANGER)
}

/// The program and its version, if it is a known one: `pip/26.0 {…}`.
fn installer(said: &str) -> Option<(&'static str, &str)> {
    let (name, version) = said.split([' ', ';']).next()?.split_once('/')?;
    let known = KNOWN.into_iter().find(|known| known.eq_ignore_ascii_case(name))?;
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '+');
    (version.len() <= 20 && version.chars().all(fits)).then_some((known, version))
}

#[cfg(test)]
mod tests;
