//! A devpi export's `dataindex.json`, of dump version 1, 2 or 3, as far as it can be read.
//!
//! One entry that makes no sense is a [`ImportFault`]; the rest is read.

use super::times;
use crate::bad;
use crate::error::Result;
use crate::names::{IndexName, ProjectName};
use crate::packaging::page::Hashes;
use crate::tools::time::Micros;
use crate::transfer::ImportFault;
use crate::words::{Passage, PassageKind};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// JSON, an object.
pub type Object = Map<String, Value>;

/// The whole of it; users and indexes are read one by one.
#[derive(Debug)]
pub struct Dump {
    pub version: DumpVersion,
    pub users: Object,
    /// By `user/index`.
    pub indexes: Object,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum DumpVersion {
    /// devpi-server 1
    One,
    /// devpi-server 2 to 6
    Two,
    /// devpi-server 7
    Three,
}

/// One index of an export.
#[derive(Debug, Default)]
pub struct DumpedIndex {
    pub config: Object,
    pub projects: BTreeMap<ProjectName, DumpedProject>,
    pub files: Vec<DumpedFile>,
    pub faults: Vec<ImportFault>,
}

/// A project, whatever spellings the export has of it.
#[derive(Debug, Default)]
pub struct DumpedProject {
    /// Metadata by version, as the export writes it.
    pub versions: BTreeMap<String, Object>,
    /// devpi 7's own rules of the project.
    pub rules: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DumpedKind {
    Release,
    TestResult,
    Documentation,
}

/// One file of an export.
#[derive(Clone, Debug)]
pub struct DumpedFile {
    pub kind: DumpedKind,
    pub project: ProjectName,
    /// Version 1 has none.
    pub version: Option<String>,
    /// Below the export's folder.
    pub path: String,
    pub hashes: Hashes,
    pub modified: Option<Micros>,
    /// Where a mirror had it from.
    pub url: Option<String>,
    /// The name of the file that was tested.
    pub tested: Option<String>,
    /// What happened to it, in order.
    pub log: Vec<Passage>,
}

/// The files of an index, each under its project.
pub fn by_project(files: Vec<DumpedFile>) -> BTreeMap<ProjectName, Vec<DumpedFile>> {
    let mut found: BTreeMap<ProjectName, Vec<DumpedFile>> = BTreeMap::new();
    for file in files {
        found.entry(file.project.clone()).or_default().push(file);
    }
    found
}

impl Dump {
    /// # Errors
    /// `Bad` if this is no export, or one of a version that is not known.
    pub fn read(json: &[u8]) -> Result<Self> {
        let whole: Value =
            serde_json::from_slice(json).map_err(|why| bad!("dataindex.json is not valid JSON: {why}"))?;
        let Value::Object(mut whole) = whole else {
            return Err(bad!("dataindex.json is not an export of devpi: it has no 'users' and 'indexes'"));
        };
        let version = match whole.get("dumpversion").map(text_or_number).as_deref() {
            Some("1") => DumpVersion::One,
            Some("2") => DumpVersion::Two,
            Some("3") => DumpVersion::Three,
            Some(other) => {
                return Err(bad!(
                    "the export has the dump version '{other}': wheelwright reads versions 1, 2 and 3"
                ));
            }
            None => return Err(bad!("dataindex.json is not an export of devpi: it has no 'dumpversion'")),
        };
        let mut object = |key: &str| match whole.remove(key) {
            Some(Value::Object(object)) => Ok(object),
            _ => Err(bad!("dataindex.json is not an export of devpi: '{key}' is not an object")),
        };
        Ok(Self { version, users: object("users")?, indexes: object("indexes")? })
    }
}

impl DumpedIndex {
    pub fn read(value: Value) -> Self {
        let mut index = Self::default();
        let Value::Object(mut value) = value else {
            index.faults.push(ImportFault::new("", "its entry in dataindex.json is not an object"));
            return index;
        };
        match value.remove("indexconfig") {
            Some(Value::Object(config)) => index.config = config,
            _ => index.faults.push(ImportFault::new("", "its entry in dataindex.json has no 'indexconfig'")),
        }
        match value.remove("projects") {
            Some(Value::Object(projects)) => {
                projects.into_iter().for_each(|(name, project)| index.read_project(&name, project));
            }
            Some(Value::Array(names)) => {
                let names = names.into_iter().filter_map(|name| name.as_str().map(str::to_owned));
                names.for_each(|name| index.read_project(&name, Value::Null));
            }
            _ => {}
        }
        if let Some(Value::Array(files)) = value.remove("files") {
            for file in files {
                match DumpedFile::read(&file) {
                    Ok(file) => index.files.push(file),
                    Err(fault) => index.faults.push(fault),
                }
            }
        }
        index
    }

