//! What builds found beside their recipes: read and forgotten.

use super::{ServerClient, answer};
use crate::build::learned::{LearnedPart, LearnedView};
use crate::error::Result;
use crate::names::{IndexName, ProjectName};
use http::Method;

/// What the server wraps words in.
#[derive(serde::Deserialize)]
struct Said {
    message: String,
}

impl ServerClient {
    /// What builds of an index found, of one project or of all.
    pub async fn learned(&self, index: &IndexName, project: Option<&ProjectName>) -> Result<LearnedView> {
        let below = project.map(|project| format!("{project}/")).unwrap_or_default();
        self.result(self.request(Method::GET, &format!("{index}/+learned/{below}"))?).await
    }

    /// Forgets it; gives the server's words for what was done.
    pub async fn forget_learned(
        &self,
        index: &IndexName,
        project: &ProjectName,
        part: &LearnedPart,
    ) -> Result<String> {
        let mut url = self.url(&format!("{index}/+learned/{project}/"))?;
        let said = [("version", &part.version), ("target", &part.target)];
        url.query_pairs_mut()
            .extend_pairs(said.iter().filter_map(|(name, value)| Some((name, value.as_deref()?))));
        let response = self.send(self.request(Method::DELETE, url.as_str())?).await?;
        Ok(answer::json::<Said>(response).await?.message)
    }
}
