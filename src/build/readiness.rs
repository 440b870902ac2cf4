//! Readiness: whether an index has a wheel for a target of each release that lock files name.
//!
//! A list is written whole by whoever has the lock file; then each of its releases is looked for, one request after
//! the other: on the index's page, else in the queue. What was found is noted in the list, and how a build goes on is
//! read from its row. So the list is as good as its last look where upstream files are concerned, and always up to
//! date where builds are.

use super::queue::{Ask, Priority, Queue, Wanted};
use super::target::Target;
use crate::access::Who;
use crate::access::builds::reads;
use crate::bad;
use crate::db::builds::BuildId;
use crate::db::readiness::{FoundRelease, ReadinessBuild, ReadinessList, ReadinessRow};
use crate::directory::Directory;
use crate::error::{Error, Result};
use crate::names::{IndexName, ProjectName};
use crate::packaging::choose::FileChoice;
use crate::packaging::page::{File, Page};
use crate::packaging::requirement::Requirement;
use crate::packaging::version;
use crate::tools::time::now;
use crate::words::{BuildState, Failure, Moment, ReadyState};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Most lines of all lists of one target of an index.
pub const MOST_RELEASES: i64 = 10_000;

/// How far an index is for a target.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ReadinessView {
    pub index: IndexName,
    pub target: String,
    /// Releases by state; those that there are none of are left out.
    pub counts: BTreeMap<ReadyState, usize>,
    /// By project and version.
    pub releases: Vec<ReadyView>,
}

/// One release that lists name.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ReadyView {
    pub project: ProjectName,
    pub version: String,
    pub state: ReadyState,
    /// Whose lists name it: `alice`, `alice/web`.
    pub lists: Vec<String>,
    /// File name.
    pub wheel: Option<String>,
    /// For those who may see it.
    pub build: Option<BuildId>,
    /// Of that build.
    pub failure: Option<Failure>,
    /// There is neither wheel nor source, or the index refused what was built.
    pub why: Option<String>,
    /// When it was looked for last.
    pub looked: Option<Moment>,
}

impl ReadyView {
    /// Why there is no wheel, in one line; `None` where nothing went wrong.
    pub fn cause(&self) -> Option<String> {
        let of_build = self.failure.as_ref().map(Failure::in_short);
        of_build.or_else(|| self.why.clone()).filter(|_| self.state == ReadyState::Failed)
    }
}

impl ReadinessView {
    /// Of these releases.
    pub fn of(index: &IndexName, target: &str, releases: Vec<ReadyView>) -> Self {
        let mut counts = BTreeMap::new();
        for release in &releases {
            *counts.entry(release.state).or_default() += 1;
        }
        Self { index: index.clone(), target: target.to_owned(), counts, releases }
    }

    /// How many releases have a wheel.
    pub fn ready(&self) -> usize {
        self.counts.iter().filter(|(state, _)| state.is_ready()).map(|(_, count)| count).sum()
    }
}

impl Queue {
    /// Writes a list anew.
    ///
    /// # Errors
    /// `Bad` if there are too many releases.
    pub async fn list_releases(
        &self,
        who: &Who,
        list: ReadinessList<'_>,
        pins: &[(ProjectName, String)],
    ) -> Result<()> {
        if self.db().replace_readiness(&who.label, list, pins, (now(), MOST_RELEASES)).await? {
            return Ok(());
        }
        Err(bad!(
            "the lists of {} for {} would have more than {MOST_RELEASES} releases: send an empty list to remove one",
            list.index,
            list.target
        ))
    }

    /// Looks for a wheel of a release on an index, and asks for its build if there is none. With `rebuild` a build
    /// that failed runs again.
    ///
    /// # Errors
    /// What may go well another time; nothing is noted then.
    pub async fn look_for_release(
        &self,
        who: &Who,
        index: &IndexName,
        target: &Target,
        (project, version): (&ProjectName, &str),
        rebuild: bool,
    ) -> Result<ReadyView> {
        let requirement = Requirement::parse(&format!("{project}=={version}"))?;
        let found = match self.page(who, index, project).await {
            Err(Error::Missing(_)) => FoundRelease::nothing("the index does not have the project"),
            Err(error) if error.is_withheld() => FoundRelease::nothing(error.to_string()),
            Err(error) => return Err(error),
            Ok(page) => match target.chooser().choose(&page, &requirement.specifiers) {
                FileChoice::Wheel(found) => self.listed(found.file, project).await?,
                FileChoice::Sdist(_) => self.asked_for(who, index, target, requirement, rebuild).await?,
                FileChoice::Nothing(_) => FoundRelease::nothing(why_nothing(&page, target, &requirement)),
            },
        };
        let place = (index, target.name.as_str());
        self.db().note_readiness(place, (project, version), &found, now()).await?;
        let build = match found.build {
            Some(id) => Some(self.get(id).await?),
            None => None,
        };
        let build = build.map(|build| ReadinessBuild {
            id: build.id,
            doubtful: build.evidence.as_ref().is_some_and(|evidence| !evidence.doubts.is_empty()),
            context: build.context,
            state: build.state,
            failure: build.failure,
            unpublished: None,
        });
        let row = ReadinessRow {
            project: project.clone(),
            version: version.to_owned(),
            owner: String::new(),
            list: String::new(),
            found,
            looked_at: Some(now()),
            build,
        };
        Ok(view(&self.indexes().directory(), who, &row))
    }

