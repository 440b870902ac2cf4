//! Where recipes come from: through the API, from the recipe folder, with the program.

use super::read::{DEFAULTS, RecipeFile};
use super::{Recipe, shipped};
use crate::build::target::Target;
use crate::config::Config;
use crate::db::events::NewEvent;
use crate::db::recipes::StoredRecipe;
use crate::db::{Db, Tx};
use crate::error::{Error, Result};
use crate::names::ProjectName;
use crate::packaging::version::Version;
use crate::tools::hex;
use crate::words::EventKind;
use crate::{bad, missing};
use parking_lot::Mutex;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

/// Where a recipe was found; of two with one name, the one that comes first here counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// Stored by `PUT /+recipes/{name}`.
    Api,
    /// In the folder of the setting `build.recipes`.
    Folder,
    /// Comes with this program.
    Shipped,
}

impl Origin {
    pub fn name(self) -> &'static str {
        match self {
            Self::Api => "api",
            Self::Folder => "folder",
            Self::Shipped => "shipped",
        }
    }
}

/// One recipe file, readable or not.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Without `.toml`.
    pub name: String,
    pub origin: Origin,
    pub text: String,
    /// What it says, or why it cannot be read: with file and line.
    pub file: Result<RecipeFile, String>,
}

impl Entry {
    fn read(
        name: &str,
        origin: Origin,
        shown: &str,
        text: String,
        patches: super::read::Patches<'_>,
    ) -> Self {
        let file = RecipeFile::parse(shown, name, &text, patches).map_err(|e| e.to_string());
        Self { name: name.to_owned(), origin, text, file }
    }

    /// For lists.
    pub fn shown(&self) -> Value {
        let file = self.file.as_ref().ok();
        json!({
            "name": self.name,
            "from": self.origin.name(),
            "project": file.and_then(|file| file.project.as_ref()),
            "versions": file.and_then(|file| file.versions.as_ref()).map(ToString::to_string),
            "overrides": file.map(|file| file.overrides.len()),
            "sha256": hex::sha256(&self.text),
            "error": self.file.as_ref().err(),
        })
    }

    /// Whether one that cannot be read was probably meant for this project.
    fn concerns(&self, project: &ProjectName) -> bool {
        let written = self.text.parse::<toml::Table>().ok();
        let written = written.as_ref().and_then(|table| table.get("name")?.as_str());
        self.name == DEFAULTS
            || ProjectName::new(written.unwrap_or(&self.name)).is_some_and(|name| name == *project)
    }
}

/// All recipes at one moment.
#[derive(Clone, Debug, Default)]
pub struct Recipes {
    /// By name; of several with one name, that of the first origin.
    entries: BTreeMap<String, Entry>,
}

impl Recipes {
    /// What the program brings, what the folder has (none is fine), what is stored. A recipe that
    /// cannot be read is kept with its error: only its own project suffers.
    pub fn load(folder: Option<&Path>, stored: &[StoredRecipe]) -> Result<Self> {
        let mut all: Vec<Entry> =
            shipped::ALL.iter().map(|(name, text)| shipped::entry(name, text)).collect();
        all.extend(folder.map(from_folder).transpose()?.unwrap_or_default());
        for recipe in stored {
            all.push(from_text(&recipe.name, recipe.text.clone()));
        }
        all.sort_by_key(|entry| std::cmp::Reverse(entry.origin));
        Ok(Self { entries: all.into_iter().map(|entry| (entry.name.clone(), entry)).collect() })
    }

    /// By name.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.entries.values()
    }

    pub fn get(&self, name: &str) -> Result<&Entry> {
        self.entries.get(name).ok_or_else(|| missing!("there is no recipe {name}"))
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
            return Err(bad!("the recipe of {project} can not be read: {why}"));
        }
        let mut whole = super::layer::Layer::default();
        let defaults = self.entries.get(DEFAULTS).and_then(|entry| entry.file.as_ref().ok());
        for file in defaults.into_iter().chain(self.own(project, version)) {
            whole.lay(&file.layer);
            for over in file.overrides.iter().filter(|over| over.holds(version, target)) {
                whole.lay(&over.layer);
            }
        }
        let recipe = whole.put_together(target)?;
        Ok((recipe != Recipe::default()).then_some(recipe))
    }

    /// The first, by origin and then by name, that speaks of this release.
    fn own(&self, project: &ProjectName, version: Option<&Version>) -> Option<&RecipeFile> {
        let mut own: Vec<&Entry> = self.entries().filter(|entry| entry.name != DEFAULTS).collect();
        own.sort_by_key(|entry| entry.origin);
        own.into_iter()
            .filter_map(|entry| entry.file.as_ref().ok())
            .find(|file| file.is_for(project, version))
    }
}

