//! The wheelhouse: a flat folder of wheels, as `pip --find-links` reads it, and what we know of them.

mod narrow;

use self::narrow::{narrow, rename};
use crate::bad;
use crate::build::target::Target;
use crate::error::{Error, Result};
use crate::names::ProjectName;
use crate::packaging::filename::WheelFilename;
use crate::packaging::metadata::Metadata;
use crate::packaging::page::{self, Page};
use crate::packaging::requirement::Requirement;
use crate::packaging::version::{Version, VersionSpecifiers};
use crate::packaging::wheel;
use crate::tools::hex;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::path::{Path, PathBuf};

/// Beside the wheels: which were built here, and for what. Installers skip it.
pub const RECORD: &str = ".wheelwright.json";

/// One folder of wheels. Changes go through one owner at a time.
#[derive(Debug)]
pub struct House {
    pub folder: PathBuf,
    record: Record,
    /// Names that this run wrote or found to be right: of two targets' builds of one source the first
    /// stays, while what an earlier run left gives way.
    fresh: BTreeSet<String>,
}

/// Wheels that are not recorded came from elsewhere, and are taken as they are.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Record {
    #[serde(default)]
    built: BTreeMap<String, Built>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Built {
    sha256: String,
    /// What it was built from, for people.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    source: String,
    /// Names of the targets whose builds gave this wheel's metadata.
    targets: BTreeSet<String>,
    /// By target: the sha256 of what its build gave, where another target's wheel stands for it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    given: BTreeMap<String, String>,
}

impl Built {
    /// Of this target's build alone.
    fn of(target: &Target, sha256: &str) -> Self {
        let mut built = Self { sha256: sha256.to_owned(), ..Self::default() };
        built.add(target, sha256);
        built
    }

    fn add(&mut self, target: &Target, sha256: &str) {
        self.targets.insert(target.name.clone());
        self.given.insert(target.name.clone(), sha256.to_owned());
    }
}

/// A wheel that another one may replace.
#[derive(Clone, Debug)]
pub struct HeldBefore {
    filename: String,
    sha256: String,
    /// `None`: nobody noted it.
    source: Option<String>,
}

/// A wheel in the folder.
#[derive(Clone, Debug, PartialEq)]
pub struct Wheel {
    pub filename: String,
    pub project: ProjectName,
    pub version: Version,
    pub requires: Vec<Requirement>,
    /// Requirements that nobody can read.
    pub unreadable: Vec<String>,
}

/// Where bytes that arrive came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin<'a> {
    /// An index listed it, or it was named: what it says is said for everybody.
    Published,
    /// Built for this target just now.
    Built(&'a Target),
}

impl House {
    /// Opens a folder, and makes it where it is not there.
    ///
    /// # Errors
    /// `Bad` if it cannot be made.
    pub fn open(folder: &Path) -> Result<Self> {
        std::fs::create_dir_all(folder)
            .map_err(|error| bad!("cannot create the wheelhouse {}: {error}", folder.display()))?;
        let text = std::fs::read(folder.join(RECORD)).unwrap_or_default();
        // A damaged record is no record: wheels are then taken as they are.
        let record = serde_json::from_slice(&text).unwrap_or_default();
        Ok(Self { folder: folder.to_owned(), record, fresh: BTreeSet::new() })
    }

    /// The best wheel that the folder holds: the newest version that satisfies, then the best tag.
    pub fn best(
        &self,
        project: &ProjectName,
        specifiers: &VersionSpecifiers,
        target: &Target,
    ) -> Option<Wheel> {
        let names = std::fs::read_dir(&self.folder).into_iter().flatten().flatten();
        let names = names.filter_map(|entry| entry.file_name().into_string().ok());
        let names = names.filter(|filename| self.is_for(filename, target));
        let mut page = Page::new(project.clone());
        page.files = names.map(|filename| page::File::named(project, &filename)).collect();
        let fitting = target.chooser().wheels(&page, specifiers);
        // One that cannot be read is got again.
        fitting.iter().rev().find_map(|found| self.read(&found.file.filename).ok())
    }

    /// The newest version of each project that the folder has for a target, as pins.
    pub fn newest(&self, target: &Target) -> Vec<String> {
        let names = std::fs::read_dir(&self.folder).into_iter().flatten().flatten();
        let mut newest: BTreeMap<ProjectName, Version> = BTreeMap::new();
        for filename in names.filter_map(|entry| entry.file_name().into_string().ok()) {
            let Ok(name) = WheelFilename::parse(&filename) else { continue };
            if target.accepts(&filename).is_some() && self.is_for(&filename, target) {
                let known = newest.entry(name.name).or_insert_with(|| name.version.clone());
                *known = name.version.max(known.clone());
            }
        }
        newest.into_iter().map(|(project, version)| format!("{project}=={version}")).collect()
    }

