//! The state of all mirrors, and what they say of a project and of a file.

use super::gone::Gone;
use super::held::Held;
use super::running::Downloads;
use super::turns::{FileTurns, Hourly, MirrorTurns};
use crate::config::Config;
use crate::db::Db;
use crate::db::mirror::UpstreamTopic;
use crate::error::{Error, Result};
use crate::names::{IndexName, ProjectName};
use crate::packaging::page::{File, Page};
use crate::store::Store;
use crate::tools::flight::Flights;
use crate::tools::time::Micros;
use crate::upstream::UpstreamClient;
use crate::upstream::pages::UpstreamKind;
use bytes::Bytes;
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

/// All mirrors of this installation. Cheap to clone.
#[derive(Clone)]
pub struct Mirrors(pub(super) Arc<MirrorState>);

/// What the mirrors know, and what they have under way.
pub(super) struct MirrorState {
    pub(super) config: Config,
    pub(super) db: Db,
    pub(super) store: Store,
    pub(super) changed: Changed,
    pub(super) client: UpstreamClient,
    /// This one among those on its database.
    pub(super) process: String,
    /// What is known of an index's topics; bounded by bytes.
    pub(super) hot: moka::sync::Cache<(IndexName, UpstreamTopic), Arc<Held>>,
    pub(super) pages: Flights<Arc<Held>>,
    pub(super) downloads: Downloads,
    /// At reading a list of projects to learn what is not there.
    pub(super) lists: tokio::sync::Mutex<()>,
    /// At downloading, and at asking for pages.
    pub(super) turns: FileTurns,
    pub(super) page_turns: MirrorTurns,
    /// Names that an upstream does not have, as far as they are kept.
    pub(super) absent: Hourly,
    /// Projects that are said to be gone.
    pub(super) gone: Gone,
    /// METADATA and provenance on their way.
    pub(super) metadata: Flights<Bytes>,
    pub(super) provenance: moka::sync::Cache<String, Bytes>,
    /// Turns at reading metadata that nobody asked for yet, and when an installer last needed the
    /// upstream: what is read ahead waits until they are done.
    pub(super) ahead: Semaphore,
    pub(super) needed_at: Mutex<Instant>,
    /// Upstreams, or single pages of them, that failed a moment ago.
    pub(super) down: Mutex<HashMap<(String, Option<UpstreamTopic>), Down>>,
    /// Index to the URL it was learnt from, and what is there.
    pub(super) kinds: Mutex<HashMap<IndexName, (String, UpstreamKind)>>,
}

/// That an upstream failed, and until when it is left alone.
pub(super) struct Down {
    pub(super) until: Micros,
    pub(super) error: Error,
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
            .weigher(|_: &(IndexName, UpstreamTopic), held: &Arc<Held>| held.weight)
            .time_to_idle(IDLE)
            .build();
        let provenance = moka::sync::Cache::builder()
            .max_capacity(16 << 20)
            .weigher(|url: &String, bytes: &Bytes| u32::try_from(url.len() + bytes.len()).unwrap_or(u32::MAX))
            .time_to_live(IDLE)
            .build();
        Ok(Self(Arc::new(MirrorState {
            config: config.clone(),
            db,
            store,
            changed,
            client: UpstreamClient::new(config)?.of(uuid),
            process: uuid::Uuid::now_v7().simple().to_string(),
            hot,
            pages: Flights::default(),
            downloads: Downloads::default(),
            lists: tokio::sync::Mutex::default(),
            turns: FileTurns::new(usize::try_from(config.mirror.downloads).unwrap_or(usize::MAX)),
            page_turns: MirrorTurns::new(usize::try_from(config.mirror.pages).unwrap_or(usize::MAX)),
            absent: Hourly::new(ABSENT),
            gone: Gone::default(),
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

    /// The upstreams that are left alone at present because they failed, or some page of theirs did: their URLs without
    /// credentials, and why.
    pub fn failing(&self) -> Vec<(String, String)> {
        let (down, at) = (self.0.down.lock(), crate::tools::time::now());
        let failing = down.iter().filter(|(_, down)| at < down.until);
        failing.map(|((source, _), down)| (source.clone(), down.error.to_string())).collect()
    }

    /// What asks upstreams.
    pub fn client(&self) -> &UpstreamClient {
        &self.0.client
    }
}
