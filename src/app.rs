//! The parts of a running wheelwright, built once from a [`Config`]; tests start the same.

pub mod health;
mod loops;
pub mod measures;

use crate::access::handover::Handovers;
use crate::access::methods::issuers::Issuers;
use crate::access::methods::oidc::Providers;
use crate::access::people::People;
use crate::access::publishers::Publishers;
use crate::access::quota::Quota;
use crate::access::{SERVER, Who, password};
use crate::build::promise::Promises;
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
use crate::index::{Indexes, admin};
use crate::names::IndexName;
use crate::replica::Replica;
use crate::replica::primary::Replicas;
use crate::store::Store;
use crate::tools::panics;
use crate::tools::scratch::make_private;
use crate::transfer::wheelhouse::Wheelhouses;
use crate::words::EventKind;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

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
                app.begin_as_original();
            }
        }
        app.begin_everywhere();
        Ok(app)
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
