//! A wheelhouse in a folder of this machine: every file and page appears whole, and is on disk before what links to it.

use super::tree::{STATE, TreeFile, TreePage, UNFINISHED};
use crate::error::{Error, Result};
use crate::store::Store;
use crate::tools::claim::claim;
use crate::{bad, conflict, lost};
use futures::TryStreamExt;
use parking_lot::Mutex;
use std::collections::BTreeSet;
use std::fs::{self, File, TryLockError};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::task::spawn_blocking;

/// Held while a run works.
const LOCK: &str = ".wheelwright.lock";
/// What is not whole yet.
const HALF: &str = ".wheelwright.half";
/// Anybody may read what is published.
const READABLE: u32 = 0o444;
/// More files or folders than this are synced at once, with all that the file system has.
const MANY: usize = 64;

/// A folder that is locked for us. Cheap to clone.
#[derive(Clone)]
pub(super) struct HouseFolder(Arc<Inner>);

struct Inner {
    root: PathBuf,
    /// Folders whose entries changed since they were synced last.
    touched: Mutex<BTreeSet<PathBuf>>,
    /// Files that may not be on disk yet.
    unsynced: Mutex<Vec<PathBuf>>,
    /// Pages that are written, and where they belong.
    halves: Mutex<Vec<(PathBuf, String)>>,
    _lock: File,
}

impl HouseFolder {
    /// Makes the folder if it is not there, and locks it.
    ///
    /// # Errors
    /// `Bad` if it holds something else, `Conflict` if another run works on it.
    pub(super) async fn open(root: &Path) -> Result<Self> {
        let root = root.to_owned();
        spawn_blocking(move || open(&root)).await?
    }

    pub(super) fn root(&self) -> &Path {
        &self.0.root
    }

