//! Files of a curated index that are its mirrors': where they come from, and whether they may be had.

use super::curation::{self, Standing};
use super::mirror::Key;
use super::sight::Sight;
use super::view::Views;
use crate::directory::inheritance::{SourcePart, parts};
use crate::directory::{Directory, Index};
use crate::error::{Error, Result};
use crate::names::ProjectName;
use crate::packaging::filename::{ListedFilename, candidates};
use crate::tools::time::now;
use std::sync::Arc;

/// What is behind the URL of a file on a curated index.
pub enum Behind<'a> {
    /// No file of a mirror.
    Nothing,
    /// A file of this mirror, which was approved.
    Mirror(&'a Index),
    /// A file of a mirror that was not approved.
    Unapproved(Unapproved),
}

/// A release that may not be had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unapproved {
    pub project: ProjectName,
    /// Canonical.
    pub version: String,
    pub standing: Standing,
}

impl Unapproved {
    /// As it is told where no request is made.
    pub fn error(&self, index: &Index) -> Error {
        let (project, version, name) = (&self.project, &self.version, &index.name);
        Error::Unapproved(match &self.standing {
            Standing::Refused(why) => format!("{project} {version} is refused on {name}: {why}"),
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
    /// As mirrors fail.
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
        let mut unapproved = None;
        for project in candidates(filename) {
            let mirrors = self.mirrors_of(directory, index, &project).await?;
            if mirrors.is_empty() {
                continue;
            }
            let listed = ListedFilename::new(&project, filename);
            let decisions = self.curation().decisions(&index.name, &project).await?;
            let standing = decisions.standing(listed.version(), now());
            if let (Standing::Approved, [mirror]) = (&standing, &mirrors[..]) {
                return Ok(Behind::Mirror(mirror));
            }
            for mirror in mirrors {
                let located = self.sources().mirrors.locate(mirror, filename, key).await?;
                if located.is_none_or(|located| located.project != project) {
                    continue;
                }
                if standing == Standing::Approved {
                    return Ok(Behind::Mirror(mirror));
                }
                let version = listed.canonical_version().unwrap_or_default().to_owned();
                let one = Unapproved { project: project.clone(), version, standing: standing.clone() };
                unapproved = unapproved.or(Some(one));
            }
        }
        Ok(unapproved.map_or(Behind::Nothing, Behind::Unapproved))
    }

    /// The mirror that an approved file of `index` comes from; `None` if it is no file of a mirror.
    ///
    /// # Errors
    /// `Unapproved` if the file is not approved.
    pub async fn mirror_behind<'a>(
        &self,
        directory: &'a Arc<Directory>,
        index: &Index,
        filename: &str,
        key: Key<'_>,
    ) -> Result<Option<&'a Index>> {
        match self.behind(directory, index, filename, key).await? {
            Behind::Nothing => Ok(None),
            Behind::Mirror(mirror) => Ok(Some(mirror)),
            Behind::Unapproved(one) => Err(one.error(index)),
        }
    }

    /// The mirrors that a curated index lists approved releases of, as far as they are asked for a project: none of a name
    /// that is private or reserved.
    pub(super) async fn mirrors_of<'a>(
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
            unapproved: false,
        };
        let having = self.sources().stages_that_have(sight, project).await?;
        let parts = parts(directory, &walk.order, project, |stage| having.contains(stage));
        let giving = parts.into_iter().filter(|(_, part)| *part == SourcePart::Gives);
        let indexes = giving.filter_map(|(name, _)| directory.indexes.get(name));
        let supplied = curation::supplied(directory, &index.name);
        Ok(indexes.filter(|index| supplied.contains(&index.name)).collect())
    }
}
