//! Prepared pages: rendered once, compressed once, then served as bytes.

mod form;
mod key;
mod walk;

pub use form::PageForm;
pub use walk::Walk;

use super::curation::{self, Curation};
use super::gather::{Gathered, Sources};
use super::mirror::Mirrors;
use super::sight::{Sight, UnapprovedFiles};
use super::stripes::Stripes;
use crate::access::Who;
use crate::bad;
use crate::config::Config;
use crate::config::base_url::BaseUrl;
use crate::counters;
use crate::db::Db;
use crate::directory::inheritance::{self, InheritanceOrder};
use crate::directory::{Directory, Index, IndexKind};
use crate::error::{Error, Result};
use crate::names::{IndexName, ProjectName};
use crate::packaging::page::Page;
use crate::packaging::{html, json};
use crate::tools::locks::Locks;
use crate::tools::time::{Micros, SECOND, now};
use crate::tools::{gzip, hex};
use crate::upstream::client;
use bytes::Bytes;
use futures::future::BoxFuture;
use http::HeaderValue;
use key::{KeyRef, PageKey};
use parking_lot::RwLock;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use walk::readable;

/// A page is asked of its upstream at most this often, however many clients say `no-cache`.
const REFRESH_PAUSE: i64 = 10 * SECOND;
/// Pages with more files are rendered off the threads that serve requests.
const LARGE: usize = 100;

/// What adds to a gathered page before it is written; pages are kept apart by its key.
pub trait Amend: Send + Sync {
    /// Who amends differently has another one; never empty.
    fn key(&self) -> &str;

    /// Amends the page; returns until when that is true if nothing here changes.
    fn amend<'a>(&'a self, page: &'a mut Page, directory: &'a Directory) -> BoxFuture<'a, Result<Micros>>;
}

/// Which page, for whom.
#[derive(Clone, Copy)]
pub struct ViewRequest<'a> {
    pub directory: &'a Arc<Directory>,
    pub index: &'a Index,
    pub project: &'a ProjectName,
    pub who: &'a Who,
    pub form: PageForm,
    /// How many segments deep the page is: links lead that far up to the server's root.
    pub depth: u8,
    pub as_of: Option<Micros>,
    /// For URLs that must be absolute.
    pub base_url: BaseUrl<'a>,
    /// The client wants to know what is true now, not what was true a moment ago.
    pub refresh: bool,
    /// Adds to the page what exists for this asker only.
    pub amend: Option<&'a dyn Amend>,
    /// All indexes that are asked together, this one too; empty: this one alone.
    pub set: &'a [&'a Index],
    pub unapproved: UnapprovedFiles,
}

/// Bytes ready to send, with their headers.
pub struct Prepared {
    pub identity: Variant,
    /// Missing where it would not be smaller.
    pub gzip: Option<Variant>,
    pub content_type: HeaderValue,
    pub cache_control: HeaderValue,
    /// `X-PyPI-Last-Serial`
    pub serial: Option<HeaderValue>,
    /// Anonymous askers see this page too.
    pub public: bool,
    /// An upstream does not answer; the page is what it said last.
    pub stale: bool,
    /// Its bytes differ with the name by which the server is asked: look again, with the base.
    by_base: bool,
    stamp: u64,
    directory: Weak<Directory>,
    fresh_until: Micros,
    gathered_at: Micros,
}

impl Prepared {
    /// Whether it was prepared from this snapshot.
    fn is_of(&self, directory: &Arc<Directory>) -> bool {
        std::ptr::eq(self.directory.as_ptr(), Arc::as_ptr(directory))
    }
}

/// One content coding of a page.
pub struct Variant {
    pub body: Bytes,
    /// Strong.
    pub etag: HeaderValue,
}

/// The walks of one snapshot of the directory.
#[derive(Default)]
struct Walks {
    directory: Weak<Directory>,
    by_index: BTreeMap<IndexName, Arc<Walk>>,
}

/// All prepared pages.
pub struct Views {
    db: Db,
    mirrors: Mirrors,
    stripes: Arc<Stripes>,
    curation: Curation,
    pages: moka::sync::Cache<PageKey, Arc<Prepared>>,
    /// Held while a page is prepared.
    preparing: Locks<PageKey>,
    walks: RwLock<Walks>,
    /// Seconds that a mirror's page counts as fresh, where the mirror does not say.
    cache_expiry: u64,
    /// Pages written so far.
    pub rendered: AtomicU64,
}

impl Views {
    /// Keeps at most `limits.page_cache` bytes of pages.
    pub fn new(config: &Config, db: Db, mirrors: Mirrors, stripes: Arc<Stripes>) -> Self {
        let pages =
            moka::sync::Cache::builder().max_capacity(config.limits.page_cache).weigher(weight).build();
        Self {
            mirrors,
            curation: Curation::new(db.clone(), stripes.clone()),
            stripes,
            db,
            pages,
            preparing: Locks::default(),
            walks: RwLock::default(),
            cache_expiry: config.mirror.cache_expiry,
            rendered: AtomicU64::new(0),
        }
    }

