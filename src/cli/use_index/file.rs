//! The files of pip, uv and `~/.netrc`: which they are, and how one is replaced.

use super::edit;
use crate::bad;
use crate::error::Result;
use crate::tools::replaced::replace;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use url::{Host, Url};

/// A file to be changed.
pub(super) struct FileChange {
    pub path: PathBuf,
    pub before: String,
    pub after: String,
    /// It gets a secret: nobody else may read it.
    pub secret: bool,
}

impl FileChange {
    pub(super) fn of(
        path: PathBuf,
        secret: bool,
        change: impl FnOnce(&str) -> Result<String>,
    ) -> Result<Self> {
        let before = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(bad!("cannot read {}: {error}", path.display())),
        };
        let after = change(&before).map_err(|error| bad!("{}: {error}", path.display()))?;
        Ok(Self { path, before, after, secret })
    }

    /// Replaces the file at once; it keeps its mode, unless it gets a secret.
    pub(super) fn write(&self) -> Result<()> {
        let unwritable = |error: std::io::Error| bad!("cannot write {}: {error}", self.path.display());
        // A link stays one.
        let path = std::fs::canonicalize(&self.path).unwrap_or_else(|_| self.path.clone());
        let folder = path.parent().unwrap_or(Path::new("."));
        std::fs::create_dir_all(folder).map_err(unwritable)?;
        let mode = match (self.secret, path.metadata()) {
            (true, _) => 0o600,
            (false, Ok(known)) => known.mode() & 0o777,
            (false, Err(_)) => 0o644,
        };
        replace(&path, self.after.as_bytes(), mode).map_err(unwritable)
    }
}

fn home() -> Result<PathBuf> {
    std::env::home_dir().ok_or_else(|| bad!("the home folder is unknown: set HOME"))
}

/// A file in the user's configuration folder.
pub(super) fn configuration(name: &str) -> Result<PathBuf> {
    let named = std::env::var_os("XDG_CONFIG_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    Ok(named.map_or_else(|| home().map(|home| home.join(".config")), Ok)?.join(name))
}

/// The one that pip reads last, so that no other one wins: the file that `PIP_CONFIG_FILE` names, else that of the active
/// environment, else the user's. Of the two places of that, the newer one comes after the older one.
pub(super) fn pip_conf() -> Result<PathBuf> {
    let named = std::env::var_os("PIP_CONFIG_FILE").map(PathBuf::from).filter(|path| path.is_file());
    if let Some(named) = named {
        return Ok(named);
    }
    let environment = std::env::var_os("VIRTUAL_ENV").map(PathBuf::from).filter(|path| path.is_dir());
    if let Some(environment) = environment {
        return Ok(environment.join("pip.conf"));
    }
    let (newer, older) = (configuration("pip/pip.conf")?, home()?.join(".pip/pip.conf"));
    Ok(if older.is_file() && !newer.is_file() { older } else { newer })
}

/// The file that `NETRC` names, else `~/.netrc`.
pub(super) fn netrc() -> Result<PathBuf> {
    let named = std::env::var_os("NETRC").filter(|path| !path.is_empty()).map(PathBuf::from);
    named.map_or_else(|| home().map(|home| home.join(".netrc")), Ok)
}

/// A host as `~/.netrc` names it: an address of version 6 without its brackets, as pip asks for it.
pub(super) fn netrc_host(url: &Url) -> String {
    match url.host() {
        Some(Host::Ipv6(address)) => address.to_string(),
        _ => url.host_str().unwrap_or_default().to_owned(),
    }
}

/// Keeps `~/.netrc` true: where it has a token of ours that ends, it gets the new one, or loses its line. The file, if it
/// was changed.
pub fn change_token(server: &Url, old: &str, new: Option<&str>) -> Result<Option<PathBuf>> {
    let Some(path) = netrc().ok().filter(|path| path.is_file()) else { return Ok(None) };
    let host = netrc_host(server);
    let change = FileChange::of(path, true, |text| {
        Ok(edit::netrc_again(text, &host, old, new).unwrap_or_else(|| text.to_owned()))
    })?;
    if change.before == change.after {
        return Ok(None);
    }
    change.write()?;
    Ok(Some(change.path))
}
