//! `/+device`: programs that ask to be let in, and the page on which a person does.

use super::form::FormFields;
use super::{Frame, Visit, answer, login};
use crate::access::handover::HandoverView;
use crate::bad;
use crate::config::units;
use crate::error::{Error, Result};
use crate::web::http::{Audience, Ctx, respond};
use askama::Template;
use axum::response::Response;
use http::StatusCode;
use serde_json::json;

/// The page.
#[derive(Template)]
#[template(path = "device.html")]
pub struct DevicePage {
    pub frame: Frame,
    /// What went wrong before, or was done.
    pub message: String,
    /// It was done: nothing more is asked.
    pub done: bool,
    /// The program that asks; `None`: the code is not known yet.
    pub program: Option<HandoverView>,
    pub user: String,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    name: String,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Shown {
    secret: String,
}

/// `POST /+device`: a program asks to be let in.
pub async fn begin(mut ctx: Ctx) -> Result<Response> {
    let asked: Asked = ctx.json_within(4 << 10).await?;
    let begun = ctx.app.handovers.begin(&asked.name, ctx.peer.ip(), &ctx.root()).await?;
    respond::devpi(StatusCode::CREATED, "handover", json!(begun), None)
}

/// `POST /+device/token`: the program asks whether it was let in, and gets its token once.
pub async fn token(mut ctx: Ctx) -> Result<Response> {
    let shown: Shown = ctx.json_within(4 << 10).await?;
    let state = ctx.app.handovers.state(&shown.secret).await?;
    ctx.app.indexes.refresh().await?;
    respond::devpi(StatusCode::OK, "handover", json!(state), None)
}

/// `GET /+device?code=…`: which program asks; without a code, the field for it.
pub async fn get(ctx: Ctx) -> Result<Response> {
    let ctx = ctx.without_body();
    let code = ctx.query("code").unwrap_or_default();
    if ctx.who.user.is_none() {
        let message = "Log in to see which program asks.";
        if ctx.audience() == Audience::Person {
            let to = match code.is_empty() {
                true => "+device".to_owned(),
                false => format!("+device?code={}", super::encode_segment(&code)),
            };
            return Ok(login::show(StatusCode::UNAUTHORIZED, message, &to, 0, &ctx.app.providers.buttons()));
        }
        return Err(Error::Unauthenticated(message.to_owned()));
    }
    let program = match code.trim() {
        "" => Ok(None),
        code => ctx.app.handovers.waiting(&ctx.who, code).await.map(Some),
    };
    if ctx.audience() != Audience::Person {
        return respond::devpi(StatusCode::OK, "handover", json!(program?), None);
    }
    match program {
        Ok(program) => page(&ctx, String::new(), false, program),
        Err(error @ (Error::Missing(_) | Error::Busy(_))) => page(&ctx, error.to_string(), false, None),
        Err(error) => Err(error),
    }
}

/// `POST /+device/confirm`: lets the program in, or refuses it.
pub async fn confirm(mut ctx: Ctx) -> Result<Response> {
    let form = FormFields::read(&mut ctx).await?;
    let ctx = ctx.without_body();
    let code = form.needed("code")?;
    let lets_in = match form.text("answer") {
        "yes" => true,
        "no" => false,
        _ => return Err(bad!("answer must be yes or no")),
    };
    let seconds = form.given("expires").map(units::lifetime);
    let decided = ctx.app.handovers.decide(&ctx.who, code, lets_in, seconds.transpose()?).await;
    match decided {
        Ok(program) if ctx.audience() != Audience::Person => {
            respond::devpi(StatusCode::OK, "handover", json!(program), None)
        }
        Ok(program) if lets_in => {
            page(&ctx, format!("{} is logged in. Go back to the terminal.", program.name), true, None)
        }
        Ok(program) => page(&ctx, format!("{} was refused and got nothing.", program.name), true, None),
        Err(error @ (Error::Missing(_) | Error::Busy(_))) if ctx.audience() == Audience::Person => {
            page(&ctx, error.to_string(), false, None)
        }
        Err(error) => Err(error),
    }
}

fn page(ctx: &Visit, message: String, done: bool, program: Option<HandoverView>) -> Result<Response> {
    let mut frame = Frame::of(ctx, &["+device"]);
    frame.title = "Let a program in · wheelwright".to_owned();
    // Also as the answer to the form, which stands a folder deeper.
    let user = ctx.who.user.clone().unwrap_or_default();
    answer(ctx, &DevicePage { frame, message, done, program, user })
}
