//! The doctor of lock files: whether an index has what a lock file names, for each target, and what is wrong with it.

use super::queue::Queue;
use super::target::Target;
use crate::access::Who;
use crate::bad;
use crate::directory::{Directory, Index};
use crate::error::{Error, Result};
use crate::index::advisories::Advisories;
use crate::index::curation::is_about_approval;
use crate::index::policy;
use crate::names::{IndexName, ProjectName};
use crate::packaging::choose::FileChoice;
use crate::packaging::filename::ListedFilename;
use crate::packaging::locked::{self, LockedFiles};
use crate::packaging::osv::Advisory;
use crate::packaging::page::{File, Page};
use crate::packaging::requirement::Requirement;
use crate::packaging::version::{self, Version};
use crate::words::LockTrouble;
use futures::{FutureExt, StreamExt, TryStreamExt};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Projects whose pages are looked at, at once.
const AT_ONCE: usize = 8;
/// Targets of one examination.
const MOST_TARGETS: usize = 20;

/// A lock file, as it is sent.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LockToExamine {
    /// Its name, which tells its kind: `uv.lock`.
    pub file: String,
    pub text: String,
    /// Names, whole or abbreviated; none: all that workers build for, and no target in particular without any.
    #[serde(default)]
    pub targets: Vec<String>,
}

/// What was found.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Diagnosis {
    pub index: IndexName,
    /// Everything is in order.
    pub ok: bool,
    /// By project, version and target.
    pub releases: Vec<ExaminedRelease>,
    /// What the lock file takes from elsewhere than an index: nobody looked.
    pub elsewhere: BTreeSet<String>,
    /// What to know about the lock file and the server.
    pub notes: Vec<String>,
}

/// One release for one target.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ExaminedRelease {
    pub project: ProjectName,
    pub version: String,
    /// Empty: none in particular.
    pub target: String,
    /// The file that is installed.
    pub file: Option<String>,
    /// None: it is in order.
    pub troubles: Vec<ReleaseTrouble>,
}

/// What is wrong, and why.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ReleaseTrouble {
    pub trouble: LockTrouble,
    pub why: String,
}

impl ReleaseTrouble {
    fn new(trouble: LockTrouble, why: impl Into<String>) -> Self {
        Self { trouble, why: why.into() }
    }
}

/// Who asks, and about which index.
#[derive(Clone, Copy)]
pub struct Patient<'a> {
    pub who: &'a Who,
    pub directory: &'a Arc<Directory>,
    pub index: &'a Index,
    pub advisories: &'a Advisories,
}

/// A release to look at, with the hashes that its file may have.
type Locked<'a> = (&'a ProjectName, &'a str, &'a BTreeSet<String>);

impl Queue {
    /// Examines a lock file.
    ///
    /// # Errors
    /// `Bad` if it cannot be read, `Missing` if nobody builds for a target.
    pub async fn diagnose(&self, patient: Patient<'_>, sent: LockToExamine) -> Result<Diagnosis> {
        let targets = self.meant(&sent.targets).await?;
        let (mut wanted, mut diagnosis) = (BTreeMap::new(), Diagnosis::of(&patient));
        for (target, read) in targets.iter().zip(read(sent, &targets).await?) {
            diagnosis.note(&read, target);
            for (release, hashes) in read.releases {
                let (known, for_targets): &mut (BTreeSet<String>, Vec<&Target>) =
                    wanted.entry(release).or_default();
                known.extend(hashes);
                for_targets.push(target);
            }
        }
        // As a list: a stream of closures would be too much for the compiler.
        let each: Vec<_> = wanted
            .iter()
            .map(|((project, version), (hashes, targets))| {
                self.diagnose_release(patient, (project, version, hashes), targets).boxed()
            })
            .collect();
        let found: Vec<Vec<ExaminedRelease>> =
            futures::stream::iter(each).buffered(AT_ONCE).try_collect().await?;
        diagnosis.releases = found.into_iter().flatten().collect();
        diagnosis.ok = diagnosis.releases.iter().all(|release| release.troubles.is_empty());
        Ok(diagnosis)
    }

