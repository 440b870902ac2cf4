//! What is to be written: which projects changed, and what became of each.

use super::FinderRoom;
use super::entry::EntrySources;
use super::shelf::{SearchEntry, Shelf, ShelfChange};
use super::unread::{Dirty, LONGEST, Unread};
use crate::db::events::Event;
use crate::directory::Directory;
use crate::error::Result;
use crate::names::{IndexName, ProjectName};
use crate::words::EventKind;
use crate::{timed_out, unavailable};
use std::collections::BTreeSet;
use std::sync::Arc;
use tokio::task::spawn_blocking;

impl FinderRoom {
    /// Where entries are made from.
    pub(super) fn sources<'a>(&'a self, directory: &'a Directory) -> EntrySources<'a> {
        EntrySources { db: &self.db, store: &self.store, mirrors: &self.indexes.mirrors, directory }
    }

    /// What became of projects.
    pub(super) async fn read(
        &self,
        unread: &mut Unread,
        directory: &Directory,
        keys: Dirty,
    ) -> Result<Vec<ShelfChange>> {
        let mut changes = Vec::with_capacity(keys.len());
        unread.begin();
        for (index, project) in keys {
            let entry = self.entry(unread, directory, &index, &project).await?;
            changes.push((index, project, entry));
        }
        Ok(changes)
    }

    /// What there is to find of a project. One that cannot be read has its name alone, and is read again later.
    async fn entry(
        &self,
        unread: &mut Unread,
        directory: &Directory,
        index: &IndexName,
        project: &ProjectName,
    ) -> Result<Option<SearchEntry>> {
        let is_stored = directory.indexes.get(index).is_some_and(|index| !index.is_stage());
        let sources = self.sources(directory);
        let read = match is_stored && unread.is_silent() {
            true => Err(unavailable!("the storage does not answer")),
            false => {
                let read = tokio::time::timeout(LONGEST, sources.entry(index, project)).await;
                read.unwrap_or_else(|_| Err(timed_out!("it took more than {} seconds", LONGEST.as_secs())))
            }
        };
        let key = (index.clone(), project.clone());
        match read {
            Ok(entry) => {
                unread.read(&key, is_stored);
                Ok(entry)
            }
            Err(error) => {
                // A database that does not answer is no fault of a project.
                self.db.serial().await?;
                unread.failed(key, error);
                Ok(Some(SearchEntry::bare(index, project)))
            }
        }
    }

    /// All projects of the mirrors whose options changed: they may have another upstream now.
    pub(super) async fn redirected(&self, directory: &Directory, events: &[Event]) -> Result<Dirty> {
        let changed = events.iter().filter(|event| event.what == EventKind::IndexChanged);
        let named: BTreeSet<&IndexName> =
            changed.filter_map(|event| event.context.as_ref()?.only()).collect();
        let mut dirty = Dirty::new();
        for index in named.into_iter().filter_map(|name| directory.indexes.get(name)) {
            if !index.is_stage() {
                let projects = self.sources(directory).projects(index).await?;
                dirty.extend(projects.into_iter().map(|project| (index.name.clone(), project)));
            }
        }
        Ok(dirty)
    }
}

/// The projects that events are about. What is in quarantine changes which release tells the words, on all indexes.
pub async fn dirty(shelf: &Arc<Shelf>, events: &[Event]) -> Result<Dirty> {
    let mut dirty = Dirty::new();
    for event in events {
        let Some(project) = &event.project else { continue };
        let named = event.context.iter().flat_map(|context| context.indexes());
        dirty.extend(named.map(|index| (index.clone(), project.clone())));
        if event.what.is_of_quarantine() {
            let (shelf, name) = (shelf.clone(), project.clone());
            let having = spawn_blocking(move || shelf.having(&name)).await??;
            dirty.extend(having.into_iter().map(|index| (index, project.clone())));
        }
    }
    Ok(dirty)
}
