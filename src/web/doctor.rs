//! `I/+doctor`: whether an index has what a lock file names, and what is wrong with it.

use super::http::multipart::{self, Multipart};
use super::http::{Audience, Ctx, form_token, respond, slow};
use super::pages;
use crate::bad;
use crate::build::doctor::{LockToExamine, Patient};
use crate::error::Result;
use crate::packaging::locked::LARGEST_LOCK;
use axum::response::Response;
use futures::StreamExt;
use http::{StatusCode, header};
use serde_json::json;

/// Fields of the form, at most.
const MOST_FIELDS: usize = 10;
/// Bytes of the field with names of targets.
const LONGEST_TARGETS: usize = 2000;

/// `GET I/+doctor`: the form that takes a file.
pub async fn form(ctx: Ctx) -> Result<Response> {
    let ctx = ctx.without_body();
    if ctx.audience() == Audience::Person {
        return pages::doctor::show(&ctx, None);
    }
    Err(bad!("send a lock file: POST {{\"file\": \"uv.lock\", \"text\": \"…\", \"targets\": [\"cp312\"]}}"))
}

/// `POST I/+doctor`
pub async fn examine(mut ctx: Ctx) -> Result<Response> {
    let _turn = ctx.turn_before_body(|quota| &quota.lists).await?;
    let sent = match ctx.is_of("multipart/form-data") {
        true => of_form(&mut ctx).await?,
        false => ctx.json_within(LARGEST_LOCK + LARGEST_LOCK / 4).await?,
    };
    let ctx = ctx.without_body();
    let patient = Patient {
        who: &ctx.who,
        directory: &ctx.directory,
        index: ctx.index()?,
        advisories: &ctx.app.advisories,
    };
    let file = sent.file.clone();
    let diagnosis = ctx.app.queue.diagnose(patient, sent).await?;
    if ctx.audience() == Audience::Person {
        return pages::doctor::show(&ctx, Some((file, diagnosis)));
    }
    respond::devpi(StatusCode::OK, "diagnosis", json!(diagnosis), None)
}

/// What a browser sends: a file, and targets with blanks or commas between.
async fn of_form(ctx: &mut Ctx) -> Result<LockToExamine> {
    let kind = ctx.headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let body = std::mem::take(&mut ctx.body).into_data_stream();
    let body = body.map(|chunk| chunk.map_err(|error| slow::broken("the form", &error)));
    let mut form = Multipart::new(Box::pin(body), kind)?;
    let (mut sent, mut fields, mut has_lock) = (LockToExamine::default(), 0, false);
    while let Some(part) = form.part().await? {
        fields += 1;
        match (part.name.as_str(), part.filename) {
            _ if fields > MOST_FIELDS => return Err(bad!("the form has more than {MOST_FIELDS} fields")),
            ("lock", Some(_)) if has_lock => {
                return Err(bad!("the form has a second field lock: send one lock file at a time"));
            }
            ("lock", Some(filename)) => {
                has_lock = true;
                sent.file = filename;
                sent.text = multipart::text(&mut form, "lock", LARGEST_LOCK).await?;
            }
            ("targets", None) => {
                let text = multipart::text(&mut form, "targets", LONGEST_TARGETS).await?;
                let names = text.split([' ', ',']).filter(|name| !name.is_empty());
                sent.targets = names.map(str::to_owned).collect();
            }
            // It was checked before.
            (form_token::FIELD, None) => {
                multipart::text(&mut form, form_token::FIELD, LONGEST_TARGETS).await?;
            }
            (name, _) => return Err(bad!("the form has no field {name:?}: send lock and targets")),
        }
    }
    Ok(sent)
}
