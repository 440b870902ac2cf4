//! `wheelwright logout`: revokes the token of a login, and forgets it.

use super::place::{PlaceFlags, default_server};
use super::{table, use_index};
use crate::client::ServerClient;
use crate::client::logins::{KeptLogin, Logins};
use crate::error::{Error, Result};
use crate::missing;
use serde_json::json;
use std::process::ExitCode;

#[derive(clap::Args, Debug)]
pub struct LogoutCommand {
    /// The server [default: --server, WHEELWRIGHT_SERVER, the server of the last login]
    #[arg(value_name = "URL")]
    url: Option<String>,
    #[arg(long)]
    json: bool,
}

impl LogoutCommand {
    pub async fn run(self, place: &PlaceFlags) -> Result<ExitCode> {
        let logins = Logins::load()?;
        let url = match self.url.as_deref().or(place.server_flag()) {
            Some(url) => url.to_owned(),
            None if logins.servers.is_empty() => {
                return Err(missing!("you are not logged in anywhere: run wheelwright login URL"));
            }
            None => default_server()?,
        };
        let server = ServerClient::stranger(&url)?;
        let address = server.base().to_string();
        let forget = |logins: &mut Logins| {
            if logins.current.as_deref() == Some(address.as_str()) {
                logins.current = None;
            }
            logins.servers.remove(&address)
        };
        let is_known = logins.servers.contains_key(&address);
        let login = if is_known { Logins::change(forget)?.0 } else { None };
        let login = login.ok_or_else(|| {
            let others: Vec<&str> = logins.servers.keys().map(String::as_str).collect();
            missing!("you are not logged in to {address}, but to {}", others.join(", "))
        })?;
        let revoked = match login.given {
            true => false,
            false => revoke(server.clone(), &login).await,
        };
        if revoked {
            use_index::change_token(server.base(), &login.token, None)?;
        }
        let said = match (revoked, login.given) {
            (true, _) => format!("logged out of {address}: the token of {} is revoked", login.user),
            (false, true) => format!(
                "logged out of {address}. The token of {} was given with --token-stdin: it stays valid",
                login.user
            ),
            (false, false) => {
                format!("logged out of {address}: this machine has forgotten the token of {}", login.user)
            }
        };
        table::done(&said, &json!({"server": address, "user": login.user, "revoked": revoked}), self.json)?;
        Ok(ExitCode::SUCCESS)
    }
}

/// Whether the token holds no longer.
async fn revoke(server: ServerClient, login: &KeptLogin) -> bool {
    match server.with_token(&login.token).revoke_own_token().await {
        // It holds no longer, which is what was wanted.
        Ok(()) | Err(Error::Unauthenticated(_) | Error::Missing(_)) => true,
        Err(error) => {
            eprintln!("warning: the token of {} was not revoked: {error}", login.user);
            false
        }
    }
}
