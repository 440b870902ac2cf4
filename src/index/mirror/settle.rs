//! What a mirror takes back: bytes that turn out not to be the upstream's, and what an administrator wants forgotten.

use super::state::{MirrorState, Mirrors};
use crate::access::{SERVER, Who};
use crate::db::events::NewEvent;
use crate::db::files::StoredFile;
use crate::db::mirror::{Forgotten, UpstreamTopic};
use crate::db::{Db, Tx};
use crate::directory::Directory;
use crate::error::Result;
use crate::names::{IndexName, ProjectName};
use crate::packaging::page::Page;
use crate::words::EventKind;
use crate::{bad, missing};
use std::collections::HashMap;

/// Makes `index` forget what it keeps of `project`: its page, and its files or `filename` alone. All
/// of it is asked for again when somebody wants it.
///
/// # Errors
/// `Missing` if there is no such index or nothing is kept; `Bad` if the index is not a mirror.
pub async fn forget(
    db: &Db,
    directory: &Directory,
    who: &Who,
    index: &IndexName,
    project: &ProjectName,
    filename: Option<&str>,
) -> Result<Forgotten> {
    let known = directory.indexes.get(index).ok_or_else(|| missing!("index {index} does not exist"))?;
    if !known.is_mirror() {
        return Err(bad!("{index} is not a mirror: only a mirror can forget files"));
    }
    let mut tx = Tx::begin(db).await?;
    let forgotten = tx.forget_mirrored(index, project, filename).await?;
    if forgotten == Forgotten::default() {
        let what = filename.map_or_else(|| project.to_string(), str::to_owned);
        return Err(missing!("mirror {index} has no copy of {what}"));
    }
    let event = NewEvent::of(&who.label, EventKind::MirrorForgot).on(index).about(project);
    tx.commit(filename.map_or(event, |filename| event.saying(filename))).await?;
    Ok(forgotten)
}

impl Mirrors {
    /// What is in memory of a project's page may be older than its row.
    pub fn look_again(&self, index: &IndexName, project: &ProjectName) {
        for topic in [UpstreamTopic::Project(project.clone()), UpstreamTopic::Root] {
            self.0.hot.invalidate(&(index.clone(), topic));
        }
    }

    /// Compares hashes that the upstream tells by now with those that were computed from what came.
    /// What differs is dropped, also from `files`.
    pub(super) async fn settle(
        &self,
        index: &IndexName,
        page: &Page,
        files: &mut HashMap<String, StoredFile>,
    ) -> Result<()> {
        let guesses = files.values().filter(|file| !file.hash_told).map(|file| file.filename.clone());
        let guesses: Vec<String> = guesses.collect();
        for filename in guesses {
            let listed = page.files.iter().find(|file| file.filename == filename);
            let Some(told) = listed.and_then(|file| file.hashes.sha256.as_ref()) else { continue };
            let Some(stored) = files.get(&filename) else { continue };
            if self.0.settle_one(index, &page.name, stored, told).await? {
                files.remove(&filename);
            }
        }
        Ok(())
    }
}

impl MirrorState {
    /// Whether a file whose hash was computed here is dropped, as the upstream `told` another.
    pub(super) async fn settle_one(
        &self,
        index: &IndexName,
        project: &ProjectName,
        stored: &StoredFile,
        told: &str,
    ) -> Result<bool> {
        if stored.sha256 == told {
            self.db.hash_was_told(index, &stored.filename, told).await?;
            return Ok(false);
        }
        let mut tx = Tx::begin(&self.db).await?;
        tx.drop_computed(index, &stored.filename, &stored.sha256).await?;
        let detail = format!("{} had sha256 {}, not {told}", stored.filename, stored.sha256);
        tracing::warn!(%index, %project, detail, "dropped a file that differs from the upstream's");
        let event = NewEvent::of(SERVER, EventKind::MirrorDroppedFile).on(index).about(project);
        tx.commit(event.saying(&detail)).await?;
        (self.changed)(index, project);
        Ok(true)
    }
}
