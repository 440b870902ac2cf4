//! Sources that no index lists, brought to the server: packed or downloaded once, for all targets.

use crate::bad;
use crate::cli::requirements::{NamedSource, SourcePlace};
use crate::client::ServerClient;
use crate::error::{Error, Result};
use crate::git::{self, GitLimits, RepositoryAsker};
use crate::packaging::filename;
use crate::tools::scratch::ScratchFolder;
use crate::words::{BuildSource, SourceKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::sync::OnceCell;

/// A source as the server knows it, or a wheel that needs none.
#[derive(Clone, Debug, PartialEq)]
pub enum Brought {
    Uploaded {
        sha256: String,
        about: BuildSource,
    },
    /// A wheel on this machine.
    Wheel {
        path: PathBuf,
        filename: String,
    },
}

/// One source, brought when it is first needed.
pub struct Supply {
    pub source: NamedSource,
    brought: OnceCell<Result<Brought, Arc<Error>>>,
}

impl Supply {
    pub fn new(source: NamedSource) -> Self {
        Self { source, brought: OnceCell::new() }
    }

    /// Brings it, once for all who ask. `warn` gets what was left out.
    ///
    /// # Errors
    /// Why it cannot be had; the same for everybody.
    pub async fn bring(
        &self,
        server: &ServerClient,
        scratch: &ScratchFolder,
        warn: impl Fn(&str),
    ) -> Result<Brought> {
        let once =
            self.brought.get_or_init(|| async { self.get(server, scratch, warn).await.map_err(Arc::new) });
        once.await.clone().map_err(|error| error.again())
    }

    async fn get(
        &self,
        server: &ServerClient,
        scratch: &ScratchFolder,
        warn: impl Fn(&str),
    ) -> Result<Brought> {
        let archive = scratch.unused();
        let tree = match &self.source.place {
            SourcePlace::Git(address) => {
                git::fetch(address, RepositoryAsker::Person, GitLimits::default(), &archive).await?
            }
            SourcePlace::Folder(folder) => git::pack_folder(folder, &archive).await?,
            SourcePlace::Archive(path) => return self.archive(server, path, &self.source.shown).await,
            SourcePlace::Url(url) => {
                let url = url.expose();
                let name = url
                    .path_segments()
                    .and_then(|mut parts| parts.next_back())
                    .and_then(filename::decode_once);
                let name = name.filter(|name| !name.is_empty() && !name.starts_with('.'));
                let name = name.ok_or_else(|| bad!("{} does not end with a file name", self.source.shown))?;
                let folder = scratch.unused();
                std::fs::create_dir(&folder)?;
                let path = folder.join(name);
                match fragment_sha256(url) {
                    Some(sha256) => server.download_exactly(url, &sha256, &path).await?,
                    None => drop(server.download(url, &path).await?),
                }
                return self.archive(server, &path, &self.source.shown).await;
            }
        };
        for warning in &tree.warnings {
            warn(warning);
        }
        let sha256 = server.upload(&archive, &tree.filename).await?;
        let _ = tokio::fs::remove_file(&archive).await;
        Ok(Brought::Uploaded { sha256, about: tree.into_source() })
    }

    /// A wheel is taken as it is. What is called like a source distribution is one; an archive of
    /// another name is a tree.
    async fn archive(&self, server: &ServerClient, path: &Path, origin: &str) -> Result<Brought> {
        let filename = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if filename.ends_with(".whl") {
            filename::WheelFilename::parse(&filename)?;
            return Ok(Brought::Wheel { path: path.to_owned(), filename });
        }
        let is_sdist = !filename::candidates(&filename).is_empty();
        if !is_sdist && !filename.ends_with(".tar.gz") {
            return Err(bad!(
                "{filename} is not the name of a source archive: use {{name}}-{{version}}.tar.gz"
            ));
        }
        let sha256 = server.upload(path, &filename).await?;
        let kind = if is_sdist { SourceKind::Sdist } else { SourceKind::Tree };
        let about = BuildSource { kind, filename, origin: origin.to_owned(), ..BuildSource::default() };
        Ok(Brought::Uploaded { sha256, about })
    }
}

/// `#sha256=…`
fn fragment_sha256(url: &url::Url) -> Option<String> {
    let pairs = url.fragment()?.split('&').filter_map(|pair| pair.split_once('='));
    pairs.filter(|(key, _)| *key == "sha256").map(|(_, hex)| hex.to_owned()).next()
}
