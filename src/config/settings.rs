//! The table of settings: key, meaning, and how each is read into and shown from a [`Config`].

use super::secret_url::masked;
use super::{Config, TlsSettings};
use crate::words::Isolation;
use std::fmt::Write;

mod kinds;

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

macro_rules! setting {
    ($key:literal, $kind:ident, $secret:ident, [$($field:ident).+], $about:literal) => {
        Setting {
            key: $key,
            about: $about,
            secret: Secret::$secret,
            set: |config, text| { config.$($field).+ = kinds::$kind::parse(text)?; Ok(()) },
            get: |config| kinds::$kind::show(&config.$($field).+),
            bare: is_bare(stringify!($kind)),
        }
    };
}

/// Flags and counts are written without quotes.
const fn is_bare(kind: &str) -> bool {
    matches!(kind.as_bytes(), b"flag" | b"count")
}

/// All settings, sections together.
pub const SETTINGS: &[Setting] = &[
    setting!("data", path, No, [data], "The folder of the database, blobs, unfinished uploads and secrets."),
    setting!("listen", text, No, [listen], "The address and port to listen on. Port 0 picks a free one."),
    setting!(
        "database",
        optional,
        InUrl,
        [database],
        "The database: postgres://… or sqlite://PATH. Not set: wheelwright.db below `data`."
    ),
    setting!(
        "storage",
        optional,
        No,
        [storage],
        "The object store: s3://bucket/prefix. Not set: the folder `blobs` below `data`."
    ),
    setting!(
        "upstream",
        upstream,
        InUrl,
        [upstream],
        "The simple index that root/pypi mirrors. Not set: the one that pip on this machine would use."
    ),
    setting!("offline", flag, No, [offline], "Send nothing to the network. Mirrors serve what they have."),
    setting!(
        "public_url",
        url,
        No,
        [public_url],
        "The URL under which clients see this server behind a proxy, with its path."
    ),
    setting!(
        "trusted_proxies",
        networks,
        No,
        [trusted_proxies],
        "The proxies in front of this server (addresses, networks like 10.0.0.0/8, separated by commas). The server trusts only their X-Forwarded-… and Forwarded headers."
    ),
    setting!(
        "private_hosts",
        hosts,
        No,
        [private_hosts],
        "Hosts of the internal network (names, addresses, networks, separated by commas) that mirrors and repositories of any account may use."
    ),
    setting!("default_index", text, No, [default_index], "The index that /simple/ serves."),
    setting!(
        "aliases",
        pairs,
        No,
        [aliases],
        "Short names of indexes in /v1/…: ALIAS=USER/INDEX, separated by commas."
    ),
    setting!(
        "default_upload_index",
        optional,
        No,
        [default_upload_index],
        "The index that receives uploads to /legacy/."
    ),
    setting!(
        "open_registration",
        flag,
        No,
        [open_registration],
        "Let anybody create an account over HTTP. Otherwise only root can."
    ),
    setting!(
        "root_password",
        optional,
        Whole,
        [root_password],
        "Root's password at the first start. Not set: a random one, written to `root-password` below `data`."
    ),
    setting!(
        "limits.upload",
        size,
        No,
        [limits.upload],
        "The largest upload. Larger ones are refused before the body is read."
    ),
    setting!(
        "limits.connections",
        count,
        No,
        [limits.connections],
        "The connections served at once, at most half of the file descriptors that the system allows. One address gets at most half of them."
    ),
    setting!(
        "limits.slowest",
        size,
        No,
        [limits.slowest],
        "The least bytes per second, on average, that a client must send of a body or read of an answer."
    ),
    setting!(
        "limits.pause",
        time,
        No,
        [limits.pause],
        "The longest pause while a client sends a body or reads an answer."
    ),
    setting!("limits.page_cache", size, No, [limits.page_cache], "The memory for prepared pages."),
    setting!("limits.file_cache", size, No, [limits.file_cache], "The memory for small files."),
    setting!(
        "limits.upstream_page",
        size,
        No,
        [limits.upstream_page],
        "The largest page accepted from an upstream."
    ),
    setting!(
        "mirror.cache_expiry",
        time,
        No,
        [mirror.cache_expiry],
        "How long an upstream's page counts as fresh, unless the index has its own value."
    ),
    setting!(
        "mirror.timeout",
        time,
        No,
        [mirror.timeout],
        "How long to wait for an upstream that does not answer."
    ),
    setting!(
        "mirror.negative_expiry",
        time,
        No,
        [mirror.negative_expiry],
        "How long to trust an upstream's `no such project`."
    ),
    setting!(
        "mirror.downloads",
        count,
        No,
        [mirror.downloads],
        "The files that one mirror downloads at once. More wait for their turn."
    ),
    setting!(
        "mirror.pages",
        count,
        No,
        [mirror.pages],
        "The project pages that one mirror requests from its upstream at once. More wait for their turn."
    ),
    setting!("mirror.largest", size, No, [mirror.largest], "The largest file accepted from an upstream."),
    setting!(
        "mirror.longest",
        time,
        No,
        [mirror.longest],
        "The longest time that one file may take from an upstream."
    ),
    setting!(
        "mirror.slowest",
        size,
        No,
        [mirror.slowest],
        "The least bytes per second, on average, that an upstream must send of a file; 16 times as much if nobody waits for it."
    ),
    setting!(
        "mirror.allow_private_redirects",
        flag,
        No,
        [mirror.allow_private_redirects],
        "Let mirrors that root created lead to private and loopback addresses that their own URL does not name."
    ),
    setting!(
        "s3.endpoint",
        optional,
        No,
        [s3.endpoint],
        "The URL of an S3 store other than AWS. Not set: AWS_ENDPOINT_URL."
    ),
    setting!("s3.region", optional, No, [s3.region], "The region. Not set: AWS_REGION."),
    setting!(
        "s3.access_key_id",
        optional,
        Whole,
        [s3.access_key_id],
        "The access key. Not set: AWS_ACCESS_KEY_ID."
    ),
    setting!(
        "s3.secret_access_key",
        optional,
        Whole,
        [s3.secret_access_key],
        "The secret key. Not set: AWS_SECRET_ACCESS_KEY."
    ),
    setting!(
        "s3.redirect",
        flag,
        No,
        [s3.redirect],
        "Redirect clients to the store for large files instead of passing the bytes through."
    ),
    Setting {
        key: "tls.certificate",
        about: "The PEM file with the certificate chain. With `tls.key`, the server speaks HTTPS.",
        secret: Secret::No,
        set: |config, text| {
            set_tls(config, text, |tls| &mut tls.certificate);
            Ok(())
        },
        get: |config| config.tls.as_ref().and_then(|tls| kinds::path::show(&tls.certificate)),
        bare: false,
    },
    Setting {
        key: "tls.key",
        about: "The PEM file with the private key.",
        secret: Secret::No,
        set: |config, text| {
            set_tls(config, text, |tls| &mut tls.key);
            Ok(())
        },
        get: |config| config.tls.as_ref().and_then(|tls| kinds::path::show(&tls.key)),
        bare: false,
    },
    setting!("build.enabled", flag, No, [build.enabled], "Run a worker inside the server."),
    setting!(
        "build.slots",
        optional_count,
        No,
        [build.slots],
        "The builds that one worker runs at once. Not set: half of its processors."
    ),
    Setting {
        key: "build.isolation",
        about: "`bubblewrap`, or `none`: build code runs with your own permissions.",
        secret: Secret::No,
        set: |config, text| {
            config.build.isolation = Isolation::parse(text).ok_or("must be bubblewrap or none")?;
            Ok(())
        },
        get: |config| Some(config.build.isolation.to_string()),
        bare: false,
    },
    setting!("build.timeout", time, No, [build.timeout], "The longest time of one build."),
    setting!(
        "build.memory",
        size,
        No,
        [build.memory],
        "The memory of one build, all its processes together."
    ),
    setting!("build.disk", size, No, [build.disk], "The bytes that one build may write."),
    setting!("build.files", count, No, [build.files], "The files that one build may create."),
    setting!(
        "build.processes",
        count,
        No,
        [build.processes],
        "The processes of one build, threads included."
    ),
    setting!(
        "build.log",
        size,
        No,
        [build.log],
        "The size of a stored log. The server cuts longer logs in the middle."
    ),
    setting!(
        "build.interpreters",
        list,
        No,
        [build.interpreters],
        "Interpreters, or folders of them, to build for besides those that are found; separated by commas."
    ),
    setting!(
        "build.targets",
        list,
        No,
        [build.targets],
        "The targets to build for, like cp312 or cp27-linux, separated by commas. Not set: every interpreter that is found."
    ),
    setting!(
        "build.recipes",
        path,
        No,
        [build.recipes],
        "The folder of recipes (NAME.toml). A relative path is below `data`."
    ),
    setting!(
        "proxy.uv",
        optional,
        No,
        [proxy.uv],
        "The uv program that compiles requirements. Not set: the one on the PATH, else one from the default index with a known hash."
    ),
    setting!(
        "proxy.wait",
        time,
        No,
        [proxy.wait],
        "How long /v1/…/+resolve/ waits for builds before it lists the unfinished ones."
    ),
    setting!(
        "quota.resolvers",
        count,
        No,
        [quota.resolvers],
        "The resolvers of /v1/…/+compile/ that run at once. One account, or one address without a credential, gets half of them."
    ),
    setting!(
        "quota.fetches",
        count,
        No,
        [quota.fetches],
        "The archives and repositories of URL lines that are fetched at once. One account or address gets half of them."
    ),
    setting!(
        "quota.held",
        count,
        No,
        [quota.held],
        "The requests of one account or address that may wait for builds."
    ),
    setting!(
        "quota.builds",
        count,
        No,
        [quota.builds],
        "The builds that one account may have waiting in the queue."
    ),
    setting!(
        "quota.builds_anonymous",
        count,
        No,
        [quota.builds_anonymous],
        "The builds that one address without a credential may have waiting in the queue."
    ),
    setting!(
        "quota.sources",
        size,
        No,
        [quota.sources],
        "The bytes of sources kept for one account, until `gc.sources` has passed."
    ),
    setting!(
        "quota.sources_anonymous",
        size,
        No,
        [quota.sources_anonymous],
        "The bytes of sources kept for one address without a credential."
    ),
    setting!(
        "gc.every",
        time,
        No,
        [gc.every],
        "How often the server removes what nothing needs, as `wheelwright gc` does. 0s: never."
    ),
    setting!(
        "gc.grace",
        time,
        No,
        [gc.grace],
        "How long to keep bytes that nothing refers to, and sources that were fetched without a credential."
    ),
    setting!(
        "gc.sources",
        time,
        No,
        [gc.sources],
        "How long to keep sources that an account uploaded to build, and wheels built without a credential from URL lines."
    ),
    setting!(
        "log.filter",
        text,
        No,
        [log.filter],
        "What to log: error, warn, info, debug, or `target=level` pairs. Also WHEELWRIGHT_LOG."
    ),
    Setting {
        key: "log.format",
        about: "`text`, or `json` (one object per line).",
        secret: Secret::No,
        set: |config, text| match text {
            "text" | "json" => {
                config.log.json = text == "json";
                Ok(())
            }
            _ => Err("must be text or json".into()),
        },
        get: |config| Some(if config.log.json { "json" } else { "text" }.into()),
        bare: false,
    },
];

