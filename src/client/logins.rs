//! The logins of this user: a token for each server, in a file that nobody else may read.

use crate::bad;
use crate::error::{Error, Result};
use crate::forbidden;
use crate::tools::replaced::replace;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::{DirBuilder, OpenOptions};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::PathBuf;
use url::Url;

/// What is kept of a login.
#[derive(Clone, Serialize, Deserialize)]
pub struct KeptLogin {
    pub user: String,
    pub token: String,
    /// The index that `wheelwright use` chose.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub index: Option<String>,
    /// Somebody brought the token (`login --token-stdin`): others may use it, so it is never revoked.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub given: bool,
}

/// Secrets do not belong into a log.
impl std::fmt::Debug for KeptLogin {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("KeptLogin").field("user", &self.user).finish_non_exhaustive()
    }
}

/// All of them, by the addresses of their servers.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Logins {
    /// The server that commands ask if none is named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub current: Option<String>,
    #[serde(default)]
    pub servers: BTreeMap<String, KeptLogin>,
}

/// `wheelwright/servers.toml` in the user's configuration folder; `None`: there is no such folder.
pub fn file() -> Option<PathBuf> {
    let named = std::env::var_os("XDG_CONFIG_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    let folder = named.or_else(|| Some(std::env::home_dir()?.join(".config")))?;
    folder.is_absolute().then(|| folder.join("wheelwright/servers.toml"))
}

impl Logins {
    /// Reads the file; none is no login.
    ///
    /// # Errors
    /// `Forbidden` if others may read or change it; `Bad` if it is none of ours.
    pub fn load() -> Result<Self> {
        let Some(path) = file() else { return Ok(Self::default()) };
        let unreadable = |error: std::io::Error| bad!("cannot read {}: {error}", path.display());
        let metadata = match path.metadata() {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Self::default()),
            metadata => metadata.map_err(unreadable)?,
        };
        if metadata.mode() & 0o077 != 0 {
            return Err(forbidden!(
                "others on this machine may read the tokens in {0}: run chmod 600 {0}, and revoke the tokens if somebody did",
                path.display()
            ));
        }
        let text = std::fs::read_to_string(&path).map_err(unreadable)?;
        toml::from_str(&text).map_err(|error| {
            bad!(
                "{} is not a file of wheelwright login: {}. Remove it and log in again",
                path.display(),
                error.message()
            )
        })
    }

    /// Changes the file as it is now: what another command wrote meanwhile stays. Gives what `change` gives, and where the
    /// file is.
    ///
    /// # Errors
    /// Those of [`Logins::load`]; `Bad` if it cannot be written.
    pub fn change<T>(change: impl FnOnce(&mut Self) -> T) -> Result<(T, PathBuf)> {
        let path =
            file().ok_or_else(|| bad!("there is no folder for logins: set HOME or XDG_CONFIG_HOME"))?;
        let unwritable = |error: std::io::Error| bad!("cannot write {}: {error}", path.display());
        let folder = path.parent().unwrap_or(&path);
        DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(unwritable)?;
        // The file itself is replaced, so the lock is another one. It ends with the handle.
        let lock =
            OpenOptions::new().append(true).create(true).mode(0o600).open(folder.join(".servers.lock"));
        let lock = lock.map_err(unwritable)?;
        lock.lock().map_err(unwritable)?;
        let mut logins = Self::load()?;
        let given = change(&mut logins);
        let text = toml::to_string(&logins).map_err(Error::internal)?;
        replace(&path, text.as_bytes(), 0o600).map_err(unwritable)?;
        Ok((given, path))
    }

    /// The login for a URL: of the server with the same scheme, host and port whose path the URL's begins with.
    pub fn of(&self, url: &Url) -> Option<&KeptLogin> {
        let fits = |base: &str| {
            Url::parse(base)
                .is_ok_and(|base| base.origin() == url.origin() && within(base.path(), url.path()))
        };
        let fitting = self.servers.iter().filter(|(base, _)| fits(base));
        fitting.max_by_key(|(base, _)| base.len()).map(|(_, login)| login)
    }

    /// The server that commands ask if none is named, and its login.
    pub fn current(&self) -> Option<(&str, &KeptLogin)> {
        let current = self.current.as_deref()?;
        Some((current, self.servers.get(current)?))
    }
}

/// Whether a path is the folder, or something in it.
fn within(folder: &str, path: &str) -> bool {
    let folder = folder.trim_end_matches('/');
    path.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_for_its_own_server_alone() {
        let login = |user: &str| KeptLogin {
            user: user.into(),
            token: "ww_hidden".into(),
            index: None,
            given: false,
        };
        let servers = [("http://h.example:3141/", login("root")), ("https://h.example/team/", login("team"))];
        let servers = servers.map(|(base, login)| (base.to_owned(), login));
        let logins = Logins { current: None, servers: BTreeMap::from(servers) };
        let of = |url: &str| logins.of(&url.parse().unwrap()).map(|login| login.user.as_str());
        assert_eq!(of("http://h.example:3141/"), Some("root"));
        assert_eq!(of("http://h.example:3141/alice/dev"), Some("root"));
        assert_eq!(of("https://h.example/team"), Some("team"));
        assert_eq!(of("https://h.example:443/team/a/b"), Some("team"));
        for other in [
            "https://h.example:3141/",
            "http://h.example/",
            "http://h.example:3142/",
            "http://h.example.evil.example:3141/",
            "https://h.example/teams/",
            "https://h.example/",
        ] {
            assert_eq!(of(other), None, "{other}");
        }
        assert!(!format!("{logins:?}").contains("hidden"));
    }
}
