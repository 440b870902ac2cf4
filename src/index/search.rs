//! Search: one index of words on each node serves the page, its JSON, XML-RPC and the command line.
//!
//! Why an index of our own (tantivy) and not the full text of the databases: SQLite and Postgres split, rank and escape words
//! differently, so each engine would need SQL, tests and an order of its own; neither finds a name with a wrong letter;
//! and a replica would copy what it can make. The files are a cache of rows, each node has its own below its data folder, and
//! makes them anew when they are missing, damaged or of another version. They say what *may* be found. What somebody may see of it
//! is decided at each search from the directory and the rows of that moment ([`lanes`]), and of what changed since
//! the files were written the name alone counts ([`late`]), so files that are late show too little and never too much.

mod entry;
mod follow;
mod found;
mod lanes;
mod late;
mod query;
mod reading;
mod shelf;
mod unread;

pub use found::{EACH, FoundKind, FoundOf, FoundOn, FoundPart, FoundProject, FoundProjects, MOST_EACH};
pub use query::{SearchParts, SearchText, words};

use super::Indexes;
use crate::access::Who;
use crate::config::Config;
use crate::db::Db;
use crate::directory::Directory;
use crate::error::Result;
use crate::names::{IndexName, NameList, ProjectName};
use crate::store::Store;
use crate::unavailable;
use lanes::{Having, Lane, Seen};
use late::Late;
use parking_lot::RwLock;
use shelf::{Card, Mark, SearchCandidate, Shelf, WordQuestion};
use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;
use tokio::sync::{Notify, watch};
use tokio::task::spawn_blocking;

/// The folder in the data folder.
const FOLDER: &str = "search";
/// How long a search waits for changes that are committed but not in the files yet.
const PATIENCE: Duration = Duration::from_secs(2);
/// The same for files that are opened or made anew; then it gives what there is.
const PATIENCE_AT_FIRST: Duration = Duration::from_secs(5);
/// How long a search waits for the list of a mirror: one in memory is there at once, and one that is fetched is there for
/// the next search.
const PATIENCE_FOR_LISTS: Duration = Duration::from_millis(150);
/// Names that one mirror's list adds, and the letters from which on it is looked through.
const NAMES: usize = 200;
const SHORTEST_NAME: usize = 2;
/// What a name of such a list is worth: as much as one whose files are here.
const EXACT: f32 = 1400.0;
const BEGINS: f32 = 380.0;
/// Projects that the XML-RPC method gives.
const HITS: usize = 100;

/// What a search is answered from.
struct ReadyShelf {
    shelf: Arc<Shelf>,
    /// The event that it reaches.
    known: Option<i64>,
    /// All projects are in it.
    complete: bool,
}

/// Finds projects. Cheap to clone.
#[derive(Clone)]
pub struct Finder(Arc<FinderRoom>);

struct FinderRoom {
    db: Db,
    store: Store,
    indexes: Arc<Indexes>,
    folder: PathBuf,
    begun: AtomicBool,
    shelf: RwLock<Option<Arc<Shelf>>>,
    /// How far the files are; `None` until they are whole.
    reached: watch::Sender<Option<Mark>>,
    /// The event from before which nothing is in files that are being made; -1: nobody knows.
    since: AtomicI64,
    wake: Arc<Notify>,
}

impl FinderRoom {
    fn shelf(&self) -> Option<Arc<Shelf>> {
        self.shelf.read().clone()
    }

    fn show(&self, shelf: Arc<Shelf>) {
        *self.shelf.write() = Some(shelf);
    }

    fn close(&self) {
        *self.shelf.write() = None;
        self.reached.send_replace(None);
        self.since.store(-1, Ordering::Release);
    }

    fn reach(&self, mark: Mark) {
        self.reached.send_replace(Some(mark));
    }

    fn reached(&self) -> Option<Mark> {
        self.reached.borrow().clone()
    }

    /// The event that the files reach, also while they are being made.
    fn known(&self) -> Option<i64> {
        let since = self.since.load(Ordering::Acquire);
        self.reached().map(|mark| mark.serial).or_else(|| Some(since).filter(|since| *since >= 0))
    }
}

