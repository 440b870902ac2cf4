//! `/+login/{name}` and its callback: to a provider of OpenID Connect and back.

use super::login;
use crate::access::methods::oidc::{LoginAnswer, PATIENCE};
use crate::access::{people, tokens};
use crate::error::{Error, Result};
use crate::web::http::{Ctx, respond};
use askama::Template;
use axum::response::Response;
use http::{HeaderValue, StatusCode, header};

/// The page between a login elsewhere and the page that was asked for.
#[derive(Template)]
#[template(path = "logged_in.html")]
pub struct LoggedInPage<'a> {
    pub place: &'a str,
}

/// What the browser keeps of a login that began.
const COOKIE: &str = "wheelwright_login";

/// `GET /+login/{name}?to=…`
pub async fn begin(ctx: Ctx) -> Result<Response> {
    let name = ctx.param("name");
    let to = ctx.query("to").unwrap_or_default();
    let (url, kept) = ctx.app.providers.begin(name, &back(&ctx, name), &to).await?;
    let mut response = login::led_to("", Some(login::set_cookie(&ctx, COOKIE, &kept, PATIENCE, "Lax")?));
    let place = HeaderValue::try_from(url.as_str()).map_err(crate::error::Error::internal)?;
    response.headers_mut().insert(header::LOCATION, place);
    Ok(response)
}

/// `GET /+login/{name}/callback`, where the provider sends the browser.
pub async fn end(ctx: Ctx) -> Result<Response> {
    let name = ctx.param("name");
    let answer = LoginAnswer {
        code: ctx.query("code"),
        state: ctx.query("state"),
        error: ctx.query("error"),
        issuer: ctx.query("iss"),
    };
    let kept = people::cookie_of(&ctx.headers, COOKIE);
    let (user, to) = ctx.app.providers.end(name, &back(&ctx, name), kept, answer, &ctx.asker()).await?;
    let secret = tokens::begin_session(&ctx.app.db, &user, ctx.app.config.auth.session).await?;
    ctx.app.indexes.refresh().await?;
    // From two folders below.
    let place = login::back("../../", &to);
    // A browser that follows a redirect from another site keeps the session's cookie to itself. A page of this server leads
    // on instead.
    let page = LoggedInPage { place: place.to_str().unwrap_or("../../") };
    let mut response = respond::other_page(StatusCode::OK, "", page.render().map_err(Error::internal)?);
    let headers = response.headers_mut();
    headers.append(header::SET_COOKIE, login::set_session(&ctx, &secret, ctx.app.config.auth.session)?);
    headers.append(header::SET_COOKIE, login::set_cookie(&ctx, COOKIE, "", 0, "Lax")?);
    Ok(response)
}

/// Where the provider sends the browser.
fn back(ctx: &Ctx, name: &str) -> String {
    format!("{}/+login/{name}/callback", ctx.root())
}
