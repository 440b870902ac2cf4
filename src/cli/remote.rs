//! Which server a command of people is about, and which index there.

use super::client::Through;
use super::place;
use crate::client::ServerClient;
use crate::error::Result;
use crate::names::IndexName;

/// A server.
#[derive(clap::Args, Debug)]
#[command(next_help_heading = "Server")]
pub struct RemoteServer {
    /// The server [default: that of WHEELSPROXY_URL, else WHEELWRIGHT_SERVER, else that of wheelwright login, else
    /// http://127.0.0.1:3141]
    #[arg(long, value_name = "URL")]
    server: Option<String>,
    /// An API token of that server [default: that of wheelwright login, else ~/.netrc]
    #[arg(long, env = "WHEELWRIGHT_TOKEN", hide_env_values = true)]
    token: Option<String>,
}

impl RemoteServer {
    /// The server, ready to be asked.
    ///
    /// # Errors
    /// `Bad` if the address is none of a server.
    pub fn open(&self) -> Result<ServerClient> {
        open(self.server.as_deref(), self.token.as_deref())
    }
}

/// A server and one of its indexes.
#[derive(clap::Args, Debug)]
#[command(next_help_heading = "Server")]
pub struct RemoteIndex {
    /// The server [default: that of WHEELSPROXY_URL, else WHEELWRIGHT_SERVER, else that of wheelwright login, else
    /// http://127.0.0.1:3141]
    #[arg(long, value_name = "URL")]
    server: Option<String>,
    /// An API token of that server [default: that of wheelwright login, else ~/.netrc]
    #[arg(long, env = "WHEELWRIGHT_TOKEN", hide_env_values = true)]
    token: Option<String>,
    /// The index there
    #[arg(long, value_name = "USER/INDEX", default_value = "root/pypi", value_parser = super::index::parse)]
    pub index: IndexName,
}

impl RemoteIndex {
    /// Whether somebody said which server.
    pub fn is_named(&self) -> bool {
        let named = ["WHEELSPROXY_URL", "WHEELWRIGHT_SERVER"];
        self.server.is_some() || named.iter().any(|name| place::variable(name).is_some())
    }

    /// The server, ready to be asked.
    ///
    /// # Errors
    /// `Bad` if the address is none of a server.
    pub fn open(&self) -> Result<ServerClient> {
        open(self.server.as_deref(), self.token.as_deref())
    }
}

fn open(server: Option<&str>, token: Option<&str>) -> Result<ServerClient> {
    let through = Through { server: server.map(str::to_owned), ..Through::default() };
    let address = through.address(place::variable("WHEELSPROXY_URL"))?;
    ServerClient::new(address.root.as_str(), token)
}
