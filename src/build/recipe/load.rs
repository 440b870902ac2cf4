//! Where recipes come from: through the API, from the recipe folder, with the program.

use super::entry::RecipeEntry;
use super::read::{DEFAULTS, RecipeFile};
use super::{Recipe, shipped};
use crate::build::target::Target;
use crate::config::Config;
use crate::db::events::NewEvent;
use crate::db::recipes::StoredRecipe;
use crate::db::{Db, Tx};
use crate::error::Result;
use crate::names::ProjectName;
use crate::packaging::version::Version;
use crate::tools::hex;
use crate::words::EventKind;
use crate::{bad, missing};
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

/// All recipes at one moment.
#[derive(Clone, Debug, Default)]
pub struct Recipes {
    /// By name; of several with one name, that of the first origin.
    entries: BTreeMap<String, RecipeEntry>,
}

impl Recipes {
    /// What the program brings, what the folder has (none is fine), what is stored. A recipe that
    /// cannot be read is kept with its error: only its own project suffers.
    pub fn load(folder: Option<&Path>, stored: &[StoredRecipe]) -> Result<Self> {
        let mut all: Vec<RecipeEntry> =
            shipped::ALL.iter().map(|(name, text)| RecipeEntry::shipped(name, text)).collect();
        all.extend(folder.map(from_folder).transpose()?.unwrap_or_default());
        for recipe in stored {
            all.push(RecipeEntry::stored(&recipe.name, recipe.text.clone()));
        }
        all.sort_by_key(|entry| std::cmp::Reverse(entry.origin));
        Ok(Self { entries: all.into_iter().map(|entry| (entry.name.clone(), entry)).collect() })
    }

    /// By name.
    pub fn entries(&self) -> impl Iterator<Item = &RecipeEntry> {
        self.entries.values()
    }

    pub fn get(&self, name: &str) -> Result<&RecipeEntry> {
        self.entries.get(name).ok_or_else(|| missing!("recipe {name} does not exist"))
    }

    /// The recipe put together for one release and one target; `None`: the plain way. A version
    /// that is not known yet is in no range.
    ///
    /// # Errors
    /// `Bad` if the recipe that is meant cannot be read: a build without it would be another one.
    pub fn recipe_for(
        &self,
        project: &ProjectName,
        version: Option<&Version>,
        target: &Target,
    ) -> Result<Option<Recipe>> {
        if let Some(Err(why)) =
            self.entries().find(|entry| entry.file.is_err() && entry.concerns(project)).map(|e| &e.file)
        {
            return Err(bad!("cannot read the recipe for {project}: {why}"));
        }
        let recipe = self.laid(self.own(project, version), version, target)?;
        Ok((recipe != Recipe::default()).then_some(recipe))
    }

    /// The recipe put together from what holds for all projects and one file, whatever others say of the
    /// release.
    ///
    /// # Errors
    /// `Bad` if the two cannot be put together.
    pub fn recipe_by(&self, file: &RecipeFile, version: Option<&Version>, target: &Target) -> Result<Recipe> {
        self.laid(Some(file), version, target)
    }

    fn laid(&self, own: Option<&RecipeFile>, version: Option<&Version>, target: &Target) -> Result<Recipe> {
        let mut whole = super::layer::Layer::default();
        let defaults = self.entries.get(DEFAULTS).and_then(|entry| entry.file.as_ref().ok());
        for file in defaults.into_iter().chain(own) {
            whole.lay(&file.layer);
            for over in file.overrides.iter().filter(|over| over.holds(version, target)) {
                whole.lay(&over.layer);
            }
        }
        whole.put_together(target)
    }

    /// The first, by origin and then by name, that speaks of this release.
    fn own(&self, project: &ProjectName, version: Option<&Version>) -> Option<&RecipeFile> {
        let mut own: Vec<&RecipeEntry> = self.entries().filter(|entry| entry.name != DEFAULTS).collect();
        own.sort_by_key(|entry| entry.origin);
        own.into_iter()
            .filter_map(|entry| entry.file.as_ref().ok())
            .find(|file| file.is_for(project, version))
    }
}

/// The recipes of a folder, in the order of their names; a folder that is not there has none.
fn from_folder(folder: &Path) -> Result<Vec<RecipeEntry>> {
    recipe_files(folder)?.iter().map(|path| RecipeEntry::from_file(path)).collect()
}

