//! A place with what encrypts and decrypts there: files go in and come out as they are.

use super::manifest::{FORMAT, PlaceNote};
use super::place::BackupPlace;
use super::seal::{BackupKey, BackupRecipient, decrypted, encrypted};
use super::{ByteStream, rows};
use crate::error::{Error, Result};
use crate::store::BlobKey;
use crate::tools::hex;
use crate::{bad, conflict, lost, missing};
use bytes::Bytes;
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt, stream};
use parking_lot::Mutex;
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::sync::Arc;

/// What a place says of itself.
pub(super) const NOTE: &str = "wheelwright-backups.json";
/// Bytes that encryption may add.
const SEAL: u64 = 4096;

#[derive(Clone)]
pub struct Vault {
    pub(super) place: BackupPlace,
    to: Vec<BackupRecipient>,
    key: Option<BackupKey>,
    is_encrypted: bool,
}

/// What went through a stream.
#[derive(Clone, Default)]
pub(super) struct Measured(Arc<Mutex<Sha256>>);

impl Measured {
    pub(super) fn sha256(&self) -> String {
        hex::encode(self.0.lock().clone().finalize())
    }

    /// The same stream, measured.
    pub(super) fn through<'a>(
        &self,
        bytes: impl futures::Stream<Item = Result<Bytes>> + Send + 'a,
    ) -> BoxStream<'a, Result<Bytes>> {
        let measured = self.clone();
        bytes.inspect_ok(move |bytes| measured.0.lock().update(bytes)).boxed()
    }
}

impl Vault {
    /// A place to make backups of an installation in, whose it is from now on.
    ///
    /// # Errors
    /// `Conflict` if it has backups of another installation, or encrypted otherwise, or something else.
    pub(super) async fn for_making(
        place: BackupPlace,
        installation: &str,
        to: Vec<BackupRecipient>,
    ) -> Result<Self> {
        let mut encrypted_to: Vec<String> = to.iter().map(ToString::to_string).collect();
        encrypted_to.sort();
        let wanted = PlaceNote { format: FORMAT, installation: installation.into(), encrypted_to };
        match note(&place).await? {
            Some(found) if found.installation != installation => {
                return Err(conflict!(
                    "{} has backups of another installation: choose another place",
                    place.name()
                ));
            }
            Some(found) if found != wanted => {
                let how = match found.encrypted_to.as_slice() {
                    [] => "not encrypted".to_owned(),
                    keys => format!("encrypted to {}", keys.join(", ")),
                };
                return Err(conflict!(
                    "the backups in {} are {how}: use the same --encrypt-to, or choose another place",
                    place.name()
                ));
            }
            Some(_) => {}
            None => {
                let found = place.list("").await?.into_iter().find(|(path, _)| !path.starts_with('.'));
                if let Some((path, _)) = found {
                    return Err(conflict!(
                        "{} is not empty and has no backups ({path}): choose a new or empty place",
                        place.name()
                    ));
                }
                let text = serde_json::to_vec_pretty(&wanted).map_err(Error::internal)?;
                put_small(&place, NOTE, text).await?;
                place.settle().await?;
            }
        }
        Ok(Self { place, is_encrypted: !to.is_empty(), to, key: None })
    }

    /// A place to read backups from.
    ///
    /// # Errors
    /// `Missing` if there are none; `Bad` if a newer version made them.
    pub(super) async fn for_reading(place: BackupPlace, key: Option<BackupKey>) -> Result<(Self, PlaceNote)> {
        let found = note(&place).await?.ok_or_else(|| {
            missing!("{} has no backups: it has no file {NOTE}. Check the path or URL", place.name())
        })?;
        let is_encrypted = !found.encrypted_to.is_empty();
        Ok((Self { place, to: Vec::new(), key, is_encrypted }, found))
    }

    pub(super) fn is_encrypted(&self) -> bool {
        self.is_encrypted
    }

