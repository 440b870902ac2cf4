//! Files of a curated index that are its mirrors': where they come from, and whether they may be had.

use super::curation::{self, Standing};
use super::mirror::Key;
use super::sight::{Sight, UnapprovedFiles};
use super::view::Views;
use crate::directory::inheritance::{self, SourcePart, parts};
use crate::directory::{Directory, Index};
use crate::error::{Error, Result};
use crate::names::ProjectName;
use crate::packaging::filename::{ListedFilename, candidates};
use crate::packaging::upload_time::UploadTime;
use crate::packaging::version::Version;
use crate::tools::time::{Micros, now};
use std::sync::Arc;

/// What is behind the URL of a file on a curated index.
pub enum Behind<'a> {
    /// No file of a mirror.
    Nothing,
    /// A file of this project of this mirror, which was approved.
    Mirror(&'a Index, ProjectName),
    /// A file of a mirror that was not approved.
    Unapproved(Unapproved),
}

/// A release that may not be had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unapproved {
    pub project: ProjectName,
    /// Canonical.
    pub version: String,
    pub filename: String,
    pub standing: Standing,
}

impl Unapproved {
    /// As it is told where no request is made.
    pub fn error(&self, index: &Index) -> Error {
        let (project, version, name) = (&self.project, &self.version, &index.name);
        Error::Unapproved(match &self.standing {
            Standing::Refused(why) => format!("{project} {version} is refused on {name}: {why}"),
            Standing::Late(approved) => format!(
                "{} came after {project} {version} was approved on {name} ({}): ask again with `wheelwright request add {name} \
                 {project}=={version}`",
                self.filename,
                curation::day(*approved)
            ),
            _ => format!(
                "{project} {version} is not approved on {name}: ask with `wheelwright request add {name} \
                 {project}=={version}`"
            ),
        })
    }
}

impl Views {
    /// What is behind a URL of `index` that names no file of its own.
    ///
    /// # Errors
    /// `Forbidden` for what is in quarantine; as mirrors fail.
    pub async fn behind<'a>(
        &self,
        directory: &'a Arc<Directory>,
        index: &Index,
        filename: &str,
        key: Key<'_>,
    ) -> Result<Behind<'a>> {
        if !index.is_curated() {
            return Ok(Behind::Nothing);
        }
        let (mut unapproved, mut failed) = (None, None);
        for project in candidates(filename) {
            let mirrors = self.mirrors_of(directory, index, &project).await?;
            if mirrors.is_empty() {
                continue;
            }
            let listed = ListedFilename::new(&project, filename);
            let decisions = self.curation().decisions(&index.name, &project).await?;
            let now = now();
            let standing = decisions.standing(listed.version(), None, now);
            let asks_for_time = index.holds_late_files() && decisions.asks_for_time(listed.version(), now);
            for mirror in mirrors {
                match self.has(mirror, &project, filename, key).await {
                    Ok(true) => {}
                    Ok(false) => continue,
                    Err(error) => {
                        failed = failed.or(Some(error));
                        continue;
                    }
                }
                self.permit_through(directory, index, mirror, (&project, listed.version()))?;
                let standing = match asks_for_time {
                    true => {
                        let uploaded = self.uploaded(mirror, &project, filename).await?;
                        decisions.standing(listed.version(), uploaded, now)
                    }
                    false => standing.clone(),
                };
                if standing == Standing::Approved {
                    return Ok(Behind::Mirror(mirror, project));
                }
                let version = listed.canonical_version().unwrap_or_default().to_owned();
                let filename = filename.to_owned();
                let one = Unapproved { project: project.clone(), version, filename, standing };
                unapproved = unapproved.or(Some(one));
            }
        }
        match (unapproved, failed) {
            (Some(one), _) => Ok(Behind::Unapproved(one)),
            // What is not known because the upstream fails is not said to be missing.
            (None, Some(error)) => Err(error),
            (None, None) => Ok(Behind::Nothing),
        }
    }

    /// Whether a file is one of this project of a mirror: it was fetched from there, or is listed there now. A name may be
    /// split in several ways, and a decision is about one project. What the mirror's own builds made was approved by nobody.
    async fn has(&self, mirror: &Index, project: &ProjectName, filename: &str, key: Key<'_>) -> Result<bool> {
        let kept = self.sources().db.mirrored_project(&mirror.name, filename).await?;
        if kept.is_some_and(|kept| kept == *project) {
            return Ok(true);
        }
        let located = self.sources().mirrors.locate_in(mirror, project, filename, key).await?;
        Ok(located.is_some())
    }

    /// When a mirror's upstream got a file; `None`: it does not say, or has it no more.
    async fn uploaded(
        &self,
        mirror: &Index,
        project: &ProjectName,
        filename: &str,
    ) -> Result<Option<Micros>> {
        let known = match self.sources().mirrors.page(mirror, project, false).await {
            // What is here is served without the network, as its release was approved.
            Err(Error::Offline(_)) => None,
            known => known?,
        };
        let file =
            known.as_ref().and_then(|known| known.page.files.iter().find(|file| file.filename == *filename));
        Ok(file.and_then(|file| file.uploaded).map(UploadTime::micros))
    }

    /// Refuses what is in quarantine on an index through which the mirror is seen.
    fn permit_through(
        &self,
        directory: &Arc<Directory>,
        index: &Index,
        mirror: &Index,
        (project, version): (&ProjectName, Option<&Version>),
    ) -> Result<()> {
        if !directory.quarantines.names(project) {
            return Ok(());
        }
        let walk = self.walk(directory, &index.name)?;
        let mut through = inheritance::through(directory, &walk.order, &mirror.name).into_iter();
        through.try_for_each(|index| directory.quarantines.permit(index, project, version))
    }

    /// The mirror that an approved file of `index` comes from; `None` if it is no file of a mirror.
    ///
    /// # Errors
    /// `Unapproved` if the file is not approved, `Forbidden` if it is in quarantine.
    pub async fn mirror_behind<'a>(
        &self,
        directory: &'a Arc<Directory>,
        index: &Index,
        filename: &str,
        key: Key<'_>,
    ) -> Result<Option<&'a Index>> {
        match self.behind(directory, index, filename, key).await? {
            Behind::Nothing => Ok(None),
            Behind::Mirror(mirror, _) => Ok(Some(mirror)),
            Behind::Unapproved(one) => Err(one.error(index)),
        }
    }

    /// The mirrors that a curated index lists approved releases of, as far as they are asked for a project: none of a name
    /// that is private or reserved.
    pub async fn mirrors_of<'a>(
        &self,
        directory: &'a Arc<Directory>,
        index: &Index,
        project: &ProjectName,
    ) -> Result<Vec<&'a Index>> {
        let walk = self.walk(directory, &index.name)?;
        let sight = Sight {
            directory,
            order: &walk.order,
            readable: u128::MAX,
            as_of: None,
            whole: None,
            unapproved: UnapprovedFiles::Hidden,
        };
        let having = self.sources().stages_that_have(sight, project).await?;
        let parts = parts(directory, &walk.order, project, |stage| having.contains(stage));
        let giving = parts.into_iter().filter(|(_, part)| *part == SourcePart::Gives);
        let indexes = giving.filter_map(|(name, _)| directory.indexes.get(name));
        let supplied = curation::supplied(directory, &index.name);
        Ok(indexes.filter(|index| supplied.contains(&index.name)).collect())
    }
}
