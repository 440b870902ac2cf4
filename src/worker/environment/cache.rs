//! How environments are kept on disk: named by what is in them, remembered by request, evicted by age.

use crate::unavailable;
use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::layout;
use super::request::{EnvironmentRequest, identity};
use crate::error::{Error, Result};
use crate::names::ProjectName;
use crate::tools::hex;
use crate::tools::locks::Locks;
use crate::tools::scratch::{ScratchFolder, remove_folder};
use crate::worker::bench::Environment;
use crate::worker::interpreters::Interpreter;
use crate::worker::peek;

/// How long the answer to a request holds: afterwards there may be newer versions.
pub(super) const A_DAY: Duration = Duration::from_secs(24 * 3600);
/// A `RECORD` of a large project has a megabyte.
const RECORD_LIMIT: u64 = 64 << 20;
/// What an environment's file about itself is called; locked while it is used, touched when it is.
const ABOUT: &str = "about.json";
/// The environment proper, beside it.
const TREE: &str = "env";

#[derive(Serialize, Deserialize)]
struct About {
    packages: BTreeMap<String, String>,
    bytes: u64,
}

/// An environment that cannot be evicted as long as this lives.
#[derive(Debug)]
pub struct HeldEnvironment {
    pub environment: Environment,
    /// Locked, shared.
    _lock: File,
}

/// The environments of a worker, on disk.
#[derive(Debug)]
pub struct Environments {
    pub(super) folder: PathBuf,
    /// Bytes that all of them may have on disk.
    limit: u64,
    /// Held while an environment is made: one maker for each request.
    pub(super) making: Locks<String>,
    /// Of each context, what its newest job said of quarantines.
    quarantines: Mutex<BTreeMap<String, String>>,
}

/// The packages of an environment, and a hash over names, versions and RECORDs.
fn packages(folder: &Path) -> Result<(BTreeMap<String, String>, String)> {
    let mut records = BTreeMap::new();
    for entry in std::fs::read_dir(folder)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        let Some((project, version)) = name.strip_suffix(".dist-info").and_then(|stem| stem.rsplit_once('-'))
        else {
            continue;
        };
        let Some(project) = ProjectName::new(project) else { continue };
        let record = peek::file(folder, &format!("{name}/RECORD"), RECORD_LIMIT)?.unwrap_or_default();
        records.insert(project.as_str().to_owned(), (version.to_owned(), Sha256::digest(record)));
    }
    let mut hash = Sha256::new();
    for (project, (version, record)) in &records {
        hash.update(format!("{project}\0{version}\0").as_bytes());
        hash.update(record);
    }
    let packages = records.into_iter().map(|(project, (version, _))| (project, version)).collect();
    Ok((packages, hex::encode(hash.finalize())))
}

impl Environments {
    /// Those below `folder`, which is made, with `limit` bytes for all of them.
    ///
    /// # Errors
    /// What the file system says.
    pub fn open(folder: PathBuf, limit: u64) -> Result<Self> {
        std::fs::create_dir_all(folder.join("requests"))?;
        std::fs::create_dir_all(folder.join("pip").join("unpacked"))?;
        Ok(Self { folder, limit, making: Locks::default(), quarantines: Mutex::default() })
    }

    /// From now on the requests of a context are those since these quarantines: what is in one may be in an environment
    /// that was made before.
    pub fn note_quarantines(&self, context: &str, stamp: &str) {
        self.quarantines.lock().insert(context.to_owned(), stamp.to_owned());
    }

    /// The key of a request since the quarantines of its context.
    pub(super) fn since_quarantines(&self, context: &str, key: String) -> String {
        match self.quarantines.lock().get(context).filter(|stamp| !stamp.is_empty()) {
            Some(stamp) => hex::sha256(format!("{key} {stamp}").as_bytes()),
            None => key,
        }
    }

    /// The environment that a request came to, at most so long ago, if it is still there.
    pub(super) fn remembered(
        &self,
        key: &str,
        interpreter: &Interpreter,
        longest: Duration,
    ) -> Option<HeldEnvironment> {
        let path = self.folder.join("requests").join(key);
        let age =
            SystemTime::now().duration_since(path.metadata().ok()?.modified().ok()?).unwrap_or_default();
        if age > longest {
            return None;
        }
        let name = std::fs::read_to_string(path).ok()?;
        let is_name = name.len() == 64 && name.bytes().all(|byte| byte.is_ascii_hexdigit());
        if is_name { self.hold(&name, interpreter) } else { None }
    }

