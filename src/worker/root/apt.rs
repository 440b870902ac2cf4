//! Asks the host's apt which packages are missing, and downloads them; installs nothing.

use crate::bad;
use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

/// A package as apt would install it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct SystemPackage {
    pub name: String,
    pub version: String,
    /// The file's name in apt's cache.
    pub file: String,
    /// As apt's lists have it: `SHA256:…`.
    pub hash: String,
}

/// The host's apt with a cache of our own; needs no rights.
#[derive(Debug)]
pub(super) struct Apt {
    pub cache: PathBuf,
    /// Of its configuration, beside those that it always has.
    pub options: Vec<String>,
    /// All of its environment.
    pub environment: Vec<(&'static str, OsString)>,
    /// Seconds that a mirror may be silent.
    pub patience: u32,
}

/// What passes from the worker's environment to apt: its own settings, and how to get out.
const PASSED: [&str; 10] = [
    "PATH",
    "HOME",
    "APT_CONFIG",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "SSL_CERT_FILE",
];
/// A download of large packages over a slow line.
const PATIENCE: Duration = Duration::from_secs(1800);

/// Seconds that a mirror may be silent; it is asked twice.
const SILENCE: u32 = 15;

/// All indices of contents together come to a hundred megabytes.
const PATIENCE_FOR_CONTENTS: Duration = Duration::from_secs(300);

/// Has apt say what it would fetch.
const PRINT: &str = "--print-uris";

/// How many packages are asked for in older versions than the host's, before that is given up.
const MOST_PINS: usize = 30;

pub(super) fn missing_package(name: &str) -> Error {
    crate::missing!("this worker's apt has no package {name:?}: correct [system] in the recipe")
}

/// As Debian's policy has it (§5.6.7); `name-` would ask apt to remove.
pub(super) fn is_package(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && !name.ends_with('-')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.' | ':'))
}

/// Changes when packages of the host change: what is missing then changes too.
pub(super) fn host_state() -> Result<String> {
    let found = std::fs::metadata("/var/lib/dpkg/status").map_err(|_| {
        bad!(
            "the recipe needs system packages, but this worker's machine has no apt: use a Debian or Ubuntu \
             machine, or leave [system] empty for its distribution and install the packages yourself"
        )
    })?;
    let changed = found.modified()?.duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    Ok(format!("{} {}", found.len(), changed.as_nanos()))
}

impl Apt {
    pub fn new(cache: PathBuf) -> Self {
        let passed = PASSED.iter().filter_map(|name| Some((*name, std::env::var_os(name)?)));
        Self { cache, options: Vec::new(), environment: passed.collect(), patience: SILENCE }
    }

    /// What would be installed for these, those that they depend on first.
    ///
    /// # Errors
    /// `Missing` for a package that is not known.
    pub async fn resolve(&self, names: &[String]) -> Result<Vec<SystemPackage>> {
        let printed = self.run(PRINT, names).await?;
        let mut packages = Vec::new();
        for line in printed.lines().filter(|line| line.starts_with('\'')) {
            packages.push(package(line).ok_or_else(|| bad!("unexpected output of apt: {line}"))?);
        }
        Ok(packages)
    }

    /// Downloads them, checked by apt, as `into/0000.deb` and so on in the list's order.
    pub async fn download(&self, names: &[String], list: &[SystemPackage], into: &Path) -> Result<()> {
        self.run("--download-only", names).await?;
        for (number, package) in list.iter().enumerate() {
            let from = self.cache.join("archives").join(&package.file);
            std::fs::rename(&from, into.join(format!("{number:04}.deb"))).map_err(|e| {
                bad!("apt did not download {}: {e}. Update its lists with apt-get update", package.file)
            })?;
        }
        Ok(())
    }

