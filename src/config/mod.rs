//! What was configured: flag > environment > `wheelwright.toml` > default, resolved once.

pub mod auth;
pub mod base_url;
mod build;
mod bundles;
mod downloads;
pub mod git;
mod hooks;
mod limits;
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
use auth::AuthSettings;
pub use build::BuildSettings;
pub use bundles::BundleSettings;
pub use downloads::DownloadSettings;
use git::{GitSettings, WatchSettings};
pub use hooks::{HookSettings, WebhookSettings};
pub use limits::{LimitSettings, QuotaSettings};
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
    /// While the server opens and migrates its database, it answers 503; else it refuses connections.
    pub answer_while_starting: bool,
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
            answer_while_starting: true,
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