impl Finder {
    /// Nothing is opened yet: commands that never search leave the files alone.
    pub fn new(config: &Config, db: Db, store: Store, indexes: Arc<Indexes>) -> Self {
        Self(Arc::new(FinderRoom {
            db,
            store,
            indexes,
            folder: config.data.join(FOLDER),
            begun: AtomicBool::new(false),
            shelf: RwLock::default(),
            reached: watch::Sender::new(None),
            since: AtomicI64::new(-1),
            wake: Arc::default(),
        }))
    }

    /// The files, with what was committed before this call if that comes soon.
    async fn ready(&self) -> Result<ReadyShelf> {
        self.begin();
        // What other nodes committed counts, too.
        self.0.indexes.refresh().await?;
        let wanted = self.0.db.newest_serial();
        let mut reached = self.0.reached.subscribe();
        let is_whole = reached.borrow_and_update().is_some();
        let patience = if is_whole { PATIENCE } else { PATIENCE_AT_FIRST };
        self.0.wake.notify_one();
        let there = |mark: &Option<Mark>| mark.as_ref().is_some_and(|mark| mark.serial >= wanted);
        let waited = tokio::time::timeout(patience, reached.wait_for(there)).await;
        drop(waited);
        let known = self.0.known();
        let shelf = self.0.shelf();
        let shelf = shelf.ok_or_else(|| unavailable!("the search index is not ready yet: try again soon"))?;
        Ok(ReadyShelf { shelf, known, complete: self.0.reached().is_some() })
    }

    /// Projects that have all words, of what `who` may read: on all indexes, or on `within` and its bases.
    ///
    /// # Errors
    /// `Missing` if `within` is no index that they may read.
    pub async fn find(
        &self,
        who: &Who,
        text: &SearchText,
        within: Option<&IndexName>,
        part: &FoundPart,
    ) -> Result<FoundProjects> {
        let ReadyShelf { shelf, known, complete } = self.ready().await?;
        let directory = self.0.indexes.directory();
        let lanes = lanes::lanes(&self.0.indexes.views, &directory, who, within).await?;
        let candidates = ask(&shelf, &lanes, text, false).await?;
        let more = candidates.len() >= shelf::MOST;
        let by_name = |card: &Card| text.fits_name(&card.project);
        let mut found = self.seen(&directory, &lanes, known, candidates, by_name).await?;
        let named = self.named(&directory, &lanes, &found, text).await?;
        found.extend(named);
        let nothing = found.is_empty();
        if nothing {
            let candidates = ask(&shelf, &lanes, text, true).await?;
            found = self.seen(&directory, &lanes, known, candidates, |_| true).await?;
        }
        let near = nothing && !found.is_empty();
        Ok(FoundProjects { more, near, complete, ..FoundProjects::new(found, part) })
    }

    /// The same by parts of names and summaries, in `within` and its bases, in their order.
    ///
    /// # Errors
    /// `Missing` if `within` is no index that `who` may read.
    pub async fn find_parts(
        &self,
        who: &Who,
        parts: SearchParts,
        within: &IndexName,
    ) -> Result<Vec<FoundProject>> {
        let ReadyShelf { shelf, known, .. } = self.ready().await?;
        let directory = self.0.indexes.directory();
        let lanes = lanes::lanes(&self.0.indexes.views, &directory, who, Some(within)).await?;
        let (names, asked) = (sources(&lanes), parts.clone());
        let candidates = spawn_blocking(move || shelf.find(WordQuestion::Parts(&asked), &names)).await??;
        let by_name = |card: &Card| parts.fits(&card.project, "");
        let mut found = self.seen(&directory, &lanes, known, candidates, by_name).await?;
        found.retain(|one| parts.fits(&one.project, &one.summary));
        found.sort_by(|a, b| (a.at, &a.project).cmp(&(b.at, &b.project)));
        found.truncate(HITS);
        Ok(found)
    }