    /// Downloads the indices of what the packages of the host's sources contain into `lists`. Gives the first
    /// reason why apt left one out; others may be there all the same.
    pub async fn contents(&self, lists: &Path) -> Result<Option<String>> {
        std::fs::create_dir_all(lists.join("partial"))?;
        let lists = lists.canonicalize()?;
        let mut command = self.command()?;
        command.arg("-o").arg(format!("Dir::State::lists={}", lists.display()));
        let target = "Acquire::IndexTargets::deb::Contents-deb::";
        for option in [
            "MetaKey=$(COMPONENT)/Contents-$(ARCHITECTURE)",
            "ShortDescription=Contents-$(ARCHITECTURE)",
            "Description=$(RELEASE)/$(COMPONENT) $(ARCHITECTURE) Contents (deb)",
            "flatMetaKey=Contents-$(ARCHITECTURE)",
            "flatDescription=$(RELEASE) Contents (deb)",
            "KeepCompressed=true",
            "DefaultEnabled=true",
        ] {
            command.arg("-o").arg(format!("{target}{option}"));
        }
        for other in ["Packages", "Translations"] {
            command.arg("-o").arg(format!("Acquire::IndexTargets::deb::{other}::DefaultEnabled=false"));
        }
        command.arg("update");
        let output = finish(command, PATIENCE_FOR_CONTENTS).await?;
        let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        let failed = |line: &str| {
            let what = line.strip_prefix("W: ").or_else(|| line.strip_prefix("E: "))?;
            what.strip_prefix("Failed to fetch ").map(str::to_owned)
        };
        match said.lines().find_map(failed) {
            Some(left_out) => Ok(Some(format!("apt cannot fetch {left_out}"))),
            None if output.status.success() => Ok(None),
            None => Err(refused(&said)),
        }
    }

    /// Fetches the lists of packages of its sources.
    ///
    /// # Errors
    /// The first reason why one of them cannot be had.
    pub async fn update(&self) -> Result<()> {
        let mut command = self.command()?;
        command.arg("update");
        let output = finish(command, PATIENCE_FOR_CONTENTS).await?;
        if output.status.success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        let warned = said.lines().find_map(|line| line.strip_prefix("W: "));
        let failed = said.lines().find_map(|line| line.strip_prefix("E: "));
        let why = failed.or(warned).unwrap_or("apt gives no reason").trim();
        Err(bad!("{}", why.trim_end_matches('.')))
    }

    /// The address that its sources have for Debian itself.
    pub async fn mirror_of_debian(&self) -> Result<Option<String>> {
        let mut command = self.command()?;
        command.args(["indextargets", "--format", "$(REPO_URI) $(ORIGIN)/$(LABEL)"]);
        let output = finish(command, PATIENCE).await?;
        let said = String::from_utf8_lossy(&output.stdout);
        let found = said.lines().find_map(|line| line.strip_suffix(" Debian/Debian"));
        Ok(found.map(|address| address.trim_end_matches('/').to_owned()))
    }

    /// Runs apt; where the host has a newer library than a package wants exactly, that package's
    /// own is asked for: it goes into the root alone.
    async fn run(&self, what: &str, names: &[String]) -> Result<String> {
        let mut asked = names.to_vec();
        loop {
            let output = self.once(what, &asked).await?;
            if output.status.success() {
                return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
            }
            let said = [output.stdout, output.stderr].concat();
            let said = String::from_utf8_lossy(&said);
            let new: Vec<String> = exact(&said).filter(|pin| !asked.contains(pin)).collect();
            if new.is_empty() || asked.len() > names.len() + MOST_PINS {
                return Err(refused(&said));
            }
            asked.extend(new);
        }
    }

    async fn once(&self, what: &str, names: &[String]) -> Result<std::process::Output> {
        let mut command = self.command()?;
        if what == PRINT {
            // apt does not print what its cache has, which is there only until a root is made.
            std::fs::create_dir_all(self.cache.join("none/partial"))?;
            command.args(["-o", "Dir::Cache::archives=none/"]);
        }
        command.args(["-y", "--no-install-recommends", "--allow-downgrades", what]);
        command.args(["install", "--"]).args(names);
        finish(command, PATIENCE).await
    }

