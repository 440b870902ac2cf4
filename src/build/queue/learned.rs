//! What builds found beside their recipes: kept for the next build of the project, dropped where it is wrong.
//!
//! It is kept for sources that their context lists, and within that context alone: nobody teaches another's
//! builds by a project of the same name.

use super::Queue;
use crate::build::job::Learned;
use crate::build::recipe::Recipe;
use crate::db::builds::Build;
use crate::db::learned::LearnedRow;
use crate::error::{Error, Result};
use crate::names::ProjectName;
use crate::packaging::version;
use crate::tools::time::now;
use crate::words::{Evidence, SourceKind};

impl Queue {
    /// What is known for a build: of its own release and target, of its release, or of the release before.
    pub(super) async fn learned(&self, row: &Build) -> Result<Option<Learned>> {
        let Some((project, version)) = teachable(row) else { return Ok(None) };
        let rows = self.0.db.learned(&row.context, project).await?;
        let own = rows.iter().find(|each| each.version == version && each.target == row.target);
        let release = || rows.iter().find(|each| each.version == version);
        let nearest = || {
            let mut others: Vec<&LearnedRow> = rows.iter().collect();
            others.sort_by(|one, other| version::compare(&one.version, &other.version));
            let before = others.iter().rev().find(|each| version::compare(&each.version, version).is_lt());
            before.or(others.first()).copied()
        };
        let Some(known) = own.or_else(release).or_else(nearest) else { return Ok(None) };
        let mut found: Recipe = serde_json::from_str(&known.found).map_err(Error::internal)?;
        if own.is_none() {
            found = found.of_the_source();
        }
        if found == Recipe::default() {
            return Ok(None);
        }
        Ok(Some(Learned { build: known.build, found: found.to_json()?, at_once: known.version == version }))
    }

    /// A build succeeded: keeps what it found, or forgets what was known and not needed.
    pub(super) async fn learn(&self, row: &Build, evidence: &Evidence) -> Result<()> {
        let Some((project, version)) = teachable(row) else { return Ok(()) };
        let Some(found) = &evidence.found else {
            return self.0.db.forget_learned(&row.context, project, version, &row.target).await;
        };
        // The worker is believed as far as it can be read.
        let Ok(found) = Recipe::from_json(found) else { return Ok(()) };
        let known = LearnedRow {
            version: version.to_owned(),
            target: row.target.clone(),
            found: found.canonical()?,
            build: row.id,
            learned_at: now(),
        };
        self.0.db.learn(&row.context, project, &known).await
    }

    /// A build failed: what was known of its release and target did not help.
    pub(super) async fn unlearn(&self, row: &Build) -> Result<()> {
        let Some((project, version)) = teachable(row) else { return Ok(()) };
        self.0.db.forget_learned(&row.context, project, version, &row.target).await
    }
}

/// The release that a build is of, if what it finds may serve another.
fn teachable(row: &Build) -> Option<(&ProjectName, &str)> {
    let listed = !row.given && row.source.kind == SourceKind::Sdist;
    Some((row.project.as_ref().filter(|_| listed)?, row.version.as_deref()?))
}