fn recipe_files(folder: &Path) -> Result<Vec<PathBuf>> {
    let listed = match std::fs::read_dir(folder) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        listed => listed.map_err(|e| bad!("cannot read the recipe folder {}: {e}", folder.display()))?,
    };
    let mut files = Vec::new();
    for entry in listed {
        let path = entry?.path();
        let hidden = path.file_name().is_none_or(|name| name.as_encoded_bytes().starts_with(b"."));
        if !hidden && path.extension().is_some_and(|end| end == "toml") && path.is_file() {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// The recipes as they are now: read again when a file or a row changed.
pub struct RecipeBook {
    db: Db,
    folder: PathBuf,
    held: Mutex<Option<(RecipeStamp, Arc<Recipes>)>>,
}

/// What the recipes were made from: files of the folder (patches too) and rows.
type RecipeStamp = (Vec<(PathBuf, Option<SystemTime>, u64)>, Vec<(String, String)>);

impl RecipeBook {
    pub fn new(config: &Config, db: Db) -> Self {
        Self { db, folder: folder(config), held: Mutex::default() }
    }

    /// All recipes.
    pub async fn recipes(&self) -> Result<Arc<Recipes>> {
        let stored = self.db.recipes().await?;
        let folder = self.folder.clone();
        let files = tokio::task::spawn_blocking(move || stamp_of(&folder)).await??;
        let rows = stored.iter().map(|recipe| (recipe.name.clone(), recipe.sha256.clone())).collect();
        let stamp: RecipeStamp = (files, rows);
        let held = self.held.lock().clone();
        if let Some((of, recipes)) = held
            && of == stamp
        {
            return Ok(recipes);
        }
        let folder = self.folder.clone();
        let recipes = tokio::task::spawn_blocking(move || Recipes::load(Some(&folder), &stored)).await??;
        let recipes = Arc::new(recipes);
        for entry in recipes.entries() {
            if let Err(why) = &entry.file {
                tracing::warn!("cannot read a recipe, so builds of its project will fail: {why}");
            }
        }
        *self.held.lock() = Some((stamp, recipes.clone()));
        Ok(recipes)
    }

    /// Stores a recipe, or replaces the one of that name.
    ///
    /// # Errors
    /// As [`RecipeEntry::sent`]: what cannot be read is not stored.
    pub async fn put(&self, by: &str, name: &str, text: String) -> Result<RecipeEntry> {
        let entry = RecipeEntry::sent(name, text)?;
        let mut tx = Tx::begin(&self.db).await?;
        let sha256 = hex::sha256(&entry.text);
        tx.put_recipe(name, &entry.text, &sha256, by).await?;
        let after = serde_json::json!({"text": entry.text, "sha256": sha256}).to_string();
        tx.commit(event(by, EventKind::RecipeStored, name).after(&after)).await?;
        Ok(entry)
    }

    /// Deletes a recipe that was stored; one of the folder or of the program comes back.
    pub async fn delete(&self, by: &str, name: &str) -> Result<()> {
        let mut tx = Tx::begin(&self.db).await?;
        if !tx.delete_recipe(name).await? {
            return Err(missing!(
                "recipe {name} was not stored through the API, so the API cannot delete it"
            ));
        }
        tx.commit(event(by, EventKind::RecipeDeleted, name)).await?;
        Ok(())
    }

    /// [`Recipes::recipe_for`] with the recipes of now.
    pub async fn recipe_for(
        &self,
        project: &ProjectName,
        version: Option<&Version>,
        target: &Target,
    ) -> Result<Option<Recipe>> {
        self.recipes().await?.recipe_for(project, version, target)
    }
}

/// The configured folder; a relative one is below the data folder.
pub fn folder(config: &Config) -> PathBuf {
    config.data.join(&config.build.recipes)
}

fn event<'a>(who: &'a str, what: EventKind, name: &'a str) -> NewEvent<'a> {
    NewEvent::of(who, what).saying(name)
}

fn stamp_of(folder: &Path) -> Result<Vec<(PathBuf, Option<SystemTime>, u64)>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten() {
        let entry = entry?;
        if let Ok(metadata) = entry.metadata() {
            files.push((entry.path(), metadata.modified().ok(), metadata.len()));
        }
    }
    files.sort();
    Ok(files)
}
