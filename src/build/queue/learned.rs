//! What builds found beside their recipes: kept for the next build of the project, dropped where it is wrong.
//!
//! It is kept for sources that their context lists, and within that context alone: nobody teaches another's
//! builds by a project of the same name.

use super::Queue;
use crate::build::job::Learned;
use crate::build::recipe::Recipe;
use crate::db::builds::Build;
use crate::db::learned::LearnedRow;
use crate::error::Result;
use crate::names::ProjectName;
use crate::packaging::version;
use crate::tools::time::now;
use crate::words::{Evidence, Purpose, SourceKind};

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
        // One that another version wrote, with keys that this one does not have, teaches nothing.
        let Ok(mut found) = serde_json::from_str::<Recipe>(&known.found) else { return Ok(None) };
        if own.is_none() {
            found = found.of_the_source();
        }
        if found == Recipe::default() {
            return Ok(None);
        }
        Ok(Some(Learned { build: known.build, found: found.to_json()?, at_once: known.version == version }))
    }

    /// A build has ended. What it found is kept; what was known and did not help, or was not needed, is
    /// forgotten. A memory that fails changes nothing of the build.
    pub(super) async fn remember(&self, row: &Build, evidence: Option<&Evidence>) {
        if let Err(error) = self.try_remember(row, evidence).await {
            tracing::warn!(build = row.id, error = format!("{error:#}"), "cannot keep what a build found");
        }
    }

    async fn try_remember(&self, row: &Build, evidence: Option<&Evidence>) -> Result<()> {
        // One that is pinned for its set says nothing of others.
        let Some((project, version)) = teachable(row).filter(|_| row.because.is_none()) else {
            return Ok(());
        };
        // The worker is believed as far as it can be read.
        let found = evidence.and_then(|evidence| Recipe::from_json(evidence.found.as_ref()?).ok());
        let Some(found) = found else {
            return self.0.db.forget_learned(&row.context, project, version, &row.target).await;
        };
        let known = LearnedRow {
            project: project.clone(),
            version: version.to_owned(),
            target: row.target.clone(),
            found: found.canonical()?,
            build: row.id,
            learned_at: now(),
        };
        self.0.db.learn(&row.context, &known).await
    }
}

/// The release that a build is of, if what becomes of its wheel may serve another. Of one index alone: with
/// it goes what was learned there.
fn teachable(row: &Build) -> Option<(&ProjectName, &str)> {
    let listed = !row.given && row.source.kind == SourceKind::Sdist && row.context.only().is_some();
    // That a hook for metadata is not there says nothing about a wheel.
    let of_a_wheel = listed && row.purpose == Purpose::Wheel;
    Some((row.project.as_ref().filter(|_| of_a_wheel)?, row.version.as_deref()?))
}
