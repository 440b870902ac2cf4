//! `wheelwright debug`: what somebody needs who helps from elsewhere, without secrets.

use super::{status, table};
use crate::access::tokens::PREFIX as TOKEN;
use crate::config::Config;
use crate::config::load::ResolvedConfig;
use crate::config::secret_url::masked;
use crate::config::settings::{NAMED, SETTINGS};
use crate::db::Db;
use crate::error::{Error, Result};
use crate::{bad, missing};
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Map, Value, json};
use std::fmt::Write as _;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Lines of the log that are taken.
const LINES: usize = 2000;
/// Bytes of the log that are looked at.
const LOG: u64 = 16 << 20;
/// Events that are counted.
const EVENTS: u32 = 1000;
/// Shorter ones would mask words of every text.
const SHORTEST_SECRET: usize = 4;

#[derive(clap::Subcommand, Debug)]
pub enum DebugCommand {
    /// Write a file to send to whoever helps: versions, settings, counts, metrics and log, with secrets masked
    ///
    /// Names of indexes, projects and hosts are in it. Look into it before you send it.
    Bundle {
        /// The file, FILE.tar.gz
        #[arg(short, long, value_name = "FILE")]
        output: PathBuf,
        /// A file with the server's log; its last lines are taken
        #[arg(long, value_name = "FILE")]
        log: Option<PathBuf>,
        #[arg(long)]
        json: bool,
    },
}

impl DebugCommand {
    pub async fn run(self, resolved: ResolvedConfig) -> Result<ExitCode> {
        let Self::Bundle { output, log, json } = self;
        if !super::installation::has_database(&resolved.config)? {
            let data = resolved.config.data.display();
            return Err(missing!("{data} is not a data folder: choose one with --data"));
        }
        let db = Db::open(&resolved.config.database_url()).await?;
        let mut parts = vec![
            ("status.json", pretty(&status::collected(&resolved.config, &db).await?)?),
            ("settings.json", settings(&resolved)?),
            ("versions.json", pretty(&versions().await)?),
            ("database.json", pretty(&database(&db).await?)?),
            ("events.json", pretty(&events(&db).await?)?),
            ("data-folder.txt", listing(&resolved.config.data)),
        ];
        if let Some(address) = status::running(&resolved.config.data) {
            parts.push(("metrics.txt", metrics(&address).await));
        }
        if let Some(path) = &log {
            parts.push(("log.txt", last_lines(path)?));
        }
        let secrets = secrets(&resolved.config);
        let masked: Vec<(&str, String)> =
            parts.into_iter().map(|(name, text)| (name, without(&secrets, text))).collect();
        write(&output, &masked)?;
        let names: Vec<&str> = masked.iter().map(|(name, _)| *name).collect();
        let said = format!(
            "wrote {} with {}. Look into it before you send it: names of indexes, projects and hosts are in it",
            output.display(),
            names.join(", ")
        );
        table::done(&said, &json!({ "file": output.display().to_string(), "parts": names }), json)?;
        Ok(ExitCode::SUCCESS)
    }
}

fn pretty(value: &Value) -> Result<String> {
    serde_json::to_string_pretty(value).map_err(Error::internal)
}

/// Every setting as it is shown, and where it is from.
fn settings(resolved: &ResolvedConfig) -> Result<String> {
    let shown = SETTINGS.iter().map(|setting| {
        let from = resolved.origin(setting.key).to_owned();
        (setting.key.to_owned(), json!({ "value": setting.shown(&resolved.config), "from": from }))
    });
    let named = NAMED.iter().flat_map(|sections| sections.shown(&resolved.config));
    let named = named.map(|(key, value)| {
        let from = resolved.origin(&key).to_owned();
        (key, json!({ "value": value, "from": from }))
    });
    pretty(&Value::Object(shown.chain(named).collect()))
}

/// Of this program and of those that it uses.
async fn versions() -> Value {
    let mut versions = Map::new();
    versions.insert("wheelwright".into(), env!("CARGO_PKG_VERSION").into());
    for (program, arguments) in [
        ("uname", ["-srm"].as_slice()),
        ("uv", &["--version"]),
        ("git", &["--version"]),
        ("bwrap", &["--version"]),
        ("python3", &["--version"]),
    ] {
        let asked = tokio::process::Command::new(program).args(arguments).kill_on_drop(true).output();
        let told = match tokio::time::timeout(status::ANSWER, asked).await {
            Ok(Ok(output)) => String::from_utf8_lossy(&output.stdout).trim().to_owned(),
            Ok(Err(error)) => error.to_string(),
            Err(_) => "no answer".to_owned(),
        };
        versions.insert(program.into(), told.into());
    }
    Value::Object(versions)
}

/// Tables with their columns and the number of their rows.
async fn database(db: &Db) -> Result<Value> {
    let mut tables = Map::new();
    for table in db.dumped_tables().await? {
        let columns: Vec<&str> = table.columns.iter().map(|column| column.name.as_str()).collect();
        let rows = db.rows_of(&table).await?;
        tables.insert(table.name.clone(), json!({ "rows": rows, "columns": columns }));
    }
    Ok(json!({
        "engine": db.engine().name(), "version": db.engine_version().await?,
        "schema": db.schema_version().await?, "tables": tables,
    }))
}

