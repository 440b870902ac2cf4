//! What was configured: flag > environment > `wheelwright.toml` > default, resolved once.

pub mod auth;
pub mod base_url;
mod bundles;
mod downloads;
pub mod git;
mod hooks;
pub mod load;
mod log;
pub mod networks;
mod osv;
mod replica;
mod reserve;
mod s3;
pub mod secret_url;
pub mod settings;
pub mod units;
pub mod upstream;
pub mod wheelhouse;

use crate::tools::pace::Pace;
use crate::words::{Isolation, SystemPackages};
use auth::AuthSettings;
pub use bundles::BundleSettings;
pub use downloads::DownloadSettings;
use git::{GitSettings, WatchSettings};
pub use hooks::{HookSettings, WebhookSettings};
pub use log::{LogFormat, LogSettings};
use networks::Network;
pub use osv::OsvSettings;
pub use replica::ReplicaSettings;
pub use reserve::Reserve;
pub use s3::S3Settings;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;
use url::Url;
use wheelhouse::WheelhouseSettings;

/// Every setting, after defaults. `Debug` shows no secret.
#[derive(Clone)]
pub struct Config {
    /// Database, blobs, staging and secrets below it.
    pub data: PathBuf,
    pub listen: String,
    /// `sqlite://…` or `postgres://…`; default: `DATA/wheelwright.db`.
    pub database: Option<String>,
    /// `s3://bucket/prefix`; default: the folder `DATA/blobs`.
    pub storage: Option<String>,
    pub s3: S3Settings,
    /// Simple index that `root/pypi` mirrors when it is created; default: what pip here would use.
    pub upstream: Option<String>,
    /// No packet leaves: mirrors serve what they have.
    pub offline: bool,
    /// Nothing may be changed, as nobody configures: what is served is a backup.
    pub read_only: bool,
    /// As clients see this server, path prefix included.
    pub public_url: Option<Url>,
    /// Proxies in front of this server: they are believed for whom they ask, and under which URL.
    pub trusted_proxies: Vec<Network>,
    /// Hosts of the internal network (names, addresses, networks) that people with an account may have
    /// mirrored, and repositories fetched from.
    pub private_hosts: Vec<String>,
    /// Served at `/simple/`.
    pub default_index: String,
    /// What else indexes are called in `/v1/…`: an alias and `user/index`.
    pub aliases: Vec<(String, String)>,
    /// Receives `POST /legacy/`.
    pub default_upload_index: Option<String>,
    pub limits: LimitSettings,
    pub mirror: MirrorSettings,
    pub tls: TlsSettings,
    /// Sets root's password at the first start; else a random one is written to `DATA/root-password`.
    pub root_password: Option<String>,
    /// Anybody may create an account over HTTP; else only root.
    pub open_registration: bool,
    pub auth: AuthSettings,
    pub build: BuildSettings,
    pub proxy: ProxySettings,
    pub quota: QuotaSettings,
    pub gc: Gc,
    pub audit: AuditSettings,
    pub webhooks: WebhookSettings,
    pub hooks: HookSettings,
    pub watch: WatchSettings,
    pub git: GitSettings,
    pub bundles: BundleSettings,
    pub downloads: DownloadSettings,
    pub osv: OsvSettings,
    pub replica: ReplicaSettings,
    /// By name: lower-case letters and digits.
    pub wheelhouse: BTreeMap<String, WheelhouseSettings>,
    pub log: LogSettings,
}

/// Bytes, unless said otherwise.
#[derive(Clone, Debug)]
pub struct LimitSettings {
    pub upload: u64,
    /// Connections at once; one address gets half of them.
    pub connections: u64,
    /// Bytes a second that a request's body must bring, and a client must take, on average.
    pub slowest: u64,
    /// Seconds of the longest pause in either.
    pub pause: u64,
    /// Seconds for which a server that is told to stop goes on, while its health says so.
    pub drain: u64,
    /// Prepared pages held in memory.
    pub page_cache: u64,
    /// Small files held in memory; larger ones are mapped.
    pub file_cache: u64,
    /// The largest page accepted from an upstream.
    pub upstream_page: u64,
    /// Space of the disk that stays free.
    pub reserve: Reserve,
}

impl LimitSettings {
    /// What is demanded of clients.
    pub fn pace(&self) -> Pace {
        Pace { patience: Duration::from_secs(self.pause), rate: self.slowest }
    }
}

