//! The parts of a running wheelwright, built once from a [`Config`]; tests start the same.

pub mod health;
pub mod measures;

use crate::access::handover::Handovers;
use crate::access::methods::issuers::Issuers;
use crate::access::methods::oidc::Providers;
use crate::access::people::People;
use crate::access::publishers::Publishers;
use crate::access::quota::Quota;
use crate::access::{SERVER, Who, password, tokens};
use crate::build::ahead::Ahead;
use crate::build::promise::Promises;
use crate::build::publish;
use crate::build::queue::Queue;
use crate::build::recipe::RecipeBook;
use crate::build::targets::Targets;
use crate::build::watch::Watches;
use crate::config::Config;
use crate::config::secret_url::{SecretUrl, masked};
use crate::counters;
use crate::db::events::NewEvent;
use crate::db::{Db, Tx};
use crate::directory::options::{self, Options, OptionsChange};
use crate::error::{Error, Result};
use crate::hooks::Webhooks;
use crate::index::advisories::Advisories;
use crate::index::downloads::DownloadCounts;
use crate::index::requests::Requests;
use crate::index::search::Finder;
use crate::index::wishes::Wishes;
use crate::index::{Indexes, admin, gc};
use crate::names::IndexName;
use crate::replica::Replica;
use crate::replica::primary::Replicas;
use crate::store::Store;
use crate::tools::failing::Failing;
use crate::tools::panics;
use crate::tools::scratch::make_private;
use crate::tools::time::now;
use crate::transfer::wheelhouse::Wheelhouses;
use crate::words::EventKind;
use std::io::Write;
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Weak};
use std::time::Duration;

/// Everything a request may need. Cheap to clone.
#[derive(Clone)]
pub struct App(Arc<Parts>);

pub struct Parts {
    pub config: Config,
    pub db: Db,
    pub store: Store,
    pub people: People,
    pub handovers: Handovers,
    pub publishers: Publishers,
    pub providers: Providers,
    pub indexes: Arc<Indexes>,
    pub recipes: Arc<RecipeBook>,
    pub targets: Targets,
    pub queue: Queue,
    pub watches: Watches,
    pub promises: Promises,
    pub quota: Quota,
    pub webhooks: Webhooks,
    pub wishes: Wishes,
    pub requests: Requests,
    pub finder: Finder,
    pub downloads: DownloadCounts,
    pub advisories: Advisories,
    pub wheelhouses: Wheelhouses,
    /// Set if this server copies another one.
    pub replica: Option<Replica>,
    /// Those that copy this one.
    pub replicas: Replicas,
    /// The server was told to stop, and serves only what comes all the same.
    pub is_stopping: AtomicBool,
}

/// How often events of other processes are looked for.
const FOLLOW_EVERY: Duration = Duration::from_millis(500);

/// How often wishes are written, if there are new ones: `bundle request` beside the data folder reads them right after an
/// install that failed.
const WISHES_EVERY: Duration = Duration::from_secs(1);

/// How often tokens are looked for that end soon.
const TOKENS_EVERY: Duration = Duration::from_secs(60);
/// How often downloads are written.
const DOWNLOADS_EVERY: Duration = Duration::from_secs(3);

/// How often the files of `osv.path` are looked at.
const ADVISORIES_EVERY: Duration = Duration::from_secs(5);
/// Between two batches, so that others get their turn.
const FILL_PAUSE: Duration = Duration::from_millis(100);

/// How often wheels are looked for that could not be published when they were built, in microseconds.
const PUBLISH_EVERY: i64 = 15_000_000;

impl App {
    /// Opens the database and the store, migrates, makes root and `root/pypi` on the first start.
    /// Without a configured upstream, `root/pypi` has nothing to ask.
    pub async fn open(config: Config) -> Result<Self> {
        Self::open_with(config, || Ok(None)).await
    }