    /// What of the candidates is listed somewhere. One whose words are of a release that is not listed counts if its name
    /// fits alone; of what changed behind `known` only the name counts, and is shown.
    async fn seen(
        &self,
        directory: &Arc<Directory>,
        lanes: &[Lane<'_>],
        known: Option<i64>,
        candidates: Vec<SearchCandidate>,
        fits_by_name: impl Fn(&Card) -> bool,
    ) -> Result<Vec<FoundProject>> {
        let keys: Vec<_> = candidates.iter().map(|one| (&one.card.index, &one.card.project)).collect();
        let having = Having::ask(&self.0.db, directory, lanes, &keys).await?;
        let late = Late::behind(&self.0.db, known).await?;
        let mut by_source: HashMap<&IndexName, Vec<&Lane<'_>>> = HashMap::new();
        for lane in lanes {
            by_source.entry(&lane.source.name).or_default().push(lane);
        }
        let mut found = Vec::new();
        for SearchCandidate { card, score } in candidates {
            let is_late = late.has(&card);
            for lane in by_source.get(&card.index).into_iter().flatten() {
                let seen = lane.sees(&self.0.indexes.views, directory, &having, &card).await?;
                let Some(Seen { release, told }) = seen.map(|seen| if is_late { Seen::late() } else { seen })
                else {
                    continue;
                };
                if !told && !fits_by_name(&card) {
                    continue;
                }
                found.push(FoundProject {
                    version: release.version,
                    yanked: release.yanked,
                    name: card.name.clone(),
                    summary: if told { card.summary.clone() } else { String::new() },
                    ..FoundProject::named(lane, card.project.clone(), score)
                });
            }
        }
        // Of two mirrors that give the same project to one index, the first speaks for it.
        found.sort_by_key(|one| one.at);
        let mut known = HashSet::new();
        found.retain(|one| known.insert((one.index.clone(), one.project.clone())));
        Ok(found)
    }

    /// Names that begin with the text on the lists of mirrors, of projects that nobody fetched yet.
    async fn named(
        &self,
        directory: &Arc<Directory>,
        lanes: &[Lane<'_>],
        found: &[FoundProject],
        text: &SearchText,
    ) -> Result<Vec<FoundProject>> {
        if text.whole.len() < SHORTEST_NAME {
            return Ok(Vec::new());
        }
        let mut names: Vec<(&Lane<'_>, Vec<ProjectName>)> = Vec::new();
        for lane in lanes.iter().filter(|lane| lane.names_all()) {
            let Some(list) = self.list(lane).await else { continue };
            let fitting = list.starting_at(&text.whole).take_while(|name| name.starts_with(&text.whole));
            names.push((lane, fitting.take(NAMES).filter_map(ProjectName::new).collect()));
        }
        let mut keys = Vec::new();
        for (lane, names) in &names {
            keys.extend(names.iter().map(|name| (&lane.source.name, name)));
        }
        let having = Having::ask(&self.0.db, directory, lanes, &keys).await?;
        let mut known: HashSet<(IndexName, ProjectName)> =
            found.iter().map(|one| (one.index.clone(), one.project.clone())).collect();
        let mut named = Vec::new();
        for (lane, names) in names {
            for name in names.into_iter().filter(|name| lane.may_name(directory, &having, name)) {
                if known.insert((lane.top.name.clone(), name.clone())) {
                    let score = if name.as_str() == text.whole { EXACT } else { BEGINS };
                    named.push(FoundProject::named(lane, name, score));
                }
            }
        }
        Ok(named)
    }

    /// The list of a mirror, if it is here or comes soon; one that is fetched goes on being fetched.
    async fn list(&self, lane: &Lane<'_>) -> Option<Arc<NameList>> {
        let (indexes, index) = (self.0.indexes.clone(), lane.source.clone());
        let fetching = tokio::spawn(async move { indexes.mirrors.names(&index).await });
        tokio::time::timeout(PATIENCE_FOR_LISTS, fetching).await.ok()?.ok()?.ok()
    }
}

impl FoundProject {
    fn named(lane: &Lane<'_>, project: ProjectName, score: f32) -> Self {
        Self {
            index: lane.top.name.clone(),
            name: project.to_string(),
            project,
            version: String::new(),
            summary: String::new(),
            kind: if lane.mirror().is_some() { FoundKind::Mirrored } else { FoundKind::Hosted },
            yanked: false,
            score,
            at: lane.at,
        }
    }
}

fn sources(lanes: &[Lane<'_>]) -> Vec<String> {
    lanes.iter().map(|lane| lane.source.name.to_string()).collect()
}

async fn ask(
    shelf: &Arc<Shelf>,
    lanes: &[Lane<'_>],
    text: &SearchText,
    near: bool,
) -> Result<Vec<SearchCandidate>> {
    let (shelf, names, text) = (shelf.clone(), sources(lanes), text.clone());
    let found = spawn_blocking(move || {
        let question = if near { WordQuestion::Near(&text) } else { WordQuestion::Words(&text) };
        shelf.find(question, &names)
    });
    found.await?
}
