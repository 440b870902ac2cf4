//! Keeping the files true: made from the rows when they are new, then after each event and each page of a mirror.

use super::reading::dirty;
use super::shelf::{Mark, SearchEntry, Shelf, ShelfChange};
use super::unread::{Dirty, Unread};
use super::{Finder, FinderRoom};
use crate::db::events::Event;
use crate::directory::Directory;
use crate::error::Result;
use crate::names::{IndexName, ProjectName};
use crate::tools::failing::Failing;
use crate::tools::panics;
use crate::tools::time::{Micros, SECOND, now};
use crate::words::EventKind;
use std::collections::{BTreeSet, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::time::Duration;
use tokio::task::spawn_blocking;

/// How often changes are looked for, and how long after several failures.
const EVERY: Duration = Duration::from_millis(300);
const AFTER_FAILURE: Duration = Duration::from_secs(5);
/// How often what mirrors were told is looked for.
const MIRRORED_EVERY: i64 = SECOND;
/// Other nodes' clocks may be late by so much.
const BEHIND: i64 = 5 * SECOND;
/// Events, and pages of mirrors, that are read at once.
const AT_ONCE: u32 = 1000;
/// Projects that are read before they are written, and those that are written before they are made visible.
const TOGETHER: usize = 100;
const VISIBLE_AFTER: usize = 5000;

/// What follows, between two rounds.
#[derive(Default)]
struct Following {
    /// What was written of a project, to leave out what did not change.
    written: HashMap<(IndexName, ProjectName), u64>,
    /// Pages and files of mirrors that were looked at although they are within [`BEHIND`].
    seen: HashMap<(IndexName, ProjectName), Micros>,
    mirrored_at: Micros,
    unread: Unread,
    /// The files may be damaged.
    doubtful: bool,
}

impl Finder {
    /// Opens the files and follows what changes from now on.
    pub fn begin(&self) {
        if !self.0.begun.swap(true, Ordering::AcqRel) {
            tokio::spawn(keep_up(Arc::downgrade(&self.0)));
        }
    }
}

/// Keeps the files true until the room is gone.
async fn keep_up(room: Weak<FinderRoom>) {
    let (mut failing, mut following) = (Failing::default(), Following::default());
    let mut failures = 0;
    loop {
        let Some(strong) = room.upgrade() else { return };
        let round = panics::caught(Box::pin(strong.round(&mut following))).await;
        // What failed although the database answers may be damaged.
        let unfilled = strong.reached().is_none();
        following.doubtful = round.is_err() && (unfilled || strong.db.serial().await.is_ok());
        failing.note(&round, "the search index is not up to date");
        let wake = strong.wake.clone();
        drop(strong);
        failures = if round.is_err() { failures + 1 } else { 0 };
        match failures {
            0 => _ = tokio::time::timeout(EVERY, wake.notified()).await,
            // No search cuts it short: each would open and check the files once more.
            _ => tokio::time::sleep(AFTER_FAILURE.min(EVERY * (1 << failures.min(10)))).await,
        }
    }
}

impl FinderRoom {
    async fn round(&self, following: &mut Following) -> Result<()> {
        if following.doubtful {
            self.close();
        }
        let shelf = match self.shelf() {
            Some(shelf) => shelf,
            None => {
                *following = Following::default();
                self.open(following).await?
            }
        };
        let mut mark = self.follow_events(&shelf, following).await?;
        if now() - following.mirrored_at > MIRRORED_EVERY {
            mark = self.follow_mirrors(&shelf, following, mark).await?;
            following.mirrored_at = now();
        }
        let later = following.unread.take(TOGETHER);
        let directory = self.indexes.directory();
        if self.write(&shelf, following, &directory, later).await? {
            commit(&shelf, Some(mark.clone())).await?;
        }
        self.reach(mark);
        Ok(())
    }

    /// Opens the files; makes them from the rows if they are not of this installation or too old.
    async fn open(&self, following: &mut Following) -> Result<Arc<Shelf>> {
        // Before the files, which take long to check.
        let serial = self.db.serial().await?;
        let (folder, uuid) = (self.folder.clone(), self.indexes.uuid().to_owned());
        let (shelf, mark) = spawn_blocking(move || Shelf::open(&folder, &uuid)).await??;
        let shelf = Arc::new(shelf);
        self.show(shelf.clone());
        let follows = match &mark {
            Some(mark) => {
                mark.serial <= serial && self.db.oldest_event().await?.is_none_or(|at| at <= mark.serial + 1)
            }
            None => false,
        };
        match mark {
            Some(mark) if follows => self.reach(mark),
            _ => self.fill(&shelf, following).await?,
        }
        Ok(shelf)
    }

    /// Writes everything.
    async fn fill(&self, shelf: &Arc<Shelf>, following: &mut Following) -> Result<()> {
        // Before the rows: what changes meanwhile is looked at again.
        let mark = Mark::new(self.indexes.uuid(), self.db.serial().await?, now() - BEHIND);
        let directory = self.indexes.directory();
        for index in shelf_indexes(shelf).await? {
            shelf.drop_index(&index);
        }
        commit(shelf, None).await?;
        self.since.store(mark.serial, Ordering::Release);
        let mut unseen = 0;
        for index in directory.indexes.values() {
            let names = self.sources(&directory).projects(index).await?;
            for part in names.chunks(TOGETHER) {
                let keys = part.iter().map(|name| (index.name.clone(), name.clone())).collect();
                unseen += part.len();
                let changes = self.read(&mut following.unread, &directory, keys).await?;
                put(shelf, changes).await?;
                if unseen >= VISIBLE_AFTER {
                    commit(shelf, None).await?;
                    unseen = 0;
                }
            }
        }
        commit(shelf, Some(mark.clone())).await?;
        self.reach(mark);
        Ok(())
    }

    async fn follow_events(&self, shelf: &Arc<Shelf>, following: &mut Following) -> Result<Mark> {
        let mut mark = self.reached().unwrap_or_else(|| Mark::new(self.indexes.uuid(), 0, 0));
        while self.db.newest_serial() > mark.serial {
            let events = self.db.events_after(mark.serial, AT_ONCE).await?;
            let Some(last) = events.last().map(|event| event.serial) else {
                mark.serial = self.db.newest_serial();
                break;
            };
            // Not before the events: what they changed must be in it.
            self.indexes.refresh().await?;
            let directory = self.indexes.directory();
            let mut dropped = self.dropped(shelf, following, &events, &directory).await?;
            let dirty = dirty(shelf, &events).await?;
            following.unread.add(self.redirected(&directory, &events).await?);
            mark.serial = last;
            dropped |= self.write(shelf, following, &directory, dirty).await?;
            if dropped {
                commit(shelf, Some(mark.clone())).await?;
            }
            self.reach(mark.clone());
        }
        Ok(mark)
    }

    /// Forgets indexes that were deleted; whether there was one. One that was made has nothing of an earlier one of its name.
    async fn dropped(
        &self,
        shelf: &Arc<Shelf>,
        following: &mut Following,
        events: &[Event],
        directory: &Directory,
    ) -> Result<bool> {
        let about = |event: &&Event| {
            use EventKind::{IndexCreated, IndexDeleted, Replicated, UserDeleted};
            match event.what {
                IndexDeleted | UserDeleted | IndexCreated => true,
                Replicated => event.project.is_none(),
                _ => false,
            }
        };
        if !events.iter().any(|event| about(&event)) {
            return Ok(false);
        }
        let made = events.iter().filter(|event| event.what == EventKind::IndexCreated);
        let made: BTreeSet<&str> =
            made.filter_map(|event| Some(event.context.as_ref()?.only()?.as_str())).collect();
        for index in shelf_indexes(shelf).await? {
            let known = directory.indexes.keys().any(|name| name.as_str() == index);
            if !known || made.contains(index.as_str()) {
                shelf.drop_index(&index);
                following.written.retain(|(name, _), _| name.as_str() != index);
            }
        }
        Ok(true)
    }

    /// Pages and files that mirrors took since they were looked at. Nothing tells of them: caches leave no events.
    async fn follow_mirrors(
        &self,
        shelf: &Arc<Shelf>,
        following: &mut Following,
        mut mark: Mark,
    ) -> Result<Mark> {
        let before = mark.mirrored;
        let mut after = before.min(now()) - BEHIND;
        loop {
            let found = self.db.mirrored_since(after, AT_ONCE).await?;
            let whole = found.len() < AT_ONCE as usize;
            after = found.last().map_or(after, |(_, _, at)| *at);
            let mut dirty = Dirty::new();
            for (index, project, at) in found {
                let key = (index, project);
                if following.seen.get(&key) != Some(&at) {
                    following.seen.insert(key.clone(), at);
                    dirty.insert(key);
                }
            }
            mark.mirrored = mark.mirrored.max(after);
            let directory = self.indexes.directory();
            if self.write(shelf, following, &directory, dirty).await? {
                commit(shelf, Some(mark.clone())).await?;
            }
            if whole {
                break;
            }
        }
        if mark.mirrored > before {
            following.seen.retain(|_, at| *at > mark.mirrored - 2 * BEHIND);
        }
        Ok(mark)
    }

    /// Writes what became of projects; whether anything of it is new.
    async fn write(
        &self,
        shelf: &Arc<Shelf>,
        following: &mut Following,
        directory: &Directory,
        dirty: Dirty,
    ) -> Result<bool> {
        let mut any = false;
        let keys: Vec<_> = dirty.into_iter().collect();
        for part in keys.chunks(TOGETHER) {
            let mut changes =
                self.read(&mut following.unread, directory, part.iter().cloned().collect()).await?;
            changes.retain(|(index, project, entry)| {
                let key = (index.clone(), project.clone());
                following.written.insert(key, hash(entry)) != Some(hash(entry))
            });
            if following.written.len() > 50_000 {
                following.written.clear();
            }
            any |= !changes.is_empty();
            put(shelf, changes).await?;
        }
        Ok(any)
    }
}

fn hash(entry: &Option<SearchEntry>) -> u64 {
    let mut hasher = DefaultHasher::new();
    entry.hash(&mut hasher);
    hasher.finish()
}

async fn put(shelf: &Arc<Shelf>, changes: Vec<ShelfChange>) -> Result<()> {
    let shelf = shelf.clone();
    spawn_blocking(move || shelf.put(changes)).await?
}

async fn commit(shelf: &Arc<Shelf>, mark: Option<Mark>) -> Result<()> {
    let shelf = shelf.clone();
    spawn_blocking(move || shelf.commit(mark.as_ref())).await?
}

async fn shelf_indexes(shelf: &Arc<Shelf>) -> Result<Vec<String>> {
    let shelf = shelf.clone();
    spawn_blocking(move || shelf.indexes()).await?
}
