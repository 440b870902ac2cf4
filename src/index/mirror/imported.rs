//! What another server's mirror of the same upstream kept: taken over as if we had fetched it.

use super::asked::Asked;
use super::held::{Held, What};
use super::state::Mirrors;
use crate::access::COMMAND_LINE;
use crate::db::Tx;
use crate::db::events::NewEvent;
use crate::db::files::StoredFile;
use crate::db::mirror::UpstreamTopic;
use crate::directory::Index;
use crate::error::Result;
use crate::packaging::page::Page;
use crate::upstream::pages::Validators;
use crate::words::EventKind;
use std::sync::Arc;

/// A project's files whose bytes are in the store, and the page that lists them.
#[derive(Debug)]
pub struct MirroredProject {
    pub page: Page,
    pub files: Vec<StoredFile>,
}

impl Mirrors {
    /// Keeps the files. Their page stands only until the upstream is asked: it is kept where nothing is known
    /// of the project, for the time in which the upstream does not answer.
    pub async fn take_over(&self, index: &Index, project: MirroredProject) -> Result<()> {
        let name = project.page.name.clone();
        if project.files.is_empty() {
            return Ok(());
        }
        for file in &project.files {
            self.0.db.keep_mirrored(file).await?;
        }
        let topic = UpstreamTopic::Project(name.clone());
        let known = self.0.db.upstream_checked_at(&index.name, &topic).await?;
        if let (None, Ok(asked)) = (known, Asked::new(&self.0.config, index)) {
            let what = What::Page(Arc::new(project.page));
            let row = Held::new(asked.source_text(), what, Validators::default(), None, 0).to_row()?;
            self.0.db.keep_upstream_page(&index.name, &topic, &row).await?;
        }
        let detail = format!("{} files", project.files.len());
        let event = NewEvent::of(COMMAND_LINE, EventKind::Imported).on(&index.name).about(&name);
        Tx::begin(&self.0.db).await?.commit(event.saying(&detail)).await?;
        (self.0.changed)(&index.name, &name);
        Ok(())
    }
}
