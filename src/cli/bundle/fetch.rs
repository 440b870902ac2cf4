//! Files on their way from the server into a folder: each once, whatever it is for.

use super::closure::GatheredFile;
use crate::bad;
use crate::cli::progress::Progress;
use crate::client::ServerClient;
use crate::error::Result;
use crate::packaging::bundle::BundledFile;
use crate::tools::scratch::ScratchFolder;
use futures::{StreamExt, TryStreamExt};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Files that are fetched at once.
const AT_ONCE: usize = 4;

/// Files that are here, by their names.
#[derive(Default)]
pub struct FetchedFiles {
    pub files: BTreeMap<String, (BundledFile, PathBuf)>,
    /// What each was found for first.
    pub targets: BTreeMap<String, String>,
}

impl FetchedFiles {
    /// Fetches what is not here yet, but for what the base of a delta has.
    ///
    /// # Errors
    /// `BadUpstream` for other bytes than the index promised, `Bad` for two files of one name.
    pub async fn add(
        &mut self,
        server: &ServerClient,
        found: Vec<GatheredFile>,
        scratch: &ScratchFolder,
        progress: &Progress,
    ) -> Result<()> {
        let mut new: BTreeMap<String, GatheredFile> = BTreeMap::new();
        for one in found {
            let name = &one.file.filename;
            let known = self.files.get(name).map(|(file, _)| file).or(new.get(name).map(|found| &found.file));
            match known {
                Some(known) if known.sha256 != one.file.sha256 && !one.file.sha256.is_empty() => {
                    return Err(bad!("two different files are called {name}: ask for fewer targets at once"));
                }
                Some(_) => {}
                None => drop(new.insert(name.clone(), one)),
            }
        }
        if new.is_empty() {
            return Ok(());
        }
        let line = progress.begin(&super::show::counted(new.len()), "fetch");
        let fetching = new.into_values().map(|found| fetch(server, found, scratch));
        let mut fetching = futures::stream::iter(fetching).buffered(AT_ONCE);
        let mut bytes = 0;
        while let Some((target, file, path)) = fetching.try_next().await? {
            line.said(&file.filename);
            bytes += file.size;
            self.targets.insert(file.filename.clone(), target);
            self.files.insert(file.filename.clone(), (file, path));
        }
        line.end(&format!("fetched, {}", indicatif::HumanBytes(bytes)));
        Ok(())
    }
}

async fn fetch(
    server: &ServerClient,
    found: GatheredFile,
    scratch: &ScratchFolder,
) -> Result<(String, BundledFile, PathBuf)> {
    let GatheredFile { mut file, url, target } = found;
    let path = scratch.unused();
    if file.sha256.is_empty() {
        file.sha256 = server.download(&url, &path).await?;
    } else {
        server.download_exactly(&url, &file.sha256, &path).await?;
    }
    file.size = tokio::fs::metadata(&path).await?.len();
    Ok((target, file, path))
}
