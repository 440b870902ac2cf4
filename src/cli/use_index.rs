//! `wheelwright use`: chooses an index of a server, and points pip and uv at it.

mod edit;
mod file;
mod pip;

pub(super) use file::change_token;

use super::place::PlaceFlags;
use super::table;
use crate::bad;
use crate::client::ServerClient;
use crate::client::logins::Logins;
use crate::error::{Error, Result};
use crate::names::IndexName;
use file::{FileChange, configuration, netrc, netrc_host, pip_conf};
use serde_json::{Value, json};
use std::process::ExitCode;

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

impl UseCommand {
    pub async fn run(self, place: &PlaceFlags) -> Result<ExitCode> {
        let server = place.server()?;
        let index = &self.index;
        server.index_options(index).await?;
        let url = server.url(&format!("{index}/+simple/"))?.to_string();
        let logins = Logins::load()?;
        let changes = self.changes(&server, &url, &logins)?;
        let address = server.base().to_string();
        let is_known = logins.servers.contains_key(&address);
        if !is_known && changes.is_empty() {
            return Err(bad!("you are not logged in to {address}: run wheelwright login {address} first"));
        }
        if is_known && !self.dry_run {
            Logins::change(|logins| {
                if let Some(login) = logins.servers.get_mut(&address) {
                    login.index = Some(index.to_string());
                    logins.current = Some(address.clone());
                }
            })?;
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
            let value = json!({
                "server": address, "index": index, "url": url, "dry_run": self.dry_run,
                "files": Value::from(shown),
            });
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
            // pip reads an unencrypted index of another machine only if it is told to.
            let trusted = plain.then_some(authority.as_str());
            changes.push(FileChange::of(pip_conf()?, false, |text| Ok(pip::with_index(text, url, trusted)))?);
        }
        if self.uv {
            changes.push(FileChange::of(configuration("uv/uv.toml")?, false, |text| edit::uv(text, url))?);
        }
        if self.with_credentials {
            let login = logins.of(base).ok_or_else(|| {
                bad!("--with-credentials needs a login to {base}: run wheelwright login {base} first")
            })?;
            let host = netrc_host(base);
            changes.push(FileChange::of(netrc()?, true, |text| edit::netrc(text, &host, &login.token))?);
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
