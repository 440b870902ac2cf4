//! The `git` program, started so that it asks nothing, runs nothing and ends in time.

use super::credential::GitCredential;
use super::gate::GitGate;
use super::said::told;
use super::tree::GitLimits;
use crate::error::{Error, Result};
use crate::tools::process::{ProcessGroup, all_of};
use crate::upstream::guard::{self, Guard};
use crate::{bad, timed_out, unavailable};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Instant;
use tokio::process::Command;

/// For whom a repository is cloned.
#[derive(Clone, Debug)]
pub enum RepositoryAsker {
    /// Who sits at this machine and named the repository: their own git configuration and keys
    /// count, and repositories on this machine may be named.
    Person,
    /// Somebody who sent an address to a server: nothing of the machine's is used for them, and only
    /// what the guard lets through is connected to.
    Stranger(Guard),
    /// A watch: as a stranger, with what an administrator granted it besides.
    Watch(Guard, WatchGrant),
}

/// What an administrator granted a watch.
#[derive(Clone, Debug, Default)]
pub struct WatchGrant {
    /// Repositories on this machine.
    pub disk: bool,
    pub credential: Option<Arc<GitCredential>>,
}

impl RepositoryAsker {
    pub fn is_person(&self) -> bool {
        matches!(self, Self::Person)
    }

    fn credential(&self) -> Option<&GitCredential> {
        match self {
            Self::Watch(_, grant) => grant.credential.as_deref(),
            _ => None,
        }
    }
}

/// How git reaches the repository.
pub(super) enum Way {
    /// As anything on this machine does.
    Own,
    /// Through the environment's proxy, and never past it: that decides.
    Proxy,
    /// Through our own proxy.
    Gate(GitGate),
    /// By ssh, to the address that was checked: in the place of the host's name.
    Ssh(String),
}

/// Variables that reach git. Certificates are how this machine reaches others at all.
const PASSED: [&str; 5] = ["PATH", "GIT_SSL_CAINFO", "SSL_CERT_FILE", "SSL_CERT_DIR", "CURL_CA_BUNDLE"];
/// So are proxies.
const PROXIES: [&str; 6] =
    ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"];
/// Of a person besides.
const PERSONAL: [&str; 6] =
    ["HOME", "USER", "XDG_CONFIG_HOME", "SSH_AUTH_SOCK", "GIT_SSH_COMMAND", "GIT_CONFIG_GLOBAL"];

/// Settings that win over every configuration file: no hooks, no helpers that a repository's own
/// configuration names, no background work, one thread (the order of a pack must not vary).
const SETTINGS: [&str; 11] = [
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "core.untrackedCache=false",
    "core.autocrlf=false",
    "core.symlinks=true",
    "gc.auto=0",
    "maintenance.auto=false",
    "fetch.unpackLimit=1",
    "pack.threads=1",
    "submodule.recurse=false",
    "advice.detachedHead=false",
];

/// The file with git's configuration in a home of ours.
const CONFIG: &str = "gitconfig";

/// Bytes of output that are kept; lists of references and files are the longest.
const LONGEST: u64 = 256 << 20;

/// One repository at work on, and what is left of its time.
pub(super) struct Git {
    pub folder: PathBuf,
    /// An empty folder, home of the nobody for whom a server works.
    pub home: PathBuf,
    pub asker: RepositoryAsker,
    pub way: Way,
    pub limits: GitLimits,
    pub until: Instant,
    /// Schemes that git may speak.
    pub protocols: &'static str,
    /// Whether `folder` may lie below the repository's top.
    pub discover: bool,
}

impl Git {
    /// Makes the folders, and what git reads as its configuration.
    pub fn begin(&self) -> Result<()> {
        for folder in [&self.folder, &self.home] {
            std::fs::create_dir_all(folder)?;
        }
        // An administrator named the repository: whose files it is made of does not matter.
        Ok(std::fs::write(self.home.join(CONFIG), "[safe]\n\tdirectory = *\n")?)
    }

    /// Standard output of `git ARGUMENTS`.
    pub async fn run(&self, arguments: &[&str]) -> Result<Vec<u8>> {
        self.run_within(arguments, LONGEST).await
    }

