//! Projects by words.

use super::ServerClient;
use crate::error::Result;
use crate::index::search::FoundProjects;
use crate::names::IndexName;
use http::Method;

impl ServerClient {
    /// Projects that have all words, on all indexes or on one with its bases; the first `most` of them.
    pub async fn search(&self, text: &str, index: Option<&IndexName>, most: usize) -> Result<FoundProjects> {
        let mut url = self.url("+search")?;
        url.query_pairs_mut().append_pair("q", text).append_pair("each", &most.to_string());
        if let Some(index) = index {
            url.query_pairs_mut().append_pair("index", index.as_str());
        }
        self.result(self.request(Method::GET, url.as_str())?).await
    }
}