    /// The wheels that satisfy all that is wanted and what those require themselves; `None` if the folder does not
    /// have them all, or if a choice would have to be taken back.
    pub fn complete(
        &self,
        wanted: &[Requirement],
        limits: &[Requirement],
        target: &Target,
    ) -> Option<Vec<Wheel>> {
        let (mut open, mut all) = (wanted.to_vec(), Vec::<Requirement>::new());
        let mut chosen: BTreeMap<ProjectName, Wheel> = BTreeMap::new();
        while let Some(next) = open.pop() {
            if all.contains(&next) {
                continue;
            }
            if next.url.is_some() {
                return None;
            }
            let project = next.name.clone();
            all.push(next);
            let wants = all.iter().filter(|one| one.name == project);
            let extras = wants.clone().flat_map(|one| one.extras.iter().cloned()).collect();
            let limits = limits.iter().filter(|limit| limit.name == project);
            let specifiers = wants.chain(limits).flat_map(|one| one.specifiers.to_vec()).collect();
            let wheel = self.best(&project, &specifiers, target)?;
            if chosen.get(&project).is_some_and(|before| *before != wheel) {
                return None;
            }
            open.extend(wheel.requires.iter().filter(|one| one.applies(&target.markers, &extras)).cloned());
            chosen.insert(project, wheel);
        }
        Some(chosen.into_values().collect())
    }

    /// Whether a wheel may be used for this target: a pure wheel that was built for others only may
    /// have requirements that were decided there.
    fn is_for(&self, filename: &str, target: &Target) -> bool {
        self.record.built.get(filename).is_none_or(|built| built.targets.contains(&target.name))
    }

    /// What a wheel of the folder says of itself.
    pub fn read(&self, filename: &str) -> Result<Wheel> {
        read(&self.folder.join(filename), filename)
    }

    /// Takes the wheel in the file `arrived`, which goes away. What an earlier run left under its name
    /// with other bytes is replaced. A built wheel that this run wrote under the same name with other
    /// metadata, since another target's build decided otherwise, is given to each under narrower tags.
    ///
    /// # Errors
    /// `Bad` if it is no wheel.
    pub fn take(&mut self, arrived: &Path, filename: &str, origin: Origin) -> Result<Wheel> {
        let sha256 = hex::file_sha256(arrived)?;
        let place = self.folder.join(filename);
        let wheel = read(arrived, filename)?;
        let Origin::Built(target) = origin else {
            self.record.built.remove(filename);
            rename(arrived, &place)?;
            self.fresh.insert(filename.to_owned());
            self.keep_record()?;
            return Ok(wheel);
        };
        // One that cannot be read is written over.
        let there = read(&place, filename).is_ok();
        let known = self.record.built.get(filename);
        let as_before = known.is_some_and(|known| known.given.get(&target.name) == Some(&sha256));
        let mut stays = there && (as_before || hex::file_sha256(&place)? == sha256);
        if there && !stays {
            let others = known.is_some_and(|known| known.targets.iter().any(|name| *name != target.name));
            let is_fresh = self.fresh.contains(filename);
            match same_needs(&place, arrived)? {
                false if is_fresh || others => return self.part(arrived, filename, target, &sha256),
                alike => stays = alike && is_fresh,
            }
        }
        if stays {
            let _ = std::fs::remove_file(arrived);
            self.record.built.entry(filename.to_owned()).or_default().add(target, &sha256);
        } else {
            rename(arrived, &place)?;
            self.record.built.insert(filename.to_owned(), Built::of(target, &sha256));
        }
        self.fresh.insert(filename.to_owned());
        self.forget_earlier(filename, target)?;
        self.keep_record()?;
        Ok(wheel)
    }

    /// What is there under a name before another wheel takes it.
    pub fn before(&self, filename: &str) -> Option<HeldBefore> {
        let sha256 = hex::file_sha256(&self.folder.join(filename)).ok()?;
        let source = self.record.built.get(filename).map(|built| built.source.clone());
        Some(HeldBefore {
            filename: filename.to_owned(),
            sha256,
            source: source.filter(|text| !text.is_empty()),
        })
    }

    /// Notes what a wheel of the folder was built from. Gives what the wheel came from that it took the place
    /// of, if that was another source.
    pub fn replaced(&mut self, before: Option<HeldBefore>, filename: &str, source: &str) -> Option<String> {
        if let Some(built) = self.record.built.get_mut(filename) {
            source.clone_into(&mut built.source);
            // Who reads it next is told less: that is no reason to stop.
            let _ = self.keep_record();
        }
        let before = before.filter(|before| before.source.as_deref() != Some(source))?;
        let now = hex::file_sha256(&self.folder.join(&before.filename)).ok()?;
        (now != before.sha256).then(|| before.source.unwrap_or_else(|| "somewhere else".to_owned()))
    }

