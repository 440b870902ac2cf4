//! Lock files that are watched: which of them name a release.

use crate::access::Who;
use crate::bad;
use crate::db::events::NewEvent;
use crate::db::locks::{LockPin, LockWatch};
use crate::db::{Db, Tx};
use crate::error::Result;
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
#[derive(Clone, Copy, Debug)]
pub struct NewLock<'a> {
    /// Under this name; one of the same name is replaced.
    pub name: &'a str,
    pub index: Option<&'a IndexName>,
    /// The name of the file, which tells its kind: `uv.lock`.
    pub file: &'a str,
    pub text: &'a str,
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

/// Keeps what a lock file names, for every environment; how many releases.
///
/// # Errors
/// `Bad` if the name or the file is not valid.
pub async fn watch(db: &Db, who: &Who, new: NewLock<'_>) -> Result<usize> {
    let odd = |c: char| !(c.is_ascii_alphanumeric() || "-_.".contains(c));
    if new.name.is_empty() || new.name.len() > LONGEST_NAME || new.name.contains(odd) {
        return Err(bad!(
            "{:?} is not a valid name of a lock file: use at most {LONGEST_NAME} letters, digits, '-', '_' and '.'",
            new.name
        ));
    }
    let read = locked::read(new.file, new.text).map_err(|error| bad!("{}: {error}", new.file))?;
    let known = db.lock_watches().await?;
    if known.len() >= MOST_LOCKS && known.iter().all(|known| known.name != new.name) {
        return Err(bad!(
            "{MOST_LOCKS} lock files are watched already: remove one with wheelwright lock remove"
        ));
    }
    let mut tx = Tx::begin(db).await?;
    let pins = read.releases.into_iter().map(|((project, version), hashes)| LockPin {
        lock: new.name.to_owned(),
        project,
        version,
        hashes: hashes.into_iter().collect::<Vec<_>>().join(" "),
    });
    let pins: Vec<LockPin> = pins.collect();
    let watch = LockWatch {
        name: new.name.to_owned(),
        index: new.index.cloned(),
        file: new.file.to_owned(),
        kept_by: who.label.clone(),
        kept_at: tx.now,
    };
    tx.put_lock(&watch, &pins).await?;
    let event = NewEvent::of(&who.label, EventKind::LockWatched).saying(new.name);
    tx.commit(new.index.map_or(event, |index| event.on(index))).await?;
    Ok(pins.len())
}

/// Forgets a lock file.
///
/// # Errors
/// `Missing` if there is none of this name.
pub async fn remove(db: &Db, who: &Who, name: &str) -> Result<()> {
    let mut tx = Tx::begin(db).await?;
    if !tx.remove_lock(name).await? {
        return Err(missing!("no lock file {name:?} is watched: `wheelwright lock list` shows all"));
    }
    tx.commit(NewEvent::of(&who.label, EventKind::LockRemoved).saying(name)).await?;
    Ok(())
}
