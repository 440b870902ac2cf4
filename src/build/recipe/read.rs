//! The strict reader of recipe files: whatever it does not know is refused, with file and line.

use super::keys::{self, HEAD, KEYS, RecipeKey, WHEN};
use super::layer::{Condition, Layer, Override};
use super::read_value::{Patches, RecipePlace, value};
use crate::bad;
use crate::error::Result;
use crate::names::ProjectName;
use crate::packaging::requirement::Marker;
use crate::packaging::version::{self, Version, VersionSpecifiers};
use serde_json::Value;
use std::str::FromStr;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Bytes; a recipe is a page of text, a patch inside it may be longer.
const LONGEST: usize = 1 << 20;

/// A recipe as one file has it.
#[derive(Clone, Debug, PartialEq)]
pub struct RecipeFile {
    /// `None` in `_defaults.toml`.
    pub project: Option<ProjectName>,
    pub versions: Option<VersionSpecifiers>,
    pub(super) layer: Layer,
    pub(super) overrides: Vec<Override>,
}

/// The file that speaks of all projects.
pub const DEFAULTS: &str = "_defaults";

impl RecipeFile {
    /// Reads a recipe. `file` is how messages call it, `name` its name without `.toml`.
    ///
    /// # Errors
    /// `Bad` with `file:line:` for whatever is unknown, of a wrong type, or means nothing.
    pub fn parse(file: &str, name: &str, text: &str, patches: Patches<'_>) -> Result<Self> {
        if text.len() > LONGEST {
            return Err(bad!("{file}: a recipe may have at most {LONGEST} bytes"));
        }
        let place = RecipePlace { file, text, patches };
        let table = DeTable::parse(text)
            .map_err(|e| place.refuse(e.span().map_or(0, |span| span.start), e.message()))?;
        let mut reader = Reader { place: &place, head: Layer::default(), layer: Layer::default() };
        let mut overrides = Vec::new();
        for (key, value) in table.get_ref() {
            match key.get_ref().as_ref() {
                "override" => overrides = reader.overrides(value)?,
                _ => reader.entry("", key, value, true)?,
            }
        }
        let Reader { head, layer, .. } = reader;
        let text_of = |key: &str| head.0.get(key).and_then(Value::as_str);
        let project = text_of("name").and_then(ProjectName::new);
        if name == DEFAULTS && !head.0.is_empty() {
            return Err(place.refuse(0, "the file for all projects cannot have the keys name and versions"));
        }
        if name != DEFAULTS && project.is_none() {
            return Err(
                place.refuse(0, "the key name is missing: set it to the project that the recipe is for")
            );
        }
        let versions = text_of("versions").and_then(|text| VersionSpecifiers::from_str(text).ok());
        Ok(Self { project, versions, layer, overrides })
    }

    /// Whether it speaks of this release. A version that is not known yet is in no range.
    pub fn is_for(&self, project: &ProjectName, version: Option<&Version>) -> bool {
        let in_range = self
            .versions
            .as_ref()
            .is_none_or(|versions| version.is_some_and(|version| version::satisfies(versions, version)));
        self.project.as_ref().is_none_or(|own| own == project) && in_range
    }
}

struct Reader<'a, 'p> {
    place: &'a RecipePlace<'p>,
    head: Layer,
    layer: Layer,
}

impl Reader<'_, '_> {
    /// One key with its value, or a table of them. `whole`: keys of the whole file are allowed.
    fn entry(
        &mut self,
        prefix: &str,
        key: &Spanned<std::borrow::Cow<'_, str>>,
        given: &Spanned<DeValue<'_>>,
        whole: bool,
    ) -> Result<()> {
        let path = format!("{prefix}{}", key.get_ref());
        let head = HEAD.iter().find(|known| whole && known.path == path);
        if let Some(known) = KEYS.iter().find(|known| known.path == path).or(head) {
            let read = value(self.place, known, &path, given)?;
            let layer = if head.is_some() { &mut self.head } else { &mut self.layer };
            layer.0.insert(known.path, read);
            return Ok(());
        }
        let inner = format!("{path}.");
        if KEYS.iter().any(|known| known.path.starts_with(&inner)) {
            let DeValue::Table(table) = given.get_ref() else {
                return Err(self.place.refuse(key.span().start, &format!("{path} must be a table")));
            };
            return table.iter().try_for_each(|(key, given)| self.entry(&inner, key, given, whole));
        }
        let heads = HEAD.iter().filter(|_| whole).chain(KEYS).map(|known| known.path);
        let others = if whole { ["override"] } else { [WHEN] };
        // A table is a key too; deeper ones have no tables.
        let tables = ["build", "repair", "test"].into_iter().filter(|_| prefix.is_empty());
        Err(self.place.unknown(key.span().start, &path, heads.chain(tables).chain(others)))
    }

    fn overrides(&self, given: &Spanned<DeValue<'_>>) -> Result<Vec<Override>> {
        let must = "override must be a list of tables, each written as [[override]]";
        let DeValue::Array(tables) = given.get_ref() else {
            return Err(self.place.refuse(given.span().start, must));
        };
        let one = |table: &Spanned<DeValue<'_>>| match table.get_ref() {
            DeValue::Table(inner) => self.one_override(table.span().start, inner),
            _ => Err(self.place.refuse(table.span().start, must)),
        };
        tables.iter().map(one).collect()
    }

    fn one_override(&self, at: usize, table: &DeTable<'_>) -> Result<Override> {
        let mut when = Vec::new();
        let mut inner = Reader { place: self.place, head: Layer::default(), layer: Layer::default() };
        for (key, given) in table {
            match key.get_ref().as_ref() {
                WHEN => when = self.conditions(given)?,
                _ => inner.entry("", key, given, false)?,
            }
        }
        if when.is_empty() {
            return Err(self
                .place
                .refuse(at, "an override needs the key when: a marker or version specifiers"));
        }
        Ok(Override { when, layer: inner.layer })
    }

    fn conditions(&self, given: &Spanned<DeValue<'_>>) -> Result<Vec<Condition>> {
        let key = RecipeKey { path: WHEN, kind: keys::KeyKind::Texts, about: "" };
        let read = match given.get_ref() {
            DeValue::String(text) => vec![Value::from(text.as_ref())],
            _ => match value(self.place, &key, WHEN, given)? {
                Value::Array(texts) => texts,
                _ => Vec::new(),
            },
        };
        let one = |text: &Value| {
            let text = text.as_str().unwrap_or_default();
            // Specifiers begin with their operator, markers never do.
            let condition = match text.trim_start().starts_with(['=', '<', '>', '!', '~']) {
                true => VersionSpecifiers::from_str(text)
                    .map(Condition::Version)
                    .map_err(|e| e.to_string().lines().next().unwrap_or_default().to_owned()),
                false => Marker::parse(text).map(Condition::Target).map_err(|e| e.to_string()),
            };
            condition.map_err(|why| self.place.refuse(given.span().start, &format!("when: {why}")))
        };
        read.iter().map(one).collect()
    }
}
