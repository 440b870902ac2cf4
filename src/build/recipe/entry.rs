//! One recipe as it was found: where, its text, and what that says.

use super::read::{DEFAULTS, RecipeFile};
use super::read_value::Patches;
use crate::bad;
use crate::error::{Error, Result};
use crate::names::ProjectName;
use crate::tools::hex;
use serde_json::{Value, json};
use std::path::Path;

/// Where a recipe was found; of two with one name, the one that comes first here counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum RecipeOrigin {
    /// Stored by `PUT /+recipes/{name}`.
    Api,
    /// In the folder of the setting `build.recipes`.
    Folder,
    /// Comes with this program.
    Shipped,
}

impl RecipeOrigin {
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
pub struct RecipeEntry {
    /// Without `.toml`.
    pub name: String,
    pub origin: RecipeOrigin,
    pub text: String,
    /// What it says, or why it cannot be read: with file and line.
    pub file: Result<RecipeFile, String>,
}

impl RecipeEntry {
    fn read(name: &str, origin: RecipeOrigin, shown: &str, text: String, patches: Patches<'_>) -> Self {
        let file = RecipeFile::parse(shown, name, &text, patches).map_err(|e| e.to_string());
        Self { name: name.to_owned(), origin, text, file }
    }

    /// Comes with this program.
    pub(super) fn shipped(name: &str, text: &str) -> Self {
        let no_files = |_: &str| {
            Err("a shipped recipe cannot refer to a patch file: put the diff into the recipe in '''…'''"
                .to_owned())
        };
        Self::read(name, RecipeOrigin::Shipped, &format!("recipes/{name}.toml"), text.to_owned(), &no_files)
    }

    /// Stored: comes without a folder around it, so its patches stand in it.
    pub(super) fn stored(name: &str, text: String) -> Self {
        let no_files = |_: &str| {
            Err("a stored recipe cannot refer to a patch file: put the diff into the recipe in '''…'''"
                .to_owned())
        };
        Self::read(name, RecipeOrigin::Api, &format!("{name}.toml"), text, &no_files)
    }

    /// Reads a file of a recipe folder.
    pub fn from_file(path: &Path) -> Result<Self> {
        let shown = path.display().to_string();
        let text = std::fs::read_to_string(path).map_err(|e| bad!("cannot read {shown}: {e}"))?;
        let name = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
        let folder = path.parent().unwrap_or(Path::new("."));
        let patch = |name: &str| {
            std::fs::read_to_string(folder.join(name)).map_err(|e| format!("cannot read it: {e}"))
        };
        Ok(Self::read(name, RecipeOrigin::Folder, &shown, text, &patch))
    }

    /// Reads what was sent through the API.
    ///
    /// # Errors
    /// `Bad` for a name that is none, and for whatever the reader refuses.
    pub fn sent(name: &str, text: String) -> Result<Self> {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if name.is_empty() || name.len() > 100 || name.starts_with('.') || !name.chars().all(plain) {
            return Err(bad!("{name:?} is not a valid recipe name: use letters, digits, '-', '_' and '.'"));
        }
        let entry = Self::stored(name, text);
        match &entry.file {
            Ok(_) => Ok(entry),
            Err(why) => Err(Error::Bad(why.clone())),
        }
    }

    /// For lists.
    pub fn to_json(&self) -> Value {
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
    pub(super) fn concerns(&self, project: &ProjectName) -> bool {
        let written = self.text.parse::<toml::Table>().ok();
        let written = written.as_ref().and_then(|table| table.get("name")?.as_str());
        self.name == DEFAULTS
            || ProjectName::new(written.unwrap_or(&self.name)).is_some_and(|name| name == *project)
    }
}
