//! A copy of this server at another site: it follows a primary, answers reads from its own disk, and hands on the rest.
//!
//! The primary tells which parts changed since a serial ([`primary`]): accounts and indexes as a whole, or a project of
//! a stage. The replica takes the bytes that they name, each checked by its hash, then makes its own rows the same
//! ([`take`]), and only then counts the serial as reached ([`follow`]). A part that changed twice is taken once, one that
//! is taken twice is the same: a replica that was away for a week does what one does that missed a second.
//!
//! Mirrors are not copied row by row. A replica's mirror has the primary's mirror as its upstream
//! (`Directory::read_through`), with all that a mirror knows of stale pages and failing upstreams; it fetches what the
//! primary's mirrors keep before anybody asks ([`mirrored`]).
//!
//! Builds, promises and all writes are the primary's: `web/forward` hands them on.

mod contact;
mod follow;
mod mirrored;
pub mod primary;
mod take;

pub use follow::{promote, refuse_on_replica};

use crate::config::Config;
use crate::db::Db;
use crate::error::Result;
use crate::index::Indexes;
use crate::names::{IndexName, ProjectName};
use crate::store::Store;
use crate::tools::time::{Micros, SECOND, now};
use crate::words::Moment;
pub use contact::{ASKER, Primary};
use parking_lot::Mutex;
use primary::Reached;
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::watch;

/// The fact that says that this installation is a replica.
pub const OF: &str = crate::db::facts::REPLICA_OF;

/// The fact that holds the serial of the primary up to which everything is here ([`Reached`]).
const SERIAL: &str = "replica_serial";

/// This installation as a replica. Cheap to clone.
#[derive(Clone)]
pub struct Replica(Arc<ReplicaRoom>);

struct ReplicaRoom {
    primary: Primary,
    db: Db,
    store: Store,
    indexes: Arc<Indexes>,
    /// Whether to fetch what the primary's mirrors keep.
    mirrored: bool,
    /// Up to where everything of the primary is here.
    reached: watch::Sender<Reached>,
    seen: Mutex<Seen>,
    /// Projects that could not be taken, for they lack right bytes, and why; tried again from time to time.
    waiting: Mutex<BTreeMap<ProjectKey, String>>,
}

/// A project of an index.
type ProjectKey = (IndexName, ProjectName);

/// The fact that lists the projects that wait for right bytes.
const WAITING: &str = "replica_waiting";

/// What was seen of the primary.
#[derive(Clone, Default)]
struct Seen {
    /// Its newest serial.
    newest: i64,
    contacted_at: Option<Micros>,
    in_sync_at: Option<Micros>,
    /// When those that wait were tried again.
    tried_at: Option<Micros>,
    /// Why it could not be followed the last time.
    error: Option<String>,
    /// Bytes that the primary lost: their files are asked of it.
    lost: u64,
}

/// How far a replica is, for `/+status`.
#[derive(Debug, Serialize)]
pub struct ReplicaView {
    #[serde(rename = "primary-url")]
    pub primary: String,
    #[serde(rename = "primary-reachable")]
    pub reachable: bool,
    #[serde(rename = "primary-serial")]
    pub newest: i64,
    #[serde(rename = "replica-serial")]
    pub serial: i64,
    #[serde(rename = "primary-contacted-at")]
    pub contacted: Option<Moment>,
    #[serde(rename = "replica-in-sync-at")]
    pub in_sync: Option<Moment>,
    /// Seconds since everything that the primary had was here; none before the first copy is complete.
    #[serde(rename = "replica-lag-seconds")]
    pub lag: Option<i64>,
    #[serde(rename = "replication-lost-blobs")]
    pub lost: u64,
    /// Projects that wait for right bytes.
    #[serde(rename = "replication-waiting-projects")]
    pub waiting: usize,
    #[serde(rename = "replication-error")]
    pub error: Option<String>,
}

impl Replica {
    /// `None` unless the configuration makes this installation a replica.
    pub async fn open(
        config: &Config,
        db: &Db,
        store: &Store,
        indexes: &Arc<Indexes>,
    ) -> Result<Option<Self>> {
        let Some(primary) = Primary::of(config)? else { return Ok(None) };
        let reached = db.fact(SERIAL).await?.as_deref().and_then(Reached::parse).unwrap_or_default();
        let waiting =
            db.fact(WAITING).await?.and_then(|text| serde_json::from_str::<Vec<ProjectKey>>(&text).ok());
        let waiting =
            waiting.into_iter().flatten().map(|key| (key, "not tried again yet".to_owned())).collect();
        Ok(Some(Self(Arc::new(ReplicaRoom {
            primary,
            db: db.clone(),
            store: store.clone(),
            indexes: indexes.clone(),
            mirrored: config.replica.mirrored,
            reached: watch::Sender::new(reached),
            seen: Mutex::default(),
            waiting: Mutex::new(waiting),
        }))))
    }

    pub fn primary(&self) -> &Primary {
        &self.0.primary
    }

    /// The primary's serial up to which everything is here.
    pub fn serial(&self) -> i64 {
        self.0.reached.borrow().serial
    }

    /// Until everything up to a serial of the primary is here.
    pub async fn wait_for(&self, serial: i64) {
        let mut here = self.0.reached.subscribe();
        // The sender lives as long as `self`.
        let _ = here.wait_for(|here| here.serial >= serial).await;
    }

    pub fn view(&self) -> ReplicaView {
        let seen = self.0.seen.lock().clone();
        let (serial, waiting) = (self.serial(), self.0.waiting.lock().clone());
        let lag = match seen.in_sync_at {
            Some(_) if self.0.primary.is_reachable() && serial >= seen.newest && waiting.is_empty() => {
                Some(0)
            }
            Some(at) => Some((now() - at) / SECOND),
            None => None,
        };
        ReplicaView {
            primary: self.0.primary.shown(),
            reachable: self.0.primary.is_reachable(),
            newest: seen.newest,
            serial,
            contacted: seen.contacted_at.map(Moment),
            in_sync: seen.in_sync_at.map(Moment),
            lag,
            lost: seen.lost,
            waiting: waiting.len(),
            error: seen.error.or_else(|| waiting.into_values().next()),
        }
    }
}
