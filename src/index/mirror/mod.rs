//! Mirrors: what an upstream says, kept; its files, fetched once, verified and stored.

mod absent;
mod asked;
mod download;
mod files;
mod held;
mod kinds;
mod known;
mod listed;
mod look;
mod metadata;
mod pages;
mod patience;
mod seen;
mod settle;
mod turns;
mod used;
mod verify;

pub use listed::url_key;
pub use settle::forget;

use crate::config::Config;
use crate::db::Db;
use crate::db::Micros;
use crate::error::Result;
use crate::names::{IndexName, ProjectName};
use crate::packaging::page::{File, Page};
use crate::store::Store;
use crate::tools::flight::Flights;
use crate::upstream::UpstreamClient;
use crate::upstream::pages::UpstreamKind;
use asked::Topic;
use bytes::Bytes;
use futures::stream::BoxStream;
use held::Held;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Semaphore;

/// Called with index and project when a page of ours changes although the upstream's did not.
pub type Changed = Arc<dyn Fn(&IndexName, &ProjectName) + Send + Sync>;

/// What an upstream says of a project.
#[derive(Clone, Debug)]
pub struct MirrorPage {
    /// As the upstream says it, URLs absolute; [`Mirrors::listed`] makes our page of it.
    pub page: Arc<Page>,
    pub fresh_until: Micros,
    /// The upstream does not answer usably: this is what it said last.
    pub stale: bool,
    /// Nothing can be fetched: the server is offline, or the upstream does not answer at all.
    pub cut_off: bool,
}

/// A file that an upstream lists.
#[derive(Clone, Debug)]
pub struct Located {
    pub project: ProjectName,
    /// As the upstream says.
    pub file: File,
}

/// What follows `+f/` or `+e/` in a file's URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key<'a> {
    /// The first 16 hex digits of the file's sha256.
    Hash(&'a str),
    /// The first 16 hex digits of the sha256 of its upstream URL ([`url_key`]).
    Url(&'a str),
}

/// Bytes on their way from the upstream or the store. The stream ends well only if they are what
/// was advertised; otherwise it ends with an error, and the response must be reset.
pub struct Download {
    /// Bytes, if the upstream tells.
    pub size: Option<u64>,
    /// Known before the last byte only if the upstream told.
    pub sha256: Option<String>,
    pub stream: BoxStream<'static, Result<Bytes>>,
}

/// All mirrors of this installation. Cheap to clone.
#[derive(Clone)]
pub struct Mirrors(Arc<Inner>);

struct Inner {
    config: Config,
    db: Db,
    store: Store,
    changed: Changed,
    client: UpstreamClient,
    /// (index, project) to what is known; bounded by bytes.
    hot: moka::sync::Cache<(String, String), Arc<Held>>,
    pages: Flights<Arc<Held>>,
    downloads: download::Downloads,
    /// At reading a list of projects to learn what is not there.
    lists: tokio::sync::Mutex<()>,
    /// At downloading, and at asking for pages.
    turns: turns::FileTurns,
    page_turns: turns::MirrorTurns,
    /// Names that an upstream does not have, as far as they are kept.
    absent: turns::Hourly,
    /// Projects that are said to be gone.
    gone: absent::Gone,
    /// METADATA and provenance on their way.
    metadata: Flights<Bytes>,
    provenance: moka::sync::Cache<String, Bytes>,
    /// Turns at reading metadata that nobody asked for yet, and when an installer last needed the
    /// upstream: what is read ahead waits until they are done.
    ahead: Semaphore,
    needed_at: Mutex<Instant>,
    /// Upstreams, or single pages of them, that failed a moment ago.
    down: Mutex<HashMap<(String, Option<Topic>), pages::Down>>,
    /// Index to the URL it was learnt from, and what is there.
    kinds: Mutex<HashMap<String, (String, UpstreamKind)>>,
}

/// Names that no upstream has, kept in an hour; others are remembered in memory alone.
const ABSENT: u32 = 2000;

/// Bytes of upstream pages held in memory.
const HOT: u64 = 64 << 20;

/// Names and pages that nobody asks for make room.
const IDLE: Duration = Duration::from_secs(600);

impl Mirrors {
    /// `uuid` names this installation.
    pub fn new(config: &Config, db: Db, store: Store, changed: Changed, uuid: &str) -> Result<Self> {
        let hot = moka::sync::Cache::builder()
            .max_capacity(HOT)
            .weigher(|_: &(String, String), held: &Arc<Held>| held.weight)
            .time_to_idle(IDLE)
            .build();
        let provenance = moka::sync::Cache::builder()
            .max_capacity(16 << 20)
            .weigher(|url: &String, bytes: &Bytes| u32::try_from(url.len() + bytes.len()).unwrap_or(u32::MAX))
            .time_to_live(IDLE)
            .build();
        Ok(Self(Arc::new(Inner {
            config: config.clone(),
            db,
            store,
            changed,
            client: UpstreamClient::new(config)?.of(uuid),
            hot,
            pages: Flights::default(),
            downloads: download::Downloads::default(),
            lists: tokio::sync::Mutex::default(),
            turns: turns::FileTurns::new(usize::try_from(config.mirror.downloads).unwrap_or(usize::MAX)),
            page_turns: turns::MirrorTurns::new(usize::try_from(config.mirror.pages).unwrap_or(usize::MAX)),
            absent: turns::Hourly::new(ABSENT),
            gone: absent::Gone::default(),
            metadata: Flights::default(),
            provenance,
            ahead: Semaphore::new(2),
            needed_at: Mutex::new(Instant::now()),
            down: Mutex::default(),
            kinds: Mutex::default(),
        })))
    }

    /// Refuses an upstream that only who runs this server may name.
    pub async fn may_name(&self, url: &url::Url) -> Result<()> {
        self.0.client.may_name(url).await
    }
}
