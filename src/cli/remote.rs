//! Which server a command of people is about, and which index there.

use crate::client::ServerClient;
use crate::error::Result;
use crate::names::IndexName;

/// A server and one of its indexes.
#[derive(clap::Args, Debug)]
#[command(next_help_heading = "Server")]
pub struct RemoteIndex {
    /// The server
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:3141")]
    server: String,
    /// An API token of that server; without one, ~/.netrc is used
    #[arg(long, env = "WHEELWRIGHT_TOKEN", hide_env_values = true)]
    token: Option<String>,
    /// The index there
    #[arg(long, value_name = "USER/INDEX", default_value = "root/pypi", value_parser = super::index::parse)]
    pub index: IndexName,
}

impl RemoteIndex {
    /// The server, ready to be asked.
    ///
    /// # Errors
    /// `Bad` if the address is none of a server.
    pub fn open(&self) -> Result<ServerClient> {
        ServerClient::new(&self.server, self.token.as_deref())
    }
}