    /// apt with a cache of ours, which needs no rights.
    fn command(&self) -> Result<tokio::process::Command> {
        std::fs::create_dir_all(self.cache.join("archives/partial"))?;
        let cache = self.cache.canonicalize()?;
        let mut command = tokio::process::Command::new("apt-get");
        command.arg("-q");
        for option in [
            "Debug::NoLocking=true",
            "APT::Sandbox::User=",
            "Acquire::Retries=1",
            "APT::Get::AllowUnauthenticated=false",
        ] {
            command.args(["-o", option]);
        }
        for scheme in ["http", "https"] {
            command.arg("-o").arg(format!("Acquire::{scheme}::Timeout={}", self.patience));
        }
        command.arg("-o").arg(format!("Dir::Cache={}", cache.display()));
        for option in &self.options {
            command.args(["-o", option]);
        }
        command.env_clear().env("LC_ALL", "C").stdin(Stdio::null()).kill_on_drop(true);
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        Ok(command)
    }
}

async fn finish(mut command: tokio::process::Command, patience: Duration) -> Result<std::process::Output> {
    let output = tokio::time::timeout(patience, command.output()).await;
    let output = output.map_err(|_| bad!("apt did not finish within {} s", patience.as_secs()))?;
    output.map_err(|e| bad!("cannot start apt-get: {e}"))
}

/// `name=version` of what is wanted in a version that the host's is not.
fn exact(said: &str) -> impl Iterator<Item = String> {
    said.lines().filter(|line| line.ends_with("is to be installed")).filter_map(|line| {
        let (name, rest) = line.split_once("Depends: ")?.1.split_once(" (= ")?;
        let version = rest.split_once(')')?.0;
        let plain = version.chars().all(|c| c.is_ascii_alphanumeric() || ".+-~:".contains(c));
        (is_package(name) && plain).then(|| format!("{name}={version}"))
    })
}

/// What apt's words mean.
fn refused(said: &str) -> Error {
    let errors = || said.lines().filter_map(|line| line.strip_prefix("E: "));
    for error in errors() {
        if let Some(name) = error.strip_prefix("Unable to locate package ") {
            return missing_package(name);
        }
        if error.contains("has no installation candidate") {
            return missing_package(error.split('\'').nth(1).unwrap_or(error));
        }
    }
    let conflict = said.lines().map(str::trim).find(|line| line.contains(" : Conflicts: "));
    let why = conflict.or_else(|| errors().next()).unwrap_or("it gives no reason");
    bad!("apt cannot get the system packages: {why}")
}

/// `'http://…/libfoo1_1%3a2.0-1_amd64.deb' libfoo1_1%3a2.0-1_amd64.deb 1234 SHA256:…`
fn package(line: &str) -> Option<SystemPackage> {
    let mut words = line.split_whitespace().skip(1);
    let (file, _size, hash) = (words.next()?, words.next()?, words.next().unwrap_or_default());
    let (name, rest) = file.strip_suffix(".deb")?.split_once('_')?;
    let (version, _architecture) = rest.rsplit_once('_')?;
    let plain = is_package(name) && !file.contains('/');
    plain.then(|| SystemPackage {
        name: name.to_owned(),
        version: version.replace("%3a", ":"),
        file: file.to_owned(),
        hash: hash.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_apt_prints_becomes_packages() {
        let line = "'http://deb.example/pool/libdemo3_1%3a10.11-0%2bdeb12u2_amd64.deb' \
                    libdemo3_1%3a10.11-0+deb12u2_amd64.deb 181576 MD5Sum:3df3";
        let found = package(line).unwrap();
        assert_eq!((found.name.as_str(), found.version.as_str()), ("libdemo3", "1:10.11-0+deb12u2"));
        assert_eq!(found.hash, "MD5Sum:3df3");
        assert!(package("'http://x/y' ../../x_1_all.deb 3 MD5Sum:1").is_none());
        assert!(package("nonsense").is_none());
    }

    #[test]
    fn what_is_wanted_exactly_is_asked_for_exactly() {
        let said = " libx-dev : Depends: libx8 (= 10.42-1) but 10.42-1+deb12u1 is to be installed\n          \
                    Depends: liby (>= 2) but it is not going to be installed\n";
        assert_eq!(exact(said).collect::<Vec<_>>(), ["libx8=10.42-1"]);
    }

    #[test]
    fn a_package_that_is_not_known_is_named() {
        let error = refused("E: Unable to locate package libnope-dev\n").to_string();
        assert!(error.contains("\"libnope-dev\""), "{error}");
        let error = refused("E: SystemPackage 'libold' has no installation candidate\n").to_string();
        assert!(error.contains("\"libold\""), "{error}");
        let said = " libb-dev : Conflicts: liba-dev but 1.0 is to be installed\nE: Unable to correct problems, you have \
                    held broken packages.\n";
        let error = refused(said).to_string();
        assert!(error.ends_with(": libb-dev : Conflicts: liba-dev but 1.0 is to be installed"), "{error}");
        assert!(!is_package("-o") && !is_package("gcc-") && !is_package("a=1") && is_package("g++"));
    }
}
