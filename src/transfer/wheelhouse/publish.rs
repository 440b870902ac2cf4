//! Wheelhouses in buckets: published by one process at a time, kept current while a server runs, and told of.

use super::order::{HouseSource, WheelhouseOrder, WheelhouseTally};
use super::place::HousePlace;
use super::presign::Presign;
use super::sync::{self, Run};
use crate::config::wheelhouse::{WheelhouseSettings, bucket_place};
use crate::config::{Config, S3Settings};
use crate::db::Db;
use crate::db::wheelhouses::WheelhouseRow;
use crate::error::{Error, Result};
use crate::index::Indexes;
use crate::names::{IndexName, ProjectName};
use crate::store::{KeyLife, ObjectFolder, Store};
use crate::tools::failing::Failing;
use crate::tools::panics;
use crate::tools::time::{Micros, SECOND, now, seconds};
use crate::words::Moment;
use crate::{bad, conflict};
use futures::FutureExt;
use serde::Serialize;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

/// How often somebody looks whether something changed.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// A process that has not said for so long that it still publishes has died.
const LEASE: u64 = 60;
/// How often it says so.
const BEAT: Duration = Duration::from_secs(15);
/// The pauses after tries that failed, in seconds: the first, and the longest.
const PAUSES: (u64, u64) = (15, 1800);
/// Characters of an error that are kept.
const LONGEST_ERROR: usize = 500;

/// A wheelhouse in a bucket, and how it is reached. Without `Debug`: it holds a secret.
#[derive(Clone)]
pub struct WheelhouseTarget {
    pub order: WheelhouseOrder,
    /// `s3://BUCKET/PREFIX`
    pub to: String,
    pub s3: S3Settings,
}

impl WheelhouseTarget {
    /// What a section of the settings means.
    ///
    /// # Errors
    /// `Bad` for names and times that cannot be.
    pub fn configured(house: &WheelhouseSettings, storage: &S3Settings) -> Result<Self> {
        let index = IndexName::parse(&house.index);
        let index = index.ok_or_else(|| bad!("'{}' is not a valid index name", house.index))?;
        let order = WheelhouseOrder {
            index,
            projects: Vec::new(),
            inherited: house.inherited,
            public_url: None,
            presign: house.presign.map(|lasts| Presign::new(lasts, house.min_valid)),
            private: Some(house.private.iter().filter_map(|name| ProjectName::new(name)).collect()),
        };
        sync::check(&order)?;
        Ok(Self { order, to: bucket_place(&house.to), s3: house.s3(storage) })
    }
}

/// A wheelhouse as it is shown.
#[derive(Debug, Serialize)]
pub struct WheelhouseView {
    pub place: String,
    pub index: String,
    /// When something was written there last.
    pub published: Option<Moment>,
    /// When it was last known to be what the index has.
    pub checked: Option<Moment>,
    /// The first of its signed links ends.
    pub links_until: Option<Moment>,
    pub failed: Option<Moment>,
    /// `None`: the last try went well.
    pub error: Option<String>,
    /// Projects that say `Private ::`, and stay here.
    pub left_out: Vec<String>,
}

impl From<WheelhouseRow> for WheelhouseView {
    fn from(row: WheelhouseRow) -> Self {
        let names = row.left_out.split(',').filter(|name| !name.is_empty());
        Self {
            left_out: names.map(str::to_owned).collect(),
            place: row.place,
            index: row.index_name,
            published: row.published_at.map(Moment),
            checked: row.checked_at.map(Moment),
            links_until: row.links_until.map(Moment),
            failed: row.failed_at.map(Moment),
            error: row.error,
        }
    }
}

/// All wheelhouses of this installation. Cheap to clone.
#[derive(Clone)]
pub struct Wheelhouses(Arc<Room>);

struct Room {
    db: Db,
    store: Store,
    indexes: Arc<Indexes>,
    configured: Vec<WheelhouseTarget>,
    offline: bool,
    /// This process among those on one database.
    process: String,
}

impl Wheelhouses {
    /// # Errors
    /// `Bad` for a section of the settings that cannot be.
    pub fn new(config: &Config, db: Db, store: Store, indexes: Arc<Indexes>) -> Result<Self> {
        let target = |(name, house): (&String, &WheelhouseSettings)| {
            WheelhouseTarget::configured(house, &config.s3).map_err(|why| bad!("wheelhouse.{name}: {why}"))
        };
        let configured = config.wheelhouse.iter().map(target).collect::<Result<_>>()?;
        let process = uuid::Uuid::now_v7().simple().to_string();
        Ok(Self(Arc::new(Room { db, store, indexes, configured, offline: config.offline, process })))
    }

    /// Keeps the configured ones current until `self` and all its clones are gone. Offline, they wait.
    pub fn tend(&self) {
        if !self.0.offline && !self.0.configured.is_empty() {
            tokio::spawn(keep_publishing(Arc::downgrade(&self.0)));
        }
    }

