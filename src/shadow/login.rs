//! Sessions of devpi's login: the new server does not know those of the old one, so it gets the same login, and
//! later its own session in place of the old one.

use crate::tools::hex;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures::FutureExt as _;
use futures::future::{BoxFuture, Shared};
use http::{HeaderMap, HeaderName, HeaderValue, header};
use serde_json::Value;
use std::time::Duration;

/// Sessions that are remembered, and for how long: as devpi keeps them.
const SESSIONS: u64 = 10_000;
const LIFETIME: Duration = Duration::from_secs(10 * 3600);

/// The most bytes of a login and of its answer.
pub const LARGEST_LOGIN: u64 = 64 << 10;

const DEVPI_AUTH: HeaderName = HeaderName::from_static("x-devpi-auth");

/// What the new server gave for the same login; `None`: it refused.
type NewSession = Shared<BoxFuture<'static, Option<String>>>;

/// The new server's sessions by the sha256 of the old server's. They are in memory alone.
pub struct Sessions(moka::sync::Cache<String, NewSession>);

impl Default for Sessions {
    fn default() -> Self {
        Self(moka::sync::Cache::builder().max_capacity(SESSIONS).time_to_live(LIFETIME).build())
    }
}

impl Sessions {
    /// Remembers what a login leads to, before the client has its answer.
    pub fn insert(&self, old: &str, new: impl Future<Output = Option<String>> + Send + 'static) {
        // It goes on whether or not somebody waits for it.
        let running = tokio::spawn(new);
        let new: BoxFuture<'static, _> = Box::pin(async { running.await.ok().flatten() });
        self.0.insert(hex::sha256(old), new.shared());
    }

    /// Puts the new server's session in place of the old one's.
    ///
    /// `false`: it has none for this one.
    pub async fn translate(&self, headers: &mut HeaderMap) -> bool {
        for name in [header::AUTHORIZATION, DEVPI_AUTH] {
            let Some((user, secret)) = headers.get(&name).and_then(|value| pair(&name, value)) else {
                continue;
            };
            if !is_session(&secret) {
                continue;
            }
            let known = self.0.get(&hex::sha256(&secret));
            let new = match known {
                Some(new) => new.await,
                None => None,
            };
            let Some(value) = new.and_then(|new| written(&name, &user, &new)) else { return false };
            headers.insert(name, value);
        }
        true
    }
}

/// The session in an answer to a login.
pub fn session_in(answer: &[u8]) -> Option<String> {
    let value: Value = serde_json::from_slice(answer).ok()?;
    Some(value.get("result")?.get("password")?.as_str()?.to_owned())
}

/// Logs in at the new server with what the old one got.
pub async fn log_in(request: reqwest::RequestBuilder, body: Bytes) -> Option<String> {
    let answer = request.body(body).timeout(Duration::from_secs(30)).send().await.ok()?;
    let fits = answer.status().is_success() && answer.content_length()? <= LARGEST_LOGIN;
    if !fits {
        return None;
    }
    session_in(&answer.bytes().await.ok()?)
}

/// devpi signs a JSON list: `["ann", []].awFjUg.jfStOk`
fn is_session(secret: &str) -> bool {
    secret.starts_with('[') && secret.contains("].")
}

fn pair(name: &HeaderName, value: &HeaderValue) -> Option<(String, String)> {
    let text = value.to_str().ok()?.trim();
    let packed = match *name == DEVPI_AUTH {
        true => text,
        false => text.split_once(' ').filter(|(scheme, _)| scheme.eq_ignore_ascii_case("basic"))?.1,
    };
    let plain = String::from_utf8(STANDARD.decode(packed.trim()).ok()?).ok()?;
    let (user, secret) = plain.split_once(':')?;
    Some((user.to_owned(), secret.to_owned()))
}

fn written(name: &HeaderName, user: &str, secret: &str) -> Option<HeaderValue> {
    let packed = STANDARD.encode(format!("{user}:{secret}"));
    let text = if *name == DEVPI_AUTH { packed } else { format!("Basic {packed}") };
    let mut value = HeaderValue::from_str(&text).ok()?;
    value.set_sensitive(true);
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: &str = r#"["ann", []].awFjUg.jfStOk-Wjfa9Jhog_hUkkfjPKEo"#;

    fn headers(name: HeaderName, secret: &str) -> HeaderMap {
        let value = written(&name, "ann", secret).unwrap();
        HeaderMap::from_iter([(name, value)])
    }

    #[tokio::test]
    async fn a_session_of_the_old_server_becomes_that_of_the_new_one_in_both_headers() {
        let sessions = Sessions::default();
        let answer = serde_json::json!({"result": {"password": OLD, "expiration": 36000}}).to_string();
        sessions.insert(&session_in(answer.as_bytes()).unwrap(), async { Some("new".into()) });
        for name in [header::AUTHORIZATION, DEVPI_AUTH] {
            let mut sent = headers(name.clone(), OLD);
            assert!(sessions.translate(&mut sent).await, "{name}");
            assert_eq!(sent, headers(name, "new"));
        }
    }

    #[tokio::test]
    async fn passwords_stay_and_sessions_that_the_new_server_does_not_know_are_told() {
        let sessions = Sessions::default();
        let mut sent = headers(header::AUTHORIZATION, "annpw");
        assert!(sessions.translate(&mut sent).await);
        assert_eq!(sent, headers(header::AUTHORIZATION, "annpw"));
        for odd in ["Basic", "Basic !", "Bearer x", "basic bm8=", ""] {
            let value = HeaderValue::from_static(odd);
            let mut odd = HeaderMap::from_iter([(header::AUTHORIZATION, value)]);
            assert!(sessions.translate(&mut odd).await, "{odd:?}");
        }
        assert!(!sessions.translate(&mut headers(DEVPI_AUTH, OLD)).await, "of before");
        sessions.insert(OLD, async { None });
        assert!(!sessions.translate(&mut headers(DEVPI_AUTH, OLD)).await, "refused");
    }
}
