//! The exact files of an environment, read from the index's pages where no resolver is needed: the newest
//! wheel that fits each requirement suits all the others.
//!
//! Files are known by their hashes. So whichever context's own pages lead to the same files shares the
//! environment, and no other does.

use super::request::{EnvironmentRequest, identity};
use crate::names::ProjectName;
use crate::packaging::choose::Chooser;
use crate::packaging::metadata::Metadata;
use crate::packaging::page::{CoreMetadata, File};
use crate::packaging::requirement::Requirement;
use crate::packaging::version::{self, Version, VersionSpecifiers};
use crate::tools::hex;
use crate::worker::interpreters::Interpreter;
use crate::worker::room::Room;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};

/// Projects of one environment; more are left to pip.
const MOST_PROJECTS: usize = 60;
/// Bytes of one METADATA.
const LARGEST_METADATA: u64 = 4 << 20;

/// Wheels that need nothing but each other.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct ExactFiles(BTreeMap<ProjectName, ExactFile>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct ExactFile {
    version: Version,
    filename: String,
    sha256: String,
}

/// What is asked of one project, by all who need it.
#[derive(Default)]
struct Asked {
    specifiers: VersionSpecifiers,
    extras: BTreeSet<ProjectName>,
}

/// A file that was chosen, and everything that it may need.
struct Chosen {
    file: ExactFile,
    requires: Vec<Requirement>,
}

struct Search<'a> {
    room: &'a Room<'a>,
    request: &'a EnvironmentRequest<'a>,
    chooser: Chooser,
    asked: BTreeMap<ProjectName, Asked>,
    chosen: BTreeMap<ProjectName, Chosen>,
}

impl ExactFiles {
    /// Those that a request comes to; `None` if only pip can tell.
    pub async fn of(room: &Room<'_>, request: &EnvironmentRequest<'_>) -> Option<Self> {
        let chooser = request.interpreter.target.chooser();
        let mut search = Search { room, request, chooser, asked: BTreeMap::new(), chosen: BTreeMap::new() };
        let mut open: BTreeSet<ProjectName> = BTreeSet::new();
        for requirement in &request.requirements {
            open.extend(search.ask(requirement)?);
        }
        while let Some(project) = open.pop_first() {
            open.extend(search.settle(&project).await?);
            if search.chosen.len() > MOST_PROJECTS {
                return None;
            }
        }
        Some(Self(search.chosen.into_iter().map(|(project, chosen)| (project, chosen.file)).collect()))
    }

    /// What an environment with just these files is called.
    pub fn name(&self, interpreter: &Interpreter) -> String {
        let mut hash = Sha256::new();
        for part in ["exact", &identity(interpreter)] {
            hash.update(part.as_bytes());
            hash.update(b"\0");
        }
        for (project, file) in &self.0 {
            hash.update(format!("{project}\0{}\0{}\0", file.filename, file.sha256).as_bytes());
        }
        hex::encode(hash.finalize())
    }

    /// Lines for pip, which then checks the bytes.
    pub fn lines(&self) -> Vec<String> {
        let line = |(project, file): (&ProjectName, &ExactFile)| {
            format!("{project}=={} --hash=sha256:{}", file.version, file.sha256)
        };
        self.0.iter().map(line).collect()
    }

    /// For people: `setuptools 84.2.1, wheel 0.48.0`.
    pub fn to_text(&self) -> String {
        let all: Vec<String> = self.0.iter().map(|(name, file)| format!("{name} {}", file.version)).collect();
        all.join(", ")
    }
}

impl Search<'_> {
    /// Notes a requirement. Gives its project if there is something to do for it; `None` if pip must decide.
    fn ask(&mut self, requirement: &Requirement) -> Option<Option<ProjectName>> {
        if requirement.url.is_some() {
            return None;
        }
        let asked = self.asked.entry(requirement.name.clone()).or_insert_with(|| {
            let own = self.request.constraints.iter().filter(|each| each.name == requirement.name);
            let specifiers = own.flat_map(|each| each.specifiers.iter().cloned()).collect();
            Asked { specifiers, extras: BTreeSet::new() }
        });
        let new = |each: &&_| !asked.specifiers.iter().any(|known| known == *each);
        let more: Vec<_> = requirement.specifiers.iter().filter(new).cloned().collect();
        let extras = asked.extras.len();
        asked.extras.extend(requirement.extras.iter().cloned());
        let is_new = !more.is_empty() || asked.extras.len() > extras;
        // What was chosen before must be what would be chosen now: one that names a pre-release admits others.
        if let Some(chosen) = self.chosen.get(&requirement.name) {
            let fits = |each| version::satisfies(&VersionSpecifiers::from_iter([each]), &chosen.file.version);
            if more.iter().any(|each| each.version().any_prerelease() || !fits(each.clone())) {
                return None;
            }
        }
        asked.specifiers = asked.specifiers.iter().cloned().chain(more).collect();
        let is_open = is_new || !self.chosen.contains_key(&requirement.name);
        Some(is_open.then(|| requirement.name.clone()))
    }

    /// Chooses a project's file, and asks for what it needs; gives the projects that this concerns.
    async fn settle(&mut self, project: &ProjectName) -> Option<Vec<ProjectName>> {
        if !self.chosen.contains_key(project) {
            let chosen = self.choose(project).await?;
            self.chosen.insert(project.clone(), chosen);
        }
        let (chosen, asked) = (self.chosen.get(project)?, self.asked.get(project)?);
        let markers = &self.request.interpreter.target.markers;
        let needed = chosen.requires.iter().filter(|each| each.applies(markers, &asked.extras));
        let needed: Vec<Requirement> = needed.cloned().collect();
        let mut open = Vec::new();
        for requirement in &needed {
            open.extend(self.ask(requirement)?);
        }
        Some(open)
    }

    async fn choose(&self, project: &ProjectName) -> Option<Chosen> {
        let page = self.room.link.page(self.request.context, self.request.at, project).await.ok()?;
        let found = self.chooser.wheel(&page, &self.asked.get(project)?.specifiers)?;
        let file = ExactFile {
            version: found.version,
            filename: found.file.filename.to_string(),
            sha256: found.file.hashes.sha256.clone()?,
        };
        Some(Chosen { requires: self.requires(found.file).await?, file })
    }

    /// What a file says that it may need. The page says what these words are, so nobody else's are taken.
    async fn requires(&self, file: &File) -> Option<Vec<Requirement>> {
        let CoreMetadata::Sha256(sha256) = &file.core_metadata else { return None };
        let path = self.room.folder.unused();
        let found = self.room.link.file(&format!("{}.metadata", file.link()), &path).await;
        let text = read(&path);
        drop(std::fs::remove_file(&path));
        if found.ok()? != *sha256 {
            return None;
        }
        let metadata = Metadata::parse(&text?).ok()?;
        metadata.requires_dist.iter().map(|text| Requirement::parse_forgiving(text).ok()).collect()
    }
}

fn read(path: &std::path::Path) -> Option<Vec<u8>> {
    match path.metadata().ok()?.len() > LARGEST_METADATA {
        true => None,
        false => std::fs::read(path).ok(),
    }
}
