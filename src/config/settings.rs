//! The table of settings: key, meaning, and how each is read into and shown from a [`Config`].

use super::secret_url::masked;
use super::{Config, Tls};
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
    setting!("data", path, No, [data], "Database, blobs, staging and secrets are kept below this folder."),
    setting!("listen", text, No, [listen], "Address and port to answer on; port 0 picks a free one."),
    setting!(
        "database",
        optional,
        InUrl,
        [database],
        "postgres://… or sqlite://PATH; not set: wheelwright.db below `data`."
    ),
    setting!(
        "storage",
        optional,
        No,
        [storage],
        "s3://bucket/prefix; not set: the folder `blobs` below `data`."
    ),
    setting!(
        "upstream",
        upstream,
        InUrl,
        [upstream],
        "Simple index that root/pypi mirrors; not set: what pip on this machine would use."
    ),
    setting!("offline", flag, No, [offline], "No packet leaves: mirrors serve what they have."),
    setting!(
        "public_url",
        url,
        No,
        [public_url],
        "As clients see this server behind a proxy, path prefix included."
    ),
    setting!(
        "trusted_proxies",
        networks,
        No,
        [trusted_proxies],
        "Proxies in front of this server (addresses, networks like 10.0.0.0/8), whose X-Forwarded-… and Forwarded are believed; divided by commas."
    ),
    setting!(
        "private_hosts",
        hosts,
        No,
        [private_hosts],
        "Hosts of the internal network (names, addresses, networks) that people's mirrors and repositories may be on; divided by commas."
    ),
    setting!("default_index", text, No, [default_index], "Served at /simple/."),
    setting!(
        "aliases",
        pairs,
        No,
        [aliases],
        "Short names of indexes in /v1/…: ALIAS=USER/INDEX, divided by commas."
    ),
    setting!("default_upload_index", optional, No, [default_upload_index], "Receives uploads to /legacy/."),
    setting!(
        "open_registration",
        flag,
        No,
        [open_registration],
        "Anybody may create an account over HTTP; else only root."
    ),
    setting!(
        "root_password",
        optional,
        Whole,
        [root_password],
        "Root's password at the first start; not set: a random one, written to `root-password` below `data`."
    ),
    setting!(
        "limits.upload",
        size,
        No,
        [limits.upload],
        "The largest upload; larger ones are refused before they are read."
    ),
    setting!(
        "limits.connections",
        count,
        No,
        [limits.connections],
        "Connections served at once, at most half of the descriptors that the system allows; one address has half of them at most."
    ),
    setting!(
        "limits.slowest",
        size,
        No,
        [limits.slowest],
        "What a client must send of a body, and take of an answer, in a second, on average."
    ),
    setting!(
        "limits.pause",
        time,
        No,
        [limits.pause],
        "The longest pause in a body that a client sends, or in an answer that it takes."
    ),
    setting!("limits.page_cache", size, No, [limits.page_cache], "Memory for prepared pages."),
    setting!("limits.file_cache", size, No, [limits.file_cache], "Memory for small files."),
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
        "How long an upstream's page counts as fresh, unless the index says otherwise."
    ),
    setting!(
        "mirror.timeout",
        time,
        No,
        [mirror.timeout],
        "When an upstream that does not answer is given up on."
    ),
    setting!(
        "mirror.negative_expiry",
        time,
        No,
        [mirror.negative_expiry],
        "How long an upstream's `no such project` is believed."
    ),
    setting!(
        "mirror.downloads",
        count,
        No,
        [mirror.downloads],
        "Files that one mirror downloads at once; more wait for their turn."
    ),
    setting!(
        "mirror.pages",
        count,
        No,
        [mirror.pages],
        "Project pages that one mirror asks its upstream for at once; more wait for their turn."
    ),
    setting!(
        "mirror.largest",
        size,
        No,
        [mirror.largest],
        "The largest file that is taken from an upstream."
    ),
    setting!(
        "mirror.longest",
        time,
        No,
        [mirror.longest],
        "The longest that one file may take from an upstream."
    ),
    setting!(
        "mirror.slowest",
        size,
        No,
        [mirror.slowest],
        "What an upstream must send of a file in a second, on average; 16 times as much if nobody waits for it."
    ),
    setting!(
        "mirror.allow_private_redirects",
        flag,
        No,
        [mirror.allow_private_redirects],
        "Mirrors that root made may lead to private and loopback addresses that their own URL does not name."
    ),
    setting!(
        "s3.endpoint",
        optional,
        No,
        [s3.endpoint],
        "For S3 that is not AWS; not set: AWS_ENDPOINT_URL."
    ),
    setting!("s3.region", optional, No, [s3.region], "Not set: AWS_REGION."),
    setting!("s3.access_key_id", optional, Whole, [s3.access_key_id], "Not set: AWS_ACCESS_KEY_ID."),
    setting!(
        "s3.secret_access_key",
        optional,
        Whole,
        [s3.secret_access_key],
        "Not set: AWS_SECRET_ACCESS_KEY."
    ),
    setting!(
        "s3.redirect",
        flag,
        No,
        [s3.redirect],
        "Answer large files with a redirect to the store instead of passing the bytes through."
    ),
    Setting {
        key: "tls.certificate",
        about: "PEM file with the certificate chain; with `tls.key`, HTTPS is served.",
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
        about: "PEM file with its private key.",
        secret: Secret::No,
        set: |config, text| {
            set_tls(config, text, |tls| &mut tls.key);
            Ok(())
        },
        get: |config| config.tls.as_ref().and_then(|tls| kinds::path::show(&tls.key)),
        bare: false,
    },
    setting!("build.enabled", flag, No, [build.enabled], "Build wheels: a worker runs inside the server."),
    setting!(
        "build.slots",
        optional_count,
        No,
        [build.slots],
        "Builds that one worker runs at once; not set: half of its processors."
    ),
    Setting {
        key: "build.isolation",
        about: "`bubblewrap`, or `none`: foreign code runs as this user and reads what it can read.",
        secret: Secret::No,
        set: |config, text| match text {
            "bubblewrap" | "none" => {
                text.clone_into(&mut config.build.isolation);
                Ok(())
            }
            _ => Err("must be bubblewrap or none".into()),
        },
        get: |config| Some(config.build.isolation.clone()),
        bare: false,
    },
    setting!("build.timeout", time, No, [build.timeout], "The longest that one build may take."),
    setting!("build.memory", size, No, [build.memory], "Memory of one build, its processes together."),
    setting!("build.disk", size, No, [build.disk], "What one build may write."),
    setting!("build.files", count, No, [build.files], "Files that one build may make."),
    setting!("build.processes", count, No, [build.processes], "Processes of one build, threads included."),
    setting!("build.log", size, No, [build.log], "What is kept of a log; more is cut out of its middle."),
    setting!(
        "build.interpreters",
        list,
        No,
        [build.interpreters],
        "Interpreters, or folders of them, to build for besides those that are found; divided by commas."
    ),
    setting!(
        "build.targets",
        list,
        No,
        [build.targets],
        "Targets to build for, like cp312 or cp27-linux; not set: every interpreter that is found."
    ),
    setting!(
        "build.recipes",
        path,
        No,
        [build.recipes],
        "Folder of recipes (NAME.toml); a relative one is below `data`."
    ),
    setting!(
        "proxy.uv",
        optional,
        No,
        [proxy.uv],
        "The uv program, which compiles requirements; not set: that on the PATH, else one from the default index, known by its hash."
    ),
    setting!(
        "proxy.wait",
        time,
        No,
        [proxy.wait],
        "How long /v1/…/+resolve/ waits for builds before it says which are not done."
    ),
    setting!(
        "quota.resolvers",
        count,
        No,
        [quota.resolvers],
        "Resolvers of /v1/…/+compile/ at work at once. One account, or one address without a credential, has half of them."
    ),
    setting!(
        "quota.fetches",
        count,
        No,
        [quota.fetches],
        "Archives and repositories of URL lines that are fetched at once; one account or address has half of them."
    ),
    setting!(
        "quota.held",
        count,
        No,
        [quota.held],
        "Requests of one account or address that wait for builds."
    ),
    setting!(
        "quota.builds",
        count,
        No,
        [quota.builds],
        "Builds that one account may have waiting in the queue."
    ),
    setting!(
        "quota.builds_anonymous",
        count,
        No,
        [quota.builds_anonymous],
        "The same for one address without a credential."
    ),
    setting!(
        "quota.sources",
        size,
        No,
        [quota.sources],
        "Sources that are kept for one account, until `gc.sources` have passed."
    ),
    setting!(
        "quota.sources_anonymous",
        size,
        No,
        [quota.sources_anonymous],
        "The same for one address without a credential."
    ),
    setting!(
        "gc.every",
        time,
        No,
        [gc.every],
        "How often the server removes what nobody needs any more, as `wheelwright gc` does; 0s: never."
    ),
    setting!(
        "gc.grace",
        time,
        No,
        [gc.grace],
        "Bytes that nothing refers to, and sources that were fetched without a credential, are kept for so long."
    ),
    setting!(
        "gc.sources",
        time,
        No,
        [gc.sources],
        "Sources that an account uploaded to be built, and wheels built without a credential from URL lines, are kept for so long."
    ),
    setting!(
        "log.filter",
        text,
        No,
        [log.filter],
        "What is logged: error, warn, info, debug, or `target=level` pairs. Also WHEELWRIGHT_LOG."
    ),
    Setting {
        key: "log.format",
        about: "`text` or `json` (one object a line).",
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

fn set_tls(config: &mut Config, text: &str, field: fn(&mut Tls) -> &mut std::path::PathBuf) {
    if !text.is_empty() {
        let tls = config.tls.get_or_insert_with(|| Tls { certificate: "".into(), key: "".into() });
        *field(tls) = text.into();
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
        "# Every setting of wheelwright with its default. Take the # away to change one.\n\
         # Found as --config FILE, ./wheelwright.toml, or wheelwright.toml in the data folder.\n\
         # A flag beats the environment (WHEELWRIGHT_LISTEN, WHEELWRIGHT_LIMITS__UPLOAD), which beats this file.\n",
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
