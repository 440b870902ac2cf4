//! Where a command works: beside the data folder of this machine, or at a server, asked over HTTP.
//!
//! The one rule is [`PlaceFlags::chosen`]; docs/how-to/use-a-server.md says it to people. What can be done at a place is
//! in the files beside this one: each operation has two arms, and a command does not know which one runs.

mod curation;
mod indexes;
mod locks;
mod people;
mod publishers;
mod releases;
mod watching;

pub use indexes::Explained;
pub use people::UserRow;
pub use watching::{MadeWatch, MadeWebhook, WatchWithTags};

use super::installation;
use crate::app::App;
use crate::client::ServerClient;
use crate::client::logins::Logins;
use crate::config::load::{ResolvedConfig, SettingSources};
use crate::error::Result;
use crate::names::IndexName;
use crate::{bad, usage};
use std::ffi::OsString;
use std::path::PathBuf;

/// The server that a plain `wheelwright serve` is.
const OWN_SERVER: &str = "http://127.0.0.1:3141";

/// Which installation a command is about.
#[derive(clap::Args, Clone, Debug, Default)]
#[command(next_help_heading = "Where")]
pub struct PlaceFlags {
    /// Folder with database, blobs and secrets [default: ./wheelwright-data]
    #[arg(long, global = true, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Configuration file [default: ./wheelwright.toml, else wheelwright.toml in the data folder]
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// postgres://… instead of SQLite in the data folder
    #[arg(long, global = true, value_name = "URL")]
    database: Option<String>,
    /// s3://bucket/prefix instead of files in the data folder
    #[arg(long, global = true, value_name = "URL")]
    storage: Option<String>,
    /// Work at this server [default: WHEELWRIGHT_SERVER; without a data folder here, the server of wheelwright login]
    #[arg(long, global = true, value_name = "URL")]
    server: Option<String>,
    /// An API token of that server [default: WHEELWRIGHT_TOKEN, else that of wheelwright login, else ~/.netrc]
    #[arg(long, global = true, value_name = "TOKEN")]
    token: Option<String>,
}

/// What the rule chose.
enum Chosen {
    Here,
    /// The address of a server.
    There(String),
}

/// An installation that a command works at.
pub enum CommandPlace {
    /// That of this machine, without a server between.
    Here(Box<App>),
    There(ServerClient),
}

/// The path of something that an index has, or the whole server.
fn below(index: Option<&IndexName>, what: &str) -> String {
    index.map_or(what.to_owned(), |index| format!("{index}/{what}"))
}

/// A variable that is not empty.
pub fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|text| !text.is_empty())
}

impl PlaceFlags {
    /// The settings that these flags and those of a command make.
    pub fn resolve(&self, mut flags: Vec<(&'static str, String)>) -> Result<ResolvedConfig> {
        let data = self.data.as_ref().map(|data| data.display().to_string());
        let own = [("data", data), ("database", self.database.clone()), ("storage", self.storage.clone())];
        flags.extend(own.into_iter().filter_map(|(key, value)| Some((key, value?))));
        SettingSources::of_process(flags, self.config.clone()).resolve()
    }

    /// The same for the program of a foreign command, which finds them as variables.
    pub fn into_variables(self) -> Vec<(&'static str, OsString)> {
        let flags = [
            ("WHEELWRIGHT_DATA", self.data.map(OsString::from)),
            ("WHEELWRIGHT_CONFIG", self.config.map(OsString::from)),
            ("WHEELWRIGHT_DATABASE", self.database.map(OsString::from)),
            ("WHEELWRIGHT_STORAGE", self.storage.map(OsString::from)),
            ("WHEELWRIGHT_SERVER", self.server.map(OsString::from)),
            ("WHEELWRIGHT_TOKEN", self.token.map(OsString::from)),
        ];
        flags.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
    }

    /// The server that a flag names.
    pub fn server_flag(&self) -> Option<&str> {
        self.server.as_deref()
    }

    /// Refuses a server where a command works on this machine alone.
    ///
    /// # Errors
    /// `Bad` if `--server` was given.
    pub fn refuse_server(&self, command: &str) -> Result<()> {
        match &self.server {
            None => Ok(()),
            Some(_) => Err(bad!(
                "wheelwright {command} works on the machine of the data folder alone: run it there, without --server"
            )),
        }
    }

    /// The rule: flags of an installation mean this machine; else a server that a flag or the variable names; else what is
    /// here, if anything is; else the server of the login.
    fn chosen(&self, resolved: &ResolvedConfig) -> Result<Chosen> {
        let here = [
            ("--data", self.data.is_some()),
            ("--config", self.config.is_some()),
            ("--database", self.database.is_some()),
            ("--storage", self.storage.is_some()),
        ];
        let here = here.iter().find(|(_, given)| *given).map(|(flag, _)| *flag);
        match (here, &self.server) {
            (Some(flag), Some(_)) => {
                return Err(usage!("{flag} means this machine and --server another one: use one of them"));
            }
            (Some(_), None) => return Ok(Chosen::Here),
            (None, Some(server)) => return Ok(Chosen::There(server.clone())),
            (None, None) => {}
        }
        if let Some(server) = variable("WHEELWRIGHT_SERVER") {
            return Ok(Chosen::There(server));
        }
        // A folder that may not be looked into is one.
        let is_here =
            resolved.names_an_installation() || installation::has_database(&resolved.config).unwrap_or(true);
        if is_here {
            return Ok(Chosen::Here);
        }
        Ok(match Logins::load()?.current() {
            Some((server, _)) => Chosen::There(server.to_owned()),
            None => Chosen::Here,
        })
    }

    /// The server to work at; `None`: this machine.
    pub fn remote(&self, resolved: &ResolvedConfig) -> Result<Option<ServerClient>> {
        match self.chosen(resolved)? {
            Chosen::Here => Ok(None),
            Chosen::There(url) => self.client(&url).map(Some),
        }
    }

    /// The place to work at, where something may be changed.
    pub async fn open(&self, resolved: ResolvedConfig) -> Result<CommandPlace> {
        match self.remote(&resolved)? {
            Some(server) => Ok(CommandPlace::There(server)),
            None => Ok(CommandPlace::Here(Box::new(installation::own(resolved).await?))),
        }
    }

    /// The same for looking; it may be a copy of another server.
    pub async fn look(&self, resolved: ResolvedConfig) -> Result<CommandPlace> {
        match self.remote(&resolved)? {
            Some(server) => Ok(CommandPlace::There(server)),
            None => Ok(CommandPlace::Here(Box::new(installation::existing(resolved).await?))),
        }
    }

    /// The server for commands that always ask one: of the flag, the variable, the login, or one on this machine.
    pub fn server(&self) -> Result<ServerClient> {
        let named = match &self.server {
            Some(server) => server.clone(),
            None => default_server()?,
        };
        self.client(&named)
    }

    fn client(&self, url: &str) -> Result<ServerClient> {
        let token = self.token.clone().or_else(|| variable("WHEELWRIGHT_TOKEN"));
        ServerClient::new(url, token.as_deref())
    }
}

/// The server that is meant where no flag names one.
pub fn default_server() -> Result<String> {
    if let Some(server) = variable("WHEELWRIGHT_SERVER") {
        return Ok(server);
    }
    Ok(Logins::load()?.current().map_or_else(|| OWN_SERVER.to_owned(), |(server, _)| server.to_owned()))
}
