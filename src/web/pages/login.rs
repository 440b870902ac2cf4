//! `GET /+login`: makes a browser ask for name and password, then goes back.
//!
//! The browser sends both with every request from then on; there is no cookie, so nothing that
//! another site could make it do in our reader's name goes beyond reading.

use crate::error::{Error, Result};
use crate::web::router::Ctx;
use axum::body::Body;
use axum::response::Response;
use http::{HeaderValue, StatusCode, header};

/// 401 until the asker is somebody, then a redirect to the page in `?to=`.
pub async fn get(ctx: Ctx) -> Result<Response> {
    if ctx.who.user.is_none() {
        return Err(Error::Unauthenticated("log in with your user name, and a password or token".to_owned()));
    }
    let back = back(&ctx.query("to").unwrap_or_default());
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SEE_OTHER;
    response.headers_mut().insert(header::LOCATION, back);
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-store"));
    Ok(response)
}

/// A place on this server, relative to `/+login`: never another host, whatever was asked for.
fn back(to: &str) -> HeaderValue {
    let to = to.trim_start_matches(['/', '\\']);
    let harmless = to.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    let place = HeaderValue::from_str(&format!("./{to}")).ok().filter(|_| harmless);
    place.unwrap_or(HeaderValue::from_static("./"))
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
            let place = back(to);
            assert_eq!(base.join(place.to_str().unwrap()).unwrap().as_str(), expected, "{to:?}");
        }
    }
}
