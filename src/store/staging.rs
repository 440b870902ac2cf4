//! Where files are spooled while their hash is unknown: a folder per process, emptied after it.

use crate::error::Result;
use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use uuid::Uuid;

/// Inside a process' folder; locked for as long as the process lives.
const ALIVE: &str = "alive";

/// This process' own folder below `DATA/staging`.
pub(super) struct Staging {
    all: PathBuf,
    own: PathBuf,
    _alive: File,
}

impl Staging {
    /// Removes what processes that are gone left behind, and makes a folder for this one.
    pub(super) fn open(data: &Path) -> Result<Self> {
        let all = data.join("staging");
        fs::create_dir_all(&all)?;
        // Between making a folder and locking it, it looks like a leftover: one at a time.
        let turn = File::options().create(true).truncate(false).write(true).open(all.join("lock"))?;
        turn.lock()?;
        for leftover in leftovers(&all, None)? {
            tracing::info!(folder = %leftover.display(), "removing temporary files of a stopped process");
            fs::remove_dir_all(leftover)?;
        }
        let own = all.join(Uuid::now_v7().simple().to_string());
        fs::create_dir(&own)?;
        let alive = File::create(own.join(ALIVE))?;
        alive.lock()?;
        Ok(Self { all, own, _alive: alive })
    }

    /// A name for a new file.
    pub(super) fn fresh(&self) -> PathBuf {
        self.own.join(Uuid::now_v7().simple().to_string())
    }

    /// Folders of processes that are gone.
    pub(super) fn leftovers(&self) -> Result<Vec<PathBuf>> {
        leftovers(&self.all, Some(&self.own))
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.own);
    }
}

fn leftovers(all: &Path, own: Option<&Path>) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(all)? {
        let folder = entry?.path();
        if folder.is_dir() && Some(folder.as_path()) != own && !is_alive(&folder)? {
            found.push(folder);
        }
    }
    Ok(found)
}

fn is_alive(folder: &Path) -> Result<bool> {
    match File::open(folder.join(ALIVE)) {
        Ok(file) => match file.try_lock() {
            Ok(()) => Ok(false),
            Err(TryLockError::WouldBlock) => Ok(true),
            Err(TryLockError::Error(error)) => Err(error.into()),
        },
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leftovers_are_removed_but_never_a_living_neighbours_files() {
        let data = tempfile::tempdir().unwrap();
        let neighbour = Staging::open(data.path()).unwrap();
        fs::write(neighbour.fresh(), b"being written").unwrap();
        let gone = data.path().join("staging/gone");
        fs::create_dir(&gone).unwrap();
        fs::write(gone.join("half"), b"half").unwrap();

        assert_eq!(neighbour.leftovers().unwrap(), std::slice::from_ref(&gone));
        let second = Staging::open(data.path()).unwrap();
        assert!(!gone.exists());
        assert_eq!(fs::read_dir(&neighbour.own).unwrap().count(), 2);
        assert!(second.leftovers().unwrap().is_empty());

        let own = second.own.clone();
        drop(second);
        assert!(!own.exists());
    }
}