    /// The targets of these names; without names all that somebody builds for, or one that takes any file.
    async fn meant(&self, names: &[String]) -> Result<Vec<Target>> {
        let offered = self.targets().offered().await?;
        let mut targets: Vec<Target> = Vec::new();
        for name in names {
            for target in super::target::find(name, &offered)? {
                if targets.iter().all(|known| known.name != target.name) {
                    targets.push(target.clone());
                }
            }
        }
        if names.is_empty() {
            targets = offered.iter().filter(|target| !target.is_cross()).cloned().collect();
        }
        match targets.len() {
            0 => Ok(vec![Target::default()]),
            count if count > MOST_TARGETS => {
                Err(bad!("{count} targets are meant: name at most {MOST_TARGETS} with --target"))
            }
            _ => Ok(targets),
        }
    }

    async fn diagnose_release(
        &self,
        patient: Patient<'_>,
        release: Locked<'_>,
        targets: &[&Target],
    ) -> Result<Vec<ExaminedRelease>> {
        let (project, text, _) = release;
        let Some(version) = version::parse(text) else { return Ok(Vec::new()) };
        let views = &self.indexes().views;
        let page = views.page(patient.directory, patient.index, project, patient.who).await;
        let vulnerable = patient.advisories.of(project, &version);
        let vulnerable: Vec<ReleaseTrouble> =
            vulnerable.iter().map(|advisory| vulnerable_to(advisory, project, &version)).collect();
        let (page, refused) = match page {
            Ok(page) => (page, None),
            // What was decided of each release is told below.
            Err(Error::Unapproved(_)) => (Page::new(project.clone()), None),
            Err(error) => (Page::new(project.clone()), Some(trouble_of(error)?)),
        };
        let unlisted = page.offered().iter().all(|file| file.filename.version() != Some(&version));
        let hidden = match (&refused, unlisted) {
            (None, true) => Some(self.why_unlisted(patient, project, &version).await?),
            _ => None,
        };
        let examined = targets.iter().map(|target| {
            let mut found = match refused.clone().or_else(|| hidden.clone()) {
                Some(trouble) => (None, vec![trouble]),
                None => judge(&page, target, &version, release),
            };
            found.1.extend(vulnerable.iter().cloned());
            ExaminedRelease {
                project: project.clone(),
                version: text.to_owned(),
                target: target.name.clone(),
                file: found.0,
                troubles: found.1,
            }
        });
        Ok(examined.collect())
    }

    /// Why a page does not list a release: by what its sources say.
    async fn why_unlisted(
        &self,
        patient: Patient<'_>,
        project: &ProjectName,
        version: &Version,
    ) -> Result<ReleaseTrouble> {
        let views = &self.indexes().views;
        let told = views.explain(patient.directory, patient.index, project, patient.who).await?;
        let mut files = told
            .sources
            .iter()
            .flat_map(|source| &source.files)
            .filter(|file| ListedFilename::new(project, &file.filename).version() == Some(version));
        Ok(match files.next() {
            Some(file) if file.shown => ReleaseTrouble::new(
                LockTrouble::NotHere,
                "the upstream lists it, but this server has no copy and cannot fetch one",
            ),
            Some(file) if policy::is_about_age(&file.because) => {
                ReleaseTrouble::new(LockTrouble::Young, file.because.clone())
            }
            Some(file) if is_about_approval(&file.because) => {
                ReleaseTrouble::new(LockTrouble::NotApproved, file.because.clone())
            }
            Some(file) => ReleaseTrouble::new(LockTrouble::Refused, file.because.clone()),
            None => ReleaseTrouble::new(LockTrouble::Missing, "the index does not have this release"),
        })
    }
}

impl Diagnosis {
    fn of(patient: &Patient<'_>) -> Self {
        let mut notes = Vec::new();
        match patient.advisories.view() {
            None => notes.push("osv.path is not set: nobody looked for vulnerabilities".to_owned()),
            Some(view) if view.read.is_none() => {
                notes.push("the advisories are not read yet: nobody looked for vulnerabilities".to_owned());
            }
            Some(view) => notes.extend(view.problem.map(|why| match patient.who.is_operator() {
                true => format!("the advisories are old: {why}"),
                false => "the advisories are old: tell whoever runs the server".to_owned(),
            })),
        }
        let index = patient.index.name.clone();
        Self { index, ok: true, releases: Vec::new(), elsewhere: BTreeSet::new(), notes }
    }

    fn note(&mut self, read: &LockedFiles, target: &Target) {
        self.elsewhere.extend(read.elsewhere.iter().cloned());
        if let Some(pythons) = &read.requires_python
            && !crate::packaging::choose::fits_python(pythons, &target.version)
        {
            self.notes.push(format!("the lock file is for Python {pythons}, not for {}", target.name));
        } else if read.releases.is_empty() {
            self.notes.push(format!("the lock file names nothing for {}", target.name));
        }
    }
}

