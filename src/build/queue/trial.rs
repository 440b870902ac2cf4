//! Recipes that are tried: the source of a build, built once more by a recipe that is in force for nobody else.

use super::plan::key;
use super::wanted::{Ask, Priority, Upload, Wanted};
use super::{Queue, no_build};
use crate::access::Who;
use crate::build::recipe::RecipeEntry;
use crate::build::tools::tools_for;
use crate::db::builds::{Build, BuildId};
use crate::error::Result;
use crate::packaging::version;
use crate::{bad, conflict, missing};

impl Queue {
    /// Builds the source of a build for its target by a recipe. The wheel stays with the build that this
    /// starts: no index gets it. Whether `who` may is the caller's to decide.
    ///
    /// # Errors
    /// `Bad` if the recipe is for something else, `Conflict` if the source is not here.
    pub async fn try_recipe(&self, who: &Who, id: BuildId, entry: &RecipeEntry) -> Result<BuildId> {
        let known = self.0.db.build(id).await?.ok_or_else(|| no_build(id))?;
        let file = entry.file.as_ref().map_err(|why| bad!("{why}"))?;
        let version = known.version.as_deref().and_then(version::parse);
        if let Some(project) =
            known.project.as_ref().filter(|project| !file.is_for(project, version.as_ref()))
        {
            let release = known.version.as_deref().unwrap_or("of an unknown version");
            return Err(bad!("build {id} is of {project} {release}, which the recipe is not for"));
        }
        let source_sha256 = match (&known.source_sha256, self.0.db.is_source_gone(id).await?) {
            (Some(sha256), false) => sha256.clone(),
            _ => {
                return Err(conflict!(
                    "the source of build {id} is not on this server: request the build again"
                ));
            }
        };
        let target = self.0.targets.named(&known.target).await?;
        let target = target.ok_or_else(|| missing!("target {} no longer exists", known.target))?;
        let recipe = self.0.recipes.recipes().await?.recipe_by(file, version.as_ref(), &target)?;
        let upload = Upload { sha256: source_sha256.clone(), source: known.source.clone() };
        let index = known.context.indexes().first().cloned();
        let index = index.ok_or_else(|| conflict!("build {id} has no index to build with"))?;
        let ask = Ask { rebuild: true, ..Ask::wheels(Wanted::Upload(upload), index, Priority::Asked) };
        let mut row = Build {
            trial: true,
            tried: Some(entry.text.clone()),
            given: true,
            claim: known.claim,
            project: known.project,
            version: known.version,
            source_sha256: Some(source_sha256),
            target: known.target,
            recipe_sha256: Some(recipe.sha256()?),
            recipe: Some(recipe.canonical()?),
            tools: tools_for(&target).name(),
            platform_expected: known.platform_expected,
            priority: ask.priority.number(),
            asked_by: who.label.clone(),
            ..Build::new(known.context, known.source)
        };
        row.key = key(&row)?;
        let started = self.enter(who, &ask, row).await?;
        self.prompt();
        Ok(started)
    }
}
