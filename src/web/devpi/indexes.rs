//! `/{user}/{index}`: an index with its options.

use crate::access::Who;
use crate::app::App;
use crate::directory::options::{Options, OptionsChange, new_url};
use crate::directory::{Index, IndexKind};
use crate::error::Result;
use crate::index::admin;
use crate::missing;
use crate::names::IndexName;
use crate::web::http::{Ctx, respond};
use axum::response::Response;
use http::StatusCode;
use serde_json::{Value, json};

fn named(ctx: &Ctx) -> Result<IndexName> {
    let text = format!("{}/{}", ctx.param("user"), ctx.param("index"));
    IndexName::parse(&text).ok_or_else(|| missing!("The stage {text} could not be found."))
}

/// `GET /{user}/{index}`; `?no_projects=` leaves the projects out.
pub async fn get(ctx: Ctx) -> Result<Response> {
    let index = ctx.index()?;
    let mut config = admin::options_for(&ctx.directory, &ctx.who, index);
    if ctx.query("no_projects").is_none() {
        config.insert("projects".into(), projects(&ctx.app, index).await?);
    }
    respond::devpi(StatusCode::OK, "indexconfig", config.into(), None)
}

async fn projects(app: &App, index: &Index) -> Result<Value> {
    match &index.kind {
        IndexKind::Stage(_) => Ok(json!(app.db.projects(&index.name).await?)),
        IndexKind::Mirror(mirror) if mirror.url.is_none() => Ok(Value::Array(Vec::new())),
        IndexKind::Mirror(_) => match app.indexes.mirrors.names(index).await {
            Ok(names) => Ok(names.iter().map(Value::from).collect::<Vec<_>>().into()),
            // The options must be told all the same: they are what has to be changed then.
            Err(error) => {
                tracing::warn!(index = %index.name, %error, "the upstream does not tell its projects");
                Ok(Value::Array(Vec::new()))
            }
        },
    }
}

/// The options as they are now; for a mirror whose URL is new, a look at what is there.
async fn config(app: &App, name: &IndexName, options: &Options, is_new_url: bool) -> Result<Response> {
    let shown = crate::directory::options::shown(options);
    let directory = app.indexes.directory();
    let doubt = match directory.indexes.get(name).filter(|_| is_new_url) {
        Some(index) => app.indexes.mirrors.doubt(index).await,
        None => None,
    };
    let warning = doubt.map(|doubt| format!("warning: {doubt}"));
    respond::devpi(StatusCode::OK, "indexconfig", shown.into(), warning.as_deref())
}

/// Whether the asker may have the upstream mirrored that a change names.
async fn may_name(app: &App, who: &Who, change: &OptionsChange) -> Result<()> {
    match new_url(change) {
        Some(url) if !who.is_operator() => app.indexes.mirrors.may_name(&url).await,
        _ => Ok(()),
    }
}

/// `PUT /{user}/{index}`
pub async fn create(mut ctx: Ctx) -> Result<Response> {
    let name = named(&ctx)?;
    let given: Options = ctx.json().await?;
    let change = OptionsChange::Merge(given.clone());
    may_name(&ctx.app, &ctx.who, &change).await?;
    let made = admin::create(&ctx.app.db, &ctx.directory, &ctx.who, &name, &given).await?;
    ctx.app.indexes.refresh().await?;
    config(&ctx.app, &name, &made, new_url(&change).is_some()).await
}

/// `PATCH /{user}/{index}`
pub async fn change(mut ctx: Ctx) -> Result<Response> {
    let name = named(&ctx)?;
    let change = OptionsChange::from_json(ctx.json().await?)?;
    let refuse_noop = ctx.query("error_on_noop").is_some();
    may_name(&ctx.app, &ctx.who, &change).await?;
    let made = admin::modify(&ctx.app.db, &ctx.directory, &ctx.who, &name, &change, refuse_noop).await?;
    ctx.app.indexes.refresh().await?;
    config(&ctx.app, &name, &made, new_url(&change).is_some()).await
}

/// `DELETE /{user}/{index}`, with `?if_empty` only one without files; devpi says 201.
pub async fn delete(ctx: Ctx) -> Result<Response> {
    let name = named(&ctx)?;
    if ctx.query("if_empty").is_some() {
        admin::refuse_with_files(&ctx.app.db, &name).await?;
    }
    admin::delete(&ctx.app.db, &ctx.who, &name).await?;
    ctx.app.indexes.refresh().await?;
    respond::devpi(StatusCode::CREATED, "", Value::Null, Some(&format!("index {name} deleted")))
}
