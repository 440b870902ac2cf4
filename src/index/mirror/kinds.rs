//! What is at a mirror's URL: a list of projects, or a page of files; found out once.

use super::asked::Asked;
use super::held::What;
use super::state::MirrorState;
use crate::db::mirror::{Found, UpstreamTopic};
use crate::error::Result;
use crate::names::{NameList, ProjectName};
use crate::upstream::pages::{self, Look, UpstreamKind, Validators};
use std::sync::Arc;

impl MirrorState {
    /// What is known of the mirror's kind.
    pub(super) async fn kind(&self, asked: &Asked) -> Result<Option<UpstreamKind>> {
        let source = asked.source_text();
        let noted = self.kinds.lock().get(&asked.index).cloned();
        if let Some((of, kind)) = noted
            && of == source
        {
            return Ok(Some(kind));
        }
        let found = self.db.upstream_kind(&asked.index, &source).await?;
        let kind = found.map(|found| match found {
            Found::Flat => UpstreamKind::Flat,
            _ => UpstreamKind::Simple,
        });
        if let Some(kind) = kind {
            self.note_kind(asked, kind);
        }
        Ok(kind)
    }

    pub(super) fn note_kind(&self, asked: &Asked, kind: UpstreamKind) {
        let mut kinds = self.kinds.lock();
        kinds.insert(asked.index.clone(), (asked.source_text(), kind));
    }

    /// Remembers the kind for good, unless the root itself was read before.
    pub(super) async fn set_kind(&self, asked: &Asked, kind: UpstreamKind) {
        self.note_kind(asked, kind);
        let mut held = self.learnt(asked, What::UnreadNames, Validators::default(), None);
        held.checked_at = 0;
        let index = &asked.index;
        let kept = match held.to_row() {
            Ok(row) => self.db.keep_upstream_page(index, &UpstreamTopic::Root, &row).await,
            Err(error) => Err(error),
        };
        if let Err(error) = kept {
            tracing::error!(%index, %error, "cannot store the kind of a mirror");
        }
    }

    /// Whether the mirror's URL is a page of files, by a look at its beginning.
    ///
    /// # Errors
    /// `BadUpstream` if it is a page of something else altogether.
    pub(super) async fn is_flat(&self, asked: &Asked) -> Result<bool> {
        let mut seen = pages::probe(&self.client, &asked.source, &asked.source.url).await?;
        if let (Look::Nothing | Look::Neither, Some(slashed)) = (seen, asked.slashed()) {
            seen = pages::probe(&self.client, &asked.source, &slashed).await?;
        }
        match seen {
            Look::Like(UpstreamKind::Flat) => Ok(true),
            Look::Like(UpstreamKind::Simple) => {
                self.set_kind(asked, UpstreamKind::Simple).await;
                Ok(false)
            }
            Look::Neither => Err(asked.is_no_index()),
            Look::Nothing => Ok(false),
        }
    }

    /// Offline: the projects of which a file is here.
    pub(super) async fn names_here(&self, asked: &Asked) -> Result<Arc<NameList>> {
        let names = self.db.projects_with_files(&asked.index).await?;
        Ok(Arc::new(names.iter().map(ProjectName::as_str).collect()))
    }

    /// Without a list: the projects that somebody asked for and that are there.
    pub(super) async fn names_asked_for(&self, asked: &Asked) -> Result<Arc<NameList>> {
        let names = self.db.upstream_projects(&asked.index).await?;
        Ok(Arc::new(names.iter().map(ProjectName::as_str).collect()))
    }
}
