//! `wheelwright logout`: revokes the token of a login, and forgets it.

use super::place::PlaceFlags;
use super::table;
use crate::client::ServerClient;
use crate::client::logins::Logins;
use crate::error::{Error, Result};
use crate::missing;
use serde_json::json;
use std::process::ExitCode;

#[derive(clap::Args, Debug)]
pub struct LogoutCommand {
    /// The server [default: the current one]
    #[arg(value_name = "URL")]
    url: Option<String>,
    #[arg(long)]
    json: bool,
}

impl LogoutCommand {
    pub async fn run(self, place: &PlaceFlags) -> Result<ExitCode> {
        let mut logins = Logins::load()?;
        let named = self.url.as_deref().or(place.server_flag());
        let server = match named.or(logins.current.as_deref()) {
            Some(url) => ServerClient::stranger(url)?,
            None => return Err(missing!("you are not logged in anywhere: run wheelwright login URL")),
        };
        let address = server.base().to_string();
        let login = logins.servers.remove(&address);
        let login = login.ok_or_else(|| missing!("you are not logged in to {address}"))?;
        let revoked = match server.with_token(&login.token).revoke_own_token().await {
            // It holds no longer, which is what was wanted.
            Ok(()) | Err(Error::Unauthenticated(_) | Error::Missing(_)) => true,
            Err(error) => {
                eprintln!("warning: the token of {} was not revoked: {error}", login.user);
                false
            }
        };
        if logins.current.as_deref() == Some(address.as_str()) {
            logins.current = None;
        }
        logins.save()?;
        let said = match revoked {
            true => format!("logged out of {address}: the token of {} is revoked", login.user),
            false => {
                format!("logged out of {address}: this machine has forgotten the token of {}", login.user)
            }
        };
        table::done(&said, &json!({"server": address, "user": login.user, "revoked": revoked}), self.json)?;
        Ok(ExitCode::SUCCESS)
    }
}