    pub(super) async fn get(&self, path: &str) -> Result<Option<Vec<u8>>> {
        let path = self.0.root.join(path);
        match spawn_blocking(move || fs::read(path)).await? {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Every file of the tree with its bytes; not what is ours alone.
    pub(super) async fn list(&self) -> Result<Vec<(String, u64)>> {
        let root = self.0.root.clone();
        spawn_blocking(move || {
            let mut found = Vec::new();
            let mut folders = vec![PathBuf::new()];
            while let Some(folder) = folders.pop() {
                for entry in fs::read_dir(root.join(&folder))? {
                    let entry = entry?;
                    let Some(name) = entry.file_name().to_str().map(|name| folder.join(name)) else {
                        continue;
                    };
                    if entry.file_type()?.is_dir() {
                        folders.push(name);
                    } else if let Some(path) = name.to_str() {
                        found.push((path.to_owned(), entry.metadata()?.len()));
                    }
                }
            }
            Ok(found)
        })
        .await?
    }

    /// Puts bytes of the store in their places.
    pub(super) async fn put_files(&self, store: &Store, files: Vec<TreeFile>) -> Result<()> {
        let (mut local, mut remote) = (Vec::new(), Vec::new());
        for file in files {
            match store.local_file(&file.sha256) {
                Some(from) => local.push((from, file.path)),
                None => remote.push(file),
            }
        }
        for file in remote {
            self.fetch(store, &file).await?;
        }
        let folder = self.clone();
        spawn_blocking(move || local.iter().try_for_each(|(from, path)| folder.link_or_copy(from, path)))
            .await?
    }

    async fn fetch(&self, store: &Store, file: &TreeFile) -> Result<()> {
        let blob = store.get(&file.sha256, None).await?.ok_or_else(|| lost(&file.path))?;
        let mut stream = blob.into_stream();
        let half = self.half();
        let mut to = tokio::fs::File::create(&half).await?;
        while let Some(bytes) = stream.try_next().await? {
            tokio::io::AsyncWriteExt::write_all(&mut to, &bytes).await?;
        }
        tokio::io::AsyncWriteExt::flush(&mut to).await?;
        self.0.unsynced.lock().push(self.0.root.join(&file.path));
        let (folder, path) = (self.clone(), file.path.clone());
        spawn_blocking(move || folder.rename(&half, &path)).await?
    }

    /// A link where the file system can, for nothing is written twice then; else a copy, which file systems that
    /// can share its bytes with the original.
    fn link_or_copy(&self, from: &Path, path: &str) -> Result<()> {
        let place = self.place(path)?;
        let found = fs::metadata(from).map_err(|error| match error.kind() {
            ErrorKind::NotFound => lost(path),
            _ => error.into(),
        })?;
        if found.permissions().mode() & READABLE == READABLE {
            // What stands there is of an earlier life, and may be less than whole.
            match fs::remove_file(&place) {
                Err(error) if error.kind() != ErrorKind::NotFound => return Err(error.into()),
                _ => {}
            }
            if fs::hard_link(from, &place).is_ok() {
                return Ok(());
            }
        }
        let half = self.half();
        fs::copy(from, &half)?;
        fs::set_permissions(&half, fs::Permissions::from_mode(0o644))?;
        self.0.unsynced.lock().push(place);
        self.rename(&half, path)
    }

    /// Writes pages that [`HouseFolder::settle`] puts in their places.
    pub(super) async fn put_pages(&self, pages: Vec<TreePage>) -> Result<()> {
        let folder = self.clone();
        spawn_blocking(move || {
            for page in pages {
                let half = folder.half();
                File::create(&half)?.write_all(&page.bytes)?;
                folder.0.halves.lock().push((half, page.path));
            }
            Ok(())
        })
        .await?
    }

    /// Replaces pages, each at once, when all that was put before is on disk. When it returns, they are, too.
    pub(super) async fn settle(&self) -> Result<()> {
        let folder = self.clone();
        spawn_blocking(move || {
            let halves = std::mem::take(&mut *folder.0.halves.lock());
            let written = std::mem::take(&mut *folder.0.unsynced.lock());
            if halves.len() + written.len() > MANY {
                folder.0.touched.lock().clear();
                folder.sync_all()?;
            } else {
                let all = halves.iter().map(|(half, _)| half).chain(&written);
                all.map(File::open).try_for_each(|file| file?.sync_all())?;
                folder.sync_folders()?;
            }
            halves.iter().try_for_each(|(half, path)| folder.rename(half, path))?;
            folder.sync_folders()
        })
        .await?
    }

    /// Removes files, and the folders that they leave empty.
    pub(super) async fn remove(&self, paths: Vec<String>) -> Result<()> {
        let folder = self.clone();
        spawn_blocking(move || {
            for path in paths {
                let place = folder.place(&path)?;
                match fs::remove_file(&place) {
                    Err(error) if error.kind() != ErrorKind::NotFound => return Err(error.into()),
                    _ => {}
                }
                let mut above = place.parent();
                while let Some(parent) = above.filter(|parent| **parent != *folder.0.root) {
                    if fs::remove_dir(parent).is_err() {
                        break;
                    }
                    folder.0.touched.lock().remove(parent);
                    above = parent.parent();
                }
            }
            folder.sync_folders()
        })
        .await?
    }

    fn place(&self, path: &str) -> Result<PathBuf> {
        let place = self.0.root.join(path);
        if let Some(parent) = place.parent()
            && self.0.touched.lock().insert(parent.to_owned())
            && !parent.is_dir()
        {
            fs::create_dir_all(parent)?;
            let above = parent.ancestors().skip(1).take_while(|above| above.starts_with(&self.0.root));
            self.0.touched.lock().extend(above.map(Path::to_owned));
        }
        Ok(place)
    }

    fn half(&self) -> PathBuf {
        self.0.root.join(HALF).join(uuid::Uuid::now_v7().simple().to_string())
    }

    fn rename(&self, half: &Path, path: &str) -> Result<()> {
        Ok(fs::rename(half, self.place(path)?)?)
    }

    fn sync_folders(&self) -> Result<()> {
        let touched = std::mem::take(&mut *self.0.touched.lock());
        if touched.len() > MANY {
            return self.sync_all();
        }
        for folder in touched {
            match File::open(&folder) {
                Ok(folder) => folder.sync_all()?,
                // Removed since.
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    fn sync_all(&self) -> Result<()> {
        Ok(rustix::fs::syncfs(File::open(&self.0.root)?).map_err(std::io::Error::from)?)
    }
}

/// Whether a path is none of the tree's.
pub(super) fn is_own(path: &str) -> bool {
    [STATE, UNFINISHED, LOCK].contains(&path) || path.starts_with(HALF)
}

fn open(root: &Path) -> Result<HouseFolder> {
    let refused = |error: std::io::Error| bad!("cannot write to the folder {}: {error}", root.display());
    fs::create_dir_all(root).map_err(refused)?;
    let names: Vec<_> =
        fs::read_dir(root).map_err(refused)?.flatten().map(|entry| entry.file_name()).collect();
    if !names.is_empty() && !names.iter().any(|name| name.to_str().is_some_and(is_own)) {
        return Err(bad!(
            "the folder {} is not empty, and no wheelhouse: choose another one, or empty it",
            root.display()
        ));
    }
    let lock = File::options().create(true).truncate(false).write(true).open(root.join(LOCK));
    let lock = lock.map_err(refused)?;
    match claim(&lock) {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            return Err(conflict!(
                "another export writes to {}: wait until it has ended, then try again",
                root.display()
            ));
        }
        Err(TryLockError::Error(error)) => return Err(refused(error)),
    }
    let half = root.join(HALF);
    crate::tools::scratch::remove_folder(&half)?;
    fs::create_dir(&half).map_err(refused)?;
    Ok(HouseFolder(Arc::new(Inner {
        root: root.to_owned(),
        touched: Mutex::default(),
        unsynced: Mutex::default(),
        halves: Mutex::default(),
        _lock: lock,
    })))
}

impl Drop for Inner {
    fn drop(&mut self) {
        let _ = fs::remove_dir(self.root.join(HALF));
    }
}

pub(super) fn lost(path: &str) -> Error {
    lost!("the store has lost the bytes of {path}: run wheelwright fsck, and restore them from a backup")
}