/// A recipe that comes without a folder around it: its patches stand in it.
pub(super) fn from_text(name: &str, text: String) -> Entry {
    let no_files = |_: &str| Err("a stored recipe holds its patches in '''…'''".to_owned());
    Entry::read(name, Origin::Api, &format!("{name}.toml"), text, &no_files)
}

impl Entry {
    /// Reads a file of a recipe folder.
    pub fn from_file(path: &Path) -> Result<Self> {
        let shown = path.display().to_string();
        let text = std::fs::read_to_string(path).map_err(|e| bad!("{shown} can not be read: {e}"))?;
        let name = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
        let folder = path.parent().unwrap_or(Path::new("."));
        let patch = |name: &str| {
            std::fs::read_to_string(folder.join(name)).map_err(|e| format!("it can not be read: {e}"))
        };
        Ok(Self::read(name, Origin::Folder, &shown, text, &patch))
    }

    /// Reads what was sent through the API.
    ///
    /// # Errors
    /// `Bad` for a name that is none, and for whatever the reader refuses.
    pub fn sent(name: &str, text: String) -> Result<Self> {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if name.is_empty() || name.len() > 100 || name.starts_with('.') || !name.chars().all(plain) {
            return Err(bad!("{name:?} is no name for a recipe: use letters, digits, - _ and ."));
        }
        let entry = from_text(name, text);
        match &entry.file {
            Ok(_) => Ok(entry),
            Err(why) => Err(Error::Bad(why.clone())),
        }
    }
}

/// The recipes of a folder, in the order of their names; a folder that is not there has none.
fn from_folder(folder: &Path) -> Result<Vec<Entry>> {
    recipe_files(folder)?.iter().map(|path| Entry::from_file(path)).collect()
}

fn recipe_files(folder: &Path) -> Result<Vec<PathBuf>> {
    let listed = match std::fs::read_dir(folder) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        listed => listed.map_err(|e| bad!("the recipe folder {} can not be read: {e}", folder.display()))?,
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
pub struct Book {
    db: Db,
    folder: PathBuf,
    held: Mutex<Option<(Stamp, Arc<Recipes>)>>,
}

/// What the recipes were made from: files of the folder (patches too) and rows.
type Stamp = (Vec<(PathBuf, Option<SystemTime>, u64)>, Vec<(String, String)>);

impl Book {
    pub fn new(config: &Config, db: Db) -> Self {
        Self { db, folder: folder(config), held: Mutex::default() }
    }

    /// All recipes.
    pub async fn recipes(&self) -> Result<Arc<Recipes>> {
        let stored = self.db.recipes().await?;
        let folder = self.folder.clone();
        let files = tokio::task::spawn_blocking(move || stamp_of(&folder)).await??;
        let rows = stored.iter().map(|recipe| (recipe.name.clone(), recipe.sha256.clone())).collect();
        let stamp: Stamp = (files, rows);
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
                tracing::warn!("a recipe can not be read, builds of its project will fail: {why}");
            }
        }
        *self.held.lock() = Some((stamp, recipes.clone()));
        Ok(recipes)
    }

    /// Stores a recipe, or replaces the one of that name.
    ///
    /// # Errors
    /// As [`Entry::sent`]: what cannot be read is not stored.
    pub async fn put(&self, by: &str, name: &str, text: String) -> Result<Entry> {
        let entry = Entry::sent(name, text)?;
        let mut tx = Tx::begin(&self.db).await?;
        tx.put_recipe(name, &entry.text, &hex::sha256(&entry.text), by).await?;
        tx.commit(event(by, EventKind::RecipeStored, name)).await?;
        Ok(entry)
    }

    /// Deletes a recipe that was stored; one of the folder or of the program comes back.
    pub async fn delete(&self, by: &str, name: &str) -> Result<()> {
        let mut tx = Tx::begin(&self.db).await?;
        if !tx.delete_recipe(name).await? {
            return Err(missing!("no recipe {name} was given through the API, so there is none to delete"));
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
    NewEvent { who, what, index: None, project: None, detail: Some(name) }
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
