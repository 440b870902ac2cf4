//! `wheelwright login`: a token of a server for this user on this machine, kept in a file that nobody else reads.

use super::place::{PlaceFlags, default_server};
use super::table;
use crate::access::handover::HandoverState;
use crate::bad;
use crate::client::logins::{KeptLogin, Logins};
use crate::client::{GivenToken, ServerClient, may_pass};
use crate::config::units;
use crate::error::{Error, Result};
use serde_json::json;
use std::io::IsTerminal as _;
use std::process::{ExitCode, Stdio};
use std::time::Duration;

/// Log in to a server; other commands then work there.
///
/// It prints a code and an address. Open the address in a browser where you are logged in, compare the code, and confirm.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  wheelwright login http://host:3141
  wheelwright login http://host:3141 --user alice

The token is kept in wheelwright/servers.toml in the folder XDG_CONFIG_HOME, by default ~/.config. Nobody else may read it.")]
pub struct LoginCommand {
    /// The server [default: --server, WHEELWRIGHT_SERVER, the server of the last login, http://127.0.0.1:3141]
    #[arg(value_name = "URL")]
    url: Option<String>,
    /// Log in with a password, which is asked for, instead of a browser
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
    /// Read the password from the first line of standard input
    #[arg(long, requires = "user")]
    password_stdin: bool,
    /// Keep a token that you have: the first line of standard input
    #[arg(long, conflicts_with = "user")]
    token_stdin: bool,
    /// With --user: the time after which the token ends
    #[arg(long, value_name = "TIME", value_parser = time, default_value = "90d", requires = "user")]
    expires: u64,
    /// Open the address in this machine's browser
    #[arg(long, conflicts_with_all = ["user", "token_stdin"])]
    open: bool,
    #[arg(long)]
    json: bool,
}

fn time(text: &str) -> Result<u64> {
    let seconds = units::seconds(text).filter(|seconds| *seconds > 0);
    seconds.ok_or_else(|| bad!("'{text}' is not a time like 90d"))
}

impl LoginCommand {
    pub async fn run(self, place: &PlaceFlags) -> Result<ExitCode> {
        // Before anything is asked: a file that cannot be used would lose the token.
        let mut logins = Logins::load()?;
        let url = match self.url.as_deref().or(place.server_flag()) {
            Some(url) => url.to_owned(),
            None => default_server()?,
        };
        let server = ServerClient::stranger(&url)?;
        let given = self.token(&server).await?;
        let address = server.base().to_string();
        let known = logins.servers.remove(&address);
        // Nobody needs the token of the login before; a server that does not take it back is not asked twice.
        if let Some(known) = known.as_ref().filter(|known| known.token != given.token) {
            let _ = server.with_token(&known.token).revoke_own_token().await;
        }
        let index = known.and_then(|known| known.index);
        let login = KeptLogin { user: given.user.clone(), token: given.token, index };
        logins.servers.insert(address.clone(), login);
        logins.current = Some(address.clone());
        let file = logins.save()?;
        let file = file.display().to_string();
        let said = format!("logged in to {address} as {}; the token is kept in {file}", given.user);
        table::done(&said, &json!({"server": address, "user": given.user, "file": file}), self.json)?;
        Ok(ExitCode::SUCCESS)
    }

    async fn token(&self, server: &ServerClient) -> Result<GivenToken> {
        if self.token_stdin {
            let token = first_line("token")?;
            let account = server.clone().with_token(&token).account().await?;
            return Ok(GivenToken { user: account.user, token });
        }
        let Some(user) = &self.user else { return self.by_browser(server).await };
        if server.base().scheme() == "http" && !server.is_own_machine() {
            eprintln!("warning: {} is not encrypted: others on the way can read the password", server.base());
        }
        let password = match self.password_stdin {
            true => first_line("password")?,
            false if !std::io::stdin().is_terminal() => {
                return Err(bad!("there is no terminal to ask for the password: use --password-stdin"));
            }
            false => rpassword::prompt_password(format!("Password of {user}: "))
                .map_err(|error| bad!("cannot ask for the password: {error}"))?,
        };
        server.token_by_password(user, &password, &own_name(), self.expires).await
    }

    /// Waits until somebody with a browser lets this program in.
    async fn by_browser(&self, server: &ServerClient) -> Result<GivenToken> {
        let begun = server.begin_handover(&own_name()).await?;
        eprintln!("Open {}", begun.url);
        eprintln!("Log in there if you are not, compare the code {}, and let wheelwright in.", begun.code);
        if self.open {
            let started = std::process::Command::new("xdg-open").arg(&begun.url).stdin(Stdio::null()).spawn();
            started.map(drop).map_err(|error| {
                bad!("cannot start a browser (xdg-open): {error}. Open the address yourself")
            })?;
        }
        loop {
            tokio::time::sleep(Duration::from_secs(begun.interval.clamp(1, 30))).await;
            match server.handover(&begun.secret).await {
                Ok(HandoverState::Given { token, user, .. }) => return Ok(GivenToken { user, token }),
                Ok(HandoverState::Waiting) => {}
                Err(error) if may_pass(&error) => {}
                Err(Error::Gone(_)) => {
                    return Err(Error::Gone(
                        "nobody let wheelwright in within ten minutes: log in again".into(),
                    ));
                }
                Err(error) => return Err(error),
            }
        }
    }
}

fn first_line(what: &str) -> Result<String> {
    let mut line = String::new();
    std::io::stdin().read_line(&mut line)?;
    let text = line.trim_end_matches(['\r', '\n']).to_owned();
    match text.is_empty() {
        true => Err(bad!("standard input does not contain a {what}: write it on the first line")),
        false => Ok(text),
    }
}

/// What people read where they let a program in: `wheelwright on laptop`.
fn own_name() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname")
        .or_else(|_| std::fs::read_to_string("/etc/hostname"));
    let host: String = host.unwrap_or_default().trim().chars().filter(|c| !c.is_control()).take(60).collect();
    match host.is_empty() {
        true => "wheelwright".to_owned(),
        false => format!("wheelwright on {host}"),
    }
}
