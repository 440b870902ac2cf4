//! `/+recipes`: how projects are built where the plain way fails; read, given and taken back.

use super::http::{Audience, Ctx, respond, slow};
use super::pages;
use crate::bad;
use crate::build::recipe::RecipeEntry;
use crate::error::Result;
use axum::response::Response;
use http::StatusCode;
use serde_json::Value;

/// Bytes of a `PUT`.
const LONGEST: usize = 1 << 20;

/// `GET /+recipes`: all, without their texts.
pub async fn list(ctx: Ctx) -> Result<Response> {
    let ctx = ctx.without_body();
    let recipes = ctx.app.recipes.recipes().await?;
    if ctx.audience() == Audience::Person {
        return pages::recipes::list(&ctx, recipes.entries());
    }
    let shown: Vec<Value> = recipes.entries().map(|entry| entry.to_json()).collect();
    respond::devpi(StatusCode::OK, "list:recipe", shown.into(), None)
}

/// `GET /+recipes/{name}`: with its text, which may hold what only root should know.
pub async fn get(ctx: Ctx) -> Result<Response> {
    let ctx = ctx.without_body();
    let recipes = ctx.app.recipes.recipes().await?;
    let entry = recipes.get(ctx.param("name"))?;
    if ctx.audience() == Audience::Person {
        return pages::recipes::show(&ctx, entry);
    }
    let mut shown = entry.to_json();
    shown["text"] = entry.text.clone().into();
    respond::devpi(StatusCode::OK, "recipe", shown, None)
}

/// `POST /+recipes/check`: whether a text can be read as a recipe; nothing is stored.
pub async fn check(mut ctx: Ctx) -> Result<Response> {
    let text = text_of(&mut ctx).await?;
    let entry = RecipeEntry::sent("recipe", text)?;
    respond::devpi(StatusCode::OK, "recipe", entry.to_json(), Some("the recipe can be read"))
}

/// `PUT /+recipes/{name}`: the TOML as the body, or JSON `{"text": …}`.
pub async fn put(mut ctx: Ctx) -> Result<Response> {
    let name = ctx.param("name").to_owned();
    let text = text_of(&mut ctx).await?;
    let entry = ctx.app.recipes.put(&ctx.who.label, &name, text).await?;
    // Pages promise what failed by another recipe.
    ctx.app.indexes.refresh().await?;
    respond::devpi(StatusCode::OK, "recipe", entry.to_json(), Some(&format!("recipe {name} stored")))
}

/// The text of a recipe that was sent: TOML as the body, JSON `{"text": …}`, or the field `text` of a form.
pub(super) async fn text_of(ctx: &mut Ctx) -> Result<String> {
    #[derive(serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Sent {
        text: String,
    }
    if ctx.is_of("application/json") {
        return Ok(ctx.json::<Sent>().await?.text);
    }
    let is_form = ctx.is_of("application/x-www-form-urlencoded");
    let body = std::mem::take(&mut ctx.body);
    let bytes = slow::whole(body, LONGEST, "the recipe").await?;
    if is_form {
        let field = url::form_urlencoded::parse(&bytes).find(|(name, _)| name == "text");
        // A form ends its lines as mail does.
        let text = field.map(|(_, text)| text.replace("\r\n", "\n"));
        return text.ok_or_else(|| bad!("the form has no recipe: send it in the field `text`"));
    }
    String::from_utf8(bytes.into()).map_err(|_| bad!("the recipe is not UTF-8: send TOML in UTF-8"))
}

/// `DELETE /+recipes/{name}`: one that was given through the API.
pub async fn delete(ctx: Ctx) -> Result<Response> {
    let name = ctx.param("name");
    ctx.app.recipes.delete(&ctx.who.label, name).await?;
    ctx.app.indexes.refresh().await?;
    respond::done(&format!("recipe {name} deleted"))
}