    /// The same; `default_upstream` is asked at the first start if no upstream is configured.
    pub async fn open_with(
        config: Config,
        default_upstream: impl FnOnce() -> Result<Option<String>>,
    ) -> Result<Self> {
        counters::started();
        panics::watch();
        create_private_folder(&config.data)?;
        let db = Db::open(&config.database_url()).await?;
        let store = Store::open(&config).await?;
        // A replica takes its accounts from the primary, also where a command opens its folder as something else.
        let copies = config.replica.of.is_some() || db.fact(crate::replica::OF).await?.is_some();
        if !copies && db.account("root").await?.is_none() {
            first_start(&config, &db, default_upstream).await?;
        }
        let people = People::new(&config, db.clone())?;
        let handovers = Handovers::new(db.clone());
        let indexes = Arc::new(Indexes::new(&config, db.clone(), store.clone()).await?);
        let issuers = Issuers::new(&config)?;
        let publishers = Publishers::new(&config, db.clone(), indexes.uuid(), issuers.clone());
        let providers = Providers::open(&config, db.clone(), issuers).await?;
        let recipes = Arc::new(RecipeBook::new(&config, db.clone()));
        let targets = Targets::new(db.clone());
        let rows_and_bytes = (db.clone(), store.clone());
        let queue = Queue::new(&config, rows_and_bytes, indexes.clone(), recipes.clone(), targets.clone());
        let watches = Watches::new(&config, &queue);
        let promises = Promises::new(queue.clone(), indexes.clone());
        let quota = Quota::new(&config.quota);
        let webhooks = Webhooks::new(&config, db.clone())?;
        let wishes = Wishes::new(db.clone(), config.bundles.wishes && !copies);
        let advisories = Advisories::new(&config);
        let requests = Requests::new(db.clone(), indexes.clone(), advisories.clone());
        let finder = Finder::new(&config, db.clone(), store.clone(), indexes.clone());
        let downloads = DownloadCounts::new(&config, db.clone());
        let wheelhouses = Wheelhouses::new(&config, db.clone(), store.clone(), indexes.clone())?;
        let replica = Replica::open(&config, &db, &store, &indexes).await?;
        let parts = Parts {
            config,
            db,
            store,
            people,
            handovers,
            publishers,
            providers,
            indexes,
            recipes,
            targets,
            queue,
            watches,
            promises,
            quota,
            webhooks,
            wishes,
            requests,
            finder,
            downloads,
            advisories,
            wheelhouses,
            replica,
            replicas: Replicas::default(),
            is_stopping: AtomicBool::new(false),
        };
        let app = Self(Arc::new(parts));
        match &app.replica {
            Some(replica) => replica.begin().await?,
            None if copies => {}
            None => {
                app.use_upstream().await?;
                tokio::spawn(build_ahead(Arc::downgrade(&app.0)));
                tokio::spawn(tell_of_tokens(Arc::downgrade(&app.0)));
            }
        }
        tokio::spawn(follow(Arc::downgrade(&app.0)));
        tokio::spawn(collect(Arc::downgrade(&app.0)));
        tokio::spawn(write_wishes(Arc::downgrade(&app.0)));
        tokio::spawn(write_downloads(Arc::downgrade(&app.0)));
        if !app.config.read_only {
            tokio::spawn(fill_requirements(Arc::downgrade(&app.0)));
        }
        Ok(app)
    }

    /// Reads advisories now and whenever they change: what serves needs them, other commands do not wait for them.
    pub fn keep_advisories(&self) {
        tokio::spawn(read_advisories(Arc::downgrade(&self.0)));
    }

    /// `--upstream` on a later start changes what `root/pypi` mirrors.
    async fn use_upstream(&self) -> Result<()> {
        let Some(upstream) = &self.config.upstream else { return Ok(()) };
        let name = IndexName::root_pypi();
        let directory = self.indexes.directory();
        let wanted =
            upstream.parse::<SecretUrl>().map_err(|e| crate::bad!("upstream {}: {e}", masked(upstream)))?;
        match directory.indexes.get(&name).map(|index| &index.kind) {
            Some(crate::directory::IndexKind::Mirror(mirror)) if mirror.url.as_ref() != Some(&wanted) => {}
            _ => return Ok(()),
        }
        let change = OptionsChange::Merge(one("mirror_url", upstream));
        admin::modify(&self.db, &directory, &Who::server(), &name, &change, false).await?;
        tracing::info!(
            upstream = masked(upstream),
            "root/pypi now mirrors another upstream; later starts use it too"
        );
        self.indexes.refresh().await
    }
}

impl std::ops::Deref for App {
    type Target = Parts;
    fn deref(&self) -> &Parts {
        &self.0
    }
}

fn one(key: &str, value: &str) -> Options {
    let mut options = Options::new();
    options.insert(key.into(), value.into());
    options
}

/// Follows other processes until the app is gone.
async fn follow(app: Weak<Parts>) {
    let mut failing = Failing::default();
    loop {
        tokio::time::sleep(FOLLOW_EVERY).await;
        let Some(app) = app.upgrade() else { return };
        failing.note(&panics::caught(app.indexes.refresh()).await, "cannot read events");
    }
}

/// Publishes what was built and not published, and builds ahead of requests, until the app is gone.
async fn build_ahead(app: Weak<Parts>) {
    let mut ahead = Ahead::default();
    let mut published_at = None;
    let mut failing = Failing::default();
    loop {
        let Some(app) = app.upgrade() else { return };
        let now = now();
        let mut result = Ok(());
        if published_at.is_none_or(|at| now - at > PUBLISH_EVERY || at > now) {
            result = panics::caught(publish::catch_up(&app.db, &app.indexes)).await;
            published_at = Some(now);
        }
        let result = result.and(panics::caught(Box::pin(ahead.step(&app.queue, now))).await);
        drop(app);
        failing.note(&result, "cannot build ahead");
        tokio::time::sleep(FOLLOW_EVERY).await;
    }
}