fn set_tls(config: &mut Config, text: &str, field: fn(&mut TlsSettings) -> &mut std::path::PathBuf) {
    if !text.is_empty() {
        let tls = config.tls.get_or_insert_with(|| TlsSettings { certificate: "".into(), key: "".into() });
        *field(tls) = text.into();
    }
}

/// Secrets stay covered.
impl std::fmt::Debug for Config {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let shown = SETTINGS.iter().filter_map(|setting| Some((setting.key, setting.shown(self)?)));
        f.debug_map().entries(shown).finish()
    }
}

/// The setting of this name.
pub fn find(key: &str) -> Option<&'static Setting> {
    SETTINGS.iter().find(|setting| setting.key == key)
}

/// The known key that an unknown one was probably meant to be.
pub fn nearest(key: &str) -> Option<&'static str> {
    let scored = SETTINGS.iter().map(|setting| {
        let last = setting.key.rsplit('.').next().unwrap_or_default();
        let whole = strsim::jaro_winkler(key, setting.key);
        (whole.max(strsim::jaro_winkler(key, last)), setting.key)
    });
    scored.filter(|(score, _)| *score > 0.75).max_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, key)| key)
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
        let (here, key) = setting.key.split_once('.').unwrap_or(("", setting.key));
        if here != section {
            section = here;
            let _ = write!(text, "\n[{section}]\n");
        }
        let value = (setting.get)(&defaults).unwrap_or_default();
        let quote = if setting.bare { "" } else { "\"" };
        let _ = write!(text, "\n# {}\n# {key} = {quote}{value}{quote}\n", setting.about);
    }
    text
}
