//! `wheelwright status`: how an installation is, on one screen, whether or not a server runs.

use super::table;
use crate::client::ServerClient;
use crate::config::Config;
use crate::config::load::ResolvedConfig;
use crate::config::secret_url::masked;
use crate::config::units::rounded;
use crate::db::Db;
use crate::directory::Directory;
use crate::error::{Error, Result};
use crate::missing;
use crate::tools::time::{now, seconds};
use crate::transfer::backup::last_backup;
use crate::words::{BuildState, Moment, Purpose};
use http::{HeaderMap, Method};
use serde_json::{Map, Value, json};
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

/// Workers that were heard of since so many seconds count.
const WORKERS_SEEN: u64 = 300;

/// How long a running server may take to say how it is.
pub const ANSWER: Duration = Duration::from_secs(5);

#[derive(clap::Args, Debug)]
pub struct StatusCommand {
    /// One object
    #[arg(long)]
    json: bool,
}

impl StatusCommand {
    pub async fn run(self, resolved: ResolvedConfig) -> Result<ExitCode> {
        let config = &resolved.config;
        if !super::installation::has_database(config)? {
            let data = config.data.display();
            return Err(missing!("{data} is not a data folder: choose one with --data"));
        }
        let db = Db::open(&config.database_url()).await?;
        let status = collected(config, &db).await?;
        if self.json {
            table::json(&status)?
        } else {
            told(&status)?
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// Everything that is told, as one object; no secrets are in it.
pub async fn collected(config: &Config, db: &Db) -> Result<Value> {
    let storage = match &config.storage {
        Some(url) => masked(url),
        None => config.data.join("blobs").display().to_string(),
    };
    let (counts, serial) = (db.counts().await?, db.serial().await?);
    let last = db.events_after(serial.saturating_sub(1), 1).await?;
    let changed = last.first().and_then(|event| jiff::Timestamp::from_microsecond(event.at).ok());
    let backup = last_backup(db).await?.map(Moment);
    let directory = Directory::load(db).await?;
    let mirrors = directory.indexes.values().filter(|index| index.is_mirror()).count();
    Ok(json!({
        "version": env!("CARGO_PKG_VERSION"),
        "server": server(&config.data).await,
        "database": {
            "engine": db.engine().name(),
            "engine_version": db.engine_version().await?,
            "url": masked(&config.database_url()),
            "schema_version": db.schema_version().await?,
        },
        "storage": storage,
        "disk": disk(&config.data),
        "users": counts.users,
        "indexes": counts.indexes,
        "mirrors": mirrors,
        "projects": counts.projects,
        "files": counts.files,
        "mirrored_files": counts.mirrored_files,
        "bytes": counts.bytes,
        "serial": serial,
        "last_change": changed.map(|at| at.to_string()),
        "last_backup": backup,
        "builds": builds(db).await?,
        "workers": workers(db).await?,
        "trouble": trouble(db).await?,
    }))
}

/// The server that runs on this folder, and how it says it is.
async fn server(data: &Path) -> Value {
    let Some(address) = running(data) else { return json!({ "running": false }) };
    let health = match tokio::time::timeout(ANSWER, asked(&address, "+health")).await {
        Ok(Ok((status, _))) => status.to_string(),
        // Its certificate names another host than this address.
        Ok(Err(_)) if address.starts_with("https:") => "not asked".to_owned(),
        Ok(Err(_)) => "no answer".to_owned(),
        Err(_) => format!("no answer in {} s", ANSWER.as_secs()),
    };
    json!({ "running": true, "address": address, "health": health })
}

/// What a server answers: the status and the text.
pub async fn asked(address: &str, path: &str) -> Result<(u16, String)> {
    let client = ServerClient::new(address, None)?;
    let answer = client.forward(Method::GET, client.url(path)?, HeaderMap::new()).await?;
    let status = answer.status().as_u16();
    Ok((status, answer.text().await.map_err(Error::internal)?))
}

/// The address of the server that has this folder.
pub fn running(data: &Path) -> Option<String> {
    let file = std::fs::File::open(data.join("serving")).ok()?;
    if file.try_lock_shared().is_ok() {
        return None;
    }
    let text = std::fs::read_to_string(data.join("serving")).ok()?;
    Some(text.trim().rsplit(' ').next()?.to_owned()).filter(|address| address.starts_with("http"))
}

/// Bytes of the disk of the data folder.
fn disk(data: &Path) -> Value {
    match rustix::fs::statvfs(data) {
        Ok(found) => {
            json!({ "free": found.f_bavail * found.f_frsize, "all": found.f_blocks * found.f_frsize })
        }
        Err(_) => Value::Null,
    }
}

async fn builds(db: &Db) -> Result<Value> {
    let mut states: Map<String, Value> =
        BuildState::ALL.iter().map(|state| (state.name().to_owned(), json!(0))).collect();
    for (state, _, count) in db.build_counts(Purpose::Wheel).await? {
        let known = states.get(state.name()).and_then(Value::as_i64).unwrap_or_default();
        states.insert(state.name().to_owned(), json!(known + count));
    }
    Ok(Value::Object(states))
}

async fn workers(db: &Db) -> Result<Value> {
    let since = now().saturating_sub(seconds(WORKERS_SEEN));
    let workers = db.workers(since).await?;
    let off: Map<String, Value> =
        workers.iter().filter_map(|worker| Some((worker.name.clone(), worker.off.clone()?.into()))).collect();
    Ok(json!({ "known": workers.len(), "off": off }))
}

/// What does not go well at present: a line each.
async fn trouble(db: &Db) -> Result<Vec<String>> {
    let mut lines = Vec::new();
    for watch in db.watches(None).await? {
        if let Some(error) = &watch.error {
            lines.push(format!("watch {} of {}: {error}", watch.id, watch.index));
        }
    }
    for hook in db.webhooks(None).await?.iter().filter(|hook| hook.gave_up || hook.tries > 0) {
        let how = if hook.gave_up { "gave up an event" } else { "fails, and is tried again" };
        lines.push(format!("webhook {}: {how}. See wheelwright webhook log {}", hook.id, hook.id));
    }
    for house in db.wheelhouses().await? {
        if let Some(error) = &house.error {
            lines.push(format!("wheelhouse {}: {error}", house.place));
        }
    }
    Ok(lines)
}

/// The same for people: a line each.
fn told(status: &Value) -> Result<()> {
    let at = |pointer: &str| status.pointer(pointer).map(table::plain).unwrap_or_default();
    let number = |pointer: &str| status.pointer(pointer).and_then(Value::as_u64).unwrap_or_default();
    let server = match status.pointer("/server/running").and_then(Value::as_bool) {
        Some(true) => format!("running at {}, health {}", at("/server/address"), at("/server/health")),
        _ => "none runs on this data folder".to_owned(),
    };
    let database =
        format!("{} {}, {}", at("/database/engine"), at("/database/engine_version"), at("/database/url"));
    let disk = format!("{} free of {}", rounded(number("/disk/free")), rounded(number("/disk/all")));
    let bytes = number("/bytes");
    let builds = ["running", "queued", "blocked", "fetching", "built", "failed"];
    let builds = builds.map(|state| format!("{} {state}", number(&format!("/builds/{state}"))));
    let backup = match at("/last_backup") {
        none if none.is_empty() => "none yet: see wheelwright backup --help".to_owned(),
        time => time,
    };
    let line = |name: &str, value: String| vec![name.to_owned(), value];
    let mut lines = vec![
        line("wheelwright", at("/version")),
        line("server", server),
        line("database", database),
        line("schema", at("/database/schema_version")),
        line("storage", at("/storage")),
        line("disk", disk),
        line("users", at("/users")),
        line("indexes", format!("{} ({} mirrors)", at("/indexes"), at("/mirrors"))),
        line("projects", at("/projects")),
        line("files", format!("{} ({} mirrored)", at("/files"), at("/mirrored_files"))),
        line("bytes", format!("{bytes} ({})", rounded(bytes))),
        line("serial", at("/serial")),
        line("last change", at("/last_change")),
        line("last backup", backup),
        line("builds", builds.join(", ")),
        line("workers", at("/workers/known")),
    ];
    let off = status.pointer("/workers/off").and_then(Value::as_object);
    for (name, why) in off.into_iter().flatten() {
        lines.push(line("worker off", format!("{name}: {}", table::plain(why))));
    }
    for trouble in status.get("trouble").and_then(Value::as_array).into_iter().flatten() {
        lines.push(line("trouble", table::plain(trouble)));
    }
    table::rows(&lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_numbers_are_told_in_units() {
        let told = [0, 1000, 5 << 20, (3 << 30) + 7].map(rounded);
        assert_eq!(told[2..], ["5 MiB", "3 GiB"]);
        assert!(told[1].starts_with("1000"), "{told:?}");
    }
}