    /// At most `most` bytes of it.
    pub async fn run_within(&self, arguments: &[&str], most: u64) -> Result<Vec<u8>> {
        let child = self.command(arguments).spawn().map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => bad!("git is not installed on this machine: install it"),
            _ => Error::internal(anyhow::Error::new(error).context("git")),
        })?;
        let mut group = ProcessGroup::of(&child);
        let left = self.until.saturating_duration_since(Instant::now());
        let result = tokio::select! {
            ended = ended(child, most) => ended,
            () = tokio::time::sleep(left) => Err(timed_out!(
                "git did not finish within {} seconds", self.limits.time.as_secs()
            )),
            () = self.too_large() => Err(bad!(
                "the repository is larger than {}", crate::config::units::show_bytes(self.limits.bytes)
            )),
        };
        if result.is_ok() {
            group.disarm();
        }
        let (success, out, said) = result?;
        match success {
            true => Ok(out),
            // Our own proxy knows better than git why it led nowhere.
            false => Err(match &self.way {
                Way::Gate(gate) => gate.refused(),
                _ => None,
            }
            .unwrap_or_else(|| told(&String::from_utf8_lossy(&said)))),
        }
    }

    /// The same as text, without the blanks around it.
    pub async fn text(&self, arguments: &[&str]) -> Result<String> {
        let out = self.run(arguments).await?;
        Ok(String::from_utf8_lossy(&out).trim().to_owned())
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("git");
        command.env_clear().current_dir(&self.folder);
        let personal: &[&str] = if self.asker.is_person() { &PERSONAL } else { &[] };
        pass(&mut command, PASSED.iter().chain(personal));
        self.lead(&mut command);
        command.env("LC_ALL", "C").env("GIT_TERMINAL_PROMPT", "0").env("GIT_ASKPASS", "false");
        command.env("SSH_ASKPASS", "false").env("GIT_ALLOW_PROTOCOL", self.protocols);
        if !self.discover {
            command.env("GIT_CEILING_DIRECTORIES", self.folder.parent().unwrap_or(Path::new("/")));
        }
        command.env("GIT_LFS_SKIP_SMUDGE", "0").env("GIT_NO_LAZY_FETCH", "1").env("GIT_OPTIONAL_LOCKS", "0");
        if !self.asker.is_person() {
            command.env("HOME", &self.home).env("GIT_CONFIG_NOSYSTEM", "1");
            let named = matches!(&self.asker, RepositoryAsker::Watch(_, grant) if grant.disk);
            let global = if named { self.home.join(CONFIG) } else { "/dev/null".into() };
            command.env("GIT_CONFIG_GLOBAL", global).args(["-c", "http.followRedirects=false"]);
            command.args(["-c", "credential.helper="]);
            // By the environment, which other accounts cannot read.
            if let Some((key, value)) = self.asker.credential().and_then(GitCredential::header) {
                command.env("GIT_CONFIG_COUNT", "1");
                command.env("GIT_CONFIG_KEY_0", key).env("GIT_CONFIG_VALUE_0", value);
            }
        }
        for setting in SETTINGS {
            command.args(["-c", setting]);
        }
        let patience = self.limits.patience.as_secs().max(1);
        command.args(["-c", &format!("http.lowSpeedLimit={}", self.limits.slowest)]);
        command.args(["-c", &format!("http.lowSpeedTime={patience}")]);
        command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.process_group(0);
        command.kill_on_drop(true);
        command
    }

    /// Sets how git reaches the repository.
    fn lead(&self, command: &mut Command) {
        let ssh = "ssh -o BatchMode=yes -o StrictHostKeyChecking=yes";
        match &self.way {
            Way::Own => {
                pass(command, PROXIES.iter().chain(&["NO_PROXY", "no_proxy"]));
                if !self.asker.is_person() || std::env::var_os("GIT_SSH_COMMAND").is_none() {
                    command.env("GIT_SSH_COMMAND", ssh);
                }
            }
            // Without exceptions: past the proxy nobody would look at the address.
            Way::Proxy => pass(command, PROXIES.iter()),
            Way::Gate(gate) => {
                for name in PROXIES {
                    command.env(name, gate.url());
                }
                command.args(["-c", "http.proxyAuthMethod=basic"]);
            }
            Way::Ssh(options) => {
                command.env("GIT_SSH_COMMAND", format!("{ssh} {options}"));
            }
        }
    }

    /// Resolves once the folder holds more than it may.
    async fn too_large(&self) {
        let packs = self.folder.join(".git/objects/pack");
        loop {
            tokio::time::sleep(std::time::Duration::from_millis(250)).await;
            let (packs, most) = (packs.clone(), self.limits.bytes);
            let size = move || std::fs::read_dir(packs).into_iter().flatten().flatten();
            let size = tokio::task::spawn_blocking(move || {
                size().filter_map(|entry| entry.metadata().ok()).map(|m| m.len()).sum::<u64>()
            });
            if size.await.is_ok_and(|size| size > most) {
                return;
            }
        }
    }
}

