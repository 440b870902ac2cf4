//! Requests to curated indexes.

use super::ServerClient;
use crate::error::Result;
use crate::index::requests::RequestView;
use crate::names::IndexName;
use http::Method;
use serde_json::json;

impl ServerClient {
    /// Asks a curated index for a release, `demo==1.0`, that it does not list.
    ///
    /// # Errors
    /// `Forbidden` if it was refused, with the reason; `Bad` if the index is not curated.
    pub async fn request_release(&self, index: &IndexName, pin: &str, target: &str) -> Result<RequestView> {
        let body = json!({"index": index, "requirement": pin, "target": target});
        self.result(self.request_with_json(Method::POST, "+requests", &body)?).await
    }
}