    /// Puts what is secret, encrypted if backups here are. `size` may be a guess.
    pub(super) async fn put(&self, path: &str, size: u64, bytes: ByteStream) -> Result<()> {
        match self.is_encrypted {
            true => self.place.put(&sealed(path), size + SEAL, encrypted(bytes, &self.to)?).await,
            false => self.place.put(path, size, bytes).await,
        }
    }

    /// What was put; `None` if it is not there.
    ///
    /// # Errors
    /// `Bad` without the key that it needs.
    pub(super) async fn get(&self, path: &str) -> Result<Option<ByteStream>> {
        if !self.is_encrypted {
            return self.place.stream(path).await;
        }
        let key = self.key.clone().ok_or_else(|| {
            bad!("the backups in {} are encrypted: name the file of the key with --key", self.place.name())
        })?;
        let path = sealed(path);
        let found = self.place.stream(&path).await?;
        Ok(found.map(|bytes| decrypted(bytes, key, path)))
    }

    /// A packed file of lines that anybody may read, and its hash.
    pub(super) async fn put_lines(&self, path: &str, lines: Vec<String>) -> Result<String> {
        let pieces: Vec<Bytes> = rows::packed(stream::iter(lines.into_iter().map(Ok))).try_collect().await?;
        let all = pieces.concat();
        let sha256 = hex::sha256(&all);
        put_small(&self.place, path, all).await?;
        Ok(sha256)
    }

    /// The lines of such a file.
    ///
    /// # Errors
    /// `Lost` if it is missing or another one.
    pub(super) async fn lines(&self, path: &str, sha256: &str) -> Result<Vec<String>> {
        let found = self.place.get(path).await?;
        let found = found.ok_or_else(|| lost!("{}/{path} is missing", self.place.name()))?;
        if hex::sha256(&found) != sha256 {
            return Err(lost!("{}/{path} is damaged: it does not match its hash", self.place.name()));
        }
        let lines = rows::unpacked(stream::iter([Ok(found)]).boxed(), path.to_owned());
        lines.try_collect().await
    }

    /// The blobs that are there, and their bytes as they are stored.
    pub(super) async fn blobs(&self) -> Result<HashMap<BlobKey, u64>> {
        let found = self.place.list("blobs").await?;
        let key = |path: &str| {
            let path = if self.is_encrypted { path.strip_suffix(".age")? } else { path };
            let (shard, rest) = path.split_once('/')?;
            BlobKey::parse(&format!("{shard}{rest}"))
        };
        Ok(found.into_iter().filter_map(|(path, size)| Some((key(&path)?, size))).collect())
    }

    pub(super) async fn remove_blob(&self, key: BlobKey) -> Result<()> {
        let path = blob_path(key);
        self.place.remove(&if self.is_encrypted { sealed(&path) } else { path }).await
    }
}

pub(super) fn blob_path(key: BlobKey) -> String {
    format!("blobs/{}/{}", key.shard(), key.rest())
}

fn sealed(path: &str) -> String {
    format!("{path}.age")
}

pub(super) async fn put_small(place: &BackupPlace, path: &str, bytes: Vec<u8>) -> Result<()> {
    let size = bytes.len() as u64;
    place.put(path, size, stream::iter([Ok(Bytes::from(bytes))]).boxed()).await
}

async fn note(place: &BackupPlace) -> Result<Option<PlaceNote>> {
    let Some(bytes) = place.get(NOTE).await? else { return Ok(None) };
    let damaged = |why: &dyn std::fmt::Display| lost!("{}/{NOTE} is damaged: {why}", place.name());
    let note: PlaceNote = serde_json::from_slice(&bytes).map_err(|why| damaged(&why))?;
    if note.format != FORMAT {
        return Err(bad!(
            "a newer wheelwright made the backups in {} (format {}): use that version",
            place.name(),
            note.format
        ));
    }
    Ok(Some(note))
}
