//! A script that speaks the JSON API: method, path, credential and body in, status and JSON out.

use super::Server;
use serde_json::Value;

/// How a request says who it is.
#[derive(Clone, Debug)]
pub enum Auth {
    None,
    Basic(String, String),
    /// `X-Devpi-Auth`
    Devpi(String, String),
    Bearer(String),
}

impl Auth {
    pub fn basic(user: &str, secret: &str) -> Self {
        Self::Basic(user.into(), secret.into())
    }

    pub fn devpi(user: &str, secret: &str) -> Self {
        Self::Devpi(user.into(), secret.into())
    }

    pub fn root() -> Self {
        Self::devpi("root", super::ROOT_PASSWORD)
    }

    /// Puts the credential on a request.
    pub fn on(&self, request: reqwest::RequestBuilder) -> reqwest::RequestBuilder {
        use base64::Engine;
        match self {
            Self::None => request,
            Self::Basic(user, secret) => request.basic_auth(user, Some(secret)),
            Self::Bearer(secret) => request.bearer_auth(secret),
            Self::Devpi(user, secret) => {
                let pair = base64::prelude::BASE64_STANDARD.encode(format!("{user}:{secret}"));
                request.header("x-devpi-auth", pair)
            }
        }
    }
}

impl Server {
    /// Sends JSON as devpi's client does.
    pub async fn send(
        &self,
        method: &str,
        path: &str,
        auth: &Auth,
        body: Option<Value>,
    ) -> reqwest::Response {
        let method = method.parse().expect("a method");
        let request = auth.on(self.http.request(method, self.url(path)).header("accept", "application/json"));
        let request = match body {
            Some(body) => request.header("content-type", "application/json").body(body.to_string()),
            None => request,
        };
        request.send().await.expect("an answer")
    }

    /// The same: status and JSON (`null` if the answer has none).
    pub async fn ask(&self, method: &str, path: &str, auth: &Auth, body: Option<Value>) -> (u16, Value) {
        let answer = self.send(method, path, auth, body).await;
        let status = answer.status().as_u16();
        let text = answer.text().await.expect("a body");
        (status, serde_json::from_str(&text).unwrap_or(Value::Null))
    }
}
