//! Where a requirement file lies, on this machine or on the web: its lines, and where the files that it names are.

use crate::bad;
use crate::client;
use crate::error::Result;
use crate::packaging::reqfile::{self, RequirementLine};
use crate::upstream::client::shown;
use std::fmt;
use std::io::Read;
use std::path::{Path, PathBuf};
use url::Url;

/// How deep requirement files may name others.
const DEEPEST: u32 = 16;
/// More is no requirement file.
const LARGEST: usize = 16 << 20;

/// Where a requirement file is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FileOrigin {
    Input,
    File(PathBuf),
    Web(Url),
}

impl FileOrigin {
    /// What a command line names: `-` for standard input, a URL or a path.
    ///
    /// # Errors
    /// `Bad` for a URL that leads nowhere.
    pub fn named(path: &Path) -> Result<Self> {
        match path.to_str() {
            Some("-") => Ok(Self::Input),
            Some(text) => Self::parse(text).unwrap_or_else(|| Ok(Self::File(path.to_owned()))),
            None => Ok(Self::File(path.to_owned())),
        }
    }

    /// A URL, or a path beside this file.
    fn beside(&self, value: &str) -> Result<Self> {
        match (Self::parse(value), self) {
            (Some(origin), _) => origin,
            (None, Self::Web(url)) => {
                let url = url.join(value).map_err(|error| bad!("{value:?} is not a valid URL: {error}"))?;
                Ok(Self::Web(url))
            }
            (None, _) => Ok(Self::File(self.folder().join(value))),
        }
    }

    /// The file that a line of this one names, and its lines; `depth` is that of this file.
    ///
    /// # Errors
    /// `Bad` if it cannot be read, or if files name each other.
    pub fn open(&self, value: &str, depth: u32) -> Result<(Self, Vec<RequirementLine>)> {
        if depth >= DEEPEST {
            return Err(bad!("requirement files include each other"));
        }
        let origin = self.beside(value)?;
        let lines = origin.lines()?;
        Ok((origin, lines))
    }

    /// Where paths in it begin; those of a file on the web where we are.
    pub fn folder(&self) -> &Path {
        match self {
            Self::File(path) => path.parent().unwrap_or(Path::new("")),
            Self::Input | Self::Web(_) => Path::new(""),
        }
    }

    fn parse(text: &str) -> Option<Result<Self>> {
        let scheme = text.split_once(':')?.0.to_ascii_lowercase();
        if !["http", "https", "file"].contains(&scheme.as_str()) {
            return None;
        }
        let url = match Url::parse(text) {
            Ok(url) => url,
            Err(error) => return Some(Err(bad!("{text:?} is not a valid URL: {error}"))),
        };
        Some(match url.scheme() {
            "file" => {
                let path = url.to_file_path();
                path.map(Self::File).map_err(|()| bad!("{text:?} is not a path on this machine"))
            }
            _ => Ok(Self::Web(url)),
        })
    }

    /// Its lines. Variables are put in as pip does, but never into what somebody else wrote: that could send
    /// them anywhere.
    ///
    /// # Errors
    /// `Bad` with its name if it cannot be read.
    pub fn lines(&self) -> Result<Vec<RequirementLine>> {
        let mut lines = reqfile::read(&self.text()?);
        if !matches!(self, Self::Web(_)) {
            for line in &mut lines {
                line.text = reqfile::expanded(&line.text, |name| std::env::var(name).ok());
            }
        }
        Ok(lines)
    }

    fn text(&self) -> Result<String> {
        let bytes = match self {
            Self::Input => {
                let mut bytes = Vec::new();
                let read = std::io::stdin().lock().read_to_end(&mut bytes);
                read.map_err(|error| bad!("standard input: {error}"))?;
                bytes
            }
            Self::File(path) => std::fs::read(path).map_err(|error| bad!("cannot read {self}: {error}"))?,
            Self::Web(url) => fetched(url)?,
        };
        reqfile::decoded(&bytes).ok_or_else(|| {
            bad!(
                "{self} is not UTF-8: save it as UTF-8, or name its encoding in the first line (# coding: \
                 latin-1)"
            )
        })
    }
}

impl fmt::Display for FileOrigin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Input => formatter.write_str("standard input"),
            Self::File(path) => path.display().fmt(formatter),
            Self::Web(url) => formatter.write_str(&shown(url)),
        }
    }
}

/// Reads a file from the web, on a thread of its own: whoever reads requirements does nothing else meanwhile.
fn fetched(url: &Url) -> Result<Vec<u8>> {
    std::thread::scope(|scope| {
        let reading = scope.spawn(|| {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(client::read_url(url, LARGEST))
        });
        reading.join().map_err(|_| bad!("cannot read {}", shown(url)))?
    })
}