impl Default for LimitSettings {
    fn default() -> Self {
        Self {
            upload: 4 << 30,
            connections: 8192,
            slowest: 1 << 10,
            pause: 30,
            drain: 0,
            page_cache: 64 << 20,
            file_cache: 64 << 20,
            upstream_page: 128 << 20,
            reserve: Reserve::Bytes(0),
        }
    }
}

#[derive(Clone, Debug)]
pub struct MirrorSettings {
    /// Seconds a page counts as fresh unless the index says otherwise.
    pub cache_expiry: u64,
    /// Seconds until an upstream that does not answer is given up on.
    pub timeout: u64,
    /// Seconds a "no such project" is believed.
    pub negative_expiry: u64,
    /// Files that one mirror downloads at once; more wait for their turn.
    pub downloads: u64,
    /// Project pages that one mirror asks for at once; more wait for their turn.
    pub pages: u64,
    /// Bytes of the largest file that is taken over.
    pub largest: u64,
    /// Seconds that a download may take in all.
    pub longest: u64,
    /// Bytes a second that an upstream must send on average.
    pub slowest: u64,
    /// Private and loopback addresses may be asked only where the mirror's own URL names them.
    pub allow_private_redirects: bool,
}

impl Default for MirrorSettings {
    fn default() -> Self {
        Self {
            cache_expiry: 600,
            timeout: 30,
            negative_expiry: 60,
            downloads: 32,
            pages: 64,
            largest: 16 << 30,
            longest: 6 * 3600,
            slowest: 4 << 10,
            allow_private_redirects: false,
        }
    }
}

impl MirrorSettings {
    /// What is demanded of upstreams.
    pub fn pace(&self) -> Pace {
        Pace { patience: Duration::from_secs(self.timeout.max(1) * 2), rate: self.slowest }
    }
}

/// The builder, and what one build may use.
#[derive(Clone, Debug)]
pub struct BuildSettings {
    /// A worker runs inside the server.
    pub enabled: bool,
    /// Builds at once; default: half of the processors.
    pub slots: Option<u64>,
    pub isolation: Isolation,
    /// Seconds of wall time.
    pub timeout: u64,
    /// Bytes, all processes together.
    pub memory: u64,
    /// Bytes written.
    pub disk: u64,
    pub files: u64,
    pub processes: u64,
    /// Bytes kept of the log.
    pub log: u64,
    /// Executables, or folders with interpreters, besides those found on the machine.
    pub interpreters: Vec<String>,
    /// Names, whole or abbreviated, of the targets to build for; empty: all that are found.
    pub targets: Vec<String>,
    /// Systems besides their own that interpreters build for: `manylinux_2_17`, or with a processor.
    pub cross: Vec<String>,
    /// Folder of recipes; a relative one is below `data`.
    pub recipes: PathBuf,
    /// Workers make usual environments before builds ask for them.
    pub prepare: bool,
    pub system: SystemPackages,
    /// Globs of system packages that may be added without a recipe.
    pub system_allow: Vec<String>,
}

impl Default for BuildSettings {
    fn default() -> Self {
        Self {
            enabled: true,
            slots: None,
            isolation: Isolation::default(),
            timeout: 1800,
            memory: 4 << 30,
            disk: 8 << 30,
            files: 400_000,
            processes: 512,
            log: 8 << 20,
            interpreters: Vec::new(),
            targets: Vec::new(),
            cross: ["manylinux_2_17", "manylinux_2_28", "musllinux_1_2"].map(str::to_owned).to_vec(),
            recipes: "recipes".into(),
            prepare: true,
            system: SystemPackages::default(),
            system_allow: vec!["*".to_owned()],
        }
    }
}

impl BuildSettings {
    /// Globs of the system packages that builds may get without a recipe; none: nothing is added.
    pub fn addable(&self) -> Vec<String> {
        match self.system {
            SystemPackages::Auto => self.system_allow.clone(),
            SystemPackages::Recipes => Vec::new(),
        }
    }

    /// How many builds this machine runs at once.
    pub fn slots(&self) -> u32 {
        let half = || std::thread::available_parallelism().map_or(1, |n| n.get().div_ceil(2) as u64);
        self.slots.unwrap_or_else(half).try_into().unwrap_or(u32::MAX)
    }
}

