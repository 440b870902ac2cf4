//! What builds found beside their recipes, as it is shown, exported and forgotten.

use super::queue::Queue;
use super::recipe::{Finding, Recipe, RecipeEntry, export, version_range};
use crate::access::Who;
use crate::access::builds::reads;
use crate::db::Tx;
use crate::db::builds::BuildId;
use crate::db::events::NewEvent;
use crate::db::learned::LearnedRow;
use crate::directory::{Directory, inheritance};
use crate::error::Result;
use crate::names::{IndexName, ProjectName};
use crate::packaging::version;
use crate::words::{EventKind, Moment};
use serde::{Deserialize, Serialize};
use std::slice;

/// What builds found.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct LearnedView {
    /// By project, target and version.
    pub learned: Vec<LearnedRange>,
    /// Of one project: all of it as a recipe, as TOML.
    pub recipe: Option<String>,
}

/// The same finding for versions of a project that follow each other.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LearnedRange {
    /// The index whose builds found it, and alone know of it.
    pub index: IndexName,
    pub project: ProjectName,
    /// In their order.
    pub versions: Vec<String>,
    /// The same as specifiers.
    pub range: String,
    pub target: String,
    /// In words.
    pub strategy: String,
    /// JSON of a recipe.
    pub found: serde_json::Value,
    /// The newest that found it.
    pub build: BuildId,
    pub at: Moment,
}

/// Which part of what is known of a project.
#[derive(Clone, Debug, Default)]
pub struct LearnedPart {
    /// Of one version.
    pub version: Option<String>,
    /// Of one target, or of those whose names begin so: `cp312`.
    pub target: Option<String>,
}

impl LearnedPart {
    /// Whether a release and a target are of it.
    pub fn has(&self, version: &str, target: &str) -> bool {
        let is_of = |asked: &String| {
            target.strip_prefix(asked.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
        };
        self.version.as_ref().is_none_or(|asked| version::same(asked, version))
            && self.target.as_ref().is_none_or(is_of)
    }
}

impl LearnedRange {
    /// Whether anything in it is of a part.
    pub fn has(&self, part: &LearnedPart) -> bool {
        self.versions.iter().any(|version| part.has(version, &self.target))
    }
}

impl Queue {
    /// What builds of an index found, and those of its bases that `who` may read: of one project, or of all.
    pub async fn learned_view(
        &self,
        directory: &Directory,
        who: &Who,
        index: &IndexName,
        project: Option<&ProjectName>,
    ) -> Result<LearnedView> {
        let mut view = LearnedView::default();
        let mut findings = Vec::new();
        for source in sources(directory, who, index) {
            let rows = match project {
                Some(project) => self.db().learned(&source.clone().into(), project).await?,
                None => self.db().learned_on(&source).await?,
            };
            // What another version of this program wrote may have keys that this one does not know.
            let read = |row: LearnedRow| Some((serde_json::from_str::<Recipe>(&row.found).ok()?, row));
            let rows: Vec<(Recipe, LearnedRow)> = rows.into_iter().filter_map(read).collect();
            findings.extend(rows.iter().map(|(found, row)| finding(found, row)));
            view.learned.extend(ranges(&source, rows)?);
        }
        if let Some(project) = project {
            let recipes = self.recipes().recipes().await?;
            let is_for = |entry: &&RecipeEntry| {
                entry.file.as_ref().is_ok_and(|file| file.project.as_ref() == Some(project))
            };
            let in_force = recipes.entries().find(is_for).map(|entry| entry.name.as_str());
            view.recipe = export(project, &findings, in_force);
        }
        Ok(view)
    }

    /// Whether builds found something for a project, as far as `who` may know.
    pub async fn has_learned(
        &self,
        directory: &Directory,
        who: &Who,
        index: &IndexName,
        project: &ProjectName,
    ) -> Result<bool> {
        for source in sources(directory, who, index) {
            if !self.db().learned(&source.into(), project).await?.is_empty() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Forgets what builds of an index found for a project, or a part of that; gives how many findings it was.
    pub async fn forget_learned(
        &self,
        who: &Who,
        index: &IndexName,
        project: &ProjectName,
        part: &LearnedPart,
    ) -> Result<usize> {
        let rows = self.db().learned(&index.clone().into(), project).await?;
        let mut forgotten = 0;
        let mut tx = Tx::begin(self.db()).await?;
        for row in rows.iter().filter(|row| part.has(&row.version, &row.target)) {
            forgotten += usize::from(tx.forget_learned(index, row).await?);
        }
        if forgotten > 0 {
            let detail = format!("{forgotten} findings");
            let event = NewEvent::of(&who.label, EventKind::LearnedForgotten).on(index).about(project);
            tx.commit(event.saying(&detail)).await?;
        }
        Ok(forgotten)
    }
}

/// An index and its bases, without those that `who` may not read.
fn sources(directory: &Directory, who: &Who, index: &IndexName) -> Vec<IndexName> {
    let mut sources = inheritance::order(directory, index).sources;
    sources.retain(|source| reads(directory, who, slice::from_ref(source)));
    sources
}

fn finding(found: &Recipe, row: &LearnedRow) -> Finding {
    Finding {
        version: row.version.clone(),
        target: row.target.clone(),
        found: found.clone(),
        build: row.build,
    }
}

/// Joined where versions follow each other.
fn ranges(index: &IndexName, mut rows: Vec<(Recipe, LearnedRow)>) -> Result<Vec<LearnedRange>> {
    rows.sort_by(|(_, a), (_, b)| {
        (&a.project, &a.target)
            .cmp(&(&b.project, &b.target))
            .then_with(|| version::compare(&a.version, &b.version))
    });
    let mut ranges: Vec<(Recipe, LearnedRange)> = Vec::new();
    for (found, row) in rows {
        match ranges.last_mut() {
            Some((known, range))
                if *known == found && range.project == row.project && range.target == row.target =>
            {
                range.versions.push(row.version);
                range.range = version_range(&range.versions);
                if Moment(row.learned_at) > range.at {
                    (range.build, range.at) = (row.build, Moment(row.learned_at));
                }
            }
            _ => {
                let versions = vec![row.version];
                let range = LearnedRange {
                    index: index.clone(),
                    project: row.project,
                    range: version_range(&versions),
                    versions,
                    target: row.target,
                    strategy: found.strategy(false),
                    found: found.to_json()?,
                    build: row.build,
                    at: Moment(row.learned_at),
                };
                ranges.push((found, range));
            }
        }
    }
    Ok(ranges.into_iter().map(|(_, range)| range).collect())
}