    /// What earlier builds gave this target under other tags would be preferred to what it has now.
    fn forget_earlier(&mut self, filename: &str, target: &Target) -> Result<()> {
        let now = WheelFilename::parse(filename)?;
        let same = |name: &WheelFilename| name.name == now.name && name.version == now.version;
        let earlier = |name: &String| {
            name != filename
                && !self.fresh.contains(name)
                && WheelFilename::parse(name).is_ok_and(|n| same(&n))
        };
        let names: Vec<String> = self.record.built.keys().filter(|name| earlier(name)).cloned().collect();
        for name in names {
            let Some(built) = self.record.built.get_mut(&name) else { continue };
            built.given.remove(&target.name);
            if built.targets.remove(&target.name) && built.targets.is_empty() {
                self.record.built.remove(&name);
                self.discard(&name);
            }
        }
        Ok(())
    }

    /// What a target's wheel is called now, if it was `filename` when it was taken.
    pub fn name_now(&self, filename: &str, target: &str) -> Option<String> {
        if self.folder.join(filename).is_file() {
            return Some(filename.to_owned());
        }
        let was = WheelFilename::parse(filename).ok()?;
        let same = |name: &WheelFilename| name.name == was.name && name.version == was.version;
        let known = self.record.built.iter().filter(|(_, built)| built.targets.contains(target));
        let mut known = known.filter(|(name, _)| WheelFilename::parse(name).is_ok_and(|name| same(&name)));
        known.next().map(|(name, _)| name.clone())
    }

    /// Keeps two wheels apart that have one name and different metadata.
    fn part(&mut self, arrived: &Path, filename: &str, target: &Target, sha256: &str) -> Result<Wheel> {
        let there = self.record.built.get(filename).cloned();
        if there.as_ref().is_some_and(|built| built.targets.iter().all(|name| *name == target.name)) {
            // Built again for the one target it was for.
            rename(arrived, &self.folder.join(filename))?;
            self.record.built.insert(filename.to_owned(), Built::of(target, sha256));
            self.keep_record()?;
            return self.read(filename);
        }
        // One that came from elsewhere stays as it is: a narrower tag goes before it.
        if let Some(built) = there {
            let place = self.folder.join(filename);
            for name in built.targets.iter().filter(|name| **name != target.name) {
                let narrowed = narrow(&place, filename, name, &self.folder)?;
                let record = self.record.built.entry(narrowed).or_default();
                record.targets.insert(name.clone());
            }
            self.record.built.remove(filename);
            self.discard(filename);
        }
        let narrowed = narrow(arrived, filename, &target.name, &self.folder)?;
        let _ = std::fs::remove_file(arrived);
        self.record.built.entry(narrowed.clone()).or_default().add(target, sha256);
        self.fresh.insert(narrowed.clone());
        self.forget_earlier(&narrowed, target)?;
        self.keep_record()?;
        self.read(&narrowed)
    }

    /// Removes a wheel with what lies beside it.
    fn discard(&self, filename: &str) {
        let beside = companions(&self.folder, filename);
        for path in [self.folder.join(filename)].iter().chain(&beside) {
            let _ = std::fs::remove_file(path);
        }
    }

    fn keep_record(&self) -> Result<()> {
        let text = serde_json::to_vec_pretty(&self.record).map_err(Error::internal)?;
        let partial = self.folder.join(format!("{RECORD}.{}", std::process::id()));
        std::fs::write(&partial, text)?;
        rename(&partial, &self.folder.join(RECORD))
    }
}

/// Evidence and log that lie beside a wheel.
pub fn companions(folder: &Path, wheel: &str) -> [PathBuf; 2] {
    let stem = wheel.strip_suffix(".whl").unwrap_or(wheel);
    ["evidence.json", "log"].map(|ending| folder.join(format!("{stem}.{ending}")))
}

/// Whether two builds decided alike what their wheel needs. Other fields may differ: newer tools write
/// more of them.
fn same_needs(one: &Path, other: &Path) -> Result<bool> {
    let needs = |path: &Path| -> Result<(BTreeSet<String>, Option<String>)> {
        let metadata = Metadata::parse(&wheel::read_metadata(File::open(path)?)?)?;
        let canonical =
            |text: &String| Requirement::parse(text).map_or_else(|_| text.clone(), |one| one.to_string());
        let requires: BTreeSet<String> = metadata.requires_dist.iter().map(canonical).collect();
        Ok((requires, metadata.requires_python.map(|text| text.replace(' ', ""))))
    };
    Ok(needs(one)? == needs(other)?)
}

/// What the wheel in the file `path` says of itself.
///
/// # Errors
/// `Bad` if it is no wheel of that name.
pub fn read(path: &Path, filename: &str) -> Result<Wheel> {
    let name = WheelFilename::parse(filename)?;
    let metadata = Metadata::parse(&wheel::read_metadata(File::open(path)?)?)?;
    let (mut requires, mut unreadable) = (Vec::new(), Vec::new());
    for text in &metadata.requires_dist {
        match Requirement::parse(text) {
            Ok(requirement) => requires.push(requirement),
            Err(_) => unreadable.push(text.clone()),
        }
    }
    Ok(Wheel {
        filename: filename.to_owned(),
        project: name.name,
        version: name.version,
        requires,
        unreadable,
    })
}

#[cfg(test)]
mod tests;