/// Writes what was asked for in vain, until the app is gone.
async fn write_wishes(app: Weak<Parts>) {
    let mut failing = Failing::default();
    loop {
        tokio::time::sleep(WISHES_EVERY).await;
        let Some(app) = app.upgrade() else { return };
        failing.note(&panics::caught(app.wishes.flush()).await, "cannot write wishes");
        failing.note(&panics::caught(app.requests.flush()).await, "cannot write requests");
    }
}

/// Tells of tokens that end soon, until the app is gone.
async fn tell_of_tokens(app: Weak<Parts>) {
    let mut failing = Failing::default();
    loop {
        tokio::time::sleep(TOKENS_EVERY).await;
        let Some(app) = app.upgrade() else { return };
        let notice = app.config.auth.token_notice;
        if notice > 0 {
            let told = panics::caught(tokens::tell_of_ending(&app.db, notice)).await;
            failing.note(&told, "cannot look for tokens that end");
        }
    }
}

/// Writes which files were downloaded, until the app is gone.
async fn write_downloads(app: Weak<Parts>) {
    let mut failing = Failing::default();
    loop {
        tokio::time::sleep(DOWNLOADS_EVERY).await;
        let Some(app) = app.upgrade() else { return };
        failing
            .note(&panics::caught(app.downloads.flush()).await, "cannot write which files were downloaded");
    }
}

/// Fills in what releases require that were here before that was noted, until all are.
async fn fill_requirements(app: Weak<Parts>) {
    let mut failing = Failing::default();
    loop {
        let Some(app) = app.upgrade() else { return };
        let filled = panics::caught(app.db.fill_requirements()).await;
        drop(app);
        if matches!(filled, Ok(false)) {
            return;
        }
        failing.note(&filled.map(|_| ()), "cannot note what releases require");
        tokio::time::sleep(FILL_PAUSE).await;
    }
}

/// Reads the advisories when they change, until the app is gone.
async fn read_advisories(app: Weak<Parts>) {
    let mut failing = Failing::default();
    loop {
        let Some(strong) = app.upgrade().filter(|app| app.config.osv.path.is_some()) else { return };
        failing.note(&panics::caught(strong.advisories.refresh()).await, "the advisories are not up to date");
        drop(strong);
        tokio::time::sleep(ADVISORIES_EVERY).await;
    }
}

/// Removes what nobody needs any more, from time to time, until the app is gone.
async fn collect(app: Weak<Parts>) {
    loop {
        let Some(every) = app.upgrade().map(|app| app.config.gc.every).filter(|every| *every > 0) else {
            return;
        };
        tokio::time::sleep(Duration::from_secs(every)).await;
        let Some(app) = app.upgrade() else { return };
        match panics::caught(gc::collect(&app.db, &app.store, &app.config, false)).await {
            Ok(done) if done.blobs > 0 => {
                tracing::info!(blobs = done.blobs, bytes = done.bytes, "removed unused blobs");
            }
            Ok(_) => {}
            Err(error) => {
                tracing::warn!(error = format!("{error:#}"), "cannot remove unused data; retrying later");
            }
        }
    }
}

/// Root and `root/pypi`, in one transaction.
async fn first_start(
    config: &Config,
    db: &Db,
    default_upstream: impl FnOnce() -> Result<Option<String>>,
) -> Result<()> {
    let mut given = one("type", "mirror");
    given.insert("volatile".into(), false.into());
    let upstream = match &config.upstream {
        Some(upstream) => Some(upstream.clone()),
        None => default_upstream()?,
    };
    if let Some(upstream) = upstream {
        given.insert("mirror_url".into(), upstream.into());
    }
    let mirror = options::create("root", &given)?;
    let chosen = config.root_password.clone();
    let secret = chosen.clone().unwrap_or_else(password::random);
    let hash = password::hash(&secret).await?;
    let mut tx = Tx::begin(db).await?;
    if tx.account("root").await?.is_some() {
        // Another process was first.
        return Ok(());
    }
    tx.create_account("root", Some(&hash), "{}").await?;
    let stored = serde_json::to_string(&mirror).map_err(Error::internal)?;
    let name = IndexName::root_pypi();
    tx.create_index(&name, &stored).await?;
    if chosen.is_none() {
        let place = config.data.join("root-password");
        write_private(&place, &format!("{secret}\n"))?;
        eprintln!("the password of root was written to {}", place.display());
    }
    let event = NewEvent::of(SERVER, EventKind::Installed).on(&name);
    tx.commit(event.after(&stored_for_audit(&mirror))).await?;
    Ok(())
}

fn stored_for_audit(options: &Options) -> String {
    serde_json::Value::Object(options::shown(options)).to_string()
}

pub fn create_private_folder(path: &Path) -> Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    make_private(path).map_err(|e| crate::bad!("cannot create the data folder {}: {e}", path.display()))
}

/// Writes a file that only its owner can read, and syncs it.
fn write_private(path: &Path, text: &str) -> Result<()> {
    // A leftover of an attempt that failed may have other rights.
    match std::fs::remove_file(path) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(e.into()),
        _ => {}
    }
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    Ok(())
}
