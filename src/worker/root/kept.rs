//! Finished roots on disk: put in place whole, locked while they are used, removed when they are too many.

use super::debian::DebianSource;
use super::{About, Root, Roots};
use crate::bad;
use crate::error::{Error, Result};
use crate::tools::scratch::remove_folder;
use std::fs::File;
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

/// Bytes that all roots of a worker may have on disk.
pub(super) const LIMIT: u64 = 6 << 30;
/// The same for those of one older release; the smallest comes to a third of a gigabyte.
const LIMIT_OF_DEBIAN: u64 = 2 << 30;
/// Removes what an earlier life was making below `folder` when it ended; nobody else works there.
///
/// # Errors
/// What the file system says.
pub fn sweep(folder: &Path) -> Result<()> {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let starts = |text: &str| name.to_str().is_some_and(|name| name.starts_with(text));
        if starts("new-") {
            remove_folder(&entry.path())?;
        } else if starts("debian-") {
            sweep(&entry.path())?;
        }
    }
    Ok(())
}

impl Roots {
    pub(super) fn keep(&self, new: &Path, key: &str, about: &About) -> Result<Arc<Root>> {
        let folder = self.folder.join(key);
        let text = serde_json::to_vec(about).map_err(Error::internal)?;
        std::fs::write(new.join("root/about.json"), text)?;
        match std::fs::rename(new.join("root"), &folder) {
            // Another worker with this folder was faster.
            Err(_) if folder.join("about.json").is_file() => {}
            other => other?,
        }
        self.kept(key)?.ok_or_else(|| {
            bad!("the folder of system packages {key} was removed while it was created: try again")
        })
    }

    /// The finished root of this key, locked against removal.
    pub(super) fn kept(&self, key: &str) -> Result<Option<Arc<Root>>> {
        let folder = self.folder.join(key);
        if !folder.join("about.json").is_file() {
            return Ok(None);
        }
        let lock = self.lock(key)?;
        let is_whole = self.debian.is_some();
        if is_whole && DebianSource::is_damaged(&folder) && lock.try_lock().is_ok() {
            remove_folder(&folder)?;
        }
        lock.lock_shared()?;
        let _ = lock.set_modified(SystemTime::now());
        // It may have gone before the lock was held.
        let Ok(text) = std::fs::read(folder.join("about.json")) else { return Ok(None) };
        let about = serde_json::from_slice(&text).map_err(Error::internal)?;
        Ok(Some(Arc::new(Root { folder, about, is_whole, _lock: lock })))
    }

    fn lock(&self, key: &str) -> Result<File> {
        let path = self.folder.join(format!("{key}.lock"));
        Ok(File::options().create(true).truncate(false).write(true).open(path)?)
    }

    /// Removes the roots that were not used for longest while all are too large.
    pub(super) fn evict(&self, but: &str) {
        let mut all = Vec::new();
        for entry in std::fs::read_dir(&self.folder).into_iter().flatten().flatten() {
            let Ok(text) = std::fs::read(entry.path().join("about.json")) else { continue };
            let Ok(about) = serde_json::from_slice::<About>(&text) else { continue };
            let key = entry.file_name().to_string_lossy().into_owned();
            let used = self.lock(&key).and_then(|lock| Ok(lock.metadata()?.modified()?));
            all.push((used.unwrap_or(SystemTime::UNIX_EPOCH), key, about.bytes));
        }
        all.sort();
        let limit = if self.debian.is_some() { LIMIT_OF_DEBIAN } else { LIMIT };
        let mut bytes: u64 = all.iter().map(|(_, _, bytes)| bytes).sum();
        for (_, key, size) in all {
            let free = bytes > limit && key != but;
            if free
                && self.lock(&key).is_ok_and(|lock| {
                    lock.try_lock().is_ok() && remove_folder(&self.folder.join(&key)).is_ok()
                })
            {
                bytes = bytes.saturating_sub(size);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_half_made_goes_and_what_is_finished_stays() {
        let folder = tempfile::tempdir().unwrap();
        let places = ["new-1-2/root", "debian-11/new-3-4/out", "debian-11/3/usr", "1/usr"];
        for place in places {
            std::fs::create_dir_all(folder.path().join(place)).unwrap();
        }
        sweep(folder.path()).unwrap();
        sweep(&folder.path().join("nowhere")).unwrap();
        assert_eq!(places.map(|place| folder.path().join(place).exists()), [false, false, true, true]);
    }
}
