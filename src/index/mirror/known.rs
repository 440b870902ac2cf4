//! What is known of an upstream's page without asking: names that are private stay here.

use super::asked::Asked;
use super::held::What;
use super::state::Mirrors;
use crate::db::mirror::UpstreamTopic;
use crate::directory::{Index, IndexKind};
use crate::error::Result;
use crate::names::ProjectName;
use crate::packaging::page::Page;
use std::sync::Arc;

impl Mirrors {
    /// The page of `project` as the upstream told it last, however long ago. A mirror without a URL has none, and what
    /// another upstream told of the name does not count: `mirror_url` was changed since.
    pub async fn last_told(&self, index: &Index, project: &ProjectName) -> Result<Option<Arc<Page>>> {
        if matches!(&index.kind, IndexKind::Mirror(mirror) if mirror.url.is_none()) {
            return Ok(None);
        }
        let asked = Asked::new(&self.0.config, index)?;
        let source = asked.source_text();
        let held = self.0.held(&asked, &UpstreamTopic::Root).await?;
        if let Some(held) = held.filter(|held| held.source == source)
            && let What::Flat(body) = &held.what
        {
            let (body, project) = (body.clone(), project.clone());
            let page = tokio::task::spawn_blocking(move || body.flat_page(&project)).await??;
            return Ok(page.map(Arc::new));
        }
        let held = self.0.held(&asked, &UpstreamTopic::Project(project.clone())).await?;
        let held = held.filter(|held| held.source == source);
        Ok(held.and_then(|held| match &held.what {
            What::Page(page) => Some(page.clone()),
            _ => None,
        }))
    }
}
