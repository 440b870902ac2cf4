//! The `git` program, started so that it asks nothing, runs nothing and ends in time.

use super::Limits;
use crate::bad;
use crate::child::{Group, all_of};
use crate::error::{Error, Result};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Instant;
use tokio::process::Command;

/// For whom a repository is cloned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asker {
    /// Who sits at this machine and named the repository: their own git configuration and keys
    /// count, and repositories on this machine may be named.
    Person,
    /// Somebody who sent an address to a server: nothing of the machine's is used for them.
    Stranger,
}

/// Variables that reach git. Proxies and certificates are how this machine reaches others at all.
const PASSED: [&str; 13] = [
    "PATH",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "ALL_PROXY",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "all_proxy",
    "GIT_SSL_CAINFO",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "CURL_CA_BUNDLE",
];
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

/// Bytes of output that are kept; lists of references and files are the longest.
const LONGEST: u64 = 256 << 20;

/// One repository at work on, and what is left of its time.
pub(super) struct Git {
    pub folder: PathBuf,
    /// An empty folder, home of the nobody for whom a server works.
    pub home: PathBuf,
    pub asker: Asker,
    pub limits: Limits,
    pub until: Instant,
    /// Schemes that git may speak.
    pub protocols: &'static str,
    /// Whether `folder` may lie below the repository's top.
    pub discover: bool,
}

impl Git {
    /// Standard output of `git ARGUMENTS`.
    pub async fn run(&self, arguments: &[&str]) -> Result<Vec<u8>> {
        let child = self.command(arguments).spawn().map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => bad!("git is not installed on this machine"),
            _ => Error::internal(anyhow::Error::new(error).context("git")),
        })?;
        let mut group = Group::of(&child);
        let left = self.until.saturating_duration_since(Instant::now());
        let result = tokio::select! {
            ended = ended(child) => ended,
            () = tokio::time::sleep(left) => Err(Error::Timeout(format!(
                "git did not end within {} seconds", self.limits.time.as_secs()
            ))),
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
            false => Err(told(&String::from_utf8_lossy(&said))),
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
        let personal: &[&str] = if self.asker == Asker::Person { &PERSONAL } else { &[] };
        for name in PASSED.iter().chain(personal) {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        command.env("LC_ALL", "C").env("GIT_TERMINAL_PROMPT", "0").env("GIT_ASKPASS", "false");
        command.env("SSH_ASKPASS", "false").env("GIT_ALLOW_PROTOCOL", self.protocols);
        if !self.discover {
            command.env("GIT_CEILING_DIRECTORIES", self.folder.parent().unwrap_or(Path::new("/")));
        }
        command.env("GIT_LFS_SKIP_SMUDGE", "0").env("GIT_NO_LAZY_FETCH", "1").env("GIT_OPTIONAL_LOCKS", "0");
        match self.asker {
            Asker::Person if std::env::var_os("GIT_SSH_COMMAND").is_some() => {}
            _ => {
                command.env("GIT_SSH_COMMAND", "ssh -o BatchMode=yes -o StrictHostKeyChecking=yes");
            }
        }
        if self.asker == Asker::Stranger {
            command.env("HOME", &self.home).env("GIT_CONFIG_NOSYSTEM", "1");
            command.env("GIT_CONFIG_GLOBAL", "/dev/null").args(["-c", "http.followRedirects=false"]);
            command.args(["-c", "credential.helper="]);
        }
        for setting in SETTINGS {
            command.args(["-c", setting]);
        }
        command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        #[cfg(unix)]
        command.process_group(0);
        command.kill_on_drop(true);
        command
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

async fn ended(mut child: tokio::process::Child) -> Result<(bool, Vec<u8>, Vec<u8>)> {
    let (out, said) = (child.stdout.take(), child.stderr.take());
    let (out, said) = tokio::try_join!(all_of(out, LONGEST), all_of(said, 64 << 10))?;
    Ok((child.wait().await?.success(), out, said))
}

/// What git said, as an error that names the cause and what to do.
fn told(said: &str) -> Error {
    let any = |signs: &[&str]| signs.iter().any(|sign| said.contains(sign));
    let line =
        said.lines().map(str::trim).rfind(|line| line.starts_with("fatal: ") || line.starts_with("error: "));
    let line = line.or_else(|| said.lines().last()).unwrap_or_default();
    let line = crate::git::command::without_credentials(line);
    if any(&[
        "could not read Username",
        "could not read Password",
        "terminal prompts disabled",
        "Authentication failed",
        "Permission denied (",
        "returned error: 401",
        "returned error: 403",
    ]) {
        return bad!(
            "the repository asks for a password or a key: give git a credential for it on the machine that \
             clones, or build from a folder or an archive ({line})"
        );
    }
    if any(&["Host key verification failed"]) {
        return bad!("the host of the repository is not known to ssh: connect to it once by hand ({line})");
    }
    if any(&[
        "Could not resolve host",
        "Failed to connect",
        "Connection refused",
        "Connection timed out",
        "Could not connect",
        "returned error: 5",
    ]) {
        return Error::Unavailable(format!("the repository can not be reached: {line}"));
    }
    if any(&[
        "not found",
        "does not exist",
        "does not appear to be a git repository",
        "returned error: 404",
        "No such file",
        "not a git repository",
    ]) {
        return bad!("there is no such repository: check its address ({line})");
    }
    if any(&["transport '", "protocol '"]) {
        return bad!("repositories are not fetched that way: use git+https ({line})");
    }
    bad!("git failed: {line}")
}

/// `https://user:secret@host` without what stands before the `@`.
pub(super) fn without_credentials(line: &str) -> String {
    let mut clean = String::new();
    let mut rest = line;
    while let Some((before, after)) = rest.split_once("://") {
        clean.push_str(before);
        clean.push_str("://");
        let end = after.find(|c: char| c == '/' || c == '\'' || c.is_whitespace()).unwrap_or(after.len());
        let (authority, tail) = after.split_at_checked(end).unwrap_or((after, ""));
        clean.push_str(authority.rsplit('@').next().unwrap_or_default());
        rest = tail;
    }
    clean + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_git_says_is_told_with_what_to_do_and_without_secrets() {
        let asked = told(
            "fatal: could not read Username for 'https://al:pw@h.example/x': terminal prompts disabled\n",
        );
        assert!(asked.to_string().contains("asks for a password"), "{asked}");
        assert!(!asked.to_string().contains("pw"), "{asked}");
        assert!(matches!(
            told("fatal: unable to access 'https://h/': Could not resolve host: h"),
            Error::Unavailable(_)
        ));
        assert!(
            told("fatal: repository 'https://h/x/' not found").to_string().contains("no such repository")
        );
    }
}
