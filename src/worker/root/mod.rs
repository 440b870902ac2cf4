//! Roots of builds: the host's `/usr` with more system packages in it, for sandboxes alone.
//!
//! Nothing is installed on the host. [`apt`] says which packages are missing and downloads them;
//! they are unpacked inside a sandbox, their scripts never run; [`farm`] puts the host's `/usr` around
//! them by links. One root is known by the exact packages in it and by the state of the host's own,
//! and which packages a list comes to is remembered for a day.

mod alternatives;
mod apt;
mod contents;
mod debian;
mod farm;
mod kept;
mod loader;
mod older;
mod rank;
mod script;

use super::bench::Environment;
use super::log::Log;
use super::sandbox::{Mount, Sandbox, SandboxPlan};
use crate::bad;
use crate::build::failure::Absent;
use crate::build::job::JobLimits;
use crate::error::{Error, Result};
use crate::tools::hex;
use crate::tools::locks::Locks;
use crate::tools::scratch::ScratchFolder;
use crate::words::{Class, Failure, Isolation, Step};
use apt::{Apt, SystemPackage};
use contents::ContentsIndex;
pub use debian::DebianRelease;
use debian::DebianSource;
pub use farm::HOST;
pub use kept::sweep;
pub use older::{OlderSystem, OlderSystems};
pub use rank::PackageOfFile;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// How long what a list of packages comes to is believed.
const BELIEVED: Duration = Duration::from_secs(24 * 3600);
/// Bumped when roots are made in another way.
const MADE: &str = "3";

/// `/usr` and what belongs to it, with packages beside the host's. Not removed while it is held.
#[derive(Debug)]
pub struct Root {
    folder: PathBuf,
    about: About,
    /// It is a whole system of another age than the host's.
    is_whole: bool,
    /// Locked, shared.
    _lock: File,
}

/// What is known of a root, kept beside it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct About {
    /// Name and version of each package.
    packages: BTreeMap<String, String>,
    /// Paths of shared libraries inside, and the package of each.
    libraries: BTreeMap<String, String>,
    bytes: u64,
}

impl Root {
    /// Makes a run see it.
    pub fn apply(&self, plan: &mut SandboxPlan) {
        plan.root = Some(self.folder.clone());
        plan.mounts.push(Mount::read("/usr", HOST));
        if self.is_whole {
            plan.starter = loader::words();
        }
    }

    /// What makes the interpreter of a run start in an older system; `folder` is for this run alone.
    ///
    /// # Errors
    /// What the file system says.
    pub fn interpreter(&self, environment: &Environment, folder: &Path) -> Result<Vec<Mount>> {
        loader::mounts(environment, folder)
    }

    /// Whether it is an older system, in which programs of the host do not start by themselves.
    pub fn is_whole(&self) -> bool {
        self.is_whole
    }

    /// Its programs, on the host.
    pub fn programs(&self) -> PathBuf {
        self.folder.join("usr/bin")
    }

    /// The version of a package in it, without the epoch.
    pub fn version_of(&self, package: &str) -> Option<&str> {
        let version = self.about.packages.get(package)?;
        Some(version.split_once(':').map_or(version.as_str(), |(_, version)| version))
    }

    /// The package, with its version, that brought a shared library of this file name.
    pub fn package_of(&self, library: &str) -> Option<(String, String)> {
        let place = format!("/{library}");
        let (_, package) = self.about.libraries.iter().find(|(path, _)| path.ends_with(&place))?;
        let version = self.about.packages.get(package)?;
        Some((package.clone(), version.clone()))
    }
}

/// The roots of a worker, on disk.
#[derive(Debug)]
pub struct Roots {
    folder: PathBuf,
    sandbox: Sandbox,
    /// One maker for each list of packages.
    making: Locks<String>,
    contents: ContentsIndex,
    apt: Apt,
    /// They are of this older release, without anything of the host's.
    debian: Option<DebianSource>,
}

