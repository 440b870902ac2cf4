//! `I/+settings` and `I/+preview`: the options of an index, what they mean, and what others would hide or show.

use super::http::{Audience, Ctx, respond};
use super::pages;
use crate::directory::options::{OptionsChange, described};
use crate::error::Result;
use crate::index::admin;
use axum::response::Response;
use http::StatusCode;
use serde_json::{Value, json};

/// `GET I/+settings`: every option with its value, its default and what it does.
pub async fn get(ctx: Ctx) -> Result<Response> {
    let ctx = ctx.without_body();
    if ctx.audience() == Audience::Person {
        return pages::settings::show(&ctx);
    }
    let index = ctx.index()?;
    let values = admin::options_for(&ctx.directory, &ctx.who, index);
    let options: Vec<Value> = described(index.kind.name())
        .map(|option| {
            json!({
                "name": option.name, "value": values.get(option.name), "kind": option.form(),
                "choices": option.choices(), "default": option.default, "help": option.help,
            })
        })
        .collect();
    respond::devpi(StatusCode::OK, "list:option", options.into(), None)
}

/// `POST I/+preview`: a change as `PATCH I` takes it; nothing changes.
pub async fn preview(mut ctx: Ctx) -> Result<Response> {
    let change = OptionsChange::from_json(ctx.json().await?)?;
    let ctx = ctx.without_body();
    let _turn = ctx.app.quota.lists.take(&ctx.asker()).await?;
    let index = ctx.index()?;
    let found = ctx.app.indexes.preview(&ctx.directory, index, &change).await?;
    respond::devpi(StatusCode::OK, "preview", json!(found), None)
}