    /// Publishes those of the configured ones that need it at `now`. What fails is noted and tried again later.
    pub async fn round(&self, now: Micros) -> Result<()> {
        // At once: one that takes hours must not let the links of another end.
        let looks =
            self.0.configured.iter().map(|target| async move { (target, self.look(target, now).await) });
        for (target, looked) in futures::future::join_all(looks).await {
            match looked {
                Ok(None) => {}
                Ok(Some(tally)) => tracing::info!(
                    index = %target.order.index, to = target.to, pages = tally.pages, files = tally.files,
                    removed = tally.removed, "published a wheelhouse"
                ),
                Err(error @ Error::Internal(_)) => return Err(error),
                Err(error) => tracing::warn!(
                    index = %target.order.index, to = target.to, %error, "cannot publish a wheelhouse; retrying later"
                ),
            }
        }
        Ok(())
    }

    /// Publishes if something changed, or if links are to be signed anew; `None` if all is well, if another process is
    /// at it, and so soon after a failure.
    pub async fn look(&self, target: &WheelhouseTarget, now: Micros) -> Result<Option<WheelhouseTally>> {
        let room = &self.0;
        let row = room.db.wheelhouse(&target.to).await?.unwrap_or_default();
        let pause = pause(row.tries);
        if row.failed_at.is_some_and(|at| now >= at && now < at.saturating_add(seconds(pause))) {
            return Ok(None);
        }
        let content = sync::content(room.source(), &target.order).await;
        let same = content.as_ref().is_ok_and(|content| *content == row.content);
        // By today's settings: they may ask for more than those did when the links were signed.
        let signed = target.order.presign.zip(row.links_until);
        let is_old = signed.is_some_and(|(presign, until)| {
            now >= presign.renew_at(until.saturating_sub(seconds(presign.lasts)))
        });
        let is_due = is_old || row.renew_at.is_some_and(|at| now >= at);
        if same && row.error.is_none() && !is_due {
            return Ok(None);
        }
        match self.publish(target, now).await {
            Err(Error::Conflict(why)) if why.contains(BUSY) => Ok(None),
            published => published.map(Some),
        }
    }

    /// Publishes now. Whatever becomes of it is noted.
    ///
    /// # Errors
    /// `Conflict` while another process publishes there; `Missing` without such an index; `Bad` for times that cannot be, and for keys that do not
    /// last; what the bucket says.
    pub async fn publish(&self, target: &WheelhouseTarget, now: Micros) -> Result<WheelhouseTally> {
        let room = &self.0;
        sync::check(&target.order)?;
        if room.offline {
            return Err(Error::Offline("the setting offline is on: nothing is published to a bucket".into()));
        }
        let index = &target.order.index;
        let begun = Instant::now();
        let place = (target.to.as_str(), index);
        if !room.lease(place, now, begun).await? {
            return Err(conflict!("{BUSY} to {}: wait until it has ended, then try again", target.to));
        }
        let published = tokio::select! {
            published = room.bring(target, now).boxed() => published,
            lost = room.beat(place, now, begun).boxed() => Err(lost),
        };
        room.note(target, now, &published).await?;
        published.map(|(tally, _)| tally)
    }

    /// A URL at which anybody reads the flat page for as long as links last.
    pub async fn page_url(&self, target: &WheelhouseTarget) -> Result<String> {
        let presign = target.order.presign;
        let presign =
            presign.ok_or_else(|| bad!("--print-url needs --presign: say how long the URL is good for"))?;
        let bucket = ObjectFolder::open("wheelhouse", &target.to, &target.s3)?;
        bucket.presigned(super::tree::FLAT, presign.lasts).await
    }

    /// All that were ever published from here.
    pub async fn views(&self) -> Result<Vec<WheelhouseView>> {
        Ok(self.0.db.wheelhouses().await?.into_iter().map(WheelhouseView::from).collect())
    }

    /// The configured one at this place.
    pub fn configured(&self, to: &str) -> Option<&WheelhouseTarget> {
        let to = bucket_place(to);
        self.0.configured.iter().find(|target| target.to == to)
    }
}

/// The beginning of what is said while another process has the lease.
const BUSY: &str = "another process publishes";

/// Seconds after so many tries that failed.
fn pause(tries: i64) -> u64 {
    let exponent = u32::try_from(tries.saturating_sub(1)).unwrap_or(0);
    PAUSES.0.saturating_mul(2u64.saturating_pow(exponent)).min(PAUSES.1)
}

async fn keep_publishing(room: Weak<Room>) {
    let mut failing = Failing::default();
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        let Some(room) = room.upgrade() else { return };
        let round = panics::caught(Box::pin(Wheelhouses(room).round(now()))).await;
        failing.note(&round, "cannot publish wheelhouses");
    }
}

