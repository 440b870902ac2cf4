//! `wheelwright use`: chooses an index of a server, and points pip and uv at it.

mod edit;

use super::place::PlaceFlags;
use super::table;
use crate::bad;
use crate::client::ServerClient;
use crate::client::logins::Logins;
use crate::error::{Error, Result};
use crate::names::IndexName;
use serde_json::{Value, json};
use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use url::Host;

/// Choose an index of the server that you are logged in to.
///
/// Commands that need an index and name none then use it. With --pip and --uv, pip and uv install from it, too: their
/// configuration files are changed in place, and all other settings and comments stay.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  wheelwright use alice/dev
  wheelwright use alice/dev --pip --uv --with-credentials
  wheelwright use alice/dev --pip --dry-run")]
pub struct UseCommand {
    #[arg(value_name = "USER/INDEX", value_parser = super::index::parse)]
    index: IndexName,
    /// Write pip.conf: of the active environment, else yours
    #[arg(long)]
    pip: bool,
    /// Write your uv.toml
    #[arg(long)]
    uv: bool,
    /// Also write the token into ~/.netrc, where pip and uv find it for this host
    #[arg(long)]
    with_credentials: bool,
    /// Only show what would change
    #[arg(long)]
    dry_run: bool,
    #[arg(long)]
    json: bool,
}

/// A file to be changed.
struct FileChange {
    path: PathBuf,
    before: String,
    after: String,
    /// It gets a secret: nobody else may read it.
    secret: bool,
}

impl UseCommand {
    pub async fn run(self, place: &PlaceFlags) -> Result<ExitCode> {
        let server = place.server()?;
        let index = &self.index;
        server.index_options(index).await?;
        let url = server.url(&format!("{index}/+simple/"))?.to_string();
        let mut logins = Logins::load()?;
        let changes = self.changes(&server, &url, &logins)?;
        let address = server.base().to_string();
        let known = logins.servers.get_mut(&address);
        if known.is_none() && changes.is_empty() {
            return Err(bad!("you are not logged in to {address}: run wheelwright login {address} first"));
        }
        if let (Some(login), false) = (known, self.dry_run) {
            login.index = Some(index.to_string());
            logins.current = Some(address.clone());
            logins.save()?;
        }
        let mut shown = Vec::new();
        for change in &changes {
            let lines = edit::difference(&change.before, &change.after);
            if !self.dry_run && !lines.is_empty() {
                change.write()?;
            }
            shown.push(json!({"file": change.path, "changed": !lines.is_empty()}));
            if !self.json {
                self.tell(change, &lines)?;
            }
        }
        if self.json {
            let value = json!({"server": address, "index": index, "url": url, "files": Value::from(shown)});
            table::json(&value)?;
        } else {
            table::line(&format!(
                "{}the index is {index} at {address}",
                if self.dry_run { "not done: " } else { "" }
            ))?;
        }
        self.advise(&server).await;
        Ok(ExitCode::SUCCESS)
    }

    fn changes(&self, server: &ServerClient, url: &str, logins: &Logins) -> Result<Vec<FileChange>> {
        let mut changes = Vec::new();
        let base = server.base();
        let plain = base.scheme() == "http" && !server.is_own_machine();
        let authority = match (base.host_str(), base.port()) {
            (Some(host), Some(port)) => format!("{host}:{port}"),
            (host, _) => host.unwrap_or_default().to_owned(),
        };
        if self.pip {
            let mut keys = vec![("index-url", url)];
            // pip reads an unencrypted index of another machine only if it is told to.
            if plain {
                keys.push(("trusted-host", &authority));
            }
            changes.push(FileChange::of(pip_conf()?, false, |text| Ok(edit::pip(text, &keys)))?);
        }
        if self.uv {
            changes.push(FileChange::of(configuration("uv/uv.toml")?, false, |text| edit::uv(text, url))?);
        }
        if self.with_credentials {
            let login = logins.of(base).ok_or_else(|| {
                bad!("--with-credentials needs a login to {base}: run wheelwright login {base} first")
            })?;
            // Of an address of version 6 without its brackets, as pip asks for it.
            let host = match base.host() {
                Some(Host::Ipv6(address)) => address.to_string(),
                _ => base.host_str().unwrap_or_default().to_owned(),
            };
            let netrc = std::env::var_os("NETRC").filter(|path| !path.is_empty()).map(PathBuf::from);
            let netrc = netrc.map_or_else(|| home().map(|home| home.join(".netrc")), Ok)?;
            changes.push(FileChange::of(netrc, true, |text| edit::netrc(text, &host, &login.token))?);
        }
        Ok(changes)
    }