    /// An environment by its name, locked against eviction.
    pub(super) fn hold(&self, name: &str, interpreter: &Interpreter) -> Option<HeldEnvironment> {
        let folder = self.folder.join(name);
        let lock = File::options().read(true).write(true).open(folder.join(ABOUT)).ok()?;
        lock.lock_shared().ok()?;
        // Evicted between opening and locking? Then the name is gone.
        let about: About = serde_json::from_slice(&std::fs::read(folder.join(ABOUT)).ok()?).ok()?;
        // Failing to touch it only makes it look older than it is.
        drop(lock.set_modified(SystemTime::now()));
        let environment = layout::environment(interpreter, &folder.join(TREE));
        let environment = Environment { packages: about.packages, ..environment };
        Some(HeldEnvironment { environment, _lock: lock })
    }

    /// An empty folder to make one in; below it stands the tree.
    pub(super) fn workshop(&self) -> Result<(ScratchFolder, PathBuf)> {
        let folder = ScratchFolder::make(self.folder.join(format!("new-{}", uuid::Uuid::now_v7().simple())))?;
        let tree = folder.below(TREE)?;
        Ok((folder, tree))
    }

    /// Gives what was made its name, which is `exact` or else tells what is in it for this context alone, and
    /// remembers the request. Two requests may come to the same.
    pub(super) fn keep(
        &self,
        request: &EnvironmentRequest<'_>,
        key: &str,
        made: ScratchFolder,
        exact: Option<String>,
    ) -> Result<HeldEnvironment> {
        let tree = made.path().join(TREE);
        let (packages, hash) = packages(&tree.join(layout::packages_folder(request.interpreter)))?;
        let name = exact.unwrap_or_else(|| {
            let mut name = Sha256::new();
            for part in [&identity(request.interpreter), request.context, &hash] {
                name.update(part.as_bytes());
                name.update(b"\0");
            }
            hex::encode(name.finalize())
        });
        let about = About { packages, bytes: peek::walk(&tree).bytes };
        let about = serde_json::to_vec(&about).map_err(Error::internal)?;
        std::fs::write(made.path().join(ABOUT), about)?;
        let place = self.folder.join(&name);
        // A folder cannot replace one that is there and has the same in it.
        if let Err(error) = std::fs::rename(made.path(), &place)
            && !place.join(ABOUT).is_file()
        {
            return Err(error.into());
        }
        self.remember(key, &name)?;
        self.hold(&name, request.interpreter).ok_or_else(|| {
            unavailable!("the environment {} disappeared while it was created: try again", place.display())
        })
    }

    /// From now on a request comes to the environment of this name.
    pub(super) fn remember(&self, key: &str, name: &str) -> Result<()> {
        let memo = self.folder.join("requests").join(key);
        let new = memo.with_extension(uuid::Uuid::now_v7().simple().to_string());
        std::fs::write(&new, name)?;
        Ok(std::fs::rename(new, memo)?)
    }

    /// Removes those that were not used for longest, until all together fit; never one in use.
    pub(super) fn evict(&self) {
        let mut all: Vec<(SystemTime, PathBuf, u64)> = std::fs::read_dir(&self.folder)
            .into_iter()
            .flatten()
            .flatten()
            .filter_map(|entry| used(&entry.path()))
            .collect();
        all.sort();
        let mut bytes: u64 = all.iter().map(|(_, _, bytes)| bytes).sum();
        for (_, path, own) in all {
            if bytes <= self.limit {
                return;
            }
            let Ok(lock) = File::options().read(true).write(true).open(path.join(ABOUT)) else { continue };
            if lock.try_lock().is_ok() {
                drop(std::fs::remove_file(path.join(ABOUT)));
                if let Err(error) = remove_folder(&path) {
                    tracing::warn!("cannot remove the environment {}: {error}", path.display());
                }
                bytes -= own;
            }
        }
    }
}

/// When an environment was last used, and its size.
fn used(path: &Path) -> Option<(SystemTime, PathBuf, u64)> {
    let about = path.join(ABOUT);
    let when = about.metadata().ok()?.modified().ok()?;
    let about: About = serde_json::from_slice(&std::fs::read(about).ok()?).ok()?;
    Some((when, path.to_owned(), about.bytes))
}