impl Room {
    fn source(&self) -> HouseSource<'_> {
        HouseSource { indexes: &self.indexes, store: &self.store }
    }

    /// Takes or renews the right to publish, as of a moment that began with `now`.
    async fn lease(&self, place: (&str, &IndexName), now: Micros, begun: Instant) -> Result<bool> {
        let gone = i64::try_from(begun.elapsed().as_micros()).unwrap_or(i64::MAX);
        let until = now.saturating_add(gone).saturating_add(seconds(LEASE));
        self.db.lease_wheelhouse(place, &self.process, (now, until)).await
    }

    /// Renews it; returns once it is lost.
    async fn beat(&self, place: (&str, &IndexName), now: Micros, begun: Instant) -> Error {
        loop {
            tokio::time::sleep(BEAT).await;
            match self.lease(place, now, begun).await {
                Ok(true) => {}
                Ok(false) => return conflict!("{BUSY} to {}", place.0),
                Err(error) => return error,
            }
        }
    }

    /// Makes the bucket what the index is; returns the content that it had before anything was read.
    async fn bring(&self, target: &WheelhouseTarget, now: Micros) -> Result<(WheelhouseTally, String)> {
        let bucket = ObjectFolder::open("wheelhouse", &target.to, &target.s3)?;
        if let Some(presign) = target.order.presign {
            keys_last(&bucket, presign, now).await?;
        }
        // Before the rest is read: what changes meanwhile is looked at next time.
        let content = sync::content(self.source(), &target.order).await?;
        let place = HousePlace::Bucket(bucket);
        let run = Run { source: self.source(), order: &target.order, place: &place, now };
        Ok((run.run().await?, content))
    }

    async fn note(
        &self,
        target: &WheelhouseTarget,
        at: Micros,
        published: &Result<(WheelhouseTally, String)>,
    ) -> Result<()> {
        let mut row = self.db.wheelhouse(&target.to).await?.unwrap_or_default();
        (row.place, row.index_name) = (target.to.clone(), target.order.index.to_string());
        match published {
            Ok((tally, content)) => {
                let names: Vec<&str> = tally.left_out.iter().map(ProjectName::as_str).collect();
                if tally.pages + tally.files + tally.removed > 0 || row.published_at.is_none() {
                    row.published_at = Some(at);
                }
                row.checked_at = Some(at);
                (row.content, row.left_out) = (content.clone(), names.join(","));
                (row.renew_at, row.links_until) = (tally.renew_at, tally.links_until);
                (row.failed_at, row.error, row.tries) = (None, None, 0);
            }
            Err(error) => {
                let said: String = error.to_string().chars().take(LONGEST_ERROR).collect();
                (row.failed_at, row.error, row.tries) = (Some(at), Some(said), row.tries.saturating_add(1));
            }
        }
        self.db.wheelhouse_tried(&self.process, &row).await
    }
}

/// A link ends with the key that signed it, whatever it says itself.
async fn keys_last(bucket: &ObjectFolder, presign: Presign, now: Micros) -> Result<()> {
    let out = "use the access key of an account that lasts, or choose a shorter time";
    match bucket.key_life(|name| std::env::var(name).ok()).await? {
        KeyLife::Lasting => Ok(()),
        KeyLife::Until(end) if end >= presign.until(now) => Ok(()),
        KeyLife::Until(end) => {
            let left = end.saturating_sub(now) / SECOND / 60;
            Err(bad!(
                "the credentials for {} end in {left} minutes, and links signed with them end then, too: {out}",
                bucket.url()
            ))
        }
        KeyLife::Unknown => Err(bad!(
            "the credentials for {} are those of a session that ends, and links signed with them end then, too: {out}. \
             If you know when they end, say so with AWS_CREDENTIAL_EXPIRATION",
            bucket.url()
        )),
    }
}

/// The target of a command: what is given, at a place with the keys that the settings have for it.
pub fn target_of(
    wheelhouses: &Wheelhouses,
    order: WheelhouseOrder,
    to: &str,
    storage: &S3Settings,
) -> Result<WheelhouseTarget> {
    if !to.starts_with("s3://") {
        return Err(bad!("--to must be s3://BUCKET or s3://BUCKET/PREFIX, not {to:?}"));
    }
    // A mistyped index leaves no row.
    wheelhouses.0.indexes.directory().index(&order.index)?;
    let configured = wheelhouses.configured(to);
    if let Some(other) = configured.filter(|known| known.order != order) {
        return Err(conflict!(
            "the server publishes {} to {to} with other options: use the same ones, or choose another prefix",
            other.order.index
        ));
    }
    let s3 = configured.map_or_else(|| storage.clone(), |known| known.s3.clone());
    Ok(WheelhouseTarget { order, to: bucket_place(to), s3 })
}