    fn tell(&self, change: &FileChange, lines: &[String]) -> Result<()> {
        let path = change.path.display();
        if lines.is_empty() {
            return table::line(&format!("{path}: as it was"));
        }
        let done = if self.dry_run { "would change" } else { "changed" };
        table::line(&format!("{path}: {done}"))?;
        if !self.dry_run {
            return Ok(());
        }
        lines.iter().try_for_each(|line| match (change.secret, line.rsplit_once(' ')) {
            (true, Some((said, _))) => table::line(&format!("  {said} ***")),
            _ => table::line(&format!("  {line}")),
        })
    }

    /// An index that not everybody may read needs a credential.
    async fn advise(&self, server: &ServerClient) {
        if self.with_credentials || !(self.pip || self.uv) {
            return;
        }
        let Ok(stranger) = ServerClient::stranger(server.base().as_str()) else { return };
        if let Err(Error::Unauthenticated(_) | Error::Missing(_)) = stranger.index_options(&self.index).await
        {
            eprintln!(
                "note: not everybody may read {}. Add --with-credentials, so that pip and uv find your token in ~/.netrc",
                self.index
            );
        }
    }
}

impl FileChange {
    fn of(path: PathBuf, secret: bool, change: impl FnOnce(&str) -> Result<String>) -> Result<Self> {
        let before = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(bad!("cannot read {}: {error}", path.display())),
        };
        let after = change(&before).map_err(|error| bad!("{}: {error}", path.display()))?;
        Ok(Self { path, before, after, secret })
    }

    /// Replaces the file at once; it keeps its mode, unless it gets a secret.
    fn write(&self) -> Result<()> {
        let unwritable = |error: std::io::Error| bad!("cannot write {}: {error}", self.path.display());
        // A link stays one.
        let path = std::fs::canonicalize(&self.path).unwrap_or_else(|_| self.path.clone());
        let folder = path.parent().unwrap_or(Path::new("."));
        std::fs::create_dir_all(folder).map_err(unwritable)?;
        let mode = match (self.secret, path.metadata()) {
            (true, _) => 0o600,
            (false, Ok(known)) => known.mode() & 0o777,
            (false, Err(_)) => 0o644,
        };
        let new = folder.join(format!(".wheelwright.{}", uuid::Uuid::new_v4().simple()));
        let mut file =
            OpenOptions::new().write(true).create_new(true).mode(mode).open(&new).map_err(unwritable)?;
        let written = file.write_all(self.after.as_bytes()).and_then(|()| file.sync_all());
        let done = written.and_then(|()| std::fs::rename(&new, &path));
        if done.is_err() {
            let _ = std::fs::remove_file(&new);
        }
        done.map_err(unwritable)
    }
}

fn home() -> Result<PathBuf> {
    std::env::home_dir().ok_or_else(|| bad!("the home folder is unknown: set HOME"))
}

/// A file in the user's configuration folder.
fn configuration(name: &str) -> Result<PathBuf> {
    let named = std::env::var_os("XDG_CONFIG_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    Ok(named.map_or_else(|| home().map(|home| home.join(".config")), Ok)?.join(name))
}

/// That of the active environment, else the file that `PIP_CONFIG_FILE` names, else the user's.
fn pip_conf() -> Result<PathBuf> {
    let environment = std::env::var_os("VIRTUAL_ENV").map(PathBuf::from).filter(|path| path.is_dir());
    if let Some(environment) = environment {
        return Ok(environment.join("pip.conf"));
    }
    let named = std::env::var_os("PIP_CONFIG_FILE").map(PathBuf::from).filter(|path| path.is_file());
    if let Some(named) = named {
        return Ok(named);
    }
    let older = home()?.join(".pip/pip.conf");
    if older.is_file() { Ok(older) } else { configuration("pip/pip.conf") }
}