    pub(super) fn sources(&self) -> Sources<'_> {
        Sources { db: &self.db, mirrors: &self.mirrors, curation: &self.curation, kept: false }
    }

    pub(super) fn curation(&self) -> &Curation {
        &self.curation
    }

    /// The page, from memory if it is still true.
    ///
    /// # Errors
    /// As [`Sources::project`].
    pub async fn project(&self, ask: ViewRequest<'_>) -> Result<Arc<Prepared>> {
        let page = self.with_base(&ask, "").await?;
        match page.by_base.then(|| ask.base_url.known()).flatten() {
            Some(base) => self.with_base(&ask, &(base + "/")).await,
            None => Ok(page),
        }
    }

    async fn with_base(&self, ask: &ViewRequest<'_>, base: &str) -> Result<Arc<Prepared>> {
        let walk = self.walk(ask.directory, &ask.index.name)?;
        let names: Vec<&str> = ask.set.iter().map(|index| index.name.as_str()).collect();
        let set = names.join("+");
        let key = KeyRef {
            base,
            set: &set,
            index: ask.index.name.as_str(),
            project: ask.project.as_str(),
            readable: walk.readable(ask.directory, ask.who),
            as_of: ask.as_of,
            form: ask.form,
            depth: ask.depth,
            amend: ask.amend.map(Amend::key).unwrap_or_default(),
            unapproved: UnapprovedFiles::seen_by(ask.who, &ask.index.name, ask.unapproved),
        };
        if let Some(known) = self.pages.get(&key).filter(|known| self.is_true(known, ask, now())) {
            counters::PAGE_HITS.one();
            return Ok(known);
        }
        let asked_at = now();
        let _one = self.preparing.lock(key.to_key()).await;
        if let Some(known) = self.pages.get(&key)
            && (self.is_true(&known, ask, now())
                || known.gathered_at >= asked_at && known.is_of(ask.directory))
        {
            counters::PAGE_HITS.one();
            return Ok(known);
        }
        counters::PAGE_MISSES.one();
        let prepared = Arc::new(self.prepare(ask, &walk, (key.readable, key.unapproved), base).await?);
        self.pages.insert(key.to_key(), prepared.clone());
        Ok(prepared)
    }

    /// Bytes of pages in memory.
    pub fn held(&self) -> u64 {
        // What was put in a moment ago is weighed later otherwise.
        self.pages.run_pending_tasks();
        self.pages.weighted_size()
    }

    fn is_true(&self, page: &Prepared, ask: &ViewRequest<'_>, now: Micros) -> bool {
        let young = now - page.gathered_at < REFRESH_PAUSE;
        page.stamp == self.stripes.stamp(ask.project)
            && page.is_of(ask.directory)
            && now < page.fresh_until
            && (!ask.refresh || young || page.fresh_until == Micros::MAX)
    }

    async fn prepare(
        &self,
        ask: &ViewRequest<'_>,
        walk: &Walk,
        (readable, unapproved): (u128, UnapprovedFiles),
        base: &str,
    ) -> Result<Prepared> {
        // Before gathering: what changes meanwhile makes this page untrue, not the next one.
        let stamp = self.stripes.stamp(ask.project);
        let gathered_at = now();
        let whole = whole(ask.directory, ask.set, &ask.index.name);
        let sight = Sight {
            directory: ask.directory,
            order: &walk.order,
            readable,
            as_of: ask.as_of,
            whole: whole.as_ref(),
            unapproved,
        };
        let Gathered { mut page, mut fresh_until, stale } =
            self.sources().project(sight, ask.project, ask.refresh).await?;
        let listed = page.files.len();
        if let Some(amend) = ask.amend {
            fresh_until = fresh_until.min(amend.amend(&mut page, ask.directory).await?);
        }
        let plain = page.files.len() == listed && page.left_out.is_empty();
        let by_base = base.is_empty() && page.has_own_provenance();
        if !base.is_empty() {
            page.set_base(base);
        }
        self.rendered.fetch_add(1, Ordering::Relaxed);
        let serial = page.serial;
        let (form, depth) = (ask.form, ask.depth);
        let (identity, gzip) = match page.files.len() > LARGE {
            true => tokio::task::spawn_blocking(move || render(&page, form, depth)).await??,
            false => render(&page, form, depth)?,
        };
        let public = walk.is_public(readable);
        // Nobody keeps a page longer than the mirror itself would believe it, nor one with promises:
        // what becomes of them is told at once.
        let lasts = plain
            && matches!(&ask.index.kind, IndexKind::Mirror(mirror)
            if mirror.cache_expiry.unwrap_or(self.cache_expiry) >= 60 && !stale);
        let cache_control = if lasts && public { "public, max-age=60" } else { "private, no-cache" };
        Ok(Prepared {
            identity,
            gzip,
            content_type: ask.form.content_type(),
            cache_control: HeaderValue::from_static(cache_control),
            serial: serial.map(HeaderValue::from),
            public,
            stale,
            by_base,
            stamp,
            directory: Arc::downgrade(ask.directory),
            fresh_until,
            gathered_at,
        })
    }

    /// The gathered page itself, for whoever needs more than bytes (flat pages, JSON, people).
    pub async fn page(
        &self,
        directory: &Arc<Directory>,
        index: &Index,
        project: &ProjectName,
        who: &Who,
    ) -> Result<Page> {
        self.part(directory, &[index], index, project, who).await
    }

    pub(super) async fn part(
        &self,
        directory: &Arc<Directory>,
        set: &[&Index],
        index: &Index,
        project: &ProjectName,
        who: &Who,
    ) -> Result<Page> {
        let walk = self.walk(directory, &index.name)?;
        let readable = walk.readable(directory, who);
        let whole = whole(directory, set, &index.name);
        let (order, whole) = (&walk.order, whole.as_ref());
        let unapproved = UnapprovedFiles::seen_by(who, &index.name, UnapprovedFiles::Hidden);
        let sight = Sight { directory, order, readable, as_of: None, whole, unapproved };
        Ok(self.sources().project(sight, project, false).await?.page)
    }

    /// Refuses a request that a mirror below `index` sent: it would wait for its own answer.
    ///
    /// # Errors
    /// `Loop`.
    pub fn not_from_below(
        &self,
        directory: &Arc<Directory>,
        index: &IndexName,
        uuid: &str,
        asker: Option<&HeaderValue>,
    ) -> Result<()> {
        let Some(asker) = asker else { return Ok(()) };
        let walk = self.walk(directory, index)?;
        let sent = |source: &&IndexName| client::asker(uuid, source.as_str()).as_bytes() == asker.as_bytes();
        match walk.order.sources.iter().find(sent) {
            None => Ok(()),
            Some(mirror) => Err(Error::Loop(format!(
                "the mirror {mirror} points to its own server: set its mirror_url to another index"
            ))),
        }
    }

    /// The order of an index in this snapshot, worked out once.
    pub fn walk(&self, directory: &Arc<Directory>, index: &IndexName) -> Result<Arc<Walk>> {
        let ours = |walks: &Walks| std::ptr::eq(walks.directory.as_ptr(), Arc::as_ptr(directory));
        {
            let walks = self.walks.read();
            if let Some(walk) = walks.by_index.get(index).filter(|_| ours(&walks)) {
                return Ok(walk.clone());
            }
        }
        let order = inheritance::order(directory, index);
        if order.sources.len() > 128 {
            return Err(bad!("index {index} inherits from more than 128 indexes: remove some bases"));
        }
        let curators = curation::curators(directory, &order);
        let anonymous = readable(directory, &order, &curators, &Who::default());
        let walk = Arc::new(Walk { order, curators, anonymous });
        let mut walks = self.walks.write();
        if !ours(&walks) {
            *walks = Walks { directory: Arc::downgrade(directory), by_index: BTreeMap::new() };
        }
        walks.by_index.insert(index.clone(), walk.clone());
        Ok(walk)
    }
}

