//! Downloads: which files are fetched, by whom and with which installer, counted in memory and written every few
//! seconds. Serving a file asks no database for it.
//!
//! A GET counts once if its answer has the first byte of the file. What asks for a later part goes on with a download
//! that was counted; HEAD and "unchanged" bring nothing. What the server's own builds fetch counts for whoever asked for
//! them.

use crate::access::Who;
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
use std::sync::atomic::{AtomicI64, Ordering};

/// Different downloads that wait to be written; more are only logged.
const MOST_WAITING: usize = 50_000;
/// Written in one transaction, so that others get their turn between two.
const AT_ONCE: usize = 500;
/// Different installers that are told apart in one run of the server: their names come from strangers.
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
    installers: Mutex<HashSet<String>>,
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
        let (counts, installers, forgotten) = (Mutex::default(), Mutex::default(), AtomicI64::new(0));
        Self(Arc::new(Counting { db, settings: config.downloads.clone(), counts, installers, forgotten }))
    }

    /// Counts one download; writes nothing yet.
    pub fn note(&self, file: FetchedFile<'_>, who: &Who, headers: &HeaderMap) {
        let at = now();
        let (asker, installer) = match self.0.settings.count {
            true => (self.asker(who), self.installer(headers)),
            false => Default::default(),
        };
        let (index, filename) = (file.index.clone(), file.filename.to_owned());
        let key = DownloadKey { day: at.div_euclid(DAY), index, filename, asker, installer };
        let mut counts = self.0.counts.lock();
        if let Some(known) = counts.get_mut(&key) {
            known.count += 1;
            known.last_at = at;
        } else if counts.len() < MOST_WAITING {
            let version = file.version.map(ToString::to_string).unwrap_or_default();
            counts
                .insert(key, DownloadCount { project: file.project.clone(), version, count: 1, last_at: at });
        } else {
            tracing::warn!(file = file.filename, "too many downloads wait to be counted: one is not");
        }
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

    /// `pip 26.0`; only the name, once there were too many of them.
    fn installer(&self, headers: &HeaderMap) -> String {
        let said = headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let Some((name, version)) = installer(said) else { return String::new() };
        let whole = format!("{name} {version}");
        let mut known = self.0.installers.lock();
        if known.contains(&whole) || known.len() < MOST_INSTALLERS && known.insert(whole.clone()) {
            return whole;
        }
        name.to_owned()
    }

    /// Writes what was counted since the last time, and forgets what is older than `downloads.keep`.
    ///
    /// # Errors
    /// `Internal` and the like if the database does not take it; what was not written then is counted again.
    pub async fn flush(&self) -> Result<()> {
        let counts = std::mem::take(&mut *self.0.counts.lock());
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
        // Always in the same order, so that two processes never wait for each other's rows.
        fetched.sort_unstable();
        let mut written = 0;
        for some in fetched.chunks(AT_ONCE) {
            if let Err(error) = self.0.db.add_fetched(some, self.0.settings.count).await {
                self.take_back(fetched.split_off(written));
                return Err(error);
            }
            written += some.len();
        }
        self.forget().await
    }

    fn take_back(&self, fetched: Vec<Fetched>) {
        let mut counts = self.0.counts.lock();
        for one in fetched {
            let Fetched { day, index, filename, asker, installer, project, version, count, last_at } = one;
            let key = DownloadKey { day, index, filename, asker, installer };
            let new = DownloadCount { project, version, count: 0, last_at };
            counts.entry(key).or_insert(new).count += count;
        }
    }

    async fn forget(&self) -> Result<()> {
        let today = now().div_euclid(DAY);
        if self.0.forgotten.load(Ordering::Relaxed) == today {
            return Ok(());
        }
        let keep = i64::try_from(self.0.settings.keep / 86_400).unwrap_or(i64::MAX);
        self.0.db.forget_fetched(today.saturating_sub(keep)).await?;
        self.0.forgotten.store(today, Ordering::Relaxed);
        Ok(())
    }
}

/// Whether an asker is a network, as [`Who::asker`] writes it.
fn is_address(asker: &str) -> bool {
    asker.starts_with(crate::access::turns::STRANGER)
}

/// The program and its version, if it is a known one: `pip/26.0 {…}`.
fn installer(said: &str) -> Option<(&'static str, &str)> {
    let (name, version) = said.split([' ', ';']).next()?.split_once('/')?;
    let known = KNOWN.into_iter().find(|known| known.eq_ignore_ascii_case(name))?;
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '+');
    (version.len() <= 20 && version.chars().all(fits)).then_some((known, version))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn installers_are_known_by_name_and_version_and_strangers_invent_none() {
        let real = include_str!("../packaging/vectors/user_agents.txt");
        let read: Vec<_> = real.lines().filter_map(installer).collect();
        let expected =
            [("pip", "20.3.4"), ("pip", "21.3.1"), ("pip", "23.2.1"), ("pip", "26.3"), ("uv", "0.13.9")];
        assert_eq!(read, expected);
        assert_eq!(installer("poetry/2.1.1 CPython/3.12"), Some(("poetry", "2.1.1")));
        for other in ["", "Mozilla/5.0 (X11)", "pip", "pip/<script>", "pip/1.1111111111111111111111111"] {
            assert_eq!(installer(other), None, "{other}");
        }
    }

    #[tokio::test]
    async fn what_strangers_say_is_bounded_and_downloads_add_up_over_flushes() {
        let folder = tempfile::tempdir().unwrap();
        let db = Db::open(&format!("sqlite://{}/w.db", folder.path().display())).await.unwrap();
        let downloads = DownloadCounts::new(&Config::default(), db.clone());
        let (index, project) = ("root/pypi".parse().unwrap(), "demo".parse().unwrap());
        let version = crate::packaging::version::parse("1.0");
        let file = FetchedFile {
            index: &index,
            project: &project,
            version: version.as_ref(),
            filename: "demo-1.0.zip",
        };
        for round in 0..2 {
            for number in 0..MOST_INSTALLERS + 100 {
                let agent = format!("pip/{number}").parse().unwrap();
                downloads.note(
                    file,
                    &Who::person("alice"),
                    &HeaderMap::from_iter([(header::USER_AGENT, agent)]),
                );
            }
            let from = Some("10.1.2.3".parse().unwrap());
            downloads.note(file, &Who { from, ..Who::default() }, &HeaderMap::new());
            downloads.flush().await.unwrap();
            let rows = db.fetchers(&project, "1.0", 10_000).await.unwrap();
            assert_eq!(rows.len(), MOST_INSTALLERS + 2);
            assert_eq!(rows.iter().map(|row| row.count).sum::<i64>(), (round + 1) * 601);
            let anonymous: Vec<_> = rows.iter().filter(|row| row.asker.is_empty()).collect();
            assert_eq!((anonymous.len(), anonymous[0].count), (1, round + 1), "without an address");
        }
        assert_eq!(db.fetched_files(&index, &project).await.unwrap()["demo-1.0.zip"], 1202);
        assert_eq!(db.fetched_since(Some(&index), 0).await.unwrap()[0].count, 1202);
        db.forget_fetched(i64::MAX).await.unwrap();
        assert!(db.fetchers(&project, "1.0", 10).await.unwrap().is_empty());
        assert_eq!(db.fetched_files(&index, &project).await.unwrap()["demo-1.0.zip"], 1202, "the sum stays");
    }
}