/// How often each kind of event happened of late: what was changed is nobody's business.
async fn events(db: &Db) -> Result<Value> {
    let newest = db.serial().await?;
    let mut counts = Map::new();
    for event in db.events_after(newest - i64::from(EVENTS), EVENTS).await? {
        let count = counts.entry(event.what.to_string()).or_insert(json!(0));
        *count = json!(count.as_i64().unwrap_or_default() + 1);
    }
    Ok(json!({ "newest": newest, "of_the_last": EVENTS, "counts": counts }))
}

/// Names and bytes of what lies in the data folder, but not what is in folders.
fn listing(data: &Path) -> String {
    let mut lines = Vec::new();
    for entry in std::fs::read_dir(data).into_iter().flatten().flatten() {
        let size = entry.metadata().map_or(0, |found| found.len());
        let end = if entry.file_type().is_ok_and(|kind| kind.is_dir()) { "/" } else { "" };
        lines.push(format!("{size:>14} {}{end}\n", entry.file_name().display()));
    }
    lines.sort();
    lines.concat()
}

/// What the running server counts.
async fn metrics(address: &str) -> String {
    match tokio::time::timeout(status::ANSWER, status::asked(address, "metrics")).await {
        Ok(Ok((_, text))) => text,
        Ok(Err(error)) => format!("no answer: {error}"),
        Err(_) => "no answer in time".to_owned(),
    }
}

fn last_lines(path: &Path) -> Result<String> {
    use std::io::{Read as _, Seek as _, SeekFrom};
    let refused = |error: std::io::Error| bad!("cannot read the log {}: {error}", path.display());
    let mut file = std::fs::File::open(path).map_err(refused)?;
    let size = file.metadata().map_err(refused)?.len();
    file.seek(SeekFrom::Start(size.saturating_sub(LOG))).map_err(refused)?;
    let mut bytes = Vec::new();
    file.take(LOG).read_to_end(&mut bytes).map_err(refused)?;
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<&str> = text.lines().collect();
    let from = lines.len().saturating_sub(LINES);
    let mut last = String::new();
    for line in lines.get(from..).unwrap_or_default() {
        let _ = writeln!(last, "{line}");
    }
    Ok(last)
}

/// Everything that the configuration keeps covered.
fn secrets(config: &Config) -> Vec<String> {
    let mut secrets: Vec<String> = Vec::new();
    for setting in SETTINGS {
        let (Some(value), shown) = ((setting.get)(config), setting.shown(config)) else { continue };
        if shown.as_ref() == Some(&value) {
            continue;
        }
        // Of a URL its credential is the secret.
        match value.split_once("://").and_then(|(_, rest)| rest.rsplit_once('@')) {
            Some((credential, _)) => {
                secrets.push(credential.to_owned());
                secrets.extend(credential.split_once(':').map(|(_, password)| password.to_owned()));
            }
            None => secrets.push(value),
        }
    }
    secrets.extend(NAMED.iter().flat_map(|sections| sections.secrets(config)));
    let tokens = config.git.credentials.values().filter_map(|known| known.token.as_ref());
    secrets.extend(tokens.map(|token| token.expose().to_owned()));
    secrets.retain(|secret| secret.len() >= SHORTEST_SECRET);
    // What contains another one first.
    secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
    secrets
}

/// A text without these, without credentials in URLs, and without tokens of ours.
fn without(secrets: &[String], mut text: String) -> String {
    for secret in secrets {
        text = text.replace(secret.as_str(), "****");
    }
    let is_end = |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | ',' | '<' | '>');
    let words = text.split_inclusive(is_end).map(|part| {
        let word = part.trim_end_matches(is_end);
        let end = part.get(word.len()..).unwrap_or_default();
        let shown = match word.contains("://") && word.contains('@') {
            true => masked(word),
            false => token(word),
        };
        shown + end
    });
    words.collect()
}

/// `ww_…` and other tokens: what follows the beginning of each is covered.
fn token(word: &str) -> String {
    let mut pieces = word.split(TOKEN);
    let mut shown = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let end = piece.find(|c: char| !c.is_ascii_alphanumeric() && !matches!(c, '_' | '-'));
        shown.push_str(TOKEN);
        shown.push_str("****");
        shown.push_str(end.and_then(|end| piece.get(end..)).unwrap_or_default());
    }
    shown
}

fn write(path: &Path, parts: &[(&str, String)]) -> Result<()> {
    let refused = |error: std::io::Error| bad!("cannot write {}: {error}", path.display());
    let mut options = std::fs::OpenOptions::new();
    let file = options.write(true).create(true).truncate(true).mode(0o600).open(path).map_err(refused)?;
    let mut archive = tar::Builder::new(GzEncoder::new(file, Compression::default()));
    for (name, text) in parts {
        let mut header = tar::Header::new_gnu();
        header.set_size(text.len() as u64);
        header.set_mode(0o600);
        header.set_mtime(crate::counters::started());
        archive
            .append_data(&mut header, format!("wheelwright-debug/{name}"), text.as_bytes())
            .map_err(refused)?;
    }
    let file = archive.into_inner().and_then(GzEncoder::finish).map_err(refused)?;
    file.sync_all().map_err(refused)
}
