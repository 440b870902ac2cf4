//! `/+recipes`: how projects are built where the plain way fails, and an editor that checks while one types.

use super::act::may;
use super::call::ScriptCall;
use super::{Frame, Visit, answer};
use crate::access::Need;
use crate::build::recipe::RecipeEntry;
use crate::error::Result;
use crate::packaging::filename::encode_segment;
use askama::Template;
use axum::response::Response;
use serde_json::json;

#[derive(Template)]
#[template(path = "recipes.html")]
pub struct RecipesPage {
    pub frame: Frame,
    pub recipes: Vec<RecipeLine>,
    /// Whether the reader may read texts and store recipes.
    pub may_store: bool,
    pub store: ScriptCall,
}

/// A recipe in the list.
pub struct RecipeLine {
    pub name: String,
    pub href: String,
    pub origin: &'static str,
    /// What it is for: `demo >=2`; empty: all projects.
    pub about: String,
    pub error: String,
}

#[derive(Template)]
#[template(path = "recipe.html")]
pub struct RecipePage {
    pub frame: Frame,
    pub name: String,
    pub href: String,
    pub origin: &'static str,
    pub text: String,
    pub error: String,
    /// Whether it was stored through the API, and so can be deleted.
    pub stored: bool,
    pub store: ScriptCall,
    pub delete: ScriptCall,
}

/// Shows all recipes.
pub fn list<'a>(ctx: &Visit, entries: impl Iterator<Item = &'a RecipeEntry>) -> Result<Response> {
    let page = RecipesPage {
        frame: Frame::of(ctx, &["+recipes"]),
        recipes: entries.map(line).collect(),
        may_store: may(ctx, Need::Operate, None, None),
        store: ScriptCall::with("PUT", "/+recipes/NAME", &json!({"text": "…"})),
    };
    answer(ctx, &page)
}

fn line(entry: &RecipeEntry) -> RecipeLine {
    let shown = entry.to_json();
    let text = |key: &str| shown[key].as_str().unwrap_or_default().to_owned();
    RecipeLine {
        name: entry.name.clone(),
        href: encode_segment(&entry.name),
        origin: entry.origin.name(),
        about: format!("{} {}", text("project"), text("versions")).trim().to_owned(),
        error: entry.file.as_ref().err().cloned().unwrap_or_default(),
    }
}

/// Shows one recipe.
pub fn show(ctx: &Visit, entry: &RecipeEntry) -> Result<Response> {
    let href = encode_segment(&entry.name);
    let page = RecipePage {
        frame: Frame::of(ctx, &["+recipes", &entry.name]),
        name: entry.name.clone(),
        origin: entry.origin.name(),
        text: entry.text.clone(),
        error: entry.file.as_ref().err().cloned().unwrap_or_default(),
        stored: entry.origin == crate::build::recipe::RecipeOrigin::Api,
        store: ScriptCall::with("PUT", format!("/+recipes/{href}"), &json!({"text": "…"})),
        delete: ScriptCall::new("DELETE", format!("/+recipes/{href}")),
        href,
    };
    answer(ctx, &page)
}