/// The order of a set for one of its indexes; `None` for one alone, whose own order says it all.
fn whole(directory: &Directory, set: &[&Index], one: &IndexName) -> Option<InheritanceOrder> {
    (set.len() > 1).then(|| inheritance::together(directory, set, one))
}

fn weight(key: &PageKey, page: &Arc<Prepared>) -> u32 {
    let gzip = page.gzip.as_ref().map_or(0, |variant| variant.body.len());
    let bytes = page.identity.body.len() + gzip + key.index.len() + key.project.len() + 600;
    u32::try_from(bytes).unwrap_or(u32::MAX)
}

fn render(page: &Page, form: PageForm, depth: u8) -> Result<(Variant, Option<Variant>)> {
    let root = "../".repeat(depth.into());
    let body = match form {
        PageForm::Json => json::render(page, &root),
        PageForm::Html | PageForm::V1Html => html::render(page, &root).into_bytes(),
    };
    let packed = gzip::pack(&body, 7)?;
    let hex = hex::short_sha256(&body, 32);
    let tag = |suffix: &str| HeaderValue::try_from(format!("\"{hex}{suffix}\"")).map_err(Error::internal);
    let gzip = match packed.len() < body.len() {
        true => Some(Variant { etag: tag("-gz")?, body: packed.into() }),
        false => None,
    };
    Ok((Variant { etag: tag("")?, body: body.into() }, gzip))
}