impl Way {
    /// How git goes to `url` for whoever asks, if it may.
    pub async fn of(asker: &RepositoryAsker, url: &url::Url) -> Result<Self> {
        match asker {
            RepositoryAsker::Person => Ok(Self::Own),
            RepositoryAsker::Watch(_, grant) if grant.disk && url.scheme() == "file" => Ok(Self::Own),
            _ if url.scheme() == "file" => {
                Err(bad!("a server does not clone repositories from its own disk: use git+https or git+ssh"))
            }
            RepositoryAsker::Stranger(guard) => Self::to(url, guard).await,
            RepositoryAsker::Watch(guard, grant) => match (Self::to(url, guard).await?, &grant.credential) {
                (Self::Ssh(options), Some(own)) => Ok(Self::Ssh(options + &own.ssh_options())),
                (way, _) => Ok(way),
            },
        }
    }

    /// How a stranger's git goes to `url`, if it may: the address is looked at here so that a refusal
    /// is told at once, and again with each connection.
    pub async fn to(url: &url::Url, guard: &Guard) -> Result<Self> {
        let Some(host) = url.host() else { return Err(bad!("the repository URL has no host")) };
        let name = url.host_str().unwrap_or_default();
        let refused = || Error::Bad(guard::refusal(name.trim_matches(['[', ']'])));
        // The hosts of ssh URLs are not read as numbers.
        let literal = name.trim_matches(['[', ']']).parse::<std::net::IpAddr>().ok();
        if literal.is_some_and(|address| !guard.allows(name, address)) || !guard.admits(&host) {
            return Err(refused());
        }
        if guard::is_proxied(url.scheme(), name) {
            return Ok(Self::Proxy);
        }
        let port = url.port_or_known_default().unwrap_or(22);
        let found = match guard.addresses(name, port).await {
            Ok(found) => found,
            Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => return Err(refused()),
            Err(error) => {
                return Err(unavailable!("cannot reach the repository: {name}: {error}"));
            }
        };
        match (url.scheme(), found.first()) {
            ("http" | "https", _) => Ok(Self::Gate(GitGate::open(guard.clone()).await?)),
            ("ssh", Some(at)) => Ok(Self::Ssh(pinned(name, port, at.ip())?)),
            _ => Err(bad!("wheelwright does not clone with this protocol: use git+https")),
        }
    }
}

/// Makes ssh go to this address, and still know the host by its name. Git hands it to a shell.
fn pinned(name: &str, port: u16, at: std::net::IpAddr) -> Result<String> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b".-_:[]".contains(&byte);
    if name.starts_with('-') || !name.bytes().all(fits) {
        return Err(bad!("{name:?} is not a valid host name"));
    }
    let known_as = if port == 22 { name.to_owned() } else { format!("[{name}]:{port}") };
    Ok(format!(
        "-o HostName={at} -o 'HostKeyAlias={known_as}' -o CheckHostIP=no -o ProxyCommand=none -o ProxyJump=none"
    ))
}

fn pass<'a>(command: &mut Command, names: impl Iterator<Item = &'a &'a str>) {
    for name in names {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
}

async fn ended(mut child: tokio::process::Child, most: u64) -> Result<(bool, Vec<u8>, Vec<u8>)> {
    let (out, said) = (child.stdout.take(), child.stderr.take());
    let (out, said) = tokio::try_join!(all_of(out, most), all_of(said, 64 << 10))?;
    Ok((child.wait().await?.success(), out, said))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn ssh_goes_to_the_address_that_was_checked() {
        let at = std::net::IpAddr::from([198, 51, 100, 1]);
        let options = pinned("git.example", 2222, at).unwrap();
        assert!(
            options.starts_with("-o HostName=198.51.100.1 -o 'HostKeyAlias=[git.example]:2222'"),
            "{options}"
        );
        for name in ["-oProxyCommand=id", "h';id;'", "$(id)", "a b"] {
            assert!(pinned(name, 22, at).is_err(), "{name}");
        }
        for url in
            ["ssh://git@127.0.0.1/x", "ssh://git@[::1]/x", "ssh://git@localhost/x", "http://2130706433/x"]
        {
            let refused = Way::to(&url::Url::parse(url).unwrap(), &Guard::public()).await.err().unwrap();
            assert!(refused.to_string().contains("internal network"), "{url}: {refused}");
        }
    }
}
