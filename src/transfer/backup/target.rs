//! Where a backup is restored to: it must be empty, or hold an unfinished restore of the same backup.

use super::files::{CONFIGURATION, MARKER};
use super::open::OpenBackup;
use crate::config::Config;
use crate::config::secret_url::masked;
use crate::error::{Error, Result};
use crate::store::{ObjectFolder, Store};
use crate::tools::claim::claim;
use crate::tools::scratch::{make_private, remove_folder};
use crate::{bad, conflict};
use futures::{StreamExt, TryStreamExt};
use serde::{Deserialize, Serialize};
use std::fs::{self, File};
use std::io::{Read, Seek, Write};
use std::path::Path;

/// What is restored to where.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Marker {
    backup: String,
    installation: String,
    database: String,
    storage: Option<String>,
}

/// A target that is ours until it is done or undone.
pub struct RestoreTarget<'a> {
    config: &'a Config,
    /// Another restore of the same backup was broken off here.
    pub is_resumed: bool,
    marker: File,
}

/// Refuses a data folder with a restore that is not done: what is in it is not an installation yet.
///
/// # Errors
/// `Conflict`, with what to do.
pub fn refuse_unfinished(data: &Path) -> Result<()> {
    if !data.join(MARKER).exists() {
        return Ok(());
    }
    Err(conflict!(
        "a restore to {} is not finished: run the same wheelwright restore again, or empty the folder",
        data.display()
    ))
}

impl<'a> RestoreTarget<'a> {
    /// Takes a target.
    ///
    /// # Errors
    /// `Conflict` if something is there. Nothing is changed then.
    pub(super) async fn claim(config: &'a Config, backup: &OpenBackup) -> Result<Self> {
        let wanted = Marker {
            backup: backup.name.to_string(),
            installation: backup.manifest.installation.clone(),
            database: masked(&config.database_url()),
            storage: config.storage.clone(),
        };
        let data = &config.data;
        let is_resumed = data.join(MARKER).exists();
        if !is_resumed {
            refuse_filled(data)?;
            refuse_filled_bucket(config).await?;
        }
        make_private(data).map_err(|error| bad!("cannot create {}: {error}", data.display()))?;
        let mut marker = File::options();
        let marker = marker.create(true).truncate(false).read(true).write(true);
        let mut marker = marker.open(data.join(MARKER))?;
        if claim(&marker).is_err() {
            return Err(conflict!("another restore to {} is running", data.display()));
        }
        let mut text = String::new();
        marker.read_to_string(&mut text)?;
        // Killed before it said what it is: then it did nothing else either.
        if !text.is_empty() && serde_json::from_str::<Marker>(&text).ok().as_ref() != Some(&wanted) {
            return Err(conflict!(
                "{} has an unfinished restore of another backup, or to another database or storage: run that one \
                 again, or empty the folder and what it wrote to",
                data.display()
            ));
        }
        marker.set_len(0)?;
        marker.rewind()?;
        let text = serde_json::to_vec(&wanted).map_err(Error::internal)?;
        marker.write_all(&text)?;
        marker.sync_all()?;
        Ok(Self { config, is_resumed, marker })
    }

    /// It is an installation now.
    pub(super) fn done(self) -> Result<()> {
        let data = &self.config.data;
        // What it restored is on disk first.
        rustix::fs::syncfs(&self.marker).map_err(std::io::Error::from)?;
        fs::remove_file(data.join(MARKER))?;
        Ok(File::open(data)?.sync_all()?)
    }

    /// Removes what was written, unless an earlier restore wrote of it.
    pub(super) async fn undo(self, store: Option<&Store>) -> Result<()> {
        if self.is_resumed {
            return Ok(());
        }
        if let (Some(store), true) = (store, self.config.storage.is_some()) {
            let all: Vec<_> = store.list().try_collect().await?;
            for blob in all {
                store.remove_older(blob.key, i64::MAX).await?;
            }
        }
        for entry in fs::read_dir(&self.config.data)? {
            let entry = entry?;
            match entry.file_type()?.is_dir() {
                true => remove_folder(&entry.path())?,
                false if entry.file_name() == CONFIGURATION => {}
                false => fs::remove_file(entry.path())?,
            }
        }
        Ok(())
    }
}

fn refuse_filled(data: &Path) -> Result<()> {
    let entries = match fs::read_dir(data) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(bad!("cannot read {}: {error}", data.display())),
    };
    for entry in entries {
        let name = entry?.file_name();
        if name != CONFIGURATION {
            return Err(conflict!(
                "{} is not empty ({}): choose a new or empty folder with --data. Nothing was changed",
                data.display(),
                name.display()
            ));
        }
    }
    Ok(())
}

async fn refuse_filled_bucket(config: &Config) -> Result<()> {
    let Some(url) = &config.storage else { return Ok(()) };
    let found = ObjectFolder::open("storage", url, &config.s3)?.list().next().await.transpose()?;
    match found {
        None => Ok(()),
        Some(object) => Err(conflict!(
            "{url} is not empty ({}): choose another prefix with --storage. Nothing was changed",
            object.path
        )),
    }
}
