//! The name of a file on a project's page: read once, then carried with what it tells.

use super::identity::release;
use super::{OTHER_EXTENSIONS, SDIST_EXTENSIONS, WheelFilename, is_plain, remainder, split_extension};
use crate::names::ProjectName;
use crate::packaging::version::{self, Version};
use crate::words::FileKind;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

/// The name of a file on a project's page, with what it tells of the file. Clones share one reading.
#[derive(Clone, Default)]
pub struct ListedFilename(Arc<Reading>);

#[derive(Default)]
struct Reading {
    text: String,
    kind: FileKind,
    version: Option<Version>,
    canonical: Option<String>,
    wheel: Option<WheelFilename>,
}

impl ListedFilename {
    /// Reads the name of a file found on `project`'s page. `None` if it is no distribution file, no
    /// plain file name, or belongs to another project: an installer that finds such a file on the
    /// page may give up the whole resolution.
    pub fn parse(project: &ProjectName, filename: &str) -> Option<Self> {
        let mut reading = read(project, filename)?;
        filename.clone_into(&mut reading.text);
        reading.canonical = reading.version.as_ref().map(Version::to_string);
        Some(Self(Arc::new(reading)))
    }

    /// The name of a file that is listed whatever it is called.
    pub fn new(project: &ProjectName, filename: &str) -> Self {
        Self::parse(project, filename).unwrap_or_else(|| Self::unread(filename.to_owned()))
    }

    fn unread(text: String) -> Self {
        Self(Arc::new(Reading { text, ..Reading::default() }))
    }

    pub fn as_str(&self) -> &str {
        &self.0.text
    }

    pub fn kind(&self) -> FileKind {
        self.0.kind
    }

    /// `None` if the name has no valid version.
    pub fn version(&self) -> Option<&Version> {
        self.0.version.as_ref()
    }

    /// The version in PEP 440's canonical spelling.
    pub fn canonical_version(&self) -> Option<&str> {
        self.0.canonical.as_deref()
    }

    /// The whole name of a wheel that installers can read.
    pub fn wheel(&self) -> Option<&WheelFilename> {
        self.0.wheel.as_ref()
    }

    /// The same for every spelling of the name, among files of one project.
    pub fn identity(&self) -> String {
        match (self.wheel(), self.version()) {
            (Some(wheel), _) => wheel.identity(),
            (None, Some(version)) if self.kind() == FileKind::Sdist => format!("{}.sdist", release(version)),
            _ => self.as_str().to_owned(),
        }
    }
}

fn read(project: &ProjectName, filename: &str) -> Option<Reading> {
    if !is_plain(filename) {
        return None;
    }
    let reading = |kind, version| Some(Reading { kind, version, ..Reading::default() });
    if let Some(stem) = filename.strip_suffix(".whl") {
        return match WheelFilename::parse(filename) {
            Ok(wheel) if wheel.name != *project => None,
            Ok(wheel) => {
                let reading = reading(FileKind::Wheel, Some(wheel.version.clone()))?;
                Some(Reading { wheel: Some(wheel), ..reading })
            }
            Err(_) => reading(FileKind::Wheel, wheel_version(project, stem)?),
        };
    }
    if let Some((stem, _)) = split_extension(filename, &SDIST_EXTENSIONS) {
        return reading(FileKind::Sdist, version::parse(remainder(project, stem)?));
    }
    let (stem, _) = split_extension(filename, &OTHER_EXTENSIONS)?;
    let rest = remainder(project, stem)?;
    // `1.0-py2.7` (egg), `1.0.win32-py2.7` (exe), `1.0-1.noarch` (rpm)
    let cuts = [rest.find(".win"), rest.find(".linux"), rest.find('-')];
    let cut = cuts.into_iter().flatten().min().and_then(|at| rest.get(..at));
    reading(FileKind::Other, version::parse(rest).or_else(|| version::parse(cut?)))
}

/// The version in an odd wheel's name, if the wheel is `project`'s. Old names with `-` in the project
/// or without a valid version are listed like the rest: installers skip them.
fn wheel_version(project: &ProjectName, stem: &str) -> Option<Option<Version>> {
    let mut parts = stem.split('-');
    let (name, version) = (parts.next()?, parts.next());
    // Wheels write `-` in a version as `_`.
    let read = |text: &str| version::parse(text).or_else(|| version::parse(&text.replace('_', "-")));
    match version.and_then(read) {
        Some(version) => (ProjectName::new(name)? == *project).then_some(Some(version)),
        None => remainder(project, stem).map(|_| None),
    }
}

impl Deref for ListedFilename {
    type Target = str;

    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl fmt::Display for ListedFilename {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for ListedFilename {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.as_str())
    }
}

impl PartialEq for ListedFilename {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for ListedFilename {}

impl PartialEq<str> for ListedFilename {
    fn eq(&self, other: &str) -> bool {
        self.as_str() == other
    }
}

impl PartialEq<&str> for ListedFilename {
    fn eq(&self, other: &&str) -> bool {
        self.as_str() == *other
    }
}

impl PartialEq<String> for ListedFilename {
    fn eq(&self, other: &String) -> bool {
        self.as_str() == other
    }
}

impl PartialEq<ListedFilename> for String {
    fn eq(&self, other: &ListedFilename) -> bool {
        self == other.as_str()
    }
}

impl Serialize for ListedFilename {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// Its text alone: whoever reads a page knows the project, and reads the name anew.
impl<'de> Deserialize<'de> for ListedFilename {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from).map(Self::unread)
    }
}