impl Roots {
    /// Those below `folder`, which is made when the first one is.
    pub fn new(folder: PathBuf, sandbox: Sandbox) -> Self {
        let contents = ContentsIndex::new(folder.join("contents"));
        let apt = Apt::new(folder.join("apt"));
        Self { folder, sandbox, making: Locks::default(), contents, apt, debian: None }
    }

    /// Those of an older release of Debian: whole systems, each with a compiler.
    fn of_debian(folder: &Path, sandbox: Sandbox, source: DebianSource) -> Self {
        let folder = folder.join(format!("debian-{}", source.release.number));
        let apt = source.apt(&folder);
        Self { apt, debian: Some(source), ..Self::new(folder, sandbox) }
    }

    /// All that decides what packages are missing, beside their names.
    fn state(&self) -> Result<String> {
        match &self.debian {
            Some(source) => Ok(source.state()),
            None => apt::host_state(),
        }
    }

    /// The packages of the host's distribution that have what a build looked for, the best first; none
    /// where builds see the host's own system.
    ///
    /// # Errors
    /// If there is no index of what packages contain.
    pub async fn find(&self, absent: &Absent) -> Result<Vec<PackageOfFile>> {
        if self.sandbox.isolation() == Isolation::None {
            return Ok(Vec::new());
        }
        self.state()?;
        self.contents.find(absent, &self.apt).await
    }

    /// A root with these packages of the host's distribution, and what they depend on; `None` if the
    /// host has them all. `step` is what a failure is reported under.
    ///
    /// # Errors
    /// `MissingLibrary` for packages that cannot be had; `Worker` for what else goes wrong.
    pub async fn with(
        &self,
        packages: &[String],
        step: Step,
        log: &Log,
    ) -> Result<Option<Arc<Root>>, Failure> {
        if packages.is_empty() && self.debian.is_none() {
            return Ok(None);
        }
        let failed = |error: Error| {
            let class = match &error {
                Error::Missing(_) => Class::MissingLibrary,
                _ => Class::Worker,
            };
            Failure::new(class, step, error.to_string())
        };
        if self.sandbox.isolation() == Isolation::None {
            log.note(&format!(
                "builds without a sandbox use the system packages of the host: it must have {}",
                packages.join(", ")
            ));
            return Ok(None);
        }
        self.get(packages, log).await.map_err(failed)
    }

    async fn get(&self, packages: &[String], log: &Log) -> Result<Option<Arc<Root>>> {
        if let Some(bad) = packages.iter().find(|name| !apt::is_package(name)) {
            return Err(apt::missing_package(bad));
        }
        let packages = &match &self.debian {
            Some(_) => DebianSource::with_base(packages),
            None => packages.to_vec(),
        };
        let request = hash(&[&[MADE.to_owned(), self.state()?], packages.as_slice()].concat());
        let _one = self.making.lock(request.clone()).await;
        let apt = &self.apt;
        let note = self.folder.join("requests").join(&request);
        let list = match remembered(&note, BELIEVED) {
            Some(list) => list,
            None => match self.resolve(packages).await {
                Ok(list) => list,
                Err(Error::Missing(why)) => return Err(Error::Missing(why)),
                // Without the network, what was right yesterday will do.
                Err(error) => remembered(&note, Duration::MAX).ok_or(error)?,
            },
        };
        let root = match list.is_empty() {
            true => None,
            false => Some(self.root_of(apt, packages, &list, log).await?),
        };
        let text = serde_json::to_vec(&list).map_err(Error::internal)?;
        std::fs::create_dir_all(self.folder.join("requests"))?;
        if remembered(&note, BELIEVED).is_none() {
            std::fs::write(&note, text)?;
        }
        Ok(root)
    }

    async fn resolve(&self, packages: &[String]) -> Result<Vec<SystemPackage>> {
        if let Some(source) = &self.debian {
            std::fs::create_dir_all(&self.folder)?;
            let _one = self.making.lock(String::new()).await;
            source.update(&self.apt, &self.folder).await?;
        }
        self.apt.resolve(packages).await
    }

