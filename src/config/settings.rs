//! The table of settings: key, meaning, and how each is read into and shown from a [`Config`].

use super::Config;
use super::secret_url::masked;
use std::fmt::Write;

mod git;
mod kinds;
mod oidc;
mod sections;
mod wheelhouse;

pub use sections::NamedSections;

/// One setting. Its environment variable is `WHEELWRIGHT_` and the key in capitals, `.` as `__`.
pub struct Setting {
    pub key: &'static str,
    pub about: &'static str,
    secret: Secret,
    /// Reads a value; the error tells what it must be.
    pub set: fn(&mut Config, &str) -> Result<(), String>,
    /// As it would be written; `None`: not set.
    pub get: fn(&Config) -> Option<String>,
    /// Written without quotes in TOML.
    bare: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Secret {
    No,
    /// Never shown.
    Whole,
    /// A URL that may hold a user and a password.
    InUrl,
}

impl Setting {
    /// The value with secrets masked.
    pub fn shown(&self, config: &Config) -> Option<String> {
        let value = (self.get)(config)?;
        Some(match self.secret {
            Secret::No => value,
            Secret::Whole => "****".into(),
            Secret::InUrl => masked(&value),
        })
    }

    pub fn variable(&self) -> String {
        format!("WHEELWRIGHT_{}", self.key.replace('.', "__").to_ascii_uppercase())
    }
}

/// The table: what each setting means, its key, which is also its place in [`Config`], and its kind.
macro_rules! settings {
    ($($(#[doc = $about:literal])+ $section:ident$(.$name:ident)*: $kind:ident$(, $secret:ident)?;)+) => {
        /// All settings, sections together.
        pub const SETTINGS: &[Setting] = &[$(Setting {
            key: concat!(stringify!($section)$(, ".", stringify!($name))*),
            about: concat!($($about),+).trim_ascii_start(),
            secret: settings!(@secret $($secret)?),
            set: |config, text| {
                config.$section$(.$name)* = kinds::$kind::parse(text)?;
                Ok(())
            },
            get: |config| kinds::$kind::show(&config.$section$(.$name)*),
            bare: kinds::is_bare(stringify!($kind)),
        }),+];
    };
    (@secret) => { Secret::No };
    (@secret $secret:ident) => { Secret::$secret };
}

settings! {
    /// The folder of the database, blobs, unfinished uploads and secrets.
    data: path;
    /// The address and port to listen on. Port 0 picks a free one.
    listen: text;
    /// Answer 503 "not yet" while the server opens and migrates its database. Otherwise it refuses connections until it is
    /// ready.
    answer_while_starting: flag;
    /// The database: postgres://… or sqlite://PATH. Not set: wheelwright.db below `data`.
    database: optional, InUrl;
    /// The object store: s3://bucket/prefix. Not set: the folder `blobs` below `data`.
    storage: optional;
    /// The simple index that root/pypi mirrors. Not set: the one that pip on this machine would use.
    upstream: upstream, InUrl;
    /// Send nothing to the network. Mirrors serve what they have.
    offline: flag;
    /// The URL under which clients see this server behind a proxy, with its path.
    public_url: url;
    /// The proxies in front of this server (addresses, networks like 10.0.0.0/8, separated by commas). The
    /// server trusts only their X-Forwarded-… and Forwarded headers.
    trusted_proxies: networks;
    /// Hosts of the internal network (names, addresses, networks, separated by commas) that mirrors and
    /// repositories of any account may use.
    private_hosts: hosts;
    /// The index that /simple/ serves.
    default_index: text;
    /// Short names of indexes in /v1/…: ALIAS=USER/INDEX, separated by commas.
    aliases: pairs;
    /// The index that receives uploads to /legacy/.
    default_upload_index: optional;
    /// Let anybody create an account over HTTP. Otherwise only root can.
    open_registration: flag;
    /// Root's password at the first start. Not set: a random one, written to `root-password` below `data`.
    root_password: optional, Whole;
    /// How long a login lasts, until the password is needed again.
    auth.session: time;
    /// The characters that a new password must have at least. From 2 on, it must not be the user's name either.
    auth.password_length: count;
    /// How long before the end of a token webhooks get the event `token-ending`. 0s: never.
    auth.token_notice: time;
    /// The LDAP server that checks passwords of accounts without one here: ldap://HOST or ldaps://HOST. Not set:
    /// none.
    auth.ldap.url: optional;
    /// Switch an ldap:// connection to TLS before anything is sent.
    auth.ldap.start_tls: flag;
    /// The PEM file with the certificates that sign the LDAP server's. Not set: those of the system.
    auth.ldap.ca: optional_path;
    /// The DN that searches for users and groups. Not set: an anonymous search.
    auth.ldap.bind_dn: optional;
    /// The password of that DN.
    auth.ldap.bind_password: optional, Whole;
    /// The DN below which to search for users.
    auth.ldap.user_base: optional;
    /// The filter that finds a user. {user} is the name, escaped.
    auth.ldap.user_filter: text;
    /// The DN of a user, instead of a search: uid={user},ou=people,dc=example. {user} is the name, escaped.
    auth.ldap.user_dn: optional;
    /// The DN below which to search for groups. Not set: no groups.
    auth.ldap.group_base: optional;
    /// The filter that finds the groups of a user. {dn} is the user's DN and {user} the name, both escaped.
    auth.ldap.group_filter: text;
    /// The attribute with the name of a group.
    auth.ldap.group_name: text;
    /// Only members of this LDAP group may log in. Not set: everybody.
    auth.ldap.require_group: optional;
    /// How long a login waits for the LDAP server.
    auth.ldap.timeout: time;
    /// The header in which a proxy of `trusted_proxies` names the user, like X-Remote-User. Not set: none.
    auth.proxy.user_header: optional;
    /// The header with the user's groups, separated by commas. Not set: no groups.
    auth.proxy.groups_header: optional;
    /// Create the account of a user whom such a proxy names and who has none.
    auth.proxy.create: flag;
    /// The largest upload. Larger ones are refused before the body is read.
    limits.upload: size;
    /// The connections served at once, at most half of the file descriptors that the system allows. One address
    /// gets at most half of them.
    limits.connections: count;
    /// The least bytes per second, on average, that a client must send of a body or read of an answer.
    limits.slowest: size;
    /// The longest pause while a client sends a body or reads an answer.
    limits.pause: time;
    /// How long the server goes on after SIGTERM while /+health answers 503, so that a load balancer sends new
    /// requests elsewhere.
    limits.drain: time;
    /// The memory for prepared pages.
    limits.page_cache: size;
    /// The memory for small files.
    limits.file_cache: size;
    /// The largest page accepted from an upstream.
    limits.upstream_page: size;
    /// The free space of the disk of `data`, as a size or a share like 5%. While less is free, mirrors store no
    /// files and uploads get 507. 0: none.
    limits.reserve: reserve;
    /// How long an upstream's page counts as fresh, unless the index has its own value.
    mirror.cache_expiry: time;
    /// How long to wait for an upstream that does not answer.
    mirror.timeout: time;
    /// How long to trust an upstream's `no such project`.
    mirror.negative_expiry: time;
    /// The files that one mirror downloads at once. More wait for their turn.
    mirror.downloads: count;
    /// The project pages that one mirror requests from its upstream at once. More wait for their turn.
    mirror.pages: count;
    /// The largest file accepted from an upstream.
    mirror.largest: size;
    /// The longest time that one file may take from an upstream.
    mirror.longest: time;
    /// The least bytes per second, on average, that an upstream must send of a file; 16 times as much if nobody
    /// waits for it.
    mirror.slowest: size;
    /// Let mirrors that root created lead to private and loopback addresses that their own URL does not name.
    mirror.allow_private_redirects: flag;
    /// The URL of an S3 store other than AWS. Not set: AWS_ENDPOINT_URL.
    s3.endpoint: optional;
    /// The region. Not set: AWS_REGION.
    s3.region: optional;
    /// The access key. Not set: AWS_ACCESS_KEY_ID.
    s3.access_key_id: optional, Whole;
    /// The secret key. Not set: AWS_SECRET_ACCESS_KEY.
    s3.secret_access_key: optional, Whole;
    /// Redirect clients to the store for large files instead of passing the bytes through.
    s3.redirect: flag;
    /// The PEM file with the certificate chain. With `tls.key`, the server speaks HTTPS.
    tls.certificate: optional_path;
    /// The PEM file with the private key.
    tls.key: optional_path;
    /// Run a worker inside the server.
    build.enabled: flag;
    /// The builds that one worker runs at once. Not set: half of its processors.
    build.slots: optional_count;
    /// `bubblewrap`, or `none`: build code runs with your own permissions.
    build.isolation: isolation;
    /// The longest time of one build.
    build.timeout: time;
    /// The memory of one build, all its processes together.
    build.memory: size;
    /// The bytes that one build may write.
    build.disk: size;
    /// The files that one build may create.
    build.files: count;
    /// The processes of one build, threads included.
    build.processes: count;
    /// The size of a stored log. The server cuts longer logs in the middle.
    build.log: size;
    /// Interpreters, or folders of them, to build for besides those that are found; separated by commas. One for musl
    /// or for another processor tests what is built for its system.
    build.interpreters: list;
    /// The targets to build for, like cp312 or cp27-linux, separated by commas. Not set: every interpreter that
    /// is found.
    build.targets: list;
    /// The older systems and other processors to compile C and C++ for, with zig from the index. Each is a platform
    /// tag, with or without its processor (x86_64 or aarch64; without: both). Empty: none.
    build.cross: list;
    /// Build in a root of an older Debian what zig cannot compile for an older glibc on the same processor. apt fetches
    /// its packages (about 90 MB) when a build first needs them; nothing is installed.
    build.debian_root: flag;
    /// The Debian mirror for these roots. Not set: the one that this machine's apt uses. Releases that have left the
    /// mirrors (Debian 10 and earlier) need a mirror of Debian's archive.
    build.debian_mirror: optional;
    /// The folder of recipes (NAME.toml). A relative path is below `data`.
    build.recipes: path;
    /// Let workers install setuptools and wheel for each interpreter before a build needs them, while nothing is
    /// built. The first wheel is then ready some seconds earlier.
    build.prepare: flag;
    /// `auto`: a build that lacks a header, a library or a program gets the system package that has it, inside
    /// its sandbox alone. `recipes`: only the packages that a recipe names.
    build.system: system_packages;
    /// The system packages that `auto` may add: names, `*` for any text; separated by commas.
    build.system_allow: list;
    /// The uv program that compiles requirements. Not set: the one on the PATH, else one from the default index
    /// with a known hash.
    proxy.uv: optional;
    /// How long /v1/…/+resolve/ waits for builds before it lists the unfinished ones.
    proxy.wait: time;
    /// The resolvers of /v1/…/+compile/ that run at once. One account, or one address without a credential,
    /// gets half of them.
    quota.resolvers: count;
    /// The archives and repositories of URL lines that are fetched at once. One account or address gets half of
    /// them.
    quota.fetches: count;
    /// The requests of one account or address that may wait for builds.
    quota.held: count;
    /// The builds that one account may have waiting in the queue.
    quota.builds: count;
    /// The builds that one address without a credential may have waiting in the queue.
    quota.builds_anonymous: count;
    /// The bytes of sources kept for one account, until `gc.sources` has passed.
    quota.sources: size;
    /// The bytes of sources kept for one address without a credential.
    quota.sources_anonymous: size;
    /// The bytes of files that all indexes of one account may have together, except root's. 0: no limit.
    quota.uploads: size;
    /// How often the server removes what nothing needs, as `wheelwright gc` does. 0s: never.
    gc.every: time;
    /// How long to keep bytes that nothing refers to, and sources that were fetched without a credential.
    gc.grace: time;
    /// How long to keep sources that an account uploaded to build, and wheels built without a credential from
    /// URL lines.
    gc.sources: time;
    /// How long to keep entries of the audit log. The rest can still be verified. 0s: for ever.
    audit.keep: time;
    /// How long the receiver of a webhook may take to answer.
    webhooks.timeout: time;
    /// How often the server tries to deliver an event to a webhook.
    webhooks.tries: count;
    /// The pause before the second try. Each further pause is four times as long, up to 6 hours.
    webhooks.pause: time;
    /// The folder of programs that may refuse an upload. A relative path is below `data`. Not set: none.
    hooks.folder: optional_path;
    /// How long one of these programs may run.
    hooks.timeout: time;
    /// How often to look for new tags of a watched repository, unless the watch has its own value.
    watch.every: time;
    /// The repositories that are looked at at once. Each needs a git process.
    watch.at_once: count;
    /// The public keys whose signatures bundles need, or paths of their files; separated by commas. A relative path is
    /// below `data`.
    bundles.trusted_keys: list;
    /// How many of these keys must have signed a bundle.
    bundles.signers: count;
    /// Remember which projects installers asked for and an index did not have, for `wheelwright bundle request`.
    bundles.wishes: flag;
    /// Count downloads by file, day, account and installer, for `wheelwright who-has` and for pages.
    downloads.count: flag;
    /// Also count by whom a file was downloaded without an account: the address.
    downloads.anonymous: flag;
    /// How long to keep who downloaded what. The sums on pages stay.
    downloads.keep: time;
    /// The file (.json, .jsonl, or the .zip that OSV publishes for PyPI) or folder with known vulnerabilities in OSV's format.
    /// A relative path is below `data`. The server reads it again when it changes. Not set: none.
    osv.path: optional_path;
    /// The URL of the primary, of which this server is a replica. Not set: it is a server of its own.
    replica.of: url;
    /// The token by which the primary knows the replica, with the actions read and replicate.
    replica.token: optional, Whole;
    /// Also copy the files that the primary's mirrors keep, before anybody here asks for them.
    replica.mirrored: flag;
    /// What to log: error, warn, info, debug, or `target=level` pairs. Also WHEELWRIGHT_LOG.
    log.filter: text;
    /// `text`, or `json` (one object per line).
    log.format: log_format;
    /// Requests that take longer are logged, but not those that wait for builds.
    log.slow: time;
}

/// Secrets stay covered.
impl std::fmt::Debug for Config {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let shown = SETTINGS.iter().filter_map(|setting| Some((setting.key, setting.shown(self)?)));
        f.debug_map().entries(shown).finish()
    }
}

/// The kinds of sections whose names the operator chooses.
pub static NAMED: [&dyn NamedSections; 3] = [&oidc::PROVIDERS, &git::CREDENTIALS, &wheelhouse::WHEELHOUSES];

/// The setting of this name.
pub fn find(key: &str) -> Option<&'static Setting> {
    SETTINGS.iter().find(|setting| setting.key == key)
}

/// A configuration file with every setting commented out at its default.
pub fn example() -> String {
    let mut text = String::from(
        "# Every setting of wheelwright with its default. To change one, remove the # before it.\n# \
         wheelwright reads the file of --config, else ./wheelwright.toml, else wheelwright.toml in the data \
         folder.\n# A flag beats the environment (WHEELWRIGHT_LISTEN, WHEELWRIGHT_LIMITS__UPLOAD), which \
         beats this file.\n",
    );
    let defaults = Config::default();
    let mut section = "";
    for setting in SETTINGS {
        let (here, key) = setting.key.rsplit_once('.').unwrap_or(("", setting.key));
        if here != section {
            NAMED
                .iter()
                .filter(|kind| kind.behind() == section)
                .for_each(|kind| text.push_str(&kind.example()));
            section = here;
            let _ = write!(text, "\n[{section}]\n");
        }
        let value = (setting.get)(&defaults).unwrap_or_default();
        let quote = if setting.bare { "" } else { "\"" };
        let _ = write!(text, "\n# {}\n# {key} = {quote}{value}{quote}\n", setting.about);
    }
    text
}
