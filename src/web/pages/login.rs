//! `/+login` and `/+logout` for people: a form instead of the browser's own dialog, whose password
//! the browser would add to whatever another site's page asks of us.
//!
//! What the form gives is a cookie that no script reads and that no other site's form sends; what it
//! may change is decided by `web/http/origin`.

use super::Frame;
use super::form::FormFields;
use crate::access::methods::oidc::LoginButton;
use crate::access::{people, tokens};
use crate::bad;
use crate::error::{Error, Result};
use crate::web::http::{Audience, Ctx, respond};
use askama::Template;
use axum::body::Body;
use axum::response::Response;
use http::{HeaderValue, StatusCode, header};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

/// The page.
#[derive(Template)]
#[template(path = "login.html")]
pub struct LoginPage<'a> {
    pub frame: Frame,
    pub message: &'a str,
    /// Where to go afterwards, from the root.
    pub to: &'a str,
    /// Logins elsewhere: the link and its text.
    pub elsewhere: Vec<(String, &'a str)>,
}

/// The page as an answer; what was asked for lies `up` folders below the root.
pub fn show(status: StatusCode, message: &str, to: &str, up: usize, buttons: &[LoginButton]) -> Response {
    let mut frame = Frame::new("/", &[], None);
    frame.root = super::up(up);
    frame.title = "Log in · wheelwright".to_owned();
    to.clone_into(&mut frame.path);
    let place = utf8_percent_encode(to, NON_ALPHANUMERIC);
    let link = |button: &LoginButton| format!("{}+login/{}?to={place}", frame.root, button.name);
    let elsewhere = buttons.iter().map(|button| (link(button), button.label.as_str())).collect();
    let page = LoginPage { frame, message, to, elsewhere };
    let html = page.render().unwrap_or_else(|_| "<!DOCTYPE html><title>Log in</title>Log in".to_owned());
    respond::other_page(status, message, html)
}

/// The form for people, 401 for scripts; whoever is logged in goes on to the page in `?to=`.
pub async fn get(ctx: Ctx) -> Result<Response> {
    let to = ctx.query("to").unwrap_or_default();
    if ctx.who.user.is_some() {
        return Ok(led_to(&to, None));
    }
    match ctx.audience() {
        Audience::Person => Ok(show(StatusCode::OK, "", &to, 0, &ctx.app.providers.buttons())),
        _ => Err(Error::Unauthenticated("log in with your user name and password".to_owned())),
    }
}

/// `POST /+login` as the form sends it.
pub async fn post(mut ctx: Ctx) -> Result<Response> {
    let form = FormFields::read(&mut ctx).await?;
    let (user, password, to) = (form.text("user"), form.text("password"), form.text("to"));
    if user.is_empty() || password.is_empty() {
        return Err(bad!("the form has no user or no password: enter both"));
    }
    match ctx.app.people.login(&ctx.directory, user, password, ctx.peer.ip()).await {
        Ok(_) => {}
        Err(Error::Unauthenticated(_)) => {
            let message = "The user name or the password is wrong.";
            return Ok(show(StatusCode::UNAUTHORIZED, message, to, 0, &ctx.app.providers.buttons()));
        }
        Err(other) => return Err(other),
    }
    let secret = tokens::begin_session(&ctx.app.db, user, ctx.app.config.auth.session).await?;
    // The login may have made the account, or changed its groups.
    ctx.app.indexes.refresh().await?;
    Ok(led_to(to, Some(set_session(&ctx, &secret, ctx.app.config.auth.session)?)))
}

/// `POST /+logout`: ends the session of the cookie.
pub async fn logout(ctx: Ctx) -> Result<Response> {
    if let Some(secret) = people::cookie(&ctx.headers) {
        tokens::end_session(&ctx.app.db, secret).await?;
        ctx.app.indexes.refresh().await?;
    }
    Ok(led_to("", Some(set_session(&ctx, "", 0)?)))
}

/// A login session's cookie: no other site's page or link makes a browser send it.
pub fn set_session(ctx: &Ctx, secret: &str, seconds: u64) -> Result<HeaderValue> {
    set_cookie(ctx, people::COOKIE, secret, seconds, "Strict")
}

/// A cookie for this server alone that no script reads.
pub fn set_cookie(ctx: &Ctx, name: &str, secret: &str, seconds: u64, site: &str) -> Result<HeaderValue> {
    let root = ctx.root();
    let path = url::Url::parse(&root).map(|root| root.path().to_owned()).unwrap_or_default();
    let path = if path.is_empty() || path.contains([';', ',']) { "/" } else { &path };
    // A proxy may speak TLS for us without telling; the browser's Origin, which fits, tells.
    let https = |origin: &HeaderValue| origin.as_bytes().starts_with(b"https://");
    let secure = root.starts_with("https://") || ctx.headers.get(header::ORIGIN).is_some_and(https);
    let secure = if secure { "; Secure" } else { "" };
    let text = format!("{name}={secret}; Path={path}; Max-Age={seconds}; HttpOnly; SameSite={site}{secure}");
    HeaderValue::try_from(text).map_err(Error::internal)
}

/// On to a place of this server, relative to `/+login`.
pub fn led_to(to: &str, cookie: Option<HeaderValue>) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SEE_OTHER;
    let headers = response.headers_mut();
    headers.insert(header::LOCATION, back("./", to));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-store"));
    if let Some(cookie) = cookie {
        headers.insert(header::SET_COOKIE, cookie);
    }
    response
}

/// A place on this server, whose root is at `root` (`./` for `/+login`): never another host, whatever was asked for.
pub fn back(root: &'static str, to: &str) -> HeaderValue {
    let to = to.trim_start_matches(['/', '\\']);
    let harmless = to.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    let place = HeaderValue::from_str(&format!("{root}{to}")).ok().filter(|_| harmless);
    place.unwrap_or(HeaderValue::from_static(root))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_back_stays_on_this_server() {
        let base = url::Url::parse("https://here.example/prefix/+login").unwrap();
        for (to, expected) in [
            ("alice/dev", "https://here.example/prefix/alice/dev"),
            ("", "https://here.example/prefix/"),
            ("//evil.example/x", "https://here.example/prefix/evil.example/x"),
            ("\\\\evil.example", "https://here.example/prefix/evil.example"),
            ("https://evil.example", "https://here.example/prefix/https://evil.example"),
            ("a\r\nSet-Cookie: x", "https://here.example/prefix/"),
        ] {
            let place = back("./", to);
            assert_eq!(base.join(place.to_str().unwrap()).unwrap().as_str(), expected, "{to:?}");
        }
    }
}