/// What a lock file names for each target. It may be large: nothing else waits for that.
async fn read(sent: LockToExamine, targets: &[Target]) -> Result<Vec<LockedFiles>> {
    let environments: Vec<_> = targets.iter().map(|target| target.markers.clone()).collect();
    let read = tokio::task::spawn_blocking(move || {
        let environments = environments.iter().map(|markers| (!markers.is_empty()).then_some(markers));
        locked::read_for(&sent.file, &sent.text, &environments.collect::<Vec<_>>())
            .map_err(|error| bad!("{}: {error}", sent.file))
    });
    read.await.map_err(Error::internal)?
}

/// What an error of a page says of all its releases.
///
/// # Errors
/// Those that say nothing of them.
fn trouble_of(error: Error) -> Result<ReleaseTrouble> {
    let trouble = match &error {
        Error::Missing(_) => LockTrouble::Missing,
        Error::Forbidden(_) => LockTrouble::Refused,
        Error::Offline(_) | Error::Unavailable(_) | Error::Timeout(_) | Error::BadUpstream(_) => {
            LockTrouble::NotHere
        }
        _ => return Err(error),
    };
    Ok(ReleaseTrouble::new(trouble, error.to_string()))
}

fn vulnerable_to(advisory: &Advisory, project: &ProjectName, version: &Version) -> ReleaseTrouble {
    let names = std::iter::once(&advisory.id).chain(&advisory.aliases).take(4);
    let mut why = names.map(String::as_str).collect::<Vec<_>>().join(", ");
    if let Some(severity) = advisory.severity {
        why.push_str(&format!(" ({severity})"));
    }
    if let Some(fix) = advisory.fixed_in(project, version).first() {
        why.push_str(&format!(", fixed in {fix}"));
    }
    ReleaseTrouble::new(LockTrouble::Vulnerable, why)
}

/// What a target gets of a release that the page lists: the file, and what is wrong with it.
fn judge(
    page: &Page,
    target: &Target,
    version: &Version,
    release: Locked<'_>,
) -> (Option<String>, Vec<ReleaseTrouble>) {
    let (_, text, hashes) = release;
    let is_locked = |file: &File| {
        let sha256 = file.hashes.sha256.as_ref();
        hashes.is_empty() || sha256.is_none_or(|sha256| hashes.contains(sha256))
    };
    let of_release = |file: &&File| file.filename.version() == Some(version);
    let mut known = Page::new(page.name.clone());
    known.files = page.offered().iter().filter(of_release).cloned().collect();
    let all = chosen(&known, target, text).cloned();
    known.files.retain(is_locked);
    let Some(file) = chosen(&known, target, text) else {
        let trouble = match all {
            Some(other) => {
                let sha256 = other.hashes.sha256.as_deref().unwrap_or_default();
                let why =
                    format!("{} has sha256 {sha256} here, which the lock file does not name", other.filename);
                ReleaseTrouble::new(LockTrouble::WrongHash, why)
            }
            None => ReleaseTrouble::new(
                LockTrouble::Missing,
                "the index has neither a wheel for the target nor a source",
            ),
        };
        return (None, vec![trouble]);
    };
    let mut troubles = Vec::new();
    if file.filename.wheel().is_none() {
        troubles.push(ReleaseTrouble::new(
            LockTrouble::OnlySource,
            "there is no wheel for the target: it must be built",
        ));
    }
    if let Some(why) = file.yanked.why() {
        let why = if why.is_empty() { "no reason is given" } else { why };
        troubles.push(ReleaseTrouble::new(LockTrouble::Yanked, why));
    }
    (Some(file.filename.to_string()), troubles)
}

/// The file that the target takes; without a target the first wheel, else the first file.
fn chosen<'p>(page: &'p Page, target: &Target, text: &str) -> Option<&'p File> {
    if target.tags.is_empty() {
        let wheel = page.files.iter().find(|file| file.filename.wheel().is_some());
        return wheel.or(page.files.first());
    }
    let wanted = Requirement::parse(&format!("{}=={text}", page.name)).ok()?;
    match target.chooser().choose(page, &wanted.specifiers) {
        FileChoice::Wheel(found) | FileChoice::Sdist(found) => Some(found.file),
        FileChoice::Nothing(_) => None,
    }
}