    async fn root_of(
        &self,
        apt: &Apt,
        asked: &[String],
        list: &[SystemPackage],
        log: &Log,
    ) -> Result<Arc<Root>> {
        let exact: Vec<String> = list.iter().map(|package| format!("{package:?}")).collect();
        let key = hash(&[&[MADE.to_owned(), self.state()?], exact.as_slice()].concat());
        if let Some(root) = self.kept(&key)? {
            return Ok(root);
        }
        let names: Vec<&str> = list.iter().map(|package| package.name.as_str()).collect();
        log.note(&format!("system packages for {}: {}", asked.join(" "), names.join(" ")));
        let new = ScratchFolder::make(self.folder.join(format!("new-{key}-{}", std::process::id())))?;
        let made = self.make(new.path(), apt, asked, list, log).await;
        let kept = made.and_then(|about| self.keep(new.path(), &key, &about));
        drop(new);
        self.evict(&key);
        kept
    }

    /// Downloads, unpacks, links; leaves the root in `new/root`.
    async fn make(
        &self,
        new: &Path,
        apt: &Apt,
        asked: &[String],
        list: &[SystemPackage],
        log: &Log,
    ) -> Result<About> {
        let (debs, out) = (new.join("debs"), new.join("out"));
        std::fs::create_dir(&debs)?;
        std::fs::create_dir(&out)?;
        let turn = self.making.lock("downloads".to_owned()).await;
        apt.download(asked, list, &debs).await?;
        drop(turn);
        self.unpack(&debs, &out, log).await?;
        let (list, root, is_whole) = (list.to_vec(), new.join("root"), self.debian.is_some());
        let lay = move || match is_whole {
            true => farm::lay_out_whole(&list, &out, &root),
            false => farm::lay_out(&list, &out, &root),
        };
        let laid = tokio::task::spawn_blocking(lay).await??;
        Ok(About { packages: laid.packages, libraries: laid.libraries, bytes: laid.bytes })
    }

    /// Unpacks `debs/N.deb` to `out/N`, and its control files to `out/N.control`, in a sandbox.
    async fn unpack(&self, debs: &Path, out: &Path, log: &Log) -> Result<()> {
        let script = "set -e; for deb in /debs/*.deb; do name=${deb##*/}; name=${name%.deb}; \
                      mkdir /out/$name; dpkg-deb --fsys-tarfile $deb | \
                      tar -x -C /out/$name --no-same-owner --no-same-permissions --exclude=./usr/share/doc \
                      --exclude=./usr/share/man --exclude=./usr/share/info; \
                      dpkg-deb -e $deb /out/$name.control; done";
        let plan = SandboxPlan {
            argv: ["/bin/sh", "-c", script].map(str::to_owned).to_vec(),
            mounts: vec![Mount::read(debs, "/debs"), Mount::write(out, "/out")],
            limits: JobLimits { seconds: 600, ..JobLimits::default() },
            watched: vec![out.to_owned()],
            ..SandboxPlan::default()
        };
        match self.sandbox.run(&plan, log).await?.is_good() {
            true => Ok(()),
            false => Err(bad!("cannot unpack the system packages: see the log")),
        }
    }
}

fn remembered(note: &Path, age: Duration) -> Option<Vec<SystemPackage>> {
    let written = note.metadata().ok()?.modified().ok()?;
    let is_young = written.elapsed().is_ok_and(|since| since < age) || age == Duration::MAX;
    if !is_young {
        return None;
    }
    serde_json::from_slice(&std::fs::read(note).ok()?).ok()
}

fn hash(parts: &[String]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part.as_bytes());
        hash.update(b"\0");
    }
    let mut digits = hex::encode(hash.finalize());
    digits.truncate(32);
    digits
}

#[cfg(all(test, target_os = "linux"))]
mod tests;
