//! Environments: an interpreter with exact packages, made once by its last pip and then only read.
//!
//! One is known by what is in it: interpreter, context, and the names, versions and RECORDs of its
//! packages. Which one a list of requirements comes to is remembered for a day. Everything that
//! runs while one is made is pip, from a wheel of the same index; what it installs are wheels, so
//! no code of theirs runs before the environment is used, read-only, by a build.

mod install;
mod keep;

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::bench::Environment;
use super::interpreters::Interpreter;
use super::room::{Room, Stop, has_venv, ours};
use crate::bad;
use crate::build::job::Step;
use crate::error::Result;
use crate::packaging::requirement::Requirement;
use crate::packaging::version::VersionSpecifiers;
use crate::tools::{hex, locks::Locks};

/// Where an environment stands in the sandbox.
pub const INSIDE: &str = "/env";

/// What an environment is asked for.
#[derive(Clone, Debug)]
pub struct Request<'a> {
    pub interpreter: &'a Interpreter,
    /// `user/index`
    pub context: &'a str,
    /// As the index was at this date.
    pub at: Option<&'a str>,
    pub requirements: Vec<Requirement>,
    pub constraints: Vec<Requirement>,
    /// What a failure is reported under.
    pub step: Step,
}

impl<'a> Request<'a> {
    /// Of nothing yet.
    #[must_use]
    pub fn new(interpreter: &'a Interpreter, context: &'a str, step: Step) -> Self {
        Self { interpreter, context, at: None, requirements: Vec::new(), constraints: Vec::new(), step }
    }

    /// Adds requirements written as text, those that apply to the interpreter.
    ///
    /// # Errors
    /// `Bad` for what is no requirement.
    pub fn with(mut self, requirements: &[String]) -> Result<Self> {
        let parsed = requirements.iter().map(|text| Requirement::parse(text)).collect::<Result<Vec<_>>>()?;
        self.requirements.extend(super::backend::applying(parsed, &self.interpreter.target.markers));
        Ok(self)
    }

    /// One way to write the list, one line for each project: old pips refuse a second one. URLs are
    /// refused since they lead past the index.
    fn lines(all: &[Requirement]) -> Result<Vec<String>> {
        if let Some(url) = all.iter().find(|each| each.url.is_some()) {
            return Err(bad!(
                "{url} comes from a URL, but what a build requires comes from the index alone: upload a \
                 wheel of {} there, and name it in a recipe",
                url.name
            ));
        }
        let mut merged: BTreeMap<&str, Requirement> = BTreeMap::new();
        for each in all {
            let one = merged
                .entry(each.name.as_str())
                .or_insert_with(|| Requirement { specifiers: VersionSpecifiers::empty(), ..each.clone() });
            one.extras.extend(each.extras.iter().cloned());
            one.specifiers = one.specifiers.iter().chain(each.specifiers.iter()).cloned().collect();
        }
        Ok(merged.values().map(ToString::to_string).collect())
    }

    /// What the same request is recognised by.
    fn key(&self) -> Result<String> {
        let mut hash = Sha256::new();
        let (requirements, constraints) = (Self::lines(&self.requirements)?, Self::lines(&self.constraints)?);
        let parts = [
            vec![identity(self.interpreter), self.context.to_owned(), self.at.unwrap_or_default().to_owned()],
            requirements,
            vec![String::new()],
            constraints,
        ];
        for part in parts.concat() {
            hash.update(part.as_bytes());
            hash.update(b"\0");
        }
        Ok(hex::encode(hash.finalize()))
    }
}

/// Another program, or an update of it in place, has environments of its own.
fn identity(interpreter: &Interpreter) -> String {
    let Interpreter { executable, target, .. } = interpreter;
    format!("{} {} {}", executable.display(), target.version, target.abi)
}

/// An environment that cannot be evicted as long as this lives.
#[derive(Debug)]
pub struct Held {
    pub environment: Environment,
    /// Locked, shared.
    _lock: File,
}

/// The environments of a worker, on disk.
#[derive(Debug)]
pub struct Environments {
    folder: PathBuf,
    /// Bytes that all of them may have on disk.
    limit: u64,
    /// One maker per request.
    /// Held while an environment is made.
    making: Locks<String>,
}

impl Environments {
    /// Those below `folder`, which is made, with `limit` bytes for all of them.
    ///
    /// # Errors
    /// What the file system says.
    pub fn open(folder: PathBuf, limit: u64) -> Result<Self> {
        std::fs::create_dir_all(folder.join("requests"))?;
        std::fs::create_dir_all(folder.join("pip"))?;
        Ok(Self { folder, limit, making: Locks::default() })
    }

    /// An environment with what a request comes to; made if there is none yet.
    ///
    /// # Errors
    /// `Needs` for requirements that have no wheel but a source; else why there is none.
    pub async fn get(&self, room: &Room<'_>, request: &Request<'_>) -> Result<Held, Stop> {
        let key = request.key().map_err(|error| install::refused(&error, request.step))?;
        if let Some(held) = self.remembered(&key, request.interpreter) {
            return Ok(held);
        }
        let _one = self.making.lock(key.clone()).await;
        match self.remembered(&key, request.interpreter) {
            Some(held) => Ok(held),
            None => self.make(room, request, &key).await,
        }
    }

    async fn make(&self, room: &Room<'_>, request: &Request<'_>, key: &str) -> Result<Held, Stop> {
        let made = install::install(self, room, request).await?;
        let kept = self.keep(request, key, made).map_err(|error| ours(&error, request.step))?;
        self.evict();
        Ok(kept)
    }
}

/// The interpreter of an environment as a path inside.
pub fn python_inside(interpreter: &Interpreter) -> String {
    match has_venv(interpreter) {
        true => format!("{INSIDE}/bin/python"),
        false => interpreter.executable.to_string_lossy().into_owned(),
    }
}

/// Where modules lie in an environment, relative to it.
pub fn packages_folder(interpreter: &Interpreter) -> PathBuf {
    let (major, minor) = interpreter.target.python();
    let python = match interpreter.target.implementation.as_str() {
        "pp" => format!("pypy{major}.{minor}"),
        _ if interpreter.target.abi.ends_with('t') => format!("python{major}.{minor}t"),
        _ => format!("python{major}.{minor}"),
    };
    Path::new("lib").join(python).join("site-packages")
}

#[cfg(all(test, unix))]
mod tests;
