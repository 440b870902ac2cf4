//! Whether one of our own forms sent a change that a login cookie vouches for.
//!
//! A browser adds the cookie to whatever a page asks of us; `web/http/origin` refuses what says that it comes from
//! another site. This does not depend on what browsers say: only pages of the session know its token.

use super::origin::changes;
use super::route::Route;
use super::{Ctx, slow};
use crate::access::{people, tokens};
use crate::error::Result;
use crate::forbidden;
use axum::body::Body;
use bytes::{Bytes, BytesMut};
use futures::{StreamExt as _, stream};
use http::HeaderName;

/// The field of a form that has the token; it comes first.
pub const FIELD: &str = "csrf";

/// The header that has it where the body is no form.
const HEADER: HeaderName = HeaderName::from_static("x-csrf-token");

/// Bytes of a form without files.
const LONGEST: usize = 64 << 10;

/// Bytes at the beginning of a form with files in which the token stands.
const HEAD: usize = 1 << 10;

/// Lets pass what needs no token or has it. The body of a form is put back as it was.
///
/// # Errors
/// `Forbidden` with what to do.
pub async fn check(route: Route, ctx: &mut Ctx) -> Result<()> {
    // Whoever logs in has no session yet, or leaves the one that they have.
    if ctx.who.form_token.is_empty() || !changes(&ctx.method) || route.path == "/+login" {
        return Ok(());
    }
    let secret = people::cookie(&ctx.headers).unwrap_or_default().to_owned();
    let given = match ctx.headers.get(HEADER) {
        Some(given) => given.to_str().unwrap_or_default().to_owned(),
        None if ctx.is_of("application/x-www-form-urlencoded") => of_form(ctx).await?,
        None if ctx.is_of("multipart/form-data") => of_files(ctx).await?,
        None => String::new(),
    };
    match tokens::is_form_token(&secret, &given) {
        true => Ok(()),
        false => Err(forbidden!(
            "this form is not of your login session: reload its page, then send it again. Scripts use a token \
             instead of a cookie"
        )),
    }
}

async fn of_form(ctx: &mut Ctx) -> Result<String> {
    let bytes = slow::whole(std::mem::take(&mut ctx.body), LONGEST, "the form").await?;
    let mut fields = url::form_urlencoded::parse(&bytes);
    let given = fields.find(|(name, _)| name == FIELD).map(|(_, value)| value.into_owned());
    ctx.body = Body::from(bytes.clone());
    Ok(given.unwrap_or_default())
}

/// From the first part; whoever can write the token anywhere knows it, so that nothing else is read strictly.
async fn of_files(ctx: &mut Ctx) -> Result<String> {
    let mut chunks = std::mem::take(&mut ctx.body).into_data_stream();
    let mut head = BytesMut::new();
    while head.len() < HEAD
        && let Some(chunk) = chunks.next().await
    {
        head.extend_from_slice(&chunk.map_err(|error| slow::broken("the form", &error))?);
    }
    let head: Bytes = head.freeze();
    let text = String::from_utf8_lossy(head.get(..HEAD).unwrap_or(&head)).into_owned();
    ctx.body = Body::from_stream(stream::once(async { Ok(head) }).chain(chunks));
    let part = text.split_once(&format!("name=\"{FIELD}\"\r\n\r\n"));
    let given = part.and_then(|(_, rest)| rest.split_once("\r\n"));
    Ok(given.map(|(given, _)| given.to_owned()).unwrap_or_default())
}
