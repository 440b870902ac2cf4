//! Lock files that are watched: which of them name a release.

use crate::access::Who;
use crate::bad;
use crate::db::events::NewEvent;
use crate::db::locks::{LockPin, LockWatch};
use crate::db::{Db, Tx};
use crate::directory::Directory;
use crate::error::{Error, Result};
use crate::missing;
use crate::names::IndexName;
use crate::packaging::locked;
use crate::words::{EventKind, Moment};
use serde::{Deserialize, Serialize};

/// Bytes of the longest name.
const LONGEST_NAME: usize = 100;
/// Lock files that are watched, at most.
const MOST_LOCKS: usize = 10_000;

/// A lock file to watch.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewLock {
    /// Under this name; one of the same name is replaced.
    pub name: String,
    pub index: Option<IndexName>,
    /// The name of the file, which tells its kind: `uv.lock`.
    pub file: String,
    pub text: String,
}

/// What became of it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct WatchedLock {
    pub name: String,
    /// How many it names.
    pub releases: usize,
}

/// A watched lock file as JSON and the command line show it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct LockView {
    pub name: String,
    pub index: Option<IndexName>,
    pub file: String,
    pub by: String,
    pub at: Moment,
}

impl From<LockWatch> for LockView {
    fn from(row: LockWatch) -> Self {
        Self { name: row.name, index: row.index, file: row.file, by: row.kept_by, at: Moment(row.kept_at) }
    }
}

/// The lock files that are watched, by name.
pub async fn all(db: &Db) -> Result<Vec<LockView>> {
    Ok(db.lock_watches().await?.into_iter().map(LockView::from).collect())
}

/// # Errors
/// `Bad` if no lock file may have this name.
pub fn check_name(name: &str) -> Result<()> {
    let odd = |c: char| !(c.is_ascii_alphanumeric() || "-_.".contains(c));
    let dots = name.bytes().all(|byte| byte == b'.');
    if dots || name.len() > LONGEST_NAME || name.contains(odd) {
        return Err(bad!(
            "{name:?} is not a valid name of a lock file: use at most {LONGEST_NAME} letters, digits, '-', '_' and '.'"
        ));
    }
    Ok(())
}

/// The error about a name that nothing has.
pub fn unknown(name: &str) -> Error {
    missing!("no lock file {name:?} is watched: `wheelwright lock list` shows all")
}

/// Keeps what a lock file names, for every environment.
///
/// # Errors
/// `Bad` if the name or the file is not valid; `Missing` if there is no such index.
pub async fn watch(db: &Db, directory: &Directory, who: &Who, new: &NewLock) -> Result<WatchedLock> {
    check_name(&new.name)?;
    if let Some(index) = &new.index {
        directory.index(index)?;
    }
    let read = locked::read(&new.file, &new.text).map_err(|error| bad!("{}: {error}", new.file))?;
    let known = db.lock_watches().await?;
    if known.len() >= MOST_LOCKS && known.iter().all(|known| known.name != new.name) {
        return Err(bad!(
            "{MOST_LOCKS} lock files are watched already: remove one with wheelwright lock remove"
        ));
    }
    let mut tx = Tx::begin(db).await?;
    let pins = read.releases.into_iter().map(|((project, version), hashes)| LockPin {
        lock: new.name.clone(),
        project,
        version,
        hashes: hashes.into_iter().collect::<Vec<_>>().join(" "),
    });
    let pins: Vec<LockPin> = pins.collect();
    let watch = LockWatch {
        name: new.name.clone(),
        index: new.index.clone(),
        file: new.file.clone(),
        kept_by: who.label.clone(),
        kept_at: tx.now,
    };
    tx.put_lock(&watch, &pins).await?;
    let event = NewEvent::of(&who.label, EventKind::LockWatched).saying(&new.name);
    tx.commit(new.index.as_ref().map_or(event, |index| event.on(index))).await?;
    Ok(WatchedLock { name: new.name.clone(), releases: pins.len() })
}

/// Forgets a lock file.
///
/// # Errors
/// `Missing` if there is none of this name.
pub async fn remove(db: &Db, who: &Who, name: &str) -> Result<()> {
    let mut tx = Tx::begin(db).await?;
    if !tx.remove_lock(name).await? {
        return Err(unknown(name));
    }
    tx.commit(NewEvent::of(&who.label, EventKind::LockRemoved).saying(name)).await?;
    Ok(())
}