    /// A wheel that the index's page has, with its build if it was made here.
    async fn listed(&self, file: &File, project: &ProjectName) -> Result<FoundRelease> {
        let build = self.maker(file, project).await?;
        Ok(FoundRelease { wheel: Some(file.filename.to_string()), why: None, build })
    }

    /// The build that a file of a page comes from.
    async fn maker(&self, file: &File, project: &ProjectName) -> Result<Option<BuildId>> {
        let Some(owner) = file.owner() else { return Ok(None) };
        let built = self.db().built_files(owner, project).await?;
        let maker = built.iter().find(|built| file.filename == *built.filename).map(|built| built.build);
        // It may be forgotten, while its wheel stays.
        Ok(match maker {
            Some(id) => self.db().build(id).await?.map(|build| build.id),
            None => None,
        })
    }

    async fn asked_for(
        &self,
        who: &Who,
        index: &IndexName,
        target: &Target,
        requirement: Requirement,
        rebuild: bool,
    ) -> Result<FoundRelease> {
        let wanted = Wanted::Requirement(requirement);
        let ask = Ask { rebuild, ..Ask::wheels(wanted, index.clone(), Priority::Asked) };
        match self.ask_for(who, &ask, target).await {
            Ok(build) => Ok(FoundRelease { build: Some(build), ..FoundRelease::default() }),
            Err(Error::Missing(why) | Error::Bad(why)) => Ok(FoundRelease::nothing(why)),
            Err(error) => Err(error),
        }
    }

    /// How far an index is for a target, as `who` may know it.
    pub async fn readiness(
        &self,
        directory: &Directory,
        who: &Who,
        index: &IndexName,
        target: &str,
    ) -> Result<ReadinessView> {
        let mut releases: Vec<ReadyView> = Vec::new();
        for row in self.db().readiness(index, target, MOST_RELEASES).await? {
            let list = match row.list.as_str() {
                "" => row.owner.clone(),
                name => format!("{}/{name}", row.owner),
            };
            let same = |known: &&mut ReadyView| known.project == row.project && known.version == row.version;
            if let Some(known) = releases.last_mut().filter(same) {
                known.lists.push(list);
                continue;
            }
            releases.push(ReadyView { lists: vec![list], ..view(directory, who, &row) });
        }
        Ok(ReadinessView::of(index, target, releases))
    }
}

/// Why a page has nothing of a release for a target; without names, so that releases can be grouped by it.
fn why_nothing(page: &Page, target: &Target, requirement: &Requirement) -> &'static str {
    let chooser = target.chooser();
    let is_of_it = |file: &&File| {
        let known = file.filename.version();
        known.is_some_and(|known| version::satisfies(&requirement.specifiers, known))
    };
    let mut files = page.offered().iter().filter(is_of_it).peekable();
    if files.peek().is_none() {
        return "the index does not have this release";
    }
    match files.any(|file| !chooser.fits_python(file.requires_python.as_deref())) {
        true => "its Requires-Python excludes this Python",
        false => "the index has neither a wheel for the target nor a source",
    }
}

/// A line as `who` may know it: of a build, only those who read what it is of know more than its state.
fn view(directory: &Directory, who: &Who, row: &ReadinessRow) -> ReadyView {
    let seen = row.build.as_ref().filter(|build| reads(directory, who, build.context.indexes()));
    let refused = row.build.as_ref().filter(|_| row.found.wheel.is_none()).and_then(refused_by_owner);
    let state = match &row.build {
        _ if refused.is_some() => ReadyState::Failed,
        Some(build) if build.state == BuildState::Built || row.found.wheel.is_some() => {
            match build.doubtful {
                true => ReadyState::Doubtful,
                false => ReadyState::Built,
            }
        }
        Some(build) if build.state == BuildState::Failed => ReadyState::Failed,
        Some(_) => ReadyState::UnderWay,
        None if row.found.wheel.is_some() => ReadyState::Wheel,
        None if row.found.why.is_some() => ReadyState::Failed,
        None => ReadyState::NotTried,
    };
    ReadyView {
        project: row.project.clone(),
        version: row.version.clone(),
        state,
        lists: Vec::new(),
        wheel: row.found.wheel.clone(),
        build: seen.map(|build| build.id),
        failure: seen.and_then(|build| build.failure.clone()).filter(|_| state == ReadyState::Failed),
        why: refused.filter(|_| seen.is_some()).or_else(|| row.found.why.clone()),
        looked: row.looked_at.map(Moment),
    }
}

/// Why the index that has the source does not list the wheel.
fn refused_by_owner(build: &ReadinessBuild) -> Option<String> {
    let owner = format!("{}: ", build.context);
    let lines = build.unpublished.as_deref().unwrap_or_default().lines();
    let why = lines.filter_map(|line| line.strip_prefix(&owner)).next()?;
    Some(format!("it was built, but {} refused the wheel: {why}", build.context))
}

/// A release that a lock file names: `demo==1.0`.
///
/// # Errors
/// `Bad` if it is no requirement for exactly one version.
pub fn release(text: &str) -> Result<(ProjectName, String)> {
    let pin = crate::packaging::reqfile::pin(text);
    let (project, version) =
        pin.ok_or_else(|| bad!("{text:?} does not name one release: write demo==1.0"))?;
    Ok((project, version.to_string()))
}