/// The wheels proxy's `+compile/` and `+resolve/`.
#[derive(Clone, Debug)]
pub struct ProxySettings {
    /// The uv program; default: that on the `PATH`, else one from the default index, known by its hash.
    pub uv: Option<String>,
    /// Seconds that `+resolve/` waits for builds.
    pub wait: u64,
}

impl Default for ProxySettings {
    fn default() -> Self {
        Self { uv: None, wait: 3600 }
    }
}

/// What is removed when nobody needs it any more. Seconds.
#[derive(Clone, Debug)]
pub struct Gc {
    /// Between two times at which the server collects.
    pub every: u64,
    /// Younger bytes are left alone.
    pub grace: u64,
    /// For so long a source is kept that an account had built; and what strangers had built.
    pub sources: u64,
}

impl Default for Gc {
    fn default() -> Self {
        Self { every: 6 * 3600, grace: 86_400, sources: 30 * 86_400 }
    }
}

/// The log of all changes.
#[derive(Clone, Debug, Default)]
pub struct AuditSettings {
    /// Seconds after which an entry is removed; 0: never.
    pub keep: u64,
}

/// What one asker may cause: an account, or all without a credential that come from one address.
#[derive(Clone, Debug)]
pub struct QuotaSettings {
    /// Resolvers of `+compile/` at work at once; one asker has half of them.
    pub resolvers: u64,
    /// Archives of URL lines fetched at once; one asker has half of them.
    pub fetches: u64,
    /// Requests of one asker that wait for builds.
    pub held: u64,
    /// Builds of one account that have not begun.
    pub builds: u64,
    /// The same for strangers of one address.
    pub builds_anonymous: u64,
    /// Bytes of sources that are kept for one account.
    pub sources: u64,
    /// The same for strangers of one address.
    pub sources_anonymous: u64,
    /// Bytes of files in all indexes of one account; 0: any number.
    pub uploads: u64,
}

impl Default for QuotaSettings {
    fn default() -> Self {
        Self {
            resolvers: 8,
            fetches: 8,
            held: 1000,
            builds: 2000,
            builds_anonymous: 200,
            sources: 16 << 30,
            sources_anonymous: 512 << 20,
            uploads: 0,
        }
    }
}

/// Both files, or neither.
#[derive(Clone, Debug, Default)]
pub struct TlsSettings {
    pub certificate: Option<PathBuf>,
    pub key: Option<PathBuf>,
}

impl TlsSettings {
    /// Whether the server speaks HTTPS.
    pub fn is_on(&self) -> bool {
        self.certificate.is_some()
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            data: "wheelwright-data".into(),
            listen: "127.0.0.1:3141".into(),
            database: None,
            storage: None,
            s3: S3Settings::default(),
            upstream: None,
            offline: false,
            read_only: false,
            public_url: None,
            trusted_proxies: Vec::new(),
            private_hosts: Vec::new(),
            default_index: "root/pypi".into(),
            aliases: vec![("pypi".into(), "root/pypi".into())],
            default_upload_index: None,
            limits: LimitSettings::default(),
            mirror: MirrorSettings::default(),
            tls: TlsSettings::default(),
            root_password: None,
            open_registration: false,
            auth: AuthSettings::default(),
            build: BuildSettings::default(),
            proxy: ProxySettings::default(),
            quota: QuotaSettings::default(),
            gc: Gc::default(),
            audit: AuditSettings::default(),
            webhooks: WebhookSettings::default(),
            bundles: BundleSettings::default(),
            downloads: DownloadSettings::default(),
            osv: OsvSettings::default(),
            replica: ReplicaSettings::default(),
            hooks: HookSettings::default(),
            watch: WatchSettings::default(),
            git: GitSettings::default(),
            wheelhouse: BTreeMap::new(),
            log: LogSettings::default(),
        }
    }
}

impl Config {
    /// Of this server's own URLs.
    pub fn scheme(&self) -> &'static str {
        if self.tls.is_on() { "https" } else { "http" }
    }

    /// The configured database, or the file below the data directory.
    pub fn database_url(&self) -> String {
        match &self.database {
            Some(url) => url.clone(),
            None => format!("sqlite://{}", self.data.join("wheelwright.db").display()),
        }
    }
}
