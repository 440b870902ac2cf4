//! `wheelwright login`: a token of a server for this user on this machine, kept in a file that nobody else reads.

use super::place::{PlaceFlags, default_server};
use super::{table, use_index};
use crate::access::handover::HandoverState;
use crate::client::logins::{KeptLogin, Logins};
use crate::client::{GivenToken, ServerClient, may_pass};
use crate::config::units;
use crate::error::{Error, Result};
use crate::{bad, bad_upstream};
use serde_json::json;
use std::io::IsTerminal as _;
use std::process::{ExitCode, Stdio};
use std::time::Duration;
use url::Url;

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
    #[arg(long, value_name = "TIME", value_parser = units::lifetime, default_value = "90d", requires = "user")]
    expires: u64,
    /// Open the address in this machine's browser
    #[arg(long, conflicts_with_all = ["user", "token_stdin"])]
    open: bool,
    #[arg(long)]
    json: bool,
}

impl LoginCommand {
    pub async fn run(self, place: &PlaceFlags) -> Result<ExitCode> {
        // Before anything is asked: a file that cannot be used would lose the token.
        Logins::load()?;
        let url = match self.url.as_deref().or(place.server_flag()) {
            Some(url) => url.to_owned(),
            None => default_server()?,
        };
        let server = ServerClient::stranger(&url)?;
        let given = self.token(&server).await?;
        let address = server.base().to_string();
        let (before, file) = match Logins::change(|logins| keep(logins, &address, &given, self.token_stdin)) {
            Ok(done) => done,
            Err(error) => {
                // Nobody would have it.
                if !self.token_stdin {
                    let _ = server.with_token(&given.token).revoke_own_token().await;
                }
                return Err(error);
            }
        };
        if let Some(before) = before.filter(|before| before.token != given.token) {
            if let Some(file) = use_index::change_token(server.base(), &before.token, Some(&given.token))? {
                eprintln!("note: {} has the new token, too", file.display());
            }
            // Nobody needs the token of the login before; a server that does not take it back is not asked twice.
            if !before.given {
                let _ = server.with_token(&before.token).revoke_own_token().await;
            }
        }
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
        let plain = |text: &str| text.chars().filter(|c| !c.is_control()).collect::<String>();
        let url = Url::parse(&begun.url).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
        let url = url.ok_or_else(|| {
            bad_upstream!("{} names no address to open, but {:?}", server.base(), plain(&begun.url))
        })?;
        // A server behind a proxy may have another name for people than for this machine.
        if !server.owns(&url) {
            eprintln!("warning: the address to open is on {}, not on {}", plain(&host(&url)), server.base());
        }
        eprintln!("Open {url}");
        let code = plain(&begun.code);
        eprintln!("Log in there if you are not, compare the code {code}, and let wheelwright in.");
        if self.open {
            open(server, &url);
        }
        loop {
            tokio::time::sleep(Duration::from_secs(begun.interval.clamp(1, 30))).await;
            match server.handover(&begun.secret).await {
                Ok(HandoverState::Given { token, user, .. }) => return Ok(GivenToken { user, token }),
                Ok(HandoverState::Waiting) => {}
                Err(error) if may_pass(&error) => {}
                Err(Error::Gone(_)) => {
                    return Err(Error::Gone(
                        "nobody let wheelwright in within ten minutes, or its token was lost on the way: log in again, and \
                         revoke a token that you do not know on the page /+account"
                            .into(),
                    ));
                }
                Err(error) => return Err(error),
            }
        }
    }
}

/// What is kept of the new login; gives the one before.
fn keep(logins: &mut Logins, address: &str, new: &GivenToken, given: bool) -> Option<KeptLogin> {
    let before = logins.servers.remove(address);
    // The same token again is still whose it was.
    let same = before.as_ref().filter(|before| before.token == new.token);
    let given = same.map_or(given, |before| before.given);
    let index = before.as_ref().and_then(|before| before.index.clone());
    let login = KeptLogin { user: new.user.clone(), token: new.token.clone(), index, given };
    logins.servers.insert(address.to_owned(), login);
    logins.current = Some(address.to_owned());
    before
}

/// Opens an address of the server in this machine's browser; whoever sees that it did not open can do it.
fn open(server: &ServerClient, url: &Url) {
    if !server.owns(url) {
        eprintln!(
            "warning: that is another server, so the browser was not started: open the address yourself"
        );
        return;
    }
    let mut command = std::process::Command::new("xdg-open");
    command.arg(url.as_str()).stdin(Stdio::null()).stdout(Stdio::null());
    if let Err(error) = command.spawn() {
        eprintln!("warning: no browser was started (xdg-open): {error}. Open the address yourself");
    }
}

fn host(url: &Url) -> String {
    url.host_str().unwrap_or_default().to_owned()
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