    /// Two names that are one when they are normalised are one project.
    fn read_project(&mut self, name: &str, value: Value) {
        let Some(project) = ProjectName::new(name) else {
            self.faults.push(ImportFault::new(format!("project {name:?}"), "is not a valid project name"));
            return;
        };
        let project = self.projects.entry(project).or_default();
        let Value::Object(mut value) = value else { return };
        let versions = match (value.get("versions"), value.get("config")) {
            // No version begins with a letter alone; version 3 has both keys.
            (Some(Value::Object(_)), Some(Value::Object(_))) => {
                let config = value.remove("config").unwrap_or_default();
                project.rules = texts(config.get("inheritance_rules"));
                match value.remove("versions") {
                    Some(Value::Object(versions)) => versions,
                    _ => Object::new(),
                }
            }
            _ => value,
        };
        let metadata = |value| if let Value::Object(metadata) = value { metadata } else { Object::new() };
        project.versions.extend(versions.into_iter().map(|(version, value)| (version, metadata(value))));
    }
}

impl DumpedFile {
    fn read(value: &Value) -> Result<Self, ImportFault> {
        let text = |key: &str| value.get(key).and_then(Value::as_str).filter(|text| !text.is_empty());
        let path = text("relpath").ok_or_else(|| ImportFault::new("a file", "it has no 'relpath'"))?;
        let fault = |why: String| ImportFault::new(path, why);
        let kind = match text("type").unwrap_or_default() {
            "releasefile" => DumpedKind::Release,
            "toxresult" => DumpedKind::TestResult,
            "doczip" => DumpedKind::Documentation,
            other => return Err(fault(format!("wheelwright does not know files of the type '{other}'"))),
        };
        let name = text("projectname").unwrap_or_default();
        let project =
            ProjectName::new(name).ok_or_else(|| fault(format!("'{name}' is not a valid project name")))?;
        let mapping = value.get("entrymapping").unwrap_or(&Value::Null);
        let log = value.get("log").and_then(Value::as_array);
        let basename = |text: &str| text.rsplit('/').next().unwrap_or(text).to_owned();
        Ok(Self {
            kind,
            project,
            version: text("version").map(str::to_owned),
            path: path.to_owned(),
            hashes: hashes(mapping, path, kind),
            modified: mapping.get("last_modified").and_then(times::any),
            url: mapping.get("url").and_then(Value::as_str).map(str::to_owned),
            tested: text("for_entrypath").map(basename),
            log: log.into_iter().flatten().filter_map(passage).collect(),
        })
    }

    /// Its name.
    pub fn filename(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or(&self.path)
    }

    /// Who uploaded it, and when: what its log tells last, else what is known of the bytes.
    pub fn uploaded(&self) -> (Option<String>, Option<Micros>) {
        let last = self.log.iter().rfind(|passage| passage.what == PassageKind::Upload);
        match last {
            Some(upload) => (upload.who.clone(), Some(upload.at)),
            None => (None, self.modified),
        }
    }
}

/// All the hashes that an entry tells, in the words of every version.
fn hashes(mapping: &Value, path: &str, kind: DumpedKind) -> Hashes {
    let mut hashes = Hashes::default();
    for (algorithm, hex) in mapping.get("hashes").and_then(Value::as_object).into_iter().flatten() {
        hashes.insert(algorithm, hex.as_str().unwrap_or_default());
    }
    if let Some((algorithm, hex)) = mapping.get("hash_spec").and_then(Value::as_str).and_then(spec) {
        hashes.insert(algorithm, hex);
    }
    if let Some(hex) = mapping.get("md5").and_then(Value::as_str) {
        hashes.insert("md5", hex);
    }
    // devpi 6.5 to 6.9 wrote the hash of the tested file, which is also the folder of its results.
    let tested = path.rsplit('/').nth(1).and_then(spec);
    let is_of_tested = tested.is_some_and(|(_, hex)| hashes.sha256.as_deref() == Some(hex));
    match kind == DumpedKind::TestResult && is_of_tested {
        true => Hashes::default(),
        false => hashes,
    }
}

/// `sha256=…`
fn spec(text: &str) -> Option<(&str, &str)> {
    text.split_once('=')
}

fn passage(value: &Value) -> Option<Passage> {
    let what = PassageKind::parse(value.get("what")?.as_str()?)?;
    let index = |key: &str| value.get(key).and_then(Value::as_str).and_then(IndexName::parse);
    Some(Passage {
        what,
        who: value.get("who").and_then(Value::as_str).map(str::to_owned),
        at: value.get("when").and_then(times::any)?,
        src: index("src"),
        dst: index("dst"),
        count: value.get("count").and_then(Value::as_u64),
    })
}

/// A list of texts, or one.
pub fn texts(value: Option<&Value>) -> Vec<String> {
    match value {
        Some(Value::String(one)) => vec![one.clone()],
        Some(Value::Array(many)) => many.iter().filter_map(|one| one.as_str().map(str::to_owned)).collect(),
        _ => Vec::new(),
    }
}

fn text_or_number(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests;
