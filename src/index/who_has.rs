//! Who has a release or a file: who fetched it, and which watched lock files name it.

use super::downloads::DownloadCounts;
use super::locks::LockView;
use crate::db::Db;
use crate::db::downloads::{DAY, Fetcher};
use crate::db::locks::LockPin;
use crate::error::Result;
use crate::names::{IndexName, ProjectName};
use crate::packaging::filename::{ListedFilename, candidates};
use crate::packaging::requirement::Requirement;
use crate::packaging::version::{self, Version};
use crate::words::Moment;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Most lines that are told of each release.
const MOST_LINES: i64 = 10_000;

const UNKNOWN_HASH: &str = "no index has a file with this sha256, and a mirror forgets the hash of a copy that it \
    removes: ask by the name of the file or by the release instead";

/// What is known of something.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct WhoHas {
    pub what: String,
    /// Who fetched it last comes first.
    pub fetched: Vec<FetcherView>,
    pub locks: Vec<NamingLock>,
    /// Why the answer may lack something.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// Somebody who fetched a file.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct FetcherView {
    /// An account, `@` and an address, or empty: somebody without an account.
    pub who: String,
    /// Empty: it did not say.
    pub installer: String,
    pub index: IndexName,
    pub filename: String,
    pub count: i64,
    /// The day of the first time.
    pub first: Moment,
    pub last: Moment,
}

/// A lock file that names it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct NamingLock {
    #[serde(flatten)]
    pub lock: LockView,
    /// `demo==1.0`
    pub release: String,
}

impl From<Fetcher> for FetcherView {
    fn from(known: Fetcher) -> Self {
        Self {
            who: known.asker,
            installer: known.installer,
            index: known.index,
            filename: known.filename,
            count: known.count,
            first: Moment(known.first_day * DAY),
            last: Moment(known.last_at),
        }
    }
}

/// What was asked about.
enum Subject {
    Files(BTreeSet<(ProjectName, String)>, Option<String>),
    Releases(Requirement),
}

impl Subject {
    fn has(&self, project: &ProjectName, version: &str, filename: &str) -> bool {
        match self {
            Self::Files(files, _) => files.iter().any(|(_, known)| known == filename),
            Self::Releases(wanted) => wanted.name == *project && fits(wanted, version),
        }
    }

    fn projects(&self) -> BTreeSet<&ProjectName> {
        match self {
            Self::Files(files, _) => files.iter().map(|(project, _)| project).collect(),
            Self::Releases(wanted) => BTreeSet::from([&wanted.name]),
        }
    }

    /// Whether a pin is of it; one that gives hashes must give the file's.
    fn is_pinned(&self, pin: &LockPin) -> bool {
        match self {
            Self::Releases(wanted) => wanted.name == pin.project && fits(wanted, &pin.version),
            Self::Files(_, Some(sha256)) if !pin.hashes.is_empty() => pin.hashes.contains(sha256.as_str()),
            Self::Files(files, _) => files.iter().any(|(project, filename)| {
                let listed = ListedFilename::new(project, filename);
                *project == pin.project
                    && listed.version().map(Version::to_string).as_ref() == Some(&pin.version)
            }),
        }
    }
}

fn fits(wanted: &Requirement, text: &str) -> bool {
    version::parse(text).is_none_or(|version| version::satisfies(&wanted.specifiers, &version))
}

async fn subject(db: &Db, what: &str) -> Result<Subject> {
    if what.len() == 64 && what.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        let sha256 = what.to_ascii_lowercase();
        let files = db.files_by_hash(&sha256).await?;
        return Ok(Subject::Files(files.into_iter().collect(), Some(sha256)));
    }
    let named = candidates(what);
    if named.is_empty() {
        return Ok(Subject::Releases(Requirement::parse(what)?));
    }
    let used = db.counted_files(None, what).await?;
    let files: BTreeSet<_> = match used.is_empty() {
        true => named.into_iter().take(1).map(|project| (project, what.to_owned())).collect(),
        false => used.into_iter().map(|file| (file.project, file.filename)).collect(),
    };
    Ok(Subject::Files(files, None))
}

/// Who fetched `what` (a file's name or its sha256, or a project with versions), and which lock files name it.
///
/// # Errors
/// `Bad` if it is none of these.
pub async fn who_has(db: &Db, downloads: &DownloadCounts, what: &str) -> Result<WhoHas> {
    downloads.flush().await?;
    let subject = subject(db, what.trim()).await?;
    let mut fetched = Vec::new();
    for project in subject.projects() {
        let used = db.counted_files(Some(project), "").await?;
        let used = used.iter().filter(|file| subject.has(&file.project, &file.version, &file.filename));
        let versions: BTreeSet<&str> = used.map(|file| file.version.as_str()).collect();
        for version in versions {
            let known = db.fetchers(project, version, MOST_LINES).await?;
            fetched.extend(known.into_iter().filter(|one| subject.has(project, version, &one.filename)));
        }
    }
    fetched.sort_by_key(|one| std::cmp::Reverse(one.last_at));
    let mut pins = Vec::new();
    for project in subject.projects() {
        pins.extend(db.lock_pins(project).await?);
    }
    if let Subject::Files(_, Some(sha256)) = &subject {
        let by_hash = db.lock_pins_by_hash(sha256).await?;
        pins.extend(by_hash.into_iter().filter(|pin| !subject.projects().contains(&pin.project)));
    }
    let watches = db.lock_watches().await?;
    let locks = pins.iter().filter(|pin| subject.is_pinned(pin)).filter_map(|pin| {
        let watch = watches.iter().find(|watch| watch.name == pin.lock)?;
        let release = format!("{}=={}", pin.project, pin.version);
        Some(NamingLock { lock: watch.clone().into(), release })
    });
    let unknown = matches!(&subject, Subject::Files(files, Some(_)) if files.is_empty());
    Ok(WhoHas {
        note: unknown.then(|| UNKNOWN_HASH.to_owned()),
        what: what.trim().to_owned(),
        locks: locks.collect(),
        fetched: fetched.into_iter().map(FetcherView::from).collect(),
    })
}
