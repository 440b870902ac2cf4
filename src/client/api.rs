//! Questions to the JSON API of a server, by their paths.

use super::{ServerClient, answer};
use crate::error::Result;
use http::{Method, header};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// What the server answers: a result, with or without words about it.
#[derive(serde::Deserialize)]
pub struct ApiAnswer<T> {
    pub result: T,
    #[serde(default)]
    pub message: Option<String>,
}

/// An answer of words alone.
#[derive(serde::Deserialize)]
struct Told {
    #[serde(default)]
    message: Option<String>,
}

impl ServerClient {
    /// What stands at a path.
    ///
    /// # Errors
    /// What the server answered, and `Unavailable` if it does not.
    pub async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T> {
        self.result(self.request(Method::GET, path)?).await
    }

    /// The same of a path whose answer is JSON as it stands.
    ///
    /// # Errors
    /// The same.
    pub async fn get_plain<T: DeserializeOwned>(&self, path: &str) -> Result<T> {
        let request = self.request(Method::GET, path)?.header(header::ACCEPT, "application/json");
        answer::json(self.send(request).await?).await
    }

    /// The same of a path whose answer is text.
    ///
    /// # Errors
    /// The same.
    pub async fn get_text(&self, path: &str) -> Result<String> {
        let response = self.send(self.request(Method::GET, path)?).await?;
        let url = response.url().clone();
        response.text().await.map_err(|error| crate::upstream::client::failure(&url, &error))
    }

    /// Sends JSON; the result of the answer, and its words.
    ///
    /// # Errors
    /// The same.
    pub async fn call<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: &impl Serialize,
    ) -> Result<ApiAnswer<T>> {
        let request = self.request_with_json(method, path, body)?;
        answer::json(self.send(request.header(header::ACCEPT, "application/json")).await?).await
    }

    /// Sends JSON; the words of the answer.
    ///
    /// # Errors
    /// The same.
    pub async fn tell(&self, method: Method, path: &str, body: &impl Serialize) -> Result<String> {
        let request = self.request_with_json(method, path, body)?;
        let response = self.send(request.header(header::ACCEPT, "application/json")).await?;
        Ok(answer::json::<Told>(response).await?.message.unwrap_or_default())
    }

    /// Sends text; the result of the answer.
    ///
    /// # Errors
    /// The same.
    pub async fn put_text<T: DeserializeOwned>(&self, path: &str, text: String) -> Result<T> {
        let request = self.request(Method::PUT, path)?.header(header::CONTENT_TYPE, "text/plain");
        self.result(request.body(text)).await
    }
}
