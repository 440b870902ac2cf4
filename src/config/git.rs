//! Credentials for git repositories, and how repositories are watched.

use super::secret_url::SecretText;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// What this server has for repositories that ask for a credential.
#[derive(Clone, Debug, Default)]
pub struct GitSettings {
    /// By a name of the administrator's.
    pub credentials: BTreeMap<String, GitCredentialSettings>,
}

/// The credential for repositories below a URL: a token for HTTP, or a key for ssh. `Debug` shows no secret.
#[derive(Clone, Debug, Default)]
pub struct GitCredentialSettings {
    /// `https://HOST/TEAM` or `ssh://HOST`.
    pub url: String,
    /// Sent with the token; default: `git`.
    pub user: Option<String>,
    pub token: Option<GitToken>,
    pub ssh_key: Option<PathBuf>,
    pub known_hosts: Option<PathBuf>,
    /// Globs of the indexes whose watches may use it, besides those of root.
    pub indexes: Vec<String>,
}

/// A token that is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct GitToken(SecretText);

impl GitToken {
    pub fn new(text: &str) -> Self {
        Self(SecretText::new(text))
    }

    pub fn expose(&self) -> &str {
        self.0.expose()
    }
}

impl std::fmt::Debug for GitToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("****")
    }
}

/// How repositories are watched.
#[derive(Clone, Debug)]
pub struct WatchSettings {
    /// Seconds between two looks at a repository, unless its watch has its own value.
    pub every: u64,
    /// Repositories that are looked at at once.
    pub at_once: u64,
}

impl Default for WatchSettings {
    fn default() -> Self {
        Self { every: 600, at_once: 8 }
    }
}
